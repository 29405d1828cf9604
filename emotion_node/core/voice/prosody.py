"""Prosody of an utterance: pitch, loudness and speaking rate."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from emotion_node.datatypes import SAMPLE_RATE, FloatArray

LOW_HZ: Final = 65.0
HIGH_HZ: Final = 500.0
"""Range in Hz in which the pitch of speech is searched."""

_RATE: Final = SAMPLE_RATE // 2
_WINDOW: Final = 320
"""Samples at `_RATE`, 40 ms: two and a half periods of the lowest voice."""
_HOP: Final = 128
"""16 ms."""
_SHORTEST: Final = int(_RATE / HIGH_HZ)
_LONGEST: Final = int(np.ceil(_RATE / LOW_HZ))
_SPAN: Final = _WINDOW + _LONGEST
_FFT: Final = 512
"""More than `_SPAN`, so that products at lags up to `_LONGEST` do not wrap around."""

VOICED_THRESHOLD: Final = 0.6
"""Normalised autocorrelation above which a frame is voiced."""
_KEY_SHARE: Final = 0.93
"""The shortest period whose peak reaches this share of the highest is the pitch."""
_VOICED_RANGE_DB: Final = 30.0
"""Frames further below the loudest are background noise, not voiced."""
MIN_VOICED: Final = 5
"""Fewer voiced frames give no pitch."""

DIP_DB: Final = 2.0
"""Loudness falls and rises again by at least this between two syllables."""
_NUCLEUS_RANGE_DB: Final = 20.0
_SMOOTHING: Final = 5
"""Frames of 10 ms over which loudness is smoothed before its peaks are counted."""
_STEP: Final = SAMPLE_RATE // 100

_Signal = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Prosody:
    """Prosody of an utterance.

    Attributes:
        pitch_hz: median fundamental frequency; None where too little is voiced.
        pitch_range: from its 10th to its 90th percentile, in semitones; None where `pitch_hz` is.
        loudness_db: root mean square of the loud half, in dB of full scale.
        rate: syllables per second, pauses included; None where none are found.
    """

    pitch_hz: float | None
    pitch_range: float | None
    loudness_db: float
    rate: float | None


def measure_prosody(samples: FloatArray) -> Prosody | None:
    """Return the prosody of an utterance, or None when it holds no sound.

    Args:
        samples: (n,) float32 at `SAMPLE_RATE`, the speech without padding.
    """
    count = len(samples) // _STEP
    if count == 0:
        return None
    power = np.mean(np.square(samples[: count * _STEP].reshape(count, _STEP)), axis=1)
    if not 0 < float(power.max()) < np.inf:
        return None
    loud = np.sort(power)[count // 2 :]
    pitch = pitch_contour(samples)
    voiced = pitch[~np.isnan(pitch)]
    pitch_hz = pitch_range = None
    if len(voiced) >= MIN_VOICED:
        low, middle, high = np.percentile(voiced, (10, 50, 90))
        pitch_hz, pitch_range = float(middle), float(12 * np.log2(high / low))
    nuclei = count_syllables(power, pitch)
    return Prosody(
        pitch_hz,
        pitch_range,
        float(10 * np.log10(loud.mean())),
        nuclei * SAMPLE_RATE / len(samples) if nuclei else None,
    )


def pitch_contour(samples: FloatArray) -> _Signal:
    """Return the fundamental frequency every 16 ms, NaN where a frame is not voiced.

    The McLeod pitch method (McLeod and Wyvill, "A smarter way to find pitch", ICMC 2005):
    peaks of the autocorrelation normalised by the energy of both parts, at 8 kHz; of these the
    first that is nearly as high as the highest. Then a median over five frames, which removes
    single jumps.

    Args:
        samples: (n,) float32 at `SAMPLE_RATE`.

    Returns:
        (frames,) Hz, `LOW_HZ` to `HIGH_HZ`.
    """
    narrow = np.convolve(samples, _half_band(), 'same')[::2]
    narrow = np.pad(narrow, (_WINDOW // 2, _SPAN))
    frames = sliding_window_view(narrow, _SPAN)[: len(samples) // 2 : _HOP]
    similarity = _normalised_autocorrelation(frames)
    inner = similarity[:, 1:-1]
    peaks = (inner > similarity[:, :-2]) & (inner >= similarity[:, 2:])
    heights = np.where(peaks, inner, -1.0)
    highest = heights.max(axis=1)
    rows = np.arange(len(heights))
    first = np.argmax(heights >= _KEY_SHARE * highest[:, None], axis=1)
    before, peak, after = (similarity[rows, first + shift] for shift in (0, 1, 2))
    curve = before - 2 * peak + after
    offset = np.where(curve < 0, 0.5 * (before - after) / np.minimum(curve, -1e-9), 0.0)
    pitch = _RATE / (_SHORTEST + first + np.clip(offset, -0.5, 0.5))
    energy = np.square(frames[:, :_WINDOW]).sum(axis=1)
    loud = energy > energy.max(initial=0.0) * 10 ** (-_VOICED_RANGE_DB / 10)
    pitch = np.where((highest >= VOICED_THRESHOLD) & loud, pitch, np.nan)
    return _median_of_voiced(pitch)


def _normalised_autocorrelation(frames: _Signal) -> _Signal:
    """Return (frames, lags) similarities -1..1 at lags from `_SHORTEST` - 1 to `_LONGEST`."""
    spectrum = np.fft.rfft(frames, _FFT)
    head = np.fft.rfft(frames[:, :_WINDOW], _FFT)
    products = np.fft.irfft(spectrum * head.conj(), _FFT)[:, _SHORTEST - 1 : _LONGEST + 1]
    energy = np.concatenate(
        [np.zeros((len(frames), 1)), np.cumsum(np.square(frames), axis=1)], axis=1
    )
    lags = np.arange(_SHORTEST - 1, _LONGEST + 1)
    shifted = energy[:, np.minimum(lags + _WINDOW, _SPAN)] - energy[:, lags]
    both = energy[:, [_WINDOW]] + shifted
    similarity: _Signal = 2 * products / np.maximum(both, 1e-12)
    return similarity


def _median_of_voiced(pitch: _Signal) -> _Signal:
    windows = sliding_window_view(np.pad(pitch, 2, constant_values=np.nan), 5)
    ordered = np.sort(windows, axis=1)  # NaN last
    voiced = np.sum(~np.isnan(windows), axis=1)
    middle = ordered[np.arange(len(pitch)), np.maximum(voiced - 1, 0) // 2]
    # A voiced frame with too few voiced neighbours is a chance peak.
    return np.where(np.isnan(pitch) | (voiced < 3), np.nan, middle)


def count_syllables(power: _Signal, pitch: _Signal) -> int:
    """Return the number of syllable nuclei: voiced peaks of loudness with dips between them.

    De Jong and Wempe, "Praat script to detect syllable nuclei and measure speech rate
    automatically", Behavior Research Methods 41 (2009).

    Args:
        power: (n,) mean square of each 10 ms.
        pitch: (m,) `pitch_contour` of the same sound.
    """
    kernel = np.hanning(_SMOOTHING + 2)[1:-1]
    smooth = np.convolve(power, kernel / kernel.sum(), 'same')
    level = 10 * np.log10(np.maximum(smooth, 1e-12))
    threshold = np.percentile(level, 95) - _NUCLEUS_RANGE_DB
    centres = np.arange(len(level)) * _STEP // (2 * _HOP)
    voiced = ~np.isnan(pitch[np.minimum(centres, len(pitch) - 1)])
    nuclei, rising = 0, True
    peak = dip = float(level[0])
    place = 0
    # Hysteresis: a peak counts once loudness has fallen `DIP_DB` below it, the next once it has
    # risen as far from the dip.
    for n, now in enumerate(level):
        if rising:
            if now > peak:
                peak, place = float(now), n
            if now < peak - DIP_DB:
                nuclei += bool(peak > threshold and voiced[place])
                rising, dip = False, float(now)
        else:
            dip = min(dip, float(now))
            if now > dip + DIP_DB:
                rising, peak, place = True, float(now), n
    return nuclei + bool(rising and peak > threshold and voiced[place])


@functools.cache
def _half_band() -> _Signal:
    """Return a low-pass filter at 3.4 kHz, for halving the sample rate."""
    taps = np.arange(-15, 16)
    return np.asarray(np.sinc(taps * 0.425) * 0.425 * np.hamming(31), np.float32)
