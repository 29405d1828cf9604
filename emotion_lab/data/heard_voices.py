"""What would have been heard of a speaker before each clip of a corpus, in a realistic order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from emotion_lab.data.metrics import IntArray
from emotion_node.backends.voice_features import MELS
from emotion_node.core.voice.usual_voice import MEMORY
from emotion_node.datatypes import FloatArray
from emotion_node.labels import LABELS, NEUTRAL

_SEED: Final = 0
_NEUTRAL: Final = LABELS.index(NEUTRAL)

NEUTRAL_SHARE: Final = 0.8
"""Share of neutral clips in everyday talk."""
MOST_NEUTRAL: Final = 24
"""Most neutral clips in it."""
TALKS: Final = 4
"""Everyday talks of each speaker."""
IN_A_ROW: Final = 10
"""Clips with one label in a row."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard before each of n clips.

    Attributes:
        means: (n, width) float32 mean of the features of the clips before; 0 where there are none.
        counts: (n,) number of clips in it.
    """

    means: FloatArray
    counts: IntArray


def nothing_heard(count: int, width: int = MELS) -> Heard:
    """Return that before `count` clips nothing was heard."""
    return Heard(np.zeros((count, width), np.float32), np.zeros(count, np.int64))


def heard_before(features: FloatArray, speakers: npt.NDArray[np.str_]) -> Heard:
    """Return what was heard if every speaker says all clips in random order; the first is cold.

    The order is the same for all features of the same clips.

    Args:
        features: (n, width) of the clips.
        speakers: (n,) of the clips.
    """
    rng = np.random.default_rng(_SEED)
    orders = [rng.permutation(np.flatnonzero(speakers == one)) for one in np.unique(speakers)]
    order = np.concatenate(orders)
    said = heard_in_order(features[order], speakers[order])
    back = np.argsort(order)
    return Heard(said.means[back], said.counts[back])


def heard_in_order(features: FloatArray, dialogues: npt.NDArray[np.str_]) -> Heard:
    """Return what was heard if the clips of each dialogue are said in their order.

    Args:
        features: (n, width) of the clips.
        dialogues: (n,) name of the dialogue of each clip, in which one speaker is heard.
    """
    heard = nothing_heard(*features.shape)
    for dialogue in np.unique(dialogues):
        order = np.flatnonzero(dialogues == dialogue)
        for place, row in enumerate(order[1:], start=1):
            before = order[max(0, place - MEMORY) : place]
            heard.means[row] = features[before].mean(axis=0)
            heard.counts[row] = len(before)
    return heard


@dataclass(frozen=True, slots=True)
class Dialogues:
    """Clips in the order in which speakers say them.

    Attributes:
        rows: (m,) clips.
        names: (m,) "KIND NUMBER"; KIND is "everyday" or a label that is heard in a row.
    """

    rows: IntArray
    names: npt.NDArray[np.str_]


def simulate_dialogues(labels: IntArray, speakers: npt.NDArray[np.str_]) -> Dialogues:
    """Return dialogues of the speakers, whose clips are said once in each.

    In everyday talk, `MOST_NEUTRAL` neutral clips at most come among a few others, so that
    `NEUTRAL_SHARE` are neutral: `TALKS` of each speaker. Then come, of each label but neutral,
    `IN_A_ROW` clips in a row, of speakers who have at least half as many.

    Args:
        labels: (n,) of the clips.
        speakers: (n,) of the clips.
    """
    rng = np.random.default_rng(_SEED)
    rows: list[IntArray] = [np.zeros(0, np.int64)]
    names: list[str] = []

    def add(kind: str, said: IntArray) -> None:
        rows.append(said)
        names.extend([f'{kind} {len(rows)}'] * len(said))

    for speaker in np.unique(speakers):
        own = rng.permutation(np.flatnonzero(speakers == speaker))
        neutral = own[labels[own] == _NEUTRAL][:MOST_NEUTRAL]
        others = own[labels[own] != _NEUTRAL]
        wanted = round(len(neutral) * (1 - NEUTRAL_SHARE) / NEUTRAL_SHARE)
        for _ in range(TALKS if 0 < wanted <= len(others) else 0):
            few = rng.choice(others, wanted, replace=False)
            add('everyday', rng.permutation(np.concatenate([neutral, few])))
        for label in np.unique(labels[others]):
            row = others[labels[others] == label][:IN_A_ROW]
            if 2 * len(row) >= IN_A_ROW:
                add(LABELS[label], row)
    return Dialogues(np.concatenate(rows), np.array(names, np.str_))
