"""Text as a speech recogniser writes it: for training against it and for measuring under it.

Needs NumPy alone. `plain_text` removes what most recognisers do not write; `corrupt` also makes
word errors: words replaced by others that sound alike, words deleted, words inserted. Whisper errs
in its own way, with punctuation: `whisper_errors`.
`sound_alikes.tsv` lists the words that sound alike; `python -m emotion_lab train sound-alikes`
makes it.
"""

from __future__ import annotations

import functools
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType
from typing import Final

import numpy as np

from emotion_lab.data.whisper_errors import write_as_whisper

SUBSTITUTED: Final = 0.6
DELETED: Final = 0.22
"""Shares of word errors; the rest are insertions. These are typical of recognisers of spontaneous
speech."""

HIDDEN: Final = 1.04
"""Errors made per error that an alignment finds: a deletion next to an insertion is one error."""

FILLERS: Final = ('uh', 'um', 'oh', 'ah', 'mm', 'the', 'a', 'and', 'i', 'you', 'to', 'it', 'so')
"""Words that a recogniser finds in noise, breath and laughter."""

_TAKEN: Final = {'’': "'", '‘': "'", 'é': 'e', 'è': 'e', 'ñ': 'n', 'í': 'i'}
_NO_WORD = re.compile(r"[^a-z0-9']+")
_BARE_QUOTE = re.compile(r"(?<![a-z0-9])'+|'+(?![a-z0-9])")


def plain_text(text: str) -> str:
    """Return `text` in lower case without punctuation; apostrophes inside words stay."""
    text = text.lower()
    for old, new in _TAKEN.items():
        text = text.replace(old, new)
    return ' '.join(_BARE_QUOTE.sub(' ', _NO_WORD.sub(' ', text)).split())


@functools.cache
def sound_alikes() -> Mapping[str, tuple[str, ...]]:
    """Return the words that each word may be mistaken for, nearest first."""
    file = resources.files('emotion_lab.data') / 'sound_alikes.tsv'
    rows = (line.split('\t') for line in file.read_text(encoding='utf-8').splitlines())
    return MappingProxyType({word: tuple(others.split()) for word, others in rows})


def corrupt(text: str, wer: float, rng: np.random.Generator) -> str:
    """Return `text` as a recogniser with this word error rate might write it.

    Errors are independent and equally likely for each word, so the rate holds on average over
    many words; a text never loses all its words.

    Args:
        text: what was said; `plain_text` is applied first.
        wer: share of words in error, 0 to 1.
        rng: source of the errors.
    """
    words = plain_text(text).split()
    rate = min(1.0, wer * HIDDEN)
    result: list[str] = []
    for word in words:
        draw = rng.random()
        if draw >= rate:
            result.append(word)
        elif draw < rate * SUBSTITUTED:
            result.append(_mistaken(word, words, rng))
        elif draw >= rate * (SUBSTITUTED + DELETED):
            result += [word, FILLERS[rng.integers(len(FILLERS))]]
    return ' '.join(result or words[:1])


def _mistaken(word: str, words: Sequence[str], rng: np.random.Generator) -> str:
    others = sound_alikes().get(word, ())
    if not others:
        # A word that no dictionary lists, most likely a name.
        filler = FILLERS[rng.integers(len(FILLERS))]
        return filler if filler != word else FILLERS[0]
    # The nearest half the time, the second a quarter of the time, ...
    place = int(rng.geometric(0.5)) - 1
    return others[min(place, len(others) - 1)]


@dataclass(frozen=True, slots=True)
class Condition:
    """A fixed form in which text reaches the model.

    Attributes:
        name: short.
        description: for tables.
        wer: word error rate; None leaves the text as it is.
        whisper: as Whisper writes, with its own word errors.
    """

    name: str
    description: str
    wer: float | None
    whisper: bool = False

    def apply(self, text: str, key: str) -> str:
        """Return `text` under this condition, the same each time for the same `key`."""
        rng = np.random.default_rng(zlib.crc32(f'{self.name} {key}'.encode()))
        if self.whisper:
            return write_as_whisper(text, sound_alikes(), rng) or text
        if self.wer is None:
            return text
        if self.wer == 0:
            return plain_text(text) or text
        return corrupt(text, self.wer, rng) or text


CONDITIONS: Final = MappingProxyType(
    {
        condition.name: condition
        for condition in (
            Condition('gold', 'as transcribed by people', None),
            Condition('plain', 'lower case without punctuation', 0.0),
            Condition('wer15', '15 % word errors, plain', 0.15),
            Condition('wer35', '35 % word errors, plain', 0.35),
            Condition('whisper', 'as Whisper writes television', None, whisper=True),
        )
    }
)
"""The conditions under which text models are measured."""
