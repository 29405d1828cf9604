"""What was really said in a recording, and how well it was understood."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from emotion_node.messages.json_records import Record

_NO_WORD = re.compile(r"[^\w']+")


@dataclass(frozen=True, slots=True)
class TrueUtterance:
    """What was said.

    Attributes:
        start_ns, end_ns: stamps of first and last sound.
        text: the words.
        emotion: what was meant.
        speaker: who said it.
    """

    start_ns: int
    end_ns: int
    text: str
    emotion: str
    speaker: str


def read_truth(path: Path) -> list[TrueUtterance]:
    """Read a truth file as `demo/README.md` describes it."""
    content = json.loads(path.read_text(encoding='utf-8'))
    return [
        TrueUtterance(one['start'], one['end'], one['words'], one['emotion'], one['speaker'])
        for one in content['utterances']
    ]


def heard_in(truth: TrueUtterance, emotions: Sequence[Record]) -> list[Record]:
    """Return the final emotions whose utterance overlaps a true one."""
    return [one for one in emotions if one['start'] < truth.end_ns and one['end'] > truth.start_ns]


@dataclass(frozen=True, slots=True)
class Score:
    """How well a recording was understood.

    Attributes:
        utterances: true ones.
        found: those that some emotion was published for.
        words: true ones.
        words_right: found in their order among those recognised.
        emotions_right: utterances whose meant emotion was published.
    """

    utterances: int
    found: int
    words: int
    words_right: int
    emotions_right: int


def score(truths: Sequence[TrueUtterance], emotions: Sequence[Record]) -> Score:
    """Compare final emotions with the truth."""
    found = words = words_right = emotions_right = 0
    for truth in truths:
        heard = heard_in(truth, emotions)
        expected = words_of(truth.text)
        said = [word for one in heard for word in words_of(one['text'])]
        found += bool(heard)
        words += len(expected)
        words_right += common_words(expected, said)
        emotions_right += truth.emotion in [one['label'] for one in heard]
    return Score(len(truths), found, words, words_right, emotions_right)


def words_of(text: str) -> list[str]:
    """Return the words of a text in lower case, without punctuation."""
    return [word for word in _NO_WORD.split(text.lower()) if word]


def common_words(expected: Sequence[str], said: Sequence[str]) -> int:
    """Return the length of the longest sequence of words that both have, in order."""
    best: Mapping[int, int] = dict.fromkeys(range(len(said) + 1), 0)
    for word in expected:
        row = {0: 0}
        for i, other in enumerate(said, 1):
            row[i] = best[i - 1] + 1 if word == other else max(best[i], row[i - 1])
        best = row
    return best[len(said)]
