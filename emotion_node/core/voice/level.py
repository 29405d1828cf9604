"""How loud the voice is over time, in the band that the jaw makes louder and softer."""

from __future__ import annotations

from typing import Final

import numpy as np

from emotion_node.datatypes import NS_PER_SAMPLE, SAMPLE_RATE, FloatArray

BAND: Final = (500.0, 1500.0)
"""Hz: around the first formants, which rise and grow stronger as the jaw drops. Of the bands tried
on the GRID corpus, the level in this one follows the jaw most closely."""
HOP: Final = SAMPLE_RATE // 100
HOP_NS: Final = HOP * NS_PER_SAMPLE
WINDOW: Final = SAMPLE_RATE // 40
"""Samples between and in the windows: 10 and 25 ms."""
FLOOR_DB: Final = -100.0

_FFT: Final = 512
_BINS: Final = slice(round(BAND[0] * _FFT / SAMPLE_RATE), round(BAND[1] * _FFT / SAMPLE_RATE) + 1)
_HANN: Final = np.hanning(WINDOW).astype(np.float32)


class LevelMeter:
    """The level of one stretch of sound, grown piece by piece.

    How the sound was cut into pieces changes nothing.

    Args:
        stamp_ns: of the first sample.
    """

    def __init__(self, stamp_ns: int) -> None:
        self.first_ns = stamp_ns + WINDOW // 2 * NS_PER_SAMPLE
        """Stamp of the middle of the first window; the others follow every `HOP_NS`."""
        self._rest = np.zeros(0, np.float32)
        self._levels: list[FloatArray] = []

    def append(self, samples: FloatArray) -> None:
        """Take the next (n,) samples at `SAMPLE_RATE`."""
        samples = np.concatenate([self._rest, samples])
        count = max(0, (len(samples) - WINDOW) // HOP + 1)
        self._rest = samples[count * HOP :]
        if not count:
            return
        windows = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP][:count]
        spectra = np.fft.rfft(windows * _HANN, _FFT)[:, _BINS]
        power = np.sum(spectra.real**2 + spectra.imag**2, axis=1) / _FFT
        floor = 10 ** (FLOOR_DB / 10)
        self._levels.append((10 * np.log10(power + floor)).astype(np.float32))

    @property
    def levels(self) -> FloatArray:
        """(n,) float32 dB, one per window that is complete."""
        if len(self._levels) > 1:
            self._levels = [np.concatenate(self._levels)]
        return self._levels[0] if self._levels else np.zeros(0, np.float32)
