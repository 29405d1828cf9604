"""The node's fusion over many utterances: with what there is of them, and in their dialogues."""

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
"""By modality that is there: scores (n, 7) and reliability (n,)."""


def fuse_with(config: Config, evidence: Evidence) -> Array:
    """Return (n, 7) answers of the fusion that the parameters ask for, without the dialogue."""
    (count,) = {len(scores) for scores, _ in evidence.values()}
    told = np.full((len(MODALITIES), count, len(LABELS)), 1 / len(LABELS))
    trust = np.zeros((len(MODALITIES), count))
    for place, modality in enumerate(MODALITIES):
        if modality in evidence:
            told[place], trust[place] = evidence[modality]
    return Fusion(config.fusion).fuse_many(told, trust)[0]


def in_dialogue(
    scores: Array, dialogues: IntArray, speakers: npt.NDArray[np.str_], config: Config
) -> Array:
    """Return the answers as the dialogue before each makes them, which is made of such answers.

    MELD's times are not used: turns do not age.

    Args:
        scores: (n, 7), to each utterance by itself, in the order of speaking.
        dialogues: (n,) of which dialogue.
        speakers: (n,) who speaks.
        config: parameters.
    """
    text, voice, face = (ModalityEmotion.absent(one, Reason.MODEL_OFF) for one in MODALITIES)
    transitions = TransitionFilter(config.dialogue)
    dialogue = Dialogue(config.dialogue)
    found = np.empty_like(scores)
    for n, (told, speaker) in enumerate(zip(scores, speakers, strict=True)):
        if n and dialogues[n] != dialogues[n - 1]:
            dialogue.reset()
        alone = FusedScores(told.astype(np.float32), 0.0, 0.0, text, voice, face)
        after = transitions.apply(alone, dialogue.before(0), str(speaker), 0)
        dialogue.add(DialogueTurn(f'u{n}', str(speaker), 0, 0, '', after.label, after.scores))
        found[n] = after.scores
    return found
