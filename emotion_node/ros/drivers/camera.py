"""Publishes a camera or a video file, for machines without a driver of their own."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.time import Time
from sensor_msgs.msg import CompressedImage, Image

from emotion_node.config import ParameterInfo
from emotion_node.datatypes import NS_PER_MS, NS_PER_S
from emotion_node.errors import UserError
from emotion_node.ros.diagnostics import Diagnostics, Status
from emotion_node.ros.executable import run_node
from emotion_node.ros.guarded_node import GuardedCallbacks
from emotion_node.ros.parameters import declare
from emotion_node.ros.periods import DRIVER_PERIOD_S, FIRST_RETRY_S, LAST_RETRY_S

PARAMETERS: Final[Mapping[str, ParameterInfo]] = {
    info.name: info
    for info in (
        ParameterInfo('source', '0', 'Number or path of the camera, or path of a video file.'),
        ParameterInfo('width', 640, 'Requested width of the frames.', 'pixels', 16, 7680),
        ParameterInfo('height', 480, 'Requested height of the frames.', 'pixels', 16, 4320),
        ParameterInfo('rate', 15.0, 'Requested frame rate.', 'Hz', 0.1, 240.0),
        ParameterInfo(
            'latency',
            0.0,
            'Time from the exposure of a frame until the system stamps it (Linux: when it begins '
            'to arrive; elsewhere: when it has arrived). It is subtracted from the stamps.',
            's',
            0.0,
            1.0,
        ),
        ParameterInfo('loop', False, 'Play a video file in a loop.'),
        ParameterInfo(
            'transport',
            'raw',
            'How frames are published: "raw" on image, "compressed" as JPEG on image/compressed.',
            choices=('raw', 'compressed'),
        ),
        ParameterInfo('jpeg_quality', 85, 'JPEG quality of compressed frames.', '', 1, 100),
        ParameterInfo('frame_id', 'camera', 'frame_id of the messages.'),
    )
}

_DEFAULT_RATE: Final = 25.0
"""Frame rate of a video file that does not state a usable one, in Hz."""

_MAX_AGE_NS: Final = NS_PER_S
"""A frame that seems to be older has no time stamp of the monotonic clock."""


class CameraError(UserError):
    """No frames can be read; the text says what to do."""


class CameraNode(GuardedCallbacks, Node):
    """Publishes frames as they are captured, stamped with the time of their exposure.

    Args:
        options: options of rclpy's `Node`.

    Attributes:
        frames: number of frames published.
        failures: how often the camera was lost.
        ended: set when a video file has ended.

    Raises:
        ConfigError: a parameter has a value that is not allowed.
        CameraError: the camera or file cannot be opened.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(
            'camera_node', automatically_declare_parameters_from_overrides=True, **options
        )
        values = declare(self, PARAMETERS)
        self._values = values
        self._source = str(values['source'])
        self._is_file = Path(self._source).is_file()
        self._compressed = values['transport'] == 'compressed'
        topic = self.resolve_topic_name('image')
        if self._compressed:
            topic = self.resolve_topic_name(f'{topic}/compressed')
        kind = CompressedImage if self._compressed else Image
        self._publisher = self.create_publisher(kind, topic, QoSProfile(depth=5))
        self._diagnostics = Diagnostics(self)
        self.frames = 0
        self.failures = 0
        self.ended = threading.Event()
        self._stopping = threading.Event()
        self._problem = ''
        self._camera = self._open()
        self._thread = threading.Thread(target=self._run, name='camera', daemon=True)
        self._thread.start()
        self.create_timer(
            DRIVER_PERIOD_S, self._diagnose, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )

    def destroy_node(self) -> None:
        """Close the camera, then leave the graph."""
        if hasattr(self, '_thread'):
            self._stopping.set()
            self._thread.join(5.0)
        super().destroy_node()

    def _open(self) -> cv2.VideoCapture:
        if not self._source.isdecimal() and not Path(self._source).exists():
            raise CameraError(f'there is no {self._source!r}. {_found_cameras()}')
        source = int(self._source) if self._source.isdecimal() else self._source
        camera = cv2.VideoCapture(source)
        if not camera.isOpened():
            camera.release()
            what = 'video file' if self._is_file else 'camera'
            raise CameraError(f'cannot open {what} {self._source!r}. {_found_cameras()}')
        if not self._is_file:
            camera.set(cv2.CAP_PROP_FRAME_WIDTH, float(self._values['width']))
            camera.set(cv2.CAP_PROP_FRAME_HEIGHT, float(self._values['height']))
            camera.set(cv2.CAP_PROP_FPS, float(self._values['rate']))
            camera.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        width = camera.get(cv2.CAP_PROP_FRAME_WIDTH)
        height = camera.get(cv2.CAP_PROP_FRAME_HEIGHT)
        self.get_logger().info(
            f'publishing {self._source} ({width:.0f}x{height:.0f}) on {self._publisher.topic_name}'
        )
        return camera

    def _run(self) -> None:
        retry_s = FIRST_RETRY_S
        due = time.monotonic()
        while not self._stopping.is_set():
            captured = self._camera.grab()
            exposure_ns = self._exposure_ns()  # before the frame is decoded
            image = None
            if captured:
                captured, image = self._camera.retrieve()
            if captured:
                retry_s = FIRST_RETRY_S
                self._problem = ''
                if self._is_file:
                    due = self._wait_for(due)
                    exposure_ns = self._now_ns()
                self._publish(np.asarray(image, np.uint8), exposure_ns)
            elif not self._is_file:
                self._reopen(retry_s)
                retry_s = min(2 * retry_s, LAST_RETRY_S)
            elif self._values['loop'] and self.frames:
                self._camera.release()
                self._camera = cv2.VideoCapture(self._source)
            else:
                self.get_logger().info(f'{self._source} has ended: {self.frames} frames')
                self.ended.set()
                break
        self._camera.release()

    def _exposure_ns(self) -> int:
        """Return when the frame that has just been grabbed was exposed."""
        now_ns = self._now_ns()
        position_ms = self._camera.get(cv2.CAP_PROP_POS_MSEC)
        age_ns = frame_age_ns(position_ms, time.monotonic_ns())
        return max(0, now_ns - age_ns - round(float(self._values['latency']) * NS_PER_S))

    def _now_ns(self) -> int:
        return int(self.get_clock().now().nanoseconds)

    def _wait_for(self, due: float) -> float:
        """Wait until a file's next frame is due; returns when the frame after it is due."""
        self._stopping.wait(max(0.0, due - time.monotonic()))
        rate = self._camera.get(cv2.CAP_PROP_FPS)
        return max(due, time.monotonic() - 1.0) + 1.0 / (
            rate if 0.0 < rate < 1000.0 else _DEFAULT_RATE
        )

    def _reopen(self, retry_s: float) -> None:
        self.failures += 1
        self._problem = f'{self._source} delivers no frames; retrying in {retry_s:g} s'
        self.get_logger().error(self._problem)
        self._camera.release()
        self._stopping.wait(retry_s)
        if not self._stopping.is_set():
            source = int(self._source) if self._source.isdecimal() else self._source
            self._camera = cv2.VideoCapture(source)

    def _publish(self, frame: npt.NDArray[np.uint8], exposure_ns: int) -> None:
        message: Any
        if self._compressed:
            quality = [cv2.IMWRITE_JPEG_QUALITY, int(self._values['jpeg_quality'])]
            message = CompressedImage(format='bgr8; jpeg compressed bgr8')
            message.data.frombytes(cv2.imencode('.jpg', frame, quality)[1].data)
        else:
            height, width, _ = frame.shape
            message = Image(height=height, width=width, encoding='bgr8', step=3 * width)
            message.data.frombytes(np.ascontiguousarray(frame).data)
        message.header.stamp = Time(nanoseconds=exposure_ns).to_msg()
        message.header.frame_id = str(self._values['frame_id'])
        if self.context.ok():
            self._publisher.publish(message)
            self.frames += 1

    def _diagnose(self) -> None:
        if self.ended.is_set():
            raise ExternalShutdownException
        status = Status('camera')
        status.values = {'frames': self.frames, 'failures': self.failures}
        if self._problem:
            status.add(DiagnosticStatus.ERROR, self._problem)
        else:
            status.add(DiagnosticStatus.OK, 'publishing frames')
        self._diagnostics.publish([status])


def frame_age_ns(position_ms: float, now_ns: int) -> int:
    """Return how old a frame of a camera is; 0 when its driver does not say.

    Args:
        position_ms: of the frame, as OpenCV gives it. With V4L2 it is the driver's time stamp, by
            the monotonic clock of the system.
        now_ns: time of that clock.
    """
    age_ns = now_ns - round(position_ms * NS_PER_MS)
    return age_ns if 0 <= age_ns < _MAX_AGE_NS else 0


def _found_cameras() -> str:
    found = sorted(str(one) for one in Path('/dev').glob('video*'))
    return f'Cameras found: {", ".join(found) or "none"}'


def main(args: list[str] | None = None) -> int:
    """Run the node; returns the exit status."""
    return run_node('camera_node', CameraNode, args)
