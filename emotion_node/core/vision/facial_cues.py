"""Facial movements in the terms of the Facial Action Coding System (Ekman and Friesen, 1978).

Each action unit is measured as a distance between landmarks in head coordinates, so that the size
of the face and the pose of the head hardly matter, or by blendshapes where the landmark model
gives them. Intensity is the deviation from this person's own neutral face, which is estimated
while the face is seen and starts as the average neutral face. The average neutral face and the
full movements are those of the FER+ training faces (Barsoum et al., ICMI 2016): the mean of the
neutral ones, and about the 85th percentile of those that show the emotion to which the movement
belongs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from emotion_node.datatypes import NS_PER_S, FacialCue, FloatArray

DEAD_ZONE: Final = 0.15
"""Share of a full movement that is treated as noise."""
PERCENTILE: Final = 75.0
"""Over the frames of an utterance: ignores blinks, keeps movements that last a quarter of it."""
MAX_YAW, MAX_PITCH = 30.0, 25.0
"""Degrees; the face of a head that is turned further is not measured."""
FIRST_RATE, LAST_RATE = 0.5, 0.02
"""Full movements per second by which the neutral face adapts, at first and in the long run."""


@dataclass(frozen=True, slots=True)
class Unit:
    """How one action unit is measured.

    Attributes:
        number, name: as in FACS.
        neutral: measure of the average neutral face.
        full: by how much a full movement raises the measure.
        blendshapes: those whose mean is used instead where the landmark model gives them; empty
            where it has none for this unit.
        shape_neutral, shape_full: as `neutral` and `full`, for the mean of the blendshapes.
    """

    number: int
    name: str
    neutral: float
    full: float
    blendshapes: tuple[str, ...] = ()
    shape_neutral: float = 0.0
    shape_full: float = 0.5


def _both(name: str) -> tuple[str, str]:
    return f'{name}Left', f'{name}Right'


UNITS: Final[Sequence[Unit]] = (
    Unit(1, 'inner brow raiser', 1.98, 0.9, ('browInnerUp',), 0.14, 0.8),
    Unit(2, 'outer brow raiser', 2.28, 0.9, _both('browOuterUp'), 0.2, 0.7),
    Unit(4, 'brow lowerer', -1.98, 0.6, _both('browDown'), 0.11, 0.5),
    Unit(5, 'upper lid raiser', 0.61, 0.3, _both('eyeWide'), 0.03, 0.28),
    Unit(6, 'cheek raiser', -2.6, 0.45),
    Unit(7, 'lid tightener', -0.31, 0.3, _both('eyeSquint'), 0.24, 0.5),
    Unit(9, 'nose wrinkler', -4.02, 0.6),
    Unit(10, 'upper lip raiser', -1.58, 0.8, _both('mouthUpperUp'), 0.01, 0.5),
    Unit(12, 'lip corner puller', 2.54, 2.0, _both('mouthSmile'), 0.01, 0.9),
    Unit(15, 'lip corner depressor', 0.1, 0.35, _both('mouthFrown'), 0.03, 0.3),
    Unit(20, 'lip stretcher', 2.66, 0.6, _both('mouthStretch'), 0.02, 0.3),
    Unit(23, 'lip tightener or pressor', -1.75, 0.6),
    Unit(25, 'lips part', 0.17, 1.5),
    Unit(26, 'jaw drop', 7.42, 1.4, ('jawOpen',), 0.02, 0.6),
    Unit(43, 'eyes closed', -0.33, 0.25, _both('eyeBlink'), 0.09, 0.6),
)
"""In the order in which they are published. Landmarks do not distinguish lip tightener (23) from
lip pressor (24); both count as 23."""

_NEUTRAL: Final = np.array([unit.neutral for unit in UNITS], np.float32)
_FULL: Final = np.array([unit.full for unit in UNITS], np.float32)

_BROWS_INNER, _BROWS_OUTER = (107, 336, 55, 285), (70, 63, 105, 300, 293, 334)
_EYES, _CHEEKS, _NOSE_WINGS = (33, 133, 362, 263), (50, 280, 117, 346), (129, 358)
_LIDS_UPPER, _LIDS_LOWER = (158, 159, 160, 385, 386, 387), (144, 145, 153, 373, 374, 380)
_NOSE_RIDGE, _NOSE_BASE, _NOSE_TIP, _CHIN = (168, 6), (2,), (1,), (152,)
_MOUTH_CORNERS, _LIP_TOP, _LIP_BOTTOM = (61, 291), (0,), (17,)
_LIP_TOP_WIDE = (0, 37, 267)
_INNER_TOP, _INNER_BOTTOM = (13, 82, 312), (14, 87, 317)
_INNER_LIPS, _LIDS_TOP, _LIDS_BOTTOM = (13, 14), (159, 386), (145, 374)
_GROUPS: Final = (
    _BROWS_INNER, _BROWS_OUTER, _EYES, _CHEEKS, _NOSE_WINGS, _LIDS_UPPER, _LIDS_LOWER, _NOSE_RIDGE,
    _NOSE_BASE, _NOSE_TIP, _CHIN, _MOUTH_CORNERS, _LIP_TOP, _LIP_BOTTOM, _LIP_TOP_WIDE, _INNER_TOP,
    _INNER_BOTTOM, _INNER_LIPS, _LIDS_TOP, _LIDS_BOTTOM, (13,), (14,),
)  # fmt: skip
_USED: Final = np.unique(np.concatenate(_GROUPS))
_MEANS: Final = np.array([np.isin(_USED, ids) / len(ids) for ids in _GROUPS])
"""(groups, used landmarks), the mean of each group as a product."""


def measure(landmarks: FloatArray, blendshapes: Mapping[str, float]) -> FloatArray:
    """Return the (len(UNITS),) float32 measures of one face, larger with more movement.

    Args:
        landmarks: (468 or 478, 3) in head coordinates, in cm, as `find_head` returns them.
        blendshapes: 0..1 by name; empty where there are none.
    """
    down = dict(zip(_GROUPS, (_MEANS @ landmarks[_USED, 1]).tolist(), strict=True))
    y = down.__getitem__
    eyes, corners = y(_EYES), y(_MOUTH_CORNERS)
    inner_lips = y(_INNER_LIPS)
    lip_top, lip_bottom = y(_LIP_TOP), y(_LIP_BOTTOM)
    width = float(landmarks[291, 0] - landmarks[61, 0])
    eye_width = float(landmarks[133, 0] - landmarks[33, 0] + landmarks[263, 0] - landmarks[362, 0])
    values = (
        eyes - y(_BROWS_INNER),
        eyes - y(_BROWS_OUTER),
        y(_BROWS_INNER) - eyes,
        eyes - y(_LIDS_UPPER),
        eyes - y(_CHEEKS),
        eyes - y(_LIDS_LOWER),
        y(_NOSE_RIDGE) - y(_NOSE_WINGS),
        y(_NOSE_BASE) - y(_LIP_TOP_WIDE),
        (lip_top + lip_bottom + 2 * inner_lips) / 4 - corners + width / 2,
        corners - inner_lips,
        corners - inner_lips + width / 2,
        lip_top - y((13,)) + y((14,)) - lip_bottom,
        y(_INNER_BOTTOM) - y(_INNER_TOP),
        y(_CHIN) - y(_NOSE_TIP),
        (y(_LIDS_TOP) - y(_LIDS_BOTTOM)) / max(eye_width / 2, 1e-3),
    )
    result = np.array(values, np.float32)
    for k, unit in enumerate(UNITS):
        if unit.blendshapes and unit.blendshapes[0] in blendshapes:
            mean = sum(blendshapes[name] for name in unit.blendshapes) / len(unit.blendshapes)
            # In the units of the landmarks, so that the rest is the same for both.
            moved = (mean - unit.shape_neutral) / unit.shape_full
            result[k] = unit.neutral + unit.full * moved
    return result


class NeutralFace:
    """One person's measures without expression: roughly their median over time.

    Stochastic approximation of the median (Robbins and Monro, Annals of Mathematical Statistics
    22, 1951), with steps that shrink the longer the person is known.
    """

    def __init__(self) -> None:
        self.measures = _NEUTRAL.copy()
        self._known_s = 0.0
        self._last_ns: int | None = None

    def follow(self, stamp_ns: int, measures: FloatArray) -> None:
        """Update with the measures of the next frame."""
        seconds = 0.0 if self._last_ns is None else (stamp_ns - self._last_ns) / NS_PER_S
        self._last_ns = stamp_ns
        seconds = min(max(seconds, 0.0), 0.2)
        self._known_s += seconds
        rate = max(FIRST_RATE / (1 + self._known_s), LAST_RATE)
        step = _FULL * np.float32(rate * seconds)
        self.measures = self.measures + np.clip(measures - self.measures, -step, step)


def intensities(measures: FloatArray, neutral: FloatArray) -> FloatArray:
    """Return the intensity of each action unit by frame, (n, len(UNITS)), 0..1.

    Args:
        measures: (n, len(UNITS)).
        neutral: (len(UNITS),) measures of the neutral face.
    """
    moved = (measures - neutral) / _FULL
    result: FloatArray = np.clip((moved - DEAD_ZONE) / (1 - DEAD_ZONE), 0, 1).astype(np.float32)
    return result


def read_cues(measures: FloatArray, neutral: FloatArray) -> tuple[FacialCue, ...]:
    """Return the facial cues of an utterance, all of `UNITS` in order.

    Args:
        measures: (n, len(UNITS)) of the frames of an utterance in which the face shows.
        neutral: (len(UNITS),) measures of the neutral face.

    Returns:
        One cue per unit; none when n is 0.
    """
    if not len(measures):
        return ()
    typical = np.percentile(intensities(measures, neutral), PERCENTILE, axis=0)
    return tuple(
        FacialCue(unit.name, unit.number, round(float(value), 4))
        for unit, value in zip(UNITS, typical, strict=True)
    )
