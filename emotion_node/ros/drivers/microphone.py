"""Publishes a sound card's microphone, for machines without a driver of their own."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.time import Time

from emotion_msgs.msg import AudioChunk
from emotion_node.config import ParameterInfo
from emotion_node.datatypes import MAX_SAMPLE_RATE, MIN_SAMPLE_RATE, NS_PER_S
from emotion_node.errors import UserError
from emotion_node.ros.diagnostics import Diagnostics, Status
from emotion_node.ros.executable import run_node
from emotion_node.ros.guarded_node import GuardedCallbacks
from emotion_node.ros.parameters import declare
from emotion_node.ros.periods import DEVICE_SILENCE_S, DRIVER_PERIOD_S, LOG_PERIOD_S
from emotion_node.ros.worker import Overload, Worker, WorkQueue

PARAMETERS: Final[Mapping[str, ParameterInfo]] = {
    info.name: info
    for info in (
        ParameterInfo(
            'device',
            '',
            'Number of the input device, or part of its name; empty: the default device.',
        ),
        ParameterInfo(
            'sample_rate',
            16000,
            'Sample rate.',
            'Hz',
            MIN_SAMPLE_RATE,
            MAX_SAMPLE_RATE,
        ),
        ParameterInfo('channels', 1, 'Number of channels.', '', 1, 32),
        ParameterInfo('chunk', 0.02, 'Length of the audio in one message.', 's', 0.005, 0.5),
        ParameterInfo('frame_id', 'microphone', 'frame_id of the messages.'),
    )
}

_QUEUE_SECONDS: Final = 5.0

_MAX_DEVIATION_NS: Final = 100_000_000
"""A reading further than this from the expected stamp is a jump, not jitter."""

_READINGS: Final = 100
"""Readings over which the deviation of the clock is averaged."""


class MicrophoneError(UserError):
    """Nothing can be recorded; the text says what to do."""


class StampTracker:
    """Turns noisy readings of a clock into stamps of consecutive chunks.

    The time at which the operating system hands over a buffer jitters by milliseconds, and the
    sound card's clock drifts against the system's. Stamps therefore advance by the number of
    samples, and are corrected by the mean deviation of the last readings.

    Args:
        rate: sample rate in Hz.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._next_ns: float | None = None
        self._readings = 0

    def stamp(self, reading_ns: int, samples: int, continuous: bool) -> int:
        """Return the stamp of the first of `samples` samples.

        Args:
            reading_ns: when that sample was recorded, as read from the clock.
            samples: number of samples.
            continuous: False when samples were lost before this chunk.
        """
        expected = self._next_ns
        if expected is None or not continuous or abs(reading_ns - expected) > _MAX_DEVIATION_NS:
            stamp = float(reading_ns)
            self._readings = 1
        else:
            self._readings = min(self._readings + 1, _READINGS)
            stamp = expected + (reading_ns - expected) / self._readings
        self._next_ns = stamp + samples * NS_PER_S / self._rate
        return round(stamp)


class MicrophoneNode(GuardedCallbacks, Node):
    """Publishes audio as it is recorded, stamped with the time of its first sample.

    Args:
        options: options of rclpy's `Node`.

    Attributes:
        chunks: number of messages published.
        overflows: how often PortAudio lost audio because it was not read in time.

    Raises:
        ConfigError: a parameter has a value that is not allowed.
        MicrophoneError: PortAudio or the device is missing.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(
            'microphone_node', automatically_declare_parameters_from_overrides=True, **options
        )
        values = declare(self, PARAMETERS)
        self._device = str(values['device'])
        self._rate = int(values['sample_rate'])
        self._channels = int(values['channels'])
        self._chunk = round(float(values['chunk']) * self._rate)
        self._frame_id = str(values['frame_id'])
        self.overflows = 0
        self.chunks = 0
        self._continuous = True
        self._last_audio_at = time.monotonic()
        self._tracker = StampTracker(self._rate)
        self._publisher = self.create_publisher(AudioChunk, 'audio', QoSProfile(depth=100))
        self._queue: WorkQueue[tuple[int, bytes]] = WorkQueue(
            _QUEUE_SECONDS, self._seconds, Overload.DROP_OLDEST
        )
        self._worker = Worker('microphone', self._queue, self._publish, self._on_fault)
        self._diagnostics = Diagnostics(self)
        self._stream: Any = None
        self._open()
        self._worker.start()
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(DRIVER_PERIOD_S, self._check, clock=steady)

    def destroy_node(self) -> None:
        """Close the device, then leave the graph."""
        if self._stream is not None:
            self._stream.abort()
            self._stream.close()
            self._stream = None
        self._worker.stop()
        super().destroy_node()

    def _open(self) -> None:
        sounddevice = _portaudio()
        device: int | str | None = self._device or None
        if self._device.isdecimal():
            device = int(self._device)
        try:
            name = sounddevice.query_devices(device, 'input')['name']
            self._stream = sounddevice.RawInputStream(
                device=device,
                samplerate=self._rate,
                channels=self._channels,
                blocksize=self._chunk,
                dtype='int16',
                callback=self._on_audio,
            )
            self._stream.start()
        except (ValueError, sounddevice.PortAudioError) as error:
            raise MicrophoneError(
                f'cannot record from device {self._device or "(default)"!r} with '
                f'{self._channels} channels at {self._rate} Hz: {error}. '
                f'Input devices found:\n{_input_devices(sounddevice)}'
            ) from error
        self._last_audio_at = time.monotonic()
        self.get_logger().info(
            f'recording from {name}: {self._channels} channels at {self._rate} Hz'
        )

    def _on_audio(self, data: Any, frames: int, when: Any, status: Any) -> None:
        # Runs on PortAudio's thread, which must not be blocked.
        now_ns = int(self.get_clock().now().nanoseconds)
        self._last_audio_at = time.monotonic()
        if status.input_overflow:
            self.overflows += 1
            self._continuous = False
        chunk_s = frames / self._rate
        age_s = when.currentTime - when.inputBufferAdcTime
        if not chunk_s <= age_s <= chunk_s + self._stream.latency:
            # PulseAudio reports ages of up to a second for a while after the start.
            age_s = chunk_s
        stamp_ns = self._tracker.stamp(now_ns - round(age_s * NS_PER_S), frames, self._continuous)
        self._continuous = True
        self._queue.put((stamp_ns, bytes(data)))

    def _publish(self, item: tuple[int, bytes]) -> None:
        stamp_ns, data = item
        message = AudioChunk(sample_rate=self._rate, channels=self._channels)
        message.header.stamp = Time(nanoseconds=stamp_ns).to_msg()
        message.header.frame_id = self._frame_id
        message.data.frombytes(data)
        if self.context.ok():
            self._publisher.publish(message)
            self.chunks += 1

    def _seconds(self, item: tuple[int, bytes]) -> float:
        return len(item[1]) / (np.dtype(np.int16).itemsize * self._channels * self._rate)

    def _on_fault(self, stage: str, error: Exception) -> None:
        if self.context.ok():
            self.get_logger().error(f'{stage}: {error}', throttle_duration_sec=LOG_PERIOD_S)

    def _check(self) -> None:
        silent_s = time.monotonic() - self._last_audio_at
        status = Status('microphone')
        status.values = {
            'messages': self.chunks,
            'overflows': self.overflows,
            'dropped_s': self._queue.dropped_cost,
        }
        if self.overflows or self._queue.dropped:
            status.add(
                DiagnosticStatus.WARN,
                f'{self.overflows} overflows: audio was lost because the machine is too busy',
            )
            self.get_logger().warning(
                f'{self.overflows} overflows, {self._queue.dropped_cost:.1f} s dropped so far',
                throttle_duration_sec=LOG_PERIOD_S,
            )
        if silent_s > DEVICE_SILENCE_S:
            text = f'no audio from the device for {silent_s:.0f} s'
            status.add(DiagnosticStatus.ERROR, text)
            self.get_logger().error(
                f'{text}: opening it again', throttle_duration_sec=LOG_PERIOD_S
            )
            self._reopen()
        if not status.findings:
            status.add(DiagnosticStatus.OK, 'recording')
        self._diagnostics.publish([status])

    def _reopen(self) -> None:
        sounddevice = _portaudio()
        if self._stream is not None:
            self._stream.close(ignore_errors=True)
            self._stream = None
        # PortAudio searches for devices only when it is initialised.
        sounddevice._terminate()
        sounddevice._initialize()
        self._continuous = False
        try:
            self._open()
        except MicrophoneError as error:
            self.get_logger().error(str(error), throttle_duration_sec=LOG_PERIOD_S)


def _portaudio() -> Any:
    try:
        import sounddevice
    except OSError as error:
        raise MicrophoneError(f'{error}; install it with "apt install libportaudio2"') from error
    return sounddevice


def _input_devices(sounddevice: Any) -> str:
    found = [
        f'  {index}: {device["name"]} ({device["max_input_channels"]} channels, '
        f'{device["default_samplerate"]:.0f} Hz)'
        for index, device in enumerate(sounddevice.query_devices())
        if device['max_input_channels'] > 0
    ]
    return '\n'.join(found) or '  none (is a microphone connected, and may this user use it?)'


def main(args: list[str] | None = None) -> int:
    """Run the node; returns the exit status."""
    return run_node('microphone_node', MicrophoneNode, args)
