"""Marks at the ends of sentences, drawn at random: a recogniser's choice, not the speaker's."""

from __future__ import annotations

import re
from typing import Final

import numpy as np

_END: Final = re.compile(r'\s*[.!?…]+(?=\s|$)')
_FINAL: Final = re.compile(r'[\s.!?…,;:-]*$')


def draw_marks(text: str, rng: np.random.Generator) -> str:
    """Return `text` with the marks at the ends of its sentences drawn at random.

    As likely: as they are; all of them "."; all of them "!"; each drawn alone; the last one left
    out. A question mark stays one in half of the texts, and none appears where there was none.
    """
    kind = rng.integers(5)
    asks = rng.random() < 0.5
    if kind == 0:
        return text
    ends = _FINAL.sub('', text)
    if not ends:
        return text
    last = '?' if '?' in text[len(ends) :] else '.'

    def mark(old: str) -> str:
        if '?' in old and asks:
            return '?'
        return {1: '.', 2: '!'}.get(int(kind), '.!'[rng.integers(2)])

    marked = _END.sub(lambda match: mark(match[0]), ends)
    return marked if kind == 4 else marked + mark(last)
