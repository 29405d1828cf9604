"""Text with errors as Whisper makes them, with Whisper's punctuation.

Whisper writes sentences: capitals, commas and full stops, real words in place of those it did not
hear, and its errors come in runs. How often it does what is counted from its transcripts of
speech whose words are known, by `python -m emotion_lab train whisper-errors`, and stored in
`whisper_errors.json`. Which words sound alike is in `sound_alikes.tsv`, as for `noise.corrupt`.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final

import numpy as np

FILE: Final = 'whisper_errors.json'
MARKS: Final = ('', ',', '.', '?', '!')
"""Marks after a word: none, a comma or dash, and the ends of sentences."""

_WORD: Final = re.compile(r"\w+(?:['’]\w+)*")


@dataclass(frozen=True, slots=True)
class MarkedWord:
    """A word and the mark after it, one of `MARKS`."""

    word: str
    mark: str


@dataclass(frozen=True, slots=True)
class WhisperErrors:
    """How Whisper writes English, counted.

    Attributes:
        source: which transcripts were counted.
        words: number of words said in them.
        word_error_rate: of them.
        error_after_right, error_after_error: probability of an error in a word whose predecessor
            was right, or was in error; the first word's is right.
        substituted, deleted: shares of the words in error; after the others, words are inserted.
        inserted_words: mean number of words inserted after one.
        alike: share of the substitutes that sound like the word.
        substitutes, inserted: how often which word was written in place of another that sounds
            different, or inserted.
        marks: for each mark that people write after a word inside an utterance that is right, how
            often Whisper writes which of `MARKS`.
        final_marks: likewise after the last word.
    """

    source: str
    words: int
    word_error_rate: float
    error_after_right: float
    error_after_error: float
    substituted: float
    deleted: float
    inserted_words: float
    alike: float
    substitutes: Mapping[str, int]
    inserted: Mapping[str, int]
    marks: Mapping[str, Sequence[int]]
    final_marks: Mapping[str, Sequence[int]]


@functools.cache
def whisper_errors() -> WhisperErrors:
    """Return what was counted."""
    text = resources.files('emotion_lab.data').joinpath(FILE).read_text(encoding='utf-8')
    fields: dict[str, Any] = json.loads(text)
    return WhisperErrors(**fields)


def marked_words(text: str) -> list[MarkedWord]:
    """Return the words of a text as written, each with the mark after it."""
    found = list(_WORD.finditer(text))
    ends = [*(match.start() for match in found[1:]), len(text)] if found else []
    return [
        MarkedWord(match[0].replace('’', "'"), _mark(text[match.end() : end]))
        for match, end in zip(found, ends, strict=True)
    ]


def _mark(between: str) -> str:
    """Return the strongest mark in what stands between two words."""
    for signs, mark in (('?', '?'), ('!', '!'), ('.…', '.'), (',;:-–—', ',')):
        if any(sign in between for sign in signs):
            return mark
    return ''


def write_as_whisper(
    text: str,
    alikes: Mapping[str, Sequence[str]],
    rng: np.random.Generator,
    errors: WhisperErrors | None = None,
) -> str:
    """Return `text` as Whisper might write it; a text never loses all its words.

    Args:
        text: what was said, with punctuation.
        alikes: the words that each word may be mistaken for, nearest first.
        rng: source of the errors.
        errors: how Whisper writes; those that were counted, if None.
    """
    errors = errors or whisper_errors()
    said = marked_words(text)
    written: list[MarkedWord] = []
    wrong = False
    for place, one in enumerate(said):
        marks = errors.final_marks if place == len(said) - 1 else errors.marks
        mark = _draw_mark(marks, one.mark, rng)
        wrong = rng.random() < (errors.error_after_error if wrong else errors.error_after_right)
        if not wrong:
            written.append(MarkedWord(one.word, mark))
            continue
        kind = rng.random()
        if kind < errors.substituted:
            written.append(MarkedWord(_substitute(one.word, alikes, errors, rng), mark))
        elif kind >= errors.substituted + errors.deleted:
            more = [
                _draw(errors.inserted, rng)
                for _ in range(int(rng.geometric(1 / max(errors.inserted_words, 1.0))))
            ]
            written += [MarkedWord(word, '') for word in (one.word, *more[:-1])]
            written.append(MarkedWord(more[-1], mark))
        elif mark and written:
            written[-1] = MarkedWord(written[-1].word, mark)
    return sentence(written or said[:1])


def sentence(words: Sequence[MarkedWord]) -> str:
    """Return words as a text, with capitals at the beginnings of its sentences."""
    parts: list[str] = []
    begins = True
    for one in words:
        word = one.word[:1].upper() + one.word[1:] if begins else one.word
        parts.append(word + one.mark)
        begins = one.mark in ('.', '?', '!')
    return ' '.join(parts)


def _substitute(
    word: str,
    alikes: Mapping[str, Sequence[str]],
    errors: WhisperErrors,
    rng: np.random.Generator,
) -> str:
    near = alikes.get(word.lower(), ())
    if near and rng.random() < errors.alike:
        return near[min(int(rng.geometric(0.5)) - 1, len(near) - 1)]
    return _draw({key: n for key, n in errors.substitutes.items() if key != word.lower()}, rng)


def _draw(counts: Mapping[str, int], rng: np.random.Generator) -> str:
    weights = np.array(list(counts.values()), np.float64)
    return list(counts)[int(rng.choice(len(weights), p=weights / weights.sum()))]


def _draw_mark(counts: Mapping[str, Sequence[int]], said: str, rng: np.random.Generator) -> str:
    weights = np.array(counts[said], np.float64)
    return MARKS[int(rng.choice(len(MARKS), p=weights / weights.sum()))]
