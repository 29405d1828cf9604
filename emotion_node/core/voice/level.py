"""The level of the voice over time, in the band in which it follows the jaw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from emotion_node.datatypes import NS_PER_SAMPLE, SAMPLE_RATE, FloatArray

BAND: Final = (500.0, 1500.0)
"""In Hz: around the first formants, which rise and grow stronger as the jaw drops. Of the bands
tried on the GRID corpus, the level in this one follows the jaw most closely."""
HOP: Final = SAMPLE_RATE // 100
HOP_NS: Final = HOP * NS_PER_SAMPLE
WINDOW: Final = SAMPLE_RATE // 40
"""`HOP` samples from one window to the next, 10 ms, and `WINDOW` samples in each, 25 ms."""
FLOOR_DB: Final = -100.0

_FFT: Final = 512
_BINS: Final = slice(round(BAND[0] * _FFT / SAMPLE_RATE), round(BAND[1] * _FFT / SAMPLE_RATE) + 1)
_HANN: Final = np.hanning(WINDOW).astype(np.float32)


@dataclass(frozen=True, slots=True)
class VoiceLevel:
    """The level of the voice over one stretch of audio.

    Attributes:
        first_ns: stamp of the middle of the first window; the others follow every `HOP_NS`.
        levels: (n,) float32 dB, one per window.
    """

    first_ns: int
    levels: FloatArray


class LevelMeter:
    """Measures the level of one stretch of audio, piece by piece.

    How the audio is cut into pieces changes nothing.

    Args:
        stamp_ns: of the first sample.
    """

    def __init__(self, stamp_ns: int) -> None:
        self._first_ns = stamp_ns + WINDOW // 2 * NS_PER_SAMPLE
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

    def level(self) -> VoiceLevel:
        """Return the level so far, of all complete windows."""
        if len(self._levels) > 1:
            self._levels = [np.concatenate(self._levels)]
        levels = self._levels[0] if self._levels else np.zeros(0, np.float32)
        return VoiceLevel(self._first_ns, levels)
