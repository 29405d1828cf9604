"""Measure the text model on everyday sentences that people say to a robot (`data.sentences`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from emotion_lab.data.metrics import confusion
from emotion_lab.data.sentences import MARKINGS, Sentence
from emotion_node.interfaces import TextEmotion
from emotion_node.labels import LABELS


def sentence_figures(
    model: TextEmotion, sentences: Sequence[Sentence], split: str
) -> dict[str, Any]:
    """Return how a model reads one half of the sentences.

    Returns:
        `accuracy` by marking and their `mean`; `recall` by label, over all markings;
        `neutral_recall` by marking, and `neutral_exclaimed`: of neutral sentences that are no
        questions, ended with "!".
    """
    chosen = [one for one in sentences if one.split == split]
    truth = np.array([one.label for one in chosen], np.int64)
    answers = {}
    for name, marking in MARKINGS.items():
        scores = [model.estimate(marking(one.text), (), '').scores for one in chosen]
        answers[name] = np.array(scores, np.float64).argmax(axis=1)
    right = {name: answer == truth for name, answer in answers.items()}
    neutral = truth == LABELS.index('neutral')
    told = neutral & np.array([not one.text.endswith('?') for one in chosen])
    accuracy = {name: float(one.mean()) for name, one in right.items()}
    counts = np.sum([confusion(truth, answer) for answer in answers.values()], axis=0)
    return {
        'sentences': len(chosen),
        'accuracy': accuracy,
        'mean': float(np.mean(list(accuracy.values()))),
        'recall': dict(
            zip(LABELS, (counts.diagonal() / counts.sum(axis=1)).tolist(), strict=True)
        ),
        'neutral_recall': {name: float(one[neutral].mean()) for name, one in right.items()},
        'neutral_exclaimed': float(right['swapped'][told].mean()),
    }
