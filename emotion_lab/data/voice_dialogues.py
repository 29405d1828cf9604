"""How a voice model does in dialogues: everyday talk, and one label in a row."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from emotion_lab.data.metrics import Array, IntArray
from emotion_node.labels import LABELS, NEUTRAL

NEUTRAL_CONFIDENCE: Final = 0.5
"""A label other than neutral above this confidence is a false alarm in neutral talk."""
FIRST: Final = 3
LAST: Final = 7
"""Of clips with one label in a row, the first ones are fewer than the former, the last ones from
the latter."""

_NEUTRAL: Final = LABELS.index(NEUTRAL)

Names = npt.NDArray[np.str_]


def dialogue_means(dialogues: Names, truth: IntArray, scores: Array) -> dict[str, float]:
    """Return the figures of dialogues, means over the corpora.

    Figures of what no corpus has enough clips for are missing.

    Args:
        dialogues: (m,) "CORPUS KIND NUMBER".
        truth: (m,) true labels.
        scores: (m, 7).
    """
    place = _places(dialogues)
    parts = [name.split(' ') for name in dialogues]
    corpora, kinds = np.array([part[0] for part in parts]), np.array([part[1] for part in parts])
    talk, neutral = kinds == 'everyday', truth == _NEUTRAL
    predicted = scores.argmax(1)
    right, calm = predicted == truth, predicted == _NEUTRAL
    alarms = ~calm & (scores.max(1) > NEUTRAL_CONFIDENCE)
    found = {
        'everyday_neutral': _mean(right, talk & neutral, corpora),
        'everyday_others': _mean(right, talk & ~neutral, corpora, truth),
        'everyday_alarms': _mean(alarms, talk & neutral, corpora),
    }
    for label in LABELS[1:]:
        row = kinds == label
        for when, rows in (('first', row & (place < FIRST)), ('last', row & (place >= LAST))):
            key = f'{label}_in_a_row_{when}'
            found[key] = _mean(right, rows, corpora)
            found[f'{key}_neutral'] = _mean(calm, rows, corpora)
    return {name: value for name, value in found.items() if value is not None}


def _places(dialogues: Names) -> IntArray:
    """Return the (m,) place of each clip in its dialogue."""
    places = np.zeros(len(dialogues), np.int64)
    for dialogue in np.unique(dialogues):
        rows = np.flatnonzero(dialogues == dialogue)
        places[rows] = np.arange(len(rows))
    return places


def _mean(
    what: npt.NDArray[np.bool_],
    rows: npt.NDArray[np.bool_],
    corpora: Names,
    labels: IntArray | None = None,
) -> float | None:
    """Return the share of the rows, groups weighing the same; None where there are none.

    Args:
        what: (m,) whose share it is.
        rows: (m,) that count.
        corpora: (m,) by which they are grouped.
        labels: (m,) by which they are grouped too.
    """
    groups = corpora if labels is None else np.char.add(corpora, labels.astype(np.str_))
    shares = [what[rows & (groups == one)].mean() for one in np.unique(groups[rows])]
    return float(np.mean(shares)) if shares else None
