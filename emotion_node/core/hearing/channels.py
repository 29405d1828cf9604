"""From the channels of one microphone to mono: their mean, one of them, or the loudest."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from emotion_node.datatypes import FloatArray

Samples = npt.NDArray[np.int16] | FloatArray

BLOCKS_PER_S: Final = 50
"""A decision is made after every block of 20 ms, and holds from the next block on."""
_AVERAGED_BLOCKS: Final = 25
"""Energies are averaged over half a second of sound."""
_QUIET: Final = 0.01
"""Blocks 20 dB below the recent peak decide nothing: in a pause there is only noise."""
_PEAK_DECAY: Final = 0.5 ** (1 / (10 * BLOCKS_PER_S))
"""The recent peak loses half its energy in 10 s."""
CANCELS_BELOW: Final = 0.25
"""The mean cancels below this share of the energy that unrelated channels would leave in it."""
ADDS_ABOVE: Final = 0.5
"""The mean is used again above this share."""
_LOUDER: Final = 2.0
"""Another channel is preferred when it has this many times the energy (3 dB)."""


class ChannelMixer:
    """Makes mono of one stream, in a way that does not depend on how it is cut into chunks.

    Where the mean of the channels cancels, such as in stereo whose channels have opposite phase,
    the loudest channel is used instead. A change of channel is cross-faded over one block.

    Args:
        channel: "mean", "loudest", or the number of a channel, from 0.

    Attributes:
        fallback: the channel used since the mean cancels; None while it does not.
    """

    def __init__(self, channel: str) -> None:
        self._mode = channel
        self._fixed = int(channel) if channel.isdecimal() else None
        self.reset()

    def reset(self) -> None:
        """Start a new stream."""
        self._rate = 0
        self._start(np.zeros((0, 0), np.int16), 0)

    def _start(self, samples: Samples, rate: int) -> None:
        channels = samples.shape[1]
        self._rate = rate
        shape = (rate // BLOCKS_PER_S, channels)
        pcm = samples.dtype == np.int16
        self._block: Samples = np.zeros(shape, np.int16) if pcm else np.zeros(shape, np.float32)
        self._filled = 0
        self._energies = np.zeros(channels)
        self._mean_energy = 0.0
        self._peak = 0.0
        self.fallback: int | None = None
        self._loudest = 0
        self._used = self._before = self._chosen()

    def select(self, samples: Samples) -> Samples | None:
        """Return the channels that are used, as a view (n, channels).

        None where the channel that was set by number does not exist, or where a sample is not a
        finite number.
        """
        used = samples.reshape(len(samples), -1)
        if self._fixed is not None:
            used = used[:, self._fixed : self._fixed + 1]
        whole_numbers = used.dtype == np.int16  # always finite
        return used if used.shape[1] and (whole_numbers or np.isfinite(used).all()) else None

    def process(self, samples: Samples, rate: int) -> FloatArray:
        """Return the mono signal of the next samples.

        Args:
            samples: (n, channels) as `select` returns them; int16 or float32 with full
                scale at -1..1.
            rate: samples per second and channel.

        Returns:
            (n,) float32, clipped to -1..1 as a sound card would do.
        """
        channels = samples.shape[1]
        if channels == 1:
            return _scaled(samples[:, 0])
        if (rate, channels) != (self._rate, self._block.shape[1]) or (
            samples.dtype != self._block.dtype
        ):
            self._start(samples, rate)
        mono = np.empty(len(samples), np.float32)
        position = 0
        while position < len(samples):
            count = min(len(self._block) - self._filled, len(samples) - position)
            part = samples[position : position + count]
            mono[position : position + count] = self._mix(part)
            self._block[self._filled : self._filled + count] = part
            self._filled += count
            position += count
            if self._filled == len(self._block):
                self._decide()
                self._filled = 0
        return mono

    def _mix(self, part: Samples) -> FloatArray:
        used = _mixed(part, self._used)
        if self._used == self._before:
            return used
        steps = np.arange(self._filled, self._filled + len(part), dtype=np.float32)
        weight: FloatArray = steps / np.float32(len(self._block))
        result: FloatArray = used * weight + _mixed(part, self._before) * (1 - weight)
        return result

    def _decide(self) -> None:
        """Choose what the next block uses, by the energies up to now."""
        block = _full_scale(self._block)
        energies = np.mean(np.square(block), axis=0, dtype=np.float64)
        level = float(np.max(energies))
        self._peak = max(self._peak * _PEAK_DECAY, level)
        if level > _QUIET * self._peak:
            weight = 1 / _AVERAGED_BLOCKS
            mean = float(np.mean(np.square(np.mean(block, axis=1, dtype=np.float64))))
            self._energies += weight * (energies - self._energies)
            self._mean_energy += weight * (mean - self._mean_energy)
            best = int(np.argmax(self._energies))
            if self._energies[best] > _LOUDER * self._energies[self._loudest]:
                self._loudest = best
            self._judge_mean()
        self._before, self._used = self._used, self._chosen()

    def _judge_mean(self) -> None:
        # Unrelated signals of N channels leave 1/N of their mean energy in their mean.
        channels = len(self._energies)
        unrelated = float(np.mean(self._energies)) / channels
        limit = CANCELS_BELOW if self.fallback is None else ADDS_ABOVE
        self.fallback = self._loudest if self._mean_energy < limit * unrelated else None

    def _chosen(self) -> int | None:
        """Return the channel to use; None for the mean of all."""
        return self._loudest if self._mode == 'loudest' else self.fallback


def channels_cancel(fallback: int) -> str:
    """Return what to tell the user while the mean cancels and one channel is used."""
    return (
        f'the channels cancel in their mean (opposite phase), so only channel {fallback} is used: '
        'check the wiring of the microphone, or set audio.channel'
    )


def mix_down(samples: Samples) -> FloatArray | None:
    """Return the mean of all channels, or None when a sample is not a finite number.

    Args:
        samples: (n, channels) or (n,), int16 or float32 with full scale at -1..1.

    Returns:
        (n,) float32, clipped to -1..1 as a sound card would do.
    """
    if not np.isfinite(samples).all():
        return None
    return _mixed(samples.reshape(len(samples), -1), None)


def _mixed(samples: Samples, channel: int | None) -> FloatArray:
    """Return one channel of (n, channels) samples, or their mean for None."""
    if channel is not None:
        return _scaled(samples[:, channel])
    channels = samples.T
    if samples.dtype == np.int16:
        total = np.sum(channels, axis=0, dtype=np.int32)
        scaled: FloatArray = (total * np.float32(1 / (32768 * len(channels)))).astype(np.float32)
        return scaled
    # Channel by channel, since NumPy's own sum rounds differently with the shape.
    mono: FloatArray = channels[0].astype(np.float32)
    with np.errstate(over='ignore'):
        for channel_samples in channels[1:]:
            mono += channel_samples
    mono /= len(channels)
    return _clipped(mono)


def _scaled(samples: Samples) -> FloatArray:
    return _clipped(_full_scale(samples))


def _full_scale(samples: Samples) -> FloatArray:
    """Return samples with full scale at -1..1; those of a float beyond it are clipped."""
    if samples.dtype == np.int16:
        scaled: FloatArray = samples * np.float32(1 / 32768)
        return scaled
    return _clipped(samples.astype(np.float32))


def _clipped(samples: FloatArray) -> FloatArray:
    return np.clip(samples, np.float32(-1), np.float32(1))
