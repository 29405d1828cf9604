"""Count how Whisper errs: `whisper_errors.json`, for the text model's tests.

Transcripts of English speech whose words are known (RAVDESS and MELD, see `data.spoken`), as
recorded and with noise, are aligned with what was said. Rates and marks are those of MELD alone,
as RAVDESS has two sentences; which words replace which is counted in both.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Final

import numpy as np
from rich.console import Console

from emotion_lab.data.alignment import align
from emotion_lab.data.decoding import add_decoder_arguments, load_decoder
from emotion_lab.data.heard import Heard, add_speech_arguments, hear_all
from emotion_lab.data.metrics import word_errors
from emotion_lab.data.noise import sound_alikes
from emotion_lab.data.whisper_errors import (
    FILE,
    MARKS,
    MarkedWord,
    WhisperErrors,
    marked_words,
    write_as_whisper,
)

OUT: Final = Path(__file__).parents[1] / 'data' / FILE
NOISES: Final = ('clean', '20 dB', '10 dB')
"""Conditions of `data.spoken` in which Whisper is listened to."""
CLIPS: Final = 28
"""Clips of each corpus by default: all of MELD."""
ALIKE: Final = 0.5
"""Similarity of the letters, 0..1 (`difflib`), from which two words count as alike beside the
table."""
KEPT: Final = 40
"""So many of the most frequent substitutes and insertions are kept."""
SMOOTHING: Final = 1
"""Added to the count of each mark that Whisper was seen to write, so that none is impossible."""
REPEATS: Final = 40
"""So often each text is written in the comparison with the real transcripts."""


@dataclass(frozen=True, slots=True)
class Pair:
    """What was said and what Whisper wrote, with marks, in lower case."""

    corpus: str
    said: Sequence[MarkedWord]
    written: Sequence[MarkedWord]


def as_pair(corpus: str, said: str, written: str) -> Pair:
    """Return a transcript beside what was said."""
    return Pair(corpus, marked_words(said.lower()), marked_words(written.lower()))


def count(pairs: Iterable[Pair], source: str) -> WhisperErrors:
    """Return how Whisper errs in transcripts.

    Args:
        pairs: of them.
        source: names them.
    """
    after: dict[bool, list[int]] = {False: [0, 0], True: [0, 0]}
    kinds: Counter[str] = Counter()
    substitutes: Counter[str] = Counter()
    inserted: Counter[str] = Counter()
    alike = other = insertions = 0
    marks = {mark: [0] * len(MARKS) for mark in MARKS}
    finals = {mark: [0] * len(MARKS) for mark in MARKS}
    for pair in pairs:
        said = [one.word for one in pair.said]
        written = [one.word for one in pair.written]
        television = pair.corpus == 'MELD'
        outcome = ['right'] * len(said)
        place = 0
        for step in align(said, written):
            if step.said is not None:
                place = step.said
            if step.said is None and step.written is not None:
                inserted[written[step.written]] += 1
                # An insertion counts as an error of the word before it.
                if said and outcome[place] == 'right':
                    outcome[place] = 'inserted'
                insertions += television
            elif step.said is not None and step.written is None:
                outcome[step.said] = 'deleted'
            elif step.said is not None and step.written is not None and not step.right:
                outcome[step.said] = 'substituted'
                if _alike(said[step.said], written[step.written]):
                    alike += 1
                else:
                    other += 1
                    substitutes[written[step.written]] += 1
            elif step.said is not None and step.written is not None and television:
                table = finals if step.said == len(said) - 1 else marks
                mark = pair.written[step.written].mark
                table[pair.said[step.said].mark][MARKS.index(mark)] += 1
        if television:
            kinds.update(outcome)
            before = False
            for one in outcome:
                after[before][one != 'right'] += 1
                before = one != 'right'
    total = kinds['substituted'] + kinds['deleted'] + kinds['inserted']
    words = total + kinds['right']
    errors = kinds['substituted'] + kinds['deleted'] + insertions
    return WhisperErrors(
        source=source,
        words=words,
        word_error_rate=round(errors / words, 4),
        error_after_right=round(after[False][1] / sum(after[False]), 4),
        error_after_error=round(after[True][1] / sum(after[True]), 4),
        substituted=round(kinds['substituted'] / total, 4),
        deleted=round(kinds['deleted'] / total, 4),
        inserted_words=round(insertions / max(kinds['inserted'], 1), 4),
        alike=round(alike / (alike + other), 4),
        substitutes=dict(substitutes.most_common(KEPT)),
        inserted=dict(inserted.most_common(KEPT)),
        marks={mark: _smooth(row) for mark, row in marks.items()},
        final_marks={mark: _smooth(row) for mark, row in finals.items()},
    )


def _alike(said: str, written: str) -> bool:
    table = sound_alikes().get(said, ())
    return written in table or SequenceMatcher(None, said, written).ratio() >= ALIKE


def _smooth(row: Sequence[int]) -> list[int]:
    """Return counts for a mark; one that was never seen is always kept as a full stop."""
    if not any(row):
        return [int(mark == '.') for mark in MARKS]
    return [value + SMOOTHING if value else 0 for value in row]


def compare(errors: WhisperErrors, pairs: Sequence[Pair], texts: Sequence[str]) -> str:
    """Return a Markdown table of real transcripts beside written ones.

    Args:
        errors: what was counted.
        pairs: the real transcripts.
        texts: what was said in each of them.
    """
    rng = np.random.default_rng(0)
    made = [
        as_pair('', text, write_as_whisper(text, sound_alikes(), rng, errors))
        for _ in range(REPEATS)
        for text in texts
    ]
    lines = [
        '| transcripts | word errors | without any error | final mark as people write it '
        '| with ! or ? at the end |',
        '|---|--:|--:|--:|--:|',
    ]
    for name, some in (('Whisper, MELD', pairs), ('written as Whisper', made)):
        wrong = [
            word_errors([w.word for w in one.said], [w.word for w in one.written]) for one in some
        ]
        ends = [(one.said[-1].mark, one.written[-1].mark) for one in some if one.written]
        lines.append(
            f'| {name} | {sum(wrong) / sum(len(one.said) for one in some):.0%} '
            f'| {np.mean(np.array(wrong) == 0):.0%} '
            f'| {np.mean([said == written for said, written in ends]):.0%} '
            f'| {np.mean([written in ("!", "?") for _, written in ends]):.0%} |'
        )
    return '\n'.join(lines)


def main(args: Sequence[str] | None = None) -> int:
    """Write the counts, and print how far they fit."""
    parser = argparse.ArgumentParser(
        prog='python -m emotion_lab train whisper-errors', description=__doc__
    )
    add_speech_arguments(parser, CLIPS)
    add_decoder_arguments(parser)
    parser.add_argument('--out', type=Path, default=OUT, help='default %(default)s')
    given = parser.parse_args(args)
    heard: list[Heard] = hear_all(
        load_decoder(given), given.data, given.clips, NOISES, ('RAVDESS', 'MELD')
    )
    pairs = [as_pair(one.clip.corpus, one.clip.text, one.text) for one in heard]
    source = (
        f'{len(heard)} transcripts by {given.whisper_model} of RAVDESS and MELD, '
        + ', '.join(NOISES)
    )
    errors = count(pairs, source)
    given.out.write_text(json.dumps(asdict(errors), indent=1) + '\n', encoding='utf-8')
    Console(stderr=True).print(f'{given.out}: {errors.words} words of MELD')
    television = [
        (pair, one.clip.text)
        for pair, one in zip(pairs, heard, strict=True)
        if one.clip.corpus == 'MELD'
    ]
    print(compare(errors, [pair for pair, _ in television], [text for _, text in television]))
    return 0
