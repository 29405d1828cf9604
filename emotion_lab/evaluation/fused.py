"""Run the node's fusion over many utterances, and its transitions over their dialogues."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from emotion_lab.data.metrics import Array, IntArray
from emotion_node.config import Config
from emotion_node.core.analysis.fusion import Fusion
from emotion_node.core.dialogue.transitions import TransitionFilter
from emotion_node.core.dialogue.turns import Dialogue, DialogueTurn
from emotion_node.datatypes import FusedScores, ModalityEmotion, Reason
from emotion_node.labels import LABELS, MODALITIES, Modality

Evidence = Mapping[Modality, tuple[Array, Array]]
"""By available modality: scores (n, 7) and reliability (n,)."""


def fuse_with(config: Config, evidence: Evidence) -> Array:
    """Return (n, 7) scores of the configured fusion, without the dialogue."""
    (count,) = {len(one) for one, _ in evidence.values()}
    scores = np.full((len(MODALITIES), count, len(LABELS)), 1 / len(LABELS))
    reliability = np.zeros((len(MODALITIES), count))
    for place, modality in enumerate(MODALITIES):
        if modality in evidence:
            scores[place], reliability[place] = evidence[modality]
    return Fusion(config.fusion).fuse_many(scores, reliability)[0]


def apply_transitions(
    scores: Array, dialogues: IntArray, speakers: npt.NDArray[np.str_], config: Config
) -> Array:
    """Apply the transition filter to each utterance, given the filtered dialogue so far.

    MELD's times are not used: turns do not age.

    Args:
        scores: (n, 7) of each utterance alone, in order.
        dialogues: (n,) number of the dialogue.
        speakers: (n,) name of the speaker.
        config: parameters.

    Returns:
        (n, 7) filtered scores.
    """
    text, voice, face = (ModalityEmotion.absent(one, Reason.MODEL_OFF) for one in MODALITIES)
    transitions = TransitionFilter(config.dialogue)
    dialogue = Dialogue(config.dialogue)
    filtered = np.empty_like(scores)
    for n, (own, speaker) in enumerate(zip(scores, speakers, strict=True)):
        if n and dialogues[n] != dialogues[n - 1]:
            dialogue.reset()
        alone = FusedScores(own.astype(np.float32), 0.0, 0.0, text, voice, face)
        after = transitions.apply(alone, dialogue.before(0), str(speaker), 0)
        dialogue.add(DialogueTurn(f'u{n}', str(speaker), 0, 0, '', after.label, after.scores))
        filtered[n] = after.scores
    return filtered
