"""Speech whose words are known, in three languages, as recorded and with noise.

RAVDESS (Livingstone and Russo, PLoS ONE 13(5), 2018) and GRID (Cooke et al., JASA 120(5), 2006)
are English, EMO-DB (Burkhardt et al., Interspeech 2005) German and nEMO (Christop, LREC-COLING
2024) Polish, all of them read or acted; MELD (Poria et al., ACL 2019) is television.
"""

from __future__ import annotations

import csv
import functools
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np

from emotion_lab.data.datasets import data_root
from emotion_lab.data.recordings import MELD_FOLDERS, read_samples
from emotion_lab.data.sounds import BABBLE, NOISES, level, make_noise
from emotion_node.datatypes import FloatArray
from emotion_node.recordings.truth import words_of

RAVDESS_TEXTS: Final = MappingProxyType(
    {'01': 'Kids are talking by the door', '02': 'Dogs are sitting by the door'}
)
"""The sentences of RAVDESS, by the fifth number of the file's name."""

EMODB_TEXTS: Final = MappingProxyType(
    {
        'a01': (
            'Der Lappen liegt auf dem Eisschrank.',
            'The tablecloth is lying on the fridge.',
        ),
        'a02': ('Das will sie am Mittwoch abgeben.', 'She will hand it in on Wednesday.'),
        'a04': ('Heute Abend könnte ich es ihm sagen.', 'Tonight I could tell him.'),
        'a05': (
            'Das schwarze Stück Papier befindet sich da oben neben dem Holzstück.',
            'The black sheet of paper is located up there besides the piece of timber.',
        ),
        'a07': ('In sieben Stunden wird es soweit sein.', 'In seven hours it will be.'),
        'b01': (
            'Was sind denn das für Tüten, die da unter dem Tisch stehen?',
            'What about the bags standing there under the table?',
        ),
        'b02': (
            'Sie haben es gerade hochgetragen und jetzt gehen sie wieder runter.',
            'They just carried it upstairs and now they are going down again.',
        ),
        'b03': (
            'An den Wochenenden bin ich jetzt immer nach Hause gefahren und habe Agnes besucht.',
            'Currently at the weekends I always went home and saw Agnes.',
        ),
        'b09': (
            'Ich will das eben wegbringen und dann mit Karl was trinken gehen.',
            'I will just discard this and then go for a drink with Karl.',
        ),
        'b10': (
            'Die wird auf dem Platz sein, wo wir sie immer hinlegen.',
            'It will be in the place where we always store it.',
        ),
    }
)
"""The sentences of EMO-DB and their English, as published, by their code in the file's name."""

_GRID: Final[Sequence[Mapping[str, str]]] = (
    {'b': 'bin', 'l': 'lay', 'p': 'place', 's': 'set'},
    {'b': 'blue', 'g': 'green', 'r': 'red', 'w': 'white'},
    {'a': 'at', 'b': 'by', 'i': 'in', 'w': 'with'},
    {letter: letter for letter in 'abcdefghijklmnopqrstuvxyz'},
    dict(
        zip(
            'z123456789',
            ('zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'),
            strict=True,
        )
    ),
    {'a': 'again', 'n': 'now', 'p': 'please', 's': 'soon'},
)
"""The words of GRID's sentences, place by place, by the letter in the file's name."""

_NUMBERS: Final[Mapping[str, Sequence[str]]] = {
    language: names.split()
    for language, names in (
        ('en', 'zero one two three four five six seven eight nine ten eleven twelve'),
        ('de', 'null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf'),
        (
            'pl',
            'zero jeden dwa trzy cztery pięć sześć siedem osiem dziewięć dziesięć jedenaście '
            'dwanaście',
        ),
    )
}

CLEAN: Final = 'clean'
SNRS_DB: Final = (20.0, 10.0, 5.0)
BABBLE_SNR_DB: Final = 5.0
CONDITIONS: Final = (CLEAN, *(f'{snr:g} dB' for snr in SNRS_DB), BABBLE)
"""As recorded; with white or pink noise, hum, knocks or music at these signal-to-noise ratios, a
fifth of the clips each; with babble at `BABBLE_SNR_DB`."""


@dataclass(frozen=True, slots=True)
class SpokenClip:
    """A recording whose words are known.

    Attributes:
        corpus: its name.
        name: of the file, unique in its corpus.
        speaker: who speaks, unique in the corpus.
        language: BCP 47 tag.
        text: what is said.
        read: returns the (n,) samples at `SAMPLE_RATE`.
    """

    corpus: str
    name: str
    speaker: str
    language: str
    text: str
    read: Callable[[], FloatArray]


def normal_words(text: str, language: str) -> list[str]:
    """Return the words of a text in lower case, without punctuation, small numbers spelt out."""
    numbers = _NUMBERS.get(language, ())
    return [
        numbers[int(word)] if word.isdecimal() and int(word) < len(numbers) else word
        for word in words_of(text)
    ]


def with_noise(clip: SpokenClip, condition: str, babble: Sequence[FloatArray]) -> FloatArray:
    """Return the samples of a clip under one of `CONDITIONS`; deterministic.

    Args:
        clip: it.
        condition: one of `CONDITIONS`.
        babble: voices for the babble.
    """
    samples = clip.read()
    if condition == CLEAN:
        return samples
    rng = np.random.default_rng(zlib.crc32(f'{clip.corpus} {clip.name} {condition}'.encode()))
    if condition == BABBLE:
        kind, snr_db = BABBLE, BABBLE_SNR_DB
    else:
        kinds = [kind for kind in NOISES if kind != BABBLE]
        kind, snr_db = kinds[rng.integers(len(kinds))], float(condition.split()[0])
    noise = make_noise(kind, len(samples), babble, rng)
    gain = level(samples) / max(level(noise), 1e-12) * 10 ** (-snr_db / 20)
    return np.clip(samples + gain * noise, -1, 1).astype(np.float32)


def spoken_clips(root: Path | None = None, limit: int = 60) -> dict[str, list[SpokenClip]]:
    """Return the clips of each corpus that is there, by its name.

    Args:
        root: as in `data_root`.
        limit: clips of each corpus at most, spread evenly over its speakers and drawn with a
            fixed seed.
    """
    folder = data_root(root)
    found: dict[str, list[SpokenClip]] = {}
    for corpus, read in _READERS.items():
        clips = list(read(folder))
        if clips:
            found[corpus] = _spread(clips, limit)
    return found


def _spread(clips: Sequence[SpokenClip], limit: int) -> list[SpokenClip]:
    """Return `limit` clips, taking one of each speaker in turn."""
    rng = np.random.default_rng(0)
    by_speaker: dict[str, list[SpokenClip]] = {}
    for index in rng.permutation(len(clips)):
        by_speaker.setdefault(clips[index].speaker, []).append(clips[index])
    turns = max(map(len, by_speaker.values()))
    ordered = [
        by_speaker[speaker][turn]
        for turn in range(turns)
        for speaker in sorted(by_speaker)
        if turn < len(by_speaker[speaker])
    ]
    return sorted(ordered[:limit], key=lambda clip: clip.name)


def _clip(corpus: str, path: Path, speaker: str, language: str, text: str) -> SpokenClip:
    return SpokenClip(
        corpus, path.stem, speaker, language, text, functools.partial(read_samples, path)
    )


def _ravdess(root: Path) -> Iterator[SpokenClip]:
    for path in sorted((root / 'ravdess').glob('03-01-*')):
        parts = path.stem.split('-')
        yield _clip('RAVDESS', path, parts[6], 'en', RAVDESS_TEXTS[parts[4]])


def _emodb(root: Path) -> Iterator[SpokenClip]:
    for path in sorted((root / 'emodb').glob('*.*')):
        text = EMODB_TEXTS[path.stem[2:5]][0]
        yield _clip('EMO-DB', path, path.stem[:2], 'de', text)


def _grid(root: Path) -> Iterator[SpokenClip]:
    for folder in ('grid', 'grid_more'):
        for path in sorted((root / folder).glob('*.mpg')):
            code = path.stem.split('_')[-1]
            if len(code) == len(_GRID):
                words = [table[letter] for table, letter in zip(_GRID, code, strict=True)]
                yield _clip('GRID', path, path.stem.split('_')[0], 'en', ' '.join(words))


def _nemo(root: Path) -> Iterator[SpokenClip]:
    table = root / 'nemo' / 'data.tsv'
    if not table.is_file():
        return
    with table.open(encoding='utf-8', newline='') as file:
        for row in csv.DictReader(file, delimiter='\t'):
            path = table.with_name(row['file_id']).with_suffix('.opus')
            if path.is_file():
                speaker = row['speaker_id'].strip()
                yield _clip('nEMO', path, speaker, 'pl', row['raw_text'])


def _meld(root: Path) -> Iterator[SpokenClip]:
    for folder in MELD_FOLDERS:
        table = root / folder / 'manifest.csv'
        if not table.is_file():
            continue
        with table.open(encoding='utf-8', newline='') as file:
            for row in csv.DictReader(file):
                text = row['text'].replace('\N{RIGHT SINGLE QUOTATION MARK}', "'")
                yield _clip('MELD', table.with_name(row['file']), row['speaker'], 'en', text)


_READERS: Final[Mapping[str, Callable[[Path], Iterator[SpokenClip]]]] = {
    'RAVDESS': _ravdess,
    'MELD': _meld,
    'GRID': _grid,
    'EMO-DB': _emodb,
    'nEMO': _nemo,
}
