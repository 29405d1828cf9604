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

_SEED: Final = 0


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard before each of n clips.

    Attributes:
        means: (n, `MELS`) float32 mean of the clips before; 0 where there are none.
        counts: (n,) number of clips in it.
    """

    means: FloatArray
    counts: IntArray


def nothing_heard(count: int) -> Heard:
    """Return that before `count` clips nothing was heard."""
    return Heard(np.zeros((count, MELS), np.float32), np.zeros(count, np.int64))


def heard_before(means: FloatArray, speakers: npt.NDArray[np.str_]) -> Heard:
    """Return what was heard if every speaker says all clips in random order; the first is cold.

    Args:
        means: (n, `MELS`) of the clips, as `speech_mean` returns them.
        speakers: (n,) of the clips.
    """
    heard = nothing_heard(len(means))
    rng = np.random.default_rng(_SEED)
    for speaker in np.unique(speakers):
        order = rng.permutation(np.flatnonzero(speakers == speaker))
        for place, row in enumerate(order[1:], start=1):
            before = order[max(0, place - MEMORY) : place]
            heard.means[row] = means[before].mean(axis=0)
            heard.counts[row] = len(before)
    return heard
