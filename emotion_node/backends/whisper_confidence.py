"""How sure Whisper's words are: a probability that a word is right.

Whisper's own measures of a transcript (how likely its tokens are, whether there is speech at all)
rise and fall with the share of right words, but are no probabilities of it. A logistic regression
on them is; `python -m emotion_lab evaluate confidence` fits it and prints how well it holds on
corpora that took no part in the fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import numpy as np

from emotion_node.datatypes import FloatArray

WEIGHTS: Final = (0.138, 1.155, -2.663)
"""Weights of `features`, fitted on all corpora of the laboratory's `data.spoken`."""

_FLOOR: Final = 1e-3


class WhisperSegment(Protocol):
    """What Whisper knows of a segment; faster-whisper's `Segment` has it."""

    @property
    def text(self) -> str:
        """The words."""
        ...

    @property
    def tokens(self) -> Sequence[int]:
        """Their tokens."""
        ...

    @property
    def avg_logprob(self) -> float:
        """Mean log-probability of the tokens."""
        ...

    @property
    def no_speech_prob(self) -> float:
        """Probability that there is no speech, 0..1."""
        ...

    @property
    def compression_ratio(self) -> float:
        """Of the text, by zlib."""
        ...


def features(segments: Sequence[WhisperSegment]) -> FloatArray:
    """Return the (3,) features of a transcript: 1, log-odds of its tokens, chance of no speech.

    Each is the mean over the segments, weighted by their numbers of tokens.

    Args:
        segments: at least one.
    """
    weights = np.array([max(len(one.tokens), 1) for one in segments], np.float64)
    weights /= weights.sum()
    likely = np.exp(weights @ np.array([min(one.avg_logprob, 0.0) for one in segments]))
    likely = np.clip(likely, _FLOOR, 1 - _FLOOR)
    silence = weights @ np.array([one.no_speech_prob for one in segments])
    return np.array([1.0, np.log(likely / (1 - likely)), silence], np.float32)


def confidence(segments: Sequence[WhisperSegment]) -> float:
    """Return the share of the words that are right, as expected, 0..1.

    Args:
        segments: of a transcript, at least one.
    """
    return float(1 / (1 + np.exp(-features(segments) @ np.array(WEIGHTS))))
