"""Whose mouth goes with the voice that is heard.

While somebody speaks, the voice between 500 and 1500 Hz grows louder and softer with the jaw: an
open jaw raises the first formant and lets more of the sound out (compare Yehia, Rubin and
Vatikiotis-Bateson, Speech Communication 26, 1998; Chandrasekaran et al., PLoS Computational
Biology 5(7), 2009). So each face's jaw is correlated with the level of the voice, during speech
alone: before it a mouth may stand open in any way. The sound may come up to 0.2 s later than the
image, as it does from drivers with long buffers; the lag that fits best is taken.

How likely each face is the speaker's follows from two things, both weighed as by logistic
regression on scenes made of the GRID corpus (`python -m emotion_lab evaluate speaker`): that
correlation, which says more the longer somebody has spoken, and whether the jaw moves at all.
That the speaker is none of those who can be seen is one of the answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from emotion_node.core.trace import Stamps
from emotion_node.core.voice.level import HOP_NS
from emotion_node.datatypes import NS_PER_S, FloatArray

MIN_LAG_NS: Final = -80_000_000
MAX_LAG_NS: Final = 240_000_000
LAG_STEP_NS: Final = 40_000_000
"""Lags of the sound behind the image that are tried: negative ones for cameras whose stamps are
late. A jaw is itself 0 to 40 ms ahead of its sound."""
STEP_NS: Final = 2 * HOP_NS
MIN_POINTS: Final = 4
MAX_GAP_NS: Final = NS_PER_S // 5
"""A jaw that was not seen for longer is not known in between."""
RANGE_DB: Final = 25.0
"""Below the loudest sound of the utterance by more, sounds count as silence."""
LEVEL_TREMBLE_DB: Final = 1.0
JAW_TREMBLE_CM: Final = 0.05
"""Movement of the voice and of a jaw that says nothing: noise, and the trembling of landmarks."""
MOTION_NS: Final = 600_000_000
"""Movement is looked for during the speech, and for at least this long before its end."""
MAX_WEIGHT_S: Final = 4.0
"""Evidence does not grow any more after as much speech."""
MAX_WINDOW_NS: Final = 4 * NS_PER_S
"""Of an utterance under way, the last of it is judged."""

WEIGHT_PER_S: Final = 15.0
TYPICAL: Final = 0.4
"""Weight of the correlation for each second of speech, and the correlation that speaks neither for
nor against a face."""
MOTION_WEIGHT: Final = 1.2
MOTION_CM: Final = 0.05
MOTION_RANGE: Final = (-1.5, 0.7)
"""Weight of the logarithm of the jaw's movement relative to `MOTION_CM`, and its limits."""
NOBODY: Final = 1.5
"""Evidence that the speaker cannot be seen, on the same scale."""

Floats = npt.NDArray[np.float64]

_LAGS_NS: Final = np.arange(MIN_LAG_NS, MAX_LAG_NS + 1, LAG_STEP_NS)


@dataclass(frozen=True, slots=True)
class Voice:
    """The level of the voice from the start of speech on.

    Attributes:
        first_ns: stamp of the first level; the others follow every `HOP_NS`.
        levels: (n,) float32 dB, as `LevelMeter` gives them.
    """

    first_ns: int
    levels: FloatArray


@dataclass(frozen=True, slots=True)
class Jaw:
    """How far a face's jaw hangs down.

    Attributes:
        stamps: (n,) int64, rising.
        drop: (n,) float32 cm of an average face.
    """

    stamps: Stamps
    drop: FloatArray


@dataclass(frozen=True, slots=True)
class SpeakerDecision:
    """Who speaks.

    Attributes:
        scores: how likely each face is the speaker's; with `nobody`, they sum to 1.
        nobody: how likely it is that the speaker is none of them.
        lags_ns: by which the sound is best taken as late, for each face.
    """

    scores: Mapping[str, float] = field(default_factory=dict)
    nobody: float = 1.0
    lags_ns: Mapping[str, int] = field(default_factory=dict)

    @property
    def face_id(self) -> str:
        """The speaker's face; empty when it is most likely none of them."""
        best = max(self.scores, key=self.scores.__getitem__, default='')
        return best if best and self.scores[best] > self.nobody else ''

    @property
    def confidence(self) -> float:
        """How likely `face_id` is right; 0 when it is empty."""
        return self.scores[self.face_id] if self.face_id else 0.0


def find_speaker(
    voice: Voice, jaws: Mapping[str, Jaw], start_ns: int, end_ns: int
) -> SpeakerDecision:
    """Return whose jaw goes with the voice.

    Args:
        voice: what was heard.
        jaws: what was seen, by face.
        start_ns: of the speech, or of the part of it that is to be judged.
        end_ns: of the same.
    """
    if not jaws:
        return SpeakerDecision()
    evidence = {face_id: compare(voice, jaw, start_ns, end_ns) for face_id, jaw in jaws.items()}
    weights = np.array([*(one.weigh() for one in evidence.values()), NOBODY])
    likely = np.exp(weights - weights.max())
    likely /= likely.sum()
    scores = {face_id: float(share) for face_id, share in zip(evidence, likely, strict=False)}
    lags_ns = {face_id: one.lag_ns for face_id, one in evidence.items()}
    return SpeakerDecision(scores, float(likely[-1]), lags_ns)


@dataclass(frozen=True, slots=True)
class Evidence:
    """How a jaw goes with a voice.

    Attributes:
        correlation: -1..1, at the best lag.
        lag_ns: of the sound.
        seconds: of speech during which the jaw was seen.
        motion: logarithm of how much the jaw moves, relative to `MOTION_CM`.
    """

    correlation: float = 0.0
    lag_ns: int = 0
    seconds: float = 0.0
    motion: float = MOTION_RANGE[0]

    def weigh(self) -> float:
        """Return the logarithm of the odds that this jaw makes the voice, but for a constant."""
        weight = WEIGHT_PER_S * min(self.seconds, MAX_WEIGHT_S)
        return weight * (self.correlation - TYPICAL) + MOTION_WEIGHT * self.motion


def compare(voice: Voice, jaw: Jaw, start_ns: int, end_ns: int) -> Evidence:
    """Compare a jaw with the voice from `start_ns` to `end_ns`.

    Silence before the speech and after it does not belong to it: pass the times of the speech.
    """
    motion = _motion(jaw, start_ns, end_ns)
    nothing = Evidence(motion=motion)
    heard = voice.first_ns + np.arange(len(voice.levels)) * HOP_NS
    if len(heard) < MIN_POINTS or len(jaw.stamps) < 2:
        return nothing
    times = np.arange(start_ns, min(end_ns, int(heard[-1])), STEP_NS)
    if len(times) < MIN_POINTS:
        return nothing
    # Relative to the start, for float64 does not hold nanoseconds since 1970.
    levels = np.interp(times - start_ns, heard - start_ns, voice.levels)
    levels = np.maximum(levels, levels.max() - RANGE_DB)
    wanted = times - _LAGS_NS[:, None]
    drop = np.interp(wanted - start_ns, jaw.stamps - start_ns, jaw.drop)
    seen = _is_seen(wanted, jaw.stamps)
    correlation = np.where(seen.sum(axis=1) < MIN_POINTS, -1.0, _correlations(levels, drop, seen))
    best = int(np.argmax(correlation))
    seconds = float(seen[best].sum()) * STEP_NS / NS_PER_S
    if correlation[best] <= -1.0:
        return nothing
    return Evidence(float(correlation[best]), int(_LAGS_NS[best]), seconds, motion)


def _correlations(levels: Floats, drop: Floats, seen: npt.NDArray[np.bool_]) -> Floats:
    """Return Pearson's correlation, drawn towards 0 where there is next to no movement.

    Args:
        levels: (n,) of the voice.
        drop: (lags, n) of the jaw.
        seen: (lags, n), which of them count.
    """
    count = np.maximum(seen.sum(axis=1), 1)

    def mean(values: Floats) -> Floats:
        return np.asarray(np.sum(values * seen, axis=1) / count)

    levels = levels - mean(levels)[:, None]
    drop = drop - mean(drop)[:, None]
    spread = np.sqrt(mean(levels**2) + LEVEL_TREMBLE_DB**2)
    spread *= np.sqrt(mean(drop**2) + JAW_TREMBLE_CM**2)
    return np.asarray(mean(levels * drop) / spread)


def _is_seen(wanted: Stamps, stamps: Stamps) -> npt.NDArray[np.bool_]:
    """Return at which of the times a jaw is known: seen shortly before and after.

    What was seen last is also taken for the short time until the next image.
    """
    after = np.searchsorted(stamps, wanted, 'left')
    earlier = stamps[np.maximum(after - 1, 0)]
    later = stamps[np.minimum(after, len(stamps) - 1)]
    between = (after > 0) & (after < len(stamps)) & (later - earlier <= MAX_GAP_NS)
    near = np.minimum(np.abs(wanted - earlier), np.abs(wanted - later)) <= MAX_GAP_NS / 2
    return np.asarray(between | near)


def _motion(jaw: Jaw, start_ns: int, end_ns: int) -> float:
    """Return how much a jaw moves, as a logarithm."""
    start_ns = min(start_ns, end_ns - MOTION_NS)
    drop = jaw.drop[(jaw.stamps >= start_ns) & (jaw.stamps <= end_ns)]
    moved = float(np.std(drop)) if len(drop) > 1 else 0.0
    low, high = MOTION_RANGE
    return float(np.clip(np.log(max(moved, 1e-3) / MOTION_CM), low, high))
