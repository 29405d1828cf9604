"""Whether the speaker's face shows the fused emotion, per utterance.

Which movements belong to which emotion is from Ekman and Friesen, "Unmasking the Face" (1975), in
the numbers of the table of emotion prototypes in Ekman, Friesen and Hager, "Facial Action Coding
System: Investigator's Guide" (2002). Two things differ. Speaking parts the lips and drops the jaw
(25, 26), so these two, which belong to surprise and fear, are left out here. And landmarks
distinguish raised brows from lowered ones, but do not show whether raised brows are drawn together
as well (1+4), so 4 counts only for anger and disgust.

Thresholds and weights are chosen on FER+ training faces (Barsoum et al., ICMI 2016; 40 to 116 per
label on which most annotators agree, as single images against the average neutral face) and GRID
talkers (Cooke et al., JASA 120(5), 2006; neutral, 89 stretches of speech of 0.5 to 2 s, all of
which should be neutral faces). `python -m emotion_lab evaluate expression` measures them on FER+
dev. Fear is confused with surprise and anger with disgust, since they share cues.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from emotion_node.core.vision.facial_cues import UNITS
from emotion_node.datatypes import (
    AudibleOrVisible,
    ExpressionCheck,
    FacialCue,
    FloatArray,
    ModalityEmotion,
)
from emotion_node.labels import LABELS, NEUTRAL

MIN_FRAMES: Final = 5
"""With fewer frames of the face, an expression cannot be distinguished from noise."""
NOTICED, FULL = 0.1, 0.5
"""Intensities from which on a movement counts, and counts in full."""
AT_LEAST_PARTLY, AT_LEAST_ANOTHER, AT_LEAST_SHOWN = 0.45, 0.65, 0.7
"""Strengths from which on an emotion is partly shown, replaces another as shown, is shown."""
CONTRADICTION: Final = 0.5
"""By how much a full movement that contradicts an emotion lowers its strength."""
MARGIN: Final = 0.25
"""Voice and face differ when their probabilities of an emotion differ by at least this."""
SMOOTHING: Final = MIN_FRAMES
"""Frames over which a movement is averaged before its peak is searched for."""


@dataclass(frozen=True, slots=True)
class Prototype:
    """How a face shows an emotion.

    Attributes:
        cues: groups of action units, any of which is the cue, with the weight of the cue.
        against: action units that contradict the emotion.
    """

    cues: Sequence[tuple[tuple[int, ...], float]]
    against: tuple[int, ...] = ()


PROTOTYPES: Final[Mapping[str, Prototype]] = {
    'joy': Prototype([((12,), 2), ((6,), 1)], (15,)),
    'sadness': Prototype([((1,), 1), ((15,), 1), ((6,), 0.5)], (2, 5, 12)),
    'anger': Prototype([((4,), 2), ((5, 7), 1), ((10, 23), 1)], (1, 2, 12)),
    'surprise': Prototype([((1,), 1), ((2,), 1), ((5,), 1)], (7, 20)),
    'fear': Prototype([((1,), 1), ((2,), 0.5), ((5,), 1), ((7, 20), 1.5)], (12,)),
    'disgust': Prototype([((9, 10), 1), ((6, 7), 1), ((4,), 0.5)], (1, 2, 12)),
}
"""By label; neutral has none. Lip pressor (24) counts as 23."""

_COLUMNS: Final = {unit.number: column for column, unit in enumerate(UNITS)}


@dataclass(frozen=True, slots=True)
class Check:
    """The result of a check.

    Attributes:
        result: whether the face shows the emotion; `NOT_CHECKED` when there is none to check.
        shown_expression: the label that the face shows, as in `datatypes.FusedScores`.
    """

    result: ExpressionCheck = ExpressionCheck.NOT_CHECKED
    shown_expression: str = ''


def check(label: str, cues: Sequence[FacialCue]) -> Check:
    """Return whether the speaker's face shows an emotion.

    A neutral emotion is `SHOWN` by a face on which nothing else shows. An emotion of which nothing
    shows is `OTHER_EXPRESSION` only when another one shows clearly.

    Args:
        label: of the fused emotion; empty when it is unknown.
        cues: all of `UNITS`, of the speaker's face; empty where it is not visible.
    """
    if not label:
        return Check()
    if not cues:
        return Check(ExpressionCheck.NOT_VISIBLE)
    known = {cue.action_unit: cue.intensity for cue in cues}
    row = np.array([known.get(unit.number, 0.0) for unit in UNITS], np.float32)
    (strength,) = strengths(row[None])
    own = 0.0 if label == NEUTRAL else float(strength[LABELS.index(label)])
    if own >= AT_LEAST_SHOWN:
        return Check(ExpressionCheck.SHOWN, label)
    if own >= AT_LEAST_PARTLY:
        return Check(ExpressionCheck.PARTLY_SHOWN, label)
    strength[LABELS.index(NEUTRAL)] = 0.0
    best = int(np.argmax(strength))
    if strength[best] >= AT_LEAST_ANOTHER:
        return Check(ExpressionCheck.OTHER_EXPRESSION, LABELS[best])
    if label == NEUTRAL:
        return Check(ExpressionCheck.SHOWN, NEUTRAL)
    return Check(ExpressionCheck.NEUTRAL_FACE, NEUTRAL)


def strengths(intensities: FloatArray) -> FloatArray:
    """Return how strongly a face shows each emotion, by frame.

    Args:
        intensities: (n, len(UNITS)), 0..1.

    Returns:
        (n, 7) in the order of `LABELS`, 0..1: the weighted share of its cues that show, minus its
        contradictions. For neutral, the strength of the strongest emotion.
    """
    moved = np.clip((intensities - NOTICED) / (FULL - NOTICED), 0.0, 1.0)
    result = np.zeros((len(intensities), len(LABELS)), np.float32)
    for label, prototype in PROTOTYPES.items():
        total = sum(weight for _, weight in prototype.cues)
        shows = sum(weight / total * _any(moved, units) for units, weight in prototype.cues)
        contradicted = CONTRADICTION * _any(moved, prototype.against)
        result[:, LABELS.index(label)] = np.clip(shows - contradicted, 0.0, 1.0)
    result[:, LABELS.index(NEUTRAL)] = result.max(axis=1)
    return result


def find_peaks(intensities: FloatArray) -> list[int]:
    """Return the index of the frame in which each emotion shows most, one per label.

    Frames in which the eyes are closed are used only where there are no others.

    Args:
        intensities: (n, len(UNITS)), 0..1, frame by frame.

    Returns:
        (7) indices in the order of `LABELS`; none when n is less than `MIN_FRAMES`.
    """
    count = len(intensities)
    if count < MIN_FRAMES:
        return []
    window = np.ones(SMOOTHING)
    near = np.convolve(np.ones(count), window, 'same')
    smooth = np.apply_along_axis(np.convolve, 0, intensities, window, 'same') / near[:, None]
    strength = strengths(smooth.astype(np.float32))
    # Where no cue of an emotion shows, the frame in which most moves, apart from speech.
    moving = [_COLUMNS[unit] for unit in _EXPRESSIVE]
    strength += 0.01 * smooth[:, moving].mean(axis=1, keepdims=True).astype(np.float32)
    strength -= intensities[:, [_COLUMNS[43]]] > FULL
    return [int(row) for row in np.argmax(strength, axis=0)]


def belongs(label: str, action_unit: int) -> bool:
    """Return whether an action unit is a cue for an emotion."""
    prototype = PROTOTYPES.get(label)
    return prototype is not None and any(action_unit in units for units, _ in prototype.cues)


def audible_or_visible(
    label: str, voice: ModalityEmotion, face: ModalityEmotion
) -> AudibleOrVisible:
    """Return which of voice and face expresses an emotion clearly more.

    Args:
        label: of the fused emotion.
        voice: estimate of the voice.
        face: estimate of the face.

    Returns:
        `NONE` when both express it about equally, when one of them is absent, and for neutral.
    """
    if voice.scores is None or face.scores is None or label in ('', NEUTRAL):
        return AudibleOrVisible.NONE
    index = LABELS.index(label)
    difference = float(voice.scores[index] - face.scores[index])
    if abs(difference) < MARGIN:
        return AudibleOrVisible.NONE
    return AudibleOrVisible.MORE_AUDIBLE if difference > 0 else AudibleOrVisible.MORE_VISIBLE


def _any(moved: FloatArray, units: tuple[int, ...]) -> FloatArray:
    """Return the strongest of some movements by frame, (n,)."""
    strongest: FloatArray = moved[:, [_COLUMNS[unit] for unit in units]].max(axis=1)
    return strongest


_EXPRESSIVE: Final = sorted(
    {unit for one in PROTOTYPES.values() for units, _ in one.cues for unit in units}
)
