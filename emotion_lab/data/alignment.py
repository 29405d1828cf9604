"""Which words a recogniser got right: the alignment of what was said with what was written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WordPair:
    """One step of an alignment.

    Attributes:
        said: index of a word that was said, or None for an inserted word.
        written: index of a word that was written, or None for a deleted word.
        right: whether they are the same word.
    """

    said: int | None
    written: int | None
    right: bool


def align(said: Sequence[str], written: Sequence[str]) -> list[WordPair]:
    """Return an alignment with the fewest word errors, in order (Levenshtein, 1966).

    Of alignments with as many errors, it takes the one with the most right words.
    """
    rows = [[(j, 0) for j in range(len(written) + 1)]]
    for i, word in enumerate(said, 1):
        row = [(i, 0)]
        for j, other in enumerate(written, 1):
            errors, wrong = rows[-1][j - 1]
            same = (errors, wrong - 1) if word == other else (errors + 1, wrong)
            above, left = rows[-1][j], row[-1]
            row.append(min(same, (above[0] + 1, above[1]), (left[0] + 1, left[1])))
        rows.append(row)
    pairs: list[WordPair] = []
    i, j = len(said), len(written)
    while i or j:
        right = bool(i and j) and said[i - 1] == written[j - 1]
        if i and j:
            errors, wrong = rows[i - 1][j - 1]
            if rows[i][j] == ((errors, wrong - 1) if right else (errors + 1, wrong)):
                i, j = i - 1, j - 1
                pairs.append(WordPair(i, j, right))
                continue
        if i and rows[i][j] == (rows[i - 1][j][0] + 1, rows[i - 1][j][1]):
            i -= 1
            pairs.append(WordPair(i, None, False))
        else:
            j -= 1
            pairs.append(WordPair(None, j, False))
    return pairs[::-1]
