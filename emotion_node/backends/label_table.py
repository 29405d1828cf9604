"""Maps the labels of any classifier of emotions to the seven of this package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from emotion_node.datatypes import FloatArray
from emotion_node.errors import ModelError
from emotion_node.labels import LABELS

KNOWN: Final[Mapping[str, tuple[str, ...]]] = {
    'neutral': ('neutral', 'no emotion', 'neu', 'calm'),
    'joy': (
        *('joy', 'joyful', 'happy', 'happiness', 'hap'),
        *('admiration', 'amusement', 'approval', 'caring', 'desire', 'excitement', 'gratitude'),
        *('love', 'optimism', 'pride', 'relief'),
    ),
    'sadness': (
        *('sadness', 'sad'),
        *('disappointment', 'embarrassment', 'grief', 'remorse'),
    ),
    'anger': ('anger', 'angry', 'ang', 'annoyance', 'disapproval'),
    'surprise': (
        *('surprise', 'surprised'),
        *('confusion', 'curiosity', 'realization'),
    ),
    'fear': ('fear', 'fearful', 'scared', 'afraid', 'nervousness'),
    'disgust': ('disgust', 'disgusted'),
}
"""Synonyms and short forms of the seven labels, and the finer labels of GoEmotions, grouped as in
its paper into Ekman's emotions (Demszky et al., "GoEmotions: A Dataset of Fine-Grained Emotions",
ACL 2020)."""

_KNOWN: Final = {name: label for label, names in KNOWN.items() for name in names}


def parse_table(text: str, parameter: str) -> dict[str, str]:
    """Parse a label table such as "LABEL_0=anger, love=joy, irony=".

    Args:
        text: the table.
        parameter: its name, for error messages.

    Returns:
        One of `labels.LABELS` for each named label; empty where it is mapped to nothing.

    Raises:
        ModelError: an entry is no pair, or its right side is not one of the seven.
    """
    table = {}
    for entry in filter(None, (part.strip() for part in text.split(','))):
        theirs, equals, ours = (part.strip() for part in entry.rpartition('='))
        if not equals or not theirs:
            raise ModelError(f'{parameter}: expected "label=emotion", got {entry!r}')
        if ours and ours not in LABELS:
            raise ModelError(
                f'{parameter}: {theirs!r} is mapped to {ours!r}; expected one of '
                f'{", ".join(LABELS)}, or nothing'
            )
        table[theirs] = ours
    return table


def label_matrix(labels: Sequence[str], table: Mapping[str, str], parameter: str) -> FloatArray:
    """Return which of the seven each label of a classifier is mapped to.

    Names are compared without regard to case; the table takes precedence over `KNOWN`.

    Args:
        labels: (n,) the classifier's labels in the order of its outputs.
        table: as `parse_table` returns it.
        parameter: name of the table, for error messages.

    Returns:
        (n, 7) float32 with a single 1 in each row, or none where a label is mapped to nothing:
        (n,) probabilities times this matrix are those of the seven, labels of one emotion summed.

    Raises:
        ModelError: a label is not mapped, all are mapped to nothing, or the table names a label
            that the classifier does not have.
    """
    places = {label.casefold() for label in labels}
    if strange := [name for name in table if name.casefold() not in places]:
        raise ModelError(
            f'{parameter} names {", ".join(strange)}; the model has {", ".join(labels)}'
        )
    known = _KNOWN | {name.casefold(): ours for name, ours in table.items()}
    if unmapped := [label for label in labels if label.casefold() not in known]:
        raise ModelError(
            f'the model has labels of unknown meaning: {", ".join(unmapped)}; map each in '
            f'{parameter} to one of {", ".join(LABELS)}, or to nothing, e.g. '
            f'"{unmapped[0]}=joy, ..." or "{unmapped[0]}=, ..."'
        )
    matrix = np.zeros((len(labels), len(LABELS)), np.float32)
    for row, label in zip(matrix, labels, strict=True):
        if ours := known[label.casefold()]:
            row[LABELS.index(ours)] = 1.0
    if not matrix.any():
        raise ModelError(f'{parameter} maps every label of the model to nothing')
    return matrix
