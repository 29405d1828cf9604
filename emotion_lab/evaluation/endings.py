"""After which words sentences end, counted in MELD train: evidence that a speaker has finished.

A sentence ends at a full stop, a question or exclamation mark, and at the end of an utterance,
but not at an ellipsis within one ("...").
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from emotion_lab.data.noise import plain_text

MIN_COUNT: Final = 8
"""Rarer words are left out: their counts are not reliable."""
SMOOTHING: Final = 2.0
"""Pseudo-counts of the average word that are added to the counts of each word."""


def words_and_ends(text: str) -> Iterator[tuple[str, bool]]:
    """Yield the words of a transcript as recognisers write them, and whether a sentence ends."""
    tokens = [(plain_text(token), token) for token in text.replace('--', ' ').split()]
    spoken = [(words.split(), token) for words, token in tokens if words]
    for place, (words, token) in enumerate(spoken):
        for word in words[:-1]:
            yield word, False
        bare = token.rstrip('"\')*]')
        stops = bare.endswith(('.', '?', '!')) and not bare.endswith('..')
        yield words[-1], stops or place == len(spoken) - 1


def count_endings(texts: Iterable[str]) -> dict[str, float]:
    """Return the log odds of a sentence's end after each word, minus those of the average word."""
    ends: Counter[str] = Counter()
    inner: Counter[str] = Counter()
    for text in texts:
        for word, ended in words_and_ends(text):
            (ends if ended else inner)[word] += 1
    share = ends.total() / (ends.total() + inner.total())
    base = math.log(share / (1 - share))
    return {
        word: math.log((ends[word] + SMOOTHING * share) / (inner[word] + SMOOTHING * (1 - share)))
        - base
        for word in sorted(ends.keys() | inner.keys())
        if ends[word] + inner[word] >= MIN_COUNT
    }
