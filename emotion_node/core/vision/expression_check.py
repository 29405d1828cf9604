"""Whether the face shows the emotion that was understood: the analysts' question, per utterance.

Which movements belong to which emotion is from Ekman and Friesen, "Unmasking the Face" (1975), in
the numbers of the table of emotion prototypes in Ekman, Friesen and Hager, "Facial Action Coding
System: Investigator's Guide" (2002). Two things differ. Speaking parts the lips and drops the jaw
(25, 26), so these two, which belong to surprise and fear, say nothing here. And landmarks tell
raised brows from lowered ones, but not whether raised brows are drawn together as well (1+4), so
4 counts only for anger and disgust.

Thresholds and weights are chosen on FER+ training faces (Barsoum et al., ICMI 2016; 40 to 116 per
label on which most judges agree, as single images against the neutral face of people in
general) and GRID talkers (Cooke et al., JASA 120(5), 2006; neutral, 89 stretches of speech of 0.5
to 2 s, all of which are to be neutral faces). `python -m emotion_lab evaluate expression`
measures them on FER+ dev. Fear is taken for surprise and anger for disgust, as they share cues.
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

MIN_IMAGES: Final = 5
"""Fewer in which the face shows do not tell an expression from a tremble."""
NOTICED, FULL = 0.1, 0.5
"""Intensities from which a movement begins to count, and from which it counts in full."""
AT_LEAST_PARTLY, AT_LEAST_ANOTHER, AT_LEAST_SHOWN = 0.45, 0.65, 0.7
"""Strengths from which an emotion is shown partly, is named in place of another, is shown."""
CONTRADICTION: Final = 0.5
"""How much a full movement that does not belong to an emotion takes from its strength."""
MARGIN: Final = 0.25
"""Voice and face differ when the probabilities that they give an emotion do so by this much."""
SMOOTHING: Final = MIN_IMAGES
"""Images over which a movement is averaged before the strongest moment is looked for."""


@dataclass(frozen=True, slots=True)
class Prototype:
    """How an emotion shows.

    Attributes:
        cues: action units, any of which is the cue, and how much it counts.
        against: action units that speak against the emotion.
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
"""By label; neutral has none. Lip pressor (24) is measured as 23."""

_COLUMNS: Final = {unit.number: column for column, unit in enumerate(UNITS)}


@dataclass(frozen=True, slots=True)
class Check:
    """An answer.

    Attributes:
        verdict: whether the face shows the emotion; `NOT_CHECKED` when there is none to look for.
        shown_expression: the label that the face shows, as in `datatypes.FusedScores`.
    """

    verdict: ExpressionCheck = ExpressionCheck.NOT_CHECKED
    shown_expression: str = ''


def check(label: str, cues: Sequence[FacialCue]) -> Check:
    """Return whether the speaker's face shows an emotion.

    A neutral emotion is `SHOWN` by a face on which nothing else shows. An emotion of which nothing
    shows is `OTHER_EXPRESSION` only when another one shows clearly.

    Args:
        label: the fused emotion's; empty when nothing is known.
        cues: all of `UNITS`, of the speaker's face; none where it is not visible.
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
    """Return how fully each emotion shows.

    Args:
        intensities: (n, len(UNITS)), 0..1.

    Returns:
        (n, 7) in the order of `LABELS`, 0..1: the weighted share of its cues that show, less what
        speaks against it. For neutral, how strongly the face shows anything.
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


def strongest(intensities: FloatArray) -> list[int]:
    """Return in which image each emotion shows most, one per label.

    Nothing when there are fewer than `MIN_IMAGES`.

    Args:
        intensities: (n, len(UNITS)), 0..1, frame by frame. Images in which the eyes are
            closed are taken only where there are no others.
    """
    count = len(intensities)
    if count < MIN_IMAGES:
        return []
    window = np.ones(SMOOTHING)
    near = np.convolve(np.ones(count), window, 'same')
    smooth = np.apply_along_axis(np.convolve, 0, intensities, window, 'same') / near[:, None]
    strength = strengths(smooth.astype(np.float32))
    # Where nothing of an emotion shows, whatever moves most; speech is not among it.
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
    """Return which of voice and face expresses an emotion more, where one plainly does.

    Args:
        label: the fused emotion's; neutral is no expression and neither heard nor seen.
        voice: the voice's estimate.
        face: the face's.

    Returns:
        `NONE` when both express it about alike, when one of them is absent, and for neutral.
    """
    if voice.scores is None or face.scores is None or label in ('', NEUTRAL):
        return AudibleOrVisible.NONE
    index = LABELS.index(label)
    difference = float(voice.scores[index] - face.scores[index])
    if abs(difference) < MARGIN:
        return AudibleOrVisible.NONE
    return AudibleOrVisible.MORE_AUDIBLE if difference > 0 else AudibleOrVisible.MORE_VISIBLE


def _any(moved: FloatArray, units: tuple[int, ...]) -> FloatArray:
    """Return in each image the strongest of some movements, (n,)."""
    strongest_of: FloatArray = moved[:, [_COLUMNS[unit] for unit in units]].max(axis=1)
    return strongest_of


_EXPRESSIVE: Final = sorted(
    {unit for one in PROTOTYPES.values() for units, _ in one.cues for unit in units}
)
