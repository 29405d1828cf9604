"""How a jaw moves with a voice.

While somebody speaks, the level of the voice between 500 and 1500 Hz follows the jaw: an open jaw
raises the first formant and lets more of the sound out (compare Yehia, Rubin and
Vatikiotis-Bateson, Speech Communication 26, 1998; Chandrasekaran et al., PLoS Computational
Biology 5(7), 2009). So each face's jaw is correlated with the level of the voice, during speech
only: before it a mouth may be open or closed. The sound may be up to 0.2 s later than the frame,
as it is from drivers with long buffers; the lag that fits best is used.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from emotion_node.core.trace import Stamps
from emotion_node.core.voice.level import HOP_NS, VoiceLevel
from emotion_node.datatypes import NS_PER_MS, NS_PER_S, FloatArray

MIN_LAG_NS: Final = -80 * NS_PER_MS
MAX_LAG_NS: Final = 240 * NS_PER_MS
LAG_STEP_NS: Final = 40 * NS_PER_MS
"""Lags of the sound behind the frames that are tried: negative ones for cameras whose stamps are
late. A jaw is itself 0 to 40 ms ahead of its sound."""
STEP_NS: Final = 2 * HOP_NS
MIN_POINTS: Final = 4
MAX_GAP_NS: Final = NS_PER_S // 5
"""A jaw that was not seen for longer is unknown in between."""
RANGE_DB: Final = 25.0
"""Sounds further below the loudest of the utterance count as silence."""
LEVEL_NOISE_DB: Final = 1.0
JAW_NOISE_CM: Final = 0.05
"""Variation of the voice and of a jaw that is noise, such as the jitter of landmarks."""
MOTION_NS: Final = 600 * NS_PER_MS
"""Movement is measured during the speech, and for at least this long before its end."""
MAX_WEIGHT_S: Final = 4.0
"""The weight of the evidence grows with the length of the speech up to this."""
MAX_WINDOW_NS: Final = 4 * NS_PER_S
"""Of an utterance under way, this much of the latest speech is used."""

WEIGHT_PER_S: Final = 15.0
NEUTRAL_CORRELATION: Final = 0.4
"""Weight of the correlation per second of speech, and the correlation that is evidence neither for
nor against a face."""
MOTION_WEIGHT: Final = 1.2
MOTION_CM: Final = 0.05
MOTION_RANGE: Final = (-1.5, 0.7)
"""Weight of the logarithm of the jaw's movement relative to `MOTION_CM`, and its limits."""

Floats = npt.NDArray[np.float64]

_LAGS_NS: Final[Stamps] = np.arange(MIN_LAG_NS, MAX_LAG_NS + 1, LAG_STEP_NS)


@dataclass(frozen=True, slots=True)
class Jaw:
    """How far a face's jaw is open over time.

    Attributes:
        stamps: (n,) int64, rising.
        drop: (n,) float32, as `geometry.jaw_drop` measures it, in cm of an average face.
    """

    stamps: Stamps
    drop: FloatArray

    def earlier(self, offset_ns: int) -> Jaw:
        """Return the same movement with stamps that are `offset_ns` less."""
        return Jaw(self.stamps - offset_ns, self.drop) if offset_ns else self

    def between(self, start_ns: int, end_ns: int) -> Jaw:
        """Return the part in [start_ns, end_ns]."""
        first = int(np.searchsorted(self.stamps, start_ns, 'left'))
        last = int(np.searchsorted(self.stamps, end_ns, 'right'))
        return Jaw(self.stamps[first:last], self.drop[first:last])

    def time_with(self, other: Jaw) -> float:
        """Return the share of its frames in which the other jaw was seen too; 0 of none."""
        if not len(self.stamps) or not len(other.stamps):
            return 0.0
        places = np.searchsorted(other.stamps, self.stamps)
        nearest = other.stamps[np.minimum(places, len(other.stamps) - 1)]
        return int(np.count_nonzero(nearest == self.stamps)) / len(self.stamps)


@dataclass(frozen=True, slots=True)
class AudioVisualSync:
    """How a jaw moves with a voice.

    Attributes:
        correlation: -1..1, at the best lag.
        lag_ns: by which the sound is late at the best lag.
        seconds: length of speech during which the jaw was seen.
        motion: logarithm of how much the jaw moves, relative to `MOTION_CM`.
    """

    correlation: float = 0.0
    lag_ns: int = 0
    seconds: float = 0.0
    motion: float = MOTION_RANGE[0]

    def evidence(self, per_s: float = WEIGHT_PER_S, neutral: float = NEUTRAL_CORRELATION) -> float:
        """Return the evidence of the correlation for this face, as log odds."""
        return per_s * min(self.seconds, MAX_WEIGHT_S) * (self.correlation - neutral)

    def log_odds(self) -> float:
        """Return the log odds that this face speaks, by its jaw alone, up to a constant."""
        return self.evidence() + MOTION_WEIGHT * self.motion


def measure_sync(
    voice: VoiceLevel, jaw: Jaw, start_ns: int, end_ns: int, lags_ns: Stamps = _LAGS_NS
) -> AudioVisualSync:
    """Return how a jaw moves with the voice from `start_ns` to `end_ns`.

    Silence before and after the speech is to be left out: pass the times of the speech.

    Args:
        voice: level of the voice.
        jaw: jaw movement of one face.
        start_ns: start of the speech, or of the part of it to use.
        end_ns: end of the same.
        lags_ns: (n,) lags of the sound behind the frames to try.
    """
    motion = measure_motion(jaw, start_ns, end_ns)
    unknown = AudioVisualSync(motion=motion)
    level_ns = voice.first_ns + np.arange(len(voice.levels)) * HOP_NS
    if len(level_ns) < MIN_POINTS or len(jaw.stamps) < 2:
        return unknown
    times = np.arange(start_ns, min(end_ns, int(level_ns[-1])), STEP_NS)
    if len(times) < MIN_POINTS:
        return unknown
    # Relative to the start, since float64 cannot represent nanoseconds since 1970.
    levels = np.interp(times - start_ns, level_ns - start_ns, voice.levels)
    levels = np.maximum(levels, levels.max() - RANGE_DB)
    wanted = times - lags_ns[:, None]
    drop = np.interp(wanted - start_ns, jaw.stamps - start_ns, jaw.drop)
    seen = _is_known(wanted, jaw.stamps)
    correlation = np.where(seen.sum(axis=1) < MIN_POINTS, -1.0, _correlations(levels, drop, seen))
    best = int(np.argmax(correlation))
    seconds = float(seen[best].sum()) * STEP_NS / NS_PER_S
    if correlation[best] <= -1.0:
        return unknown
    return AudioVisualSync(float(correlation[best]), int(lags_ns[best]), seconds, motion)


def _correlations(levels: Floats, drop: Floats, seen: npt.NDArray[np.bool_]) -> Floats:
    """Return Pearson's correlation at each lag, shrunk towards 0 where hardly anything moves.

    Args:
        levels: (n,) of the voice.
        drop: (lags, n) of the jaw.
        seen: (lags, n), which of them are known.
    """
    known = seen.astype(np.float64)
    share = 1 / np.maximum(known.sum(axis=1), 1)
    # Of values around 0, sums of squares lose no digits.
    levels = levels - levels.mean()
    drop = (drop - drop.mean()) * known
    level, jaw = known @ levels * share, drop.sum(axis=1) * share
    spread = known @ levels**2 * share - level**2 + LEVEL_NOISE_DB**2
    spread *= np.einsum('ij,ij->i', drop, drop) * share - jaw**2 + JAW_NOISE_CM**2
    return np.asarray((drop @ levels * share - level * jaw) / np.sqrt(spread))


def _is_known(wanted: Stamps, stamps: Stamps) -> npt.NDArray[np.bool_]:
    """Return at which of the times a jaw is known: seen shortly before and after.

    The last one seen is also used for the short time until the next frame.
    """
    after = np.searchsorted(stamps, wanted, 'left')
    earlier = stamps[np.maximum(after - 1, 0)]
    later = stamps[np.minimum(after, len(stamps) - 1)]
    between = (after > 0) & (after < len(stamps)) & (later - earlier <= MAX_GAP_NS)
    near = np.minimum(np.abs(wanted - earlier), np.abs(wanted - later)) <= MAX_GAP_NS / 2
    return np.asarray(between | near)


def measure_motion(jaw: Jaw, start_ns: int, end_ns: int) -> float:
    """Return the logarithm of how much a jaw moves, within `MOTION_RANGE`."""
    start_ns = min(start_ns, end_ns - MOTION_NS)
    drop = jaw.between(start_ns, end_ns).drop
    moved = 0.0
    if len(drop) > 1:
        around = drop - drop.sum() / len(drop)
        moved = math.sqrt(float(around @ around) / len(drop))
    low, high = MOTION_RANGE
    return min(max(math.log(max(moved, 1e-3) / MOTION_CM), low), high)
