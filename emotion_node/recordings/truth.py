"""The true utterances of a recording, and how many of them were recognised."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from emotion_node.datatypes import EmotionReport

_SEPARATORS = re.compile(r"[^\w']+")


@dataclass(frozen=True, slots=True)
class TrueUtterance:
    """An utterance as it was spoken.

    Attributes:
        start_ns, end_ns: stamps of its first and last sound.
        text: the words.
        emotion: the intended label.
        speaker: name of the speaker.
    """

    start_ns: int
    end_ns: int
    text: str
    emotion: str
    speaker: str


def read_truth(path: Path) -> list[TrueUtterance]:
    """Read a truth file, in the format that `demo/README.md` describes."""
    content = json.loads(path.read_text(encoding='utf-8'))
    return [
        TrueUtterance(one['start'], one['end'], one['words'], one['emotion'], one['speaker'])
        for one in content['utterances']
    ]


def overlapping(truth: TrueUtterance, reports: Sequence[EmotionReport]) -> list[EmotionReport]:
    """Return the final emotions that overlap a true utterance in time."""
    return [one for one in reports if one.start_ns < truth.end_ns and one.end_ns > truth.start_ns]


@dataclass(frozen=True, slots=True)
class Score:
    """How much of a recording was recognised.

    Attributes:
        utterances: number of true utterances.
        found: those with at least one emotion.
        words: number of true words.
        words_right: those recognised, in their order.
        emotions_right: utterances of which the intended emotion was recognised.
    """

    utterances: int
    found: int
    words: int
    words_right: int
    emotions_right: int


def score(truths: Sequence[TrueUtterance], reports: Sequence[EmotionReport]) -> Score:
    """Compare final emotions with the truth."""
    found = words = words_right = emotions_right = 0
    for truth in truths:
        matches = overlapping(truth, reports)
        expected = words_of(truth.text)
        recognised = [word for one in matches for word in words_of(one.transcript.text)]
        found += bool(matches)
        words += len(expected)
        words_right += common_words(expected, recognised)
        emotions_right += truth.emotion in [one.fused.label for one in matches]
    return Score(len(truths), found, words, words_right, emotions_right)


def words_of(text: str) -> list[str]:
    """Return the words of a text in lower case, without punctuation."""
    return [word for word in _SEPARATORS.split(text.lower()) if word]


def common_words(expected: Sequence[str], recognised: Sequence[str]) -> int:
    """Return the length of the longest common subsequence of words."""
    best: Mapping[int, int] = dict.fromkeys(range(len(recognised) + 1), 0)
    for word in expected:
        row = {0: 0}
        for i, other in enumerate(recognised, 1):
            row[i] = best[i - 1] + 1 if word == other else max(best[i], row[i - 1])
        best = row
    return best[len(recognised)]
