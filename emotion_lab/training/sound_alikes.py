"""Make `sound_alikes.tsv`: the words that a recogniser may confuse.

Two words sound alike when their phoneme edit distance is small; a substitution within a class of
phonemes (vowels, stops, ...) counts half. Pronunciations are those of the CMU Pronouncing
Dictionary that comes with pocketsphinx.
"""

from __future__ import annotations

import argparse
import importlib.util
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cdist

from emotion_lab.data.datasets import read_goemotions, read_meld
from emotion_lab.data.noise import plain_text

OTHERS: Final = 5
"""Largest number of sound-alikes of a word."""
FARTHEST: Final = 0.67
"""Largest edit distance, as a share of the phonemes."""
MIN_COUNT: Final = 3
"""A word can replace another if it occurs this often in MELD train: recognisers prefer frequent
words."""

CLASSES: Final = {
    'v': 'AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW',
    's': 'P B T D K G',
    'f': 'F V TH DH S Z SH ZH HH CH JH',
    'n': 'M N NG',
    'l': 'L R W Y',
}

_CLASS_OF = {phoneme: kind for kind, names in CLASSES.items() for phoneme in names.split()}
_LETTER_OF = {phoneme: chr(ord('A') + at) for at, phoneme in enumerate(_CLASS_OF)}


OUT: Final = Path(__file__).parents[1] / 'data' / 'sound_alikes.tsv'


def dictionary_path() -> Path:
    """Return the path of pocketsphinx's pronunciations.

    Raises:
        FileNotFoundError: pocketsphinx is not installed.
    """
    spec = importlib.util.find_spec('pocketsphinx')
    if spec is None or spec.origin is None:
        raise FileNotFoundError('pocketsphinx is not installed; install it or give --dictionary')
    return Path(spec.origin).parent / 'model' / 'en-us' / 'cmudict-en-us.dict'


def read_pronunciations(path: Path) -> dict[str, str]:
    """Return the first pronunciation of each word, one letter per phoneme."""
    sounds: dict[str, str] = {}
    for line in path.read_text(encoding='utf-8').splitlines():
        word, *phonemes = line.split()
        if '(' not in word:
            sounds[word] = ''.join(_LETTER_OF[phoneme] for phoneme in phonemes)
    return sounds


def make(sounds: dict[str, str], words: Sequence[str], targets: Sequence[str]) -> dict[str, str]:
    """Return for each of `words` the sound-alikes among `targets`, nearest first."""
    letter_class = {letter: _CLASS_OF[phoneme] for phoneme, letter in _LETTER_OF.items()}

    def forms(chosen: Sequence[str]) -> tuple[list[str], list[str]]:
        fine = [sounds[word] for word in chosen]
        return fine, [''.join(letter_class[letter] for letter in sound) for sound in fine]

    (fine, coarse), (fine_targets, coarse_targets) = forms(words), forms(targets)
    cost = cdist(fine, fine_targets, scorer=Levenshtein.distance, dtype=np.float32)
    cost += cdist(coarse, coarse_targets, scorer=Levenshtein.distance, dtype=np.float32)
    lengths = np.array([len(sound) for sound in fine], dtype=np.float32)
    cost /= 2 * lengths[:, None]
    table = {}
    for word, row in zip(words, cost, strict=True):
        near = [at for at in np.argsort(row, kind='stable')[: OTHERS + 1] if row[at] <= FARTHEST]
        others = [targets[at] for at in near if targets[at] != word][:OTHERS]
        if others:
            table[word] = ' '.join(others)
    return table


def main(args: Sequence[str] | None = None) -> int:
    """Write the table."""
    parser = argparse.ArgumentParser(
        prog='python -m emotion_lab train sound-alikes', description=__doc__
    )
    parser.add_argument(
        '--dictionary', type=Path, help='CMU dictionary; default that of pocketsphinx'
    )
    parser.add_argument('--out', type=Path, default=OUT)
    given = parser.parse_args(args)
    sounds = read_pronunciations(given.dictionary or dictionary_path())
    meld = Counter(word for row in read_meld('train') for word in plain_text(row.text).split())
    other = Counter(
        word for row in read_goemotions('train') for word in plain_text(row.text).split()
    )
    # Most frequent first, so that the likelier of two homophones comes first.
    targets = [word for word, n in meld.most_common() if n >= MIN_COUNT and word in sounds]
    words = sorted(word for word in sounds if meld[word] or other[word] >= 2 * MIN_COUNT)
    table = make(sounds, words, targets)
    given.out.write_text(
        ''.join(f'{word}\t{others}\n' for word, others in table.items()), encoding='utf-8'
    )
    print(f'{len(table)} words in {given.out}')
    return 0
