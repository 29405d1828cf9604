"""The samples that the text model is trained on, and the batches of one epoch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from emotion_lab.data.datasets import LabelledText, read_goemotions
from emotion_lab.data.everyday import read_isear
from emotion_lab.data.noise import CONDITIONS
from emotion_lab.data.samples import (
    Sample,
    dailydialog_samples,
    meld_samples,
    written_samples,
)
from emotion_lab.training.text_model import TextTraining
from emotion_lab.training.variation import vary, vary_twice
from emotion_node.backends.text_input import InputBuilder, TextInput
from emotion_node.labels import LABELS

WINDOW: Final = 16
"""Batches are filled by length from as many batches' worth of shuffled utterances."""

Batch = list[tuple[TextInput, int]]
"""Inputs, each with the index of its sample."""


def read_corpus(config: TextTraining) -> list[Sample]:
    """Return the training samples of all the recipe's corpora.

    Raises:
        ValueError: the recipe names an unknown corpus.
    """
    unknown = set(config.corpora) - READERS.keys()
    if unknown:
        raise ValueError(f'unknown corpus {", ".join(unknown)}; expected {", ".join(READERS)}')
    return [sample for name in config.corpora for sample in READERS[name](config)]


def _meld(config: TextTraining) -> list[Sample]:
    samples = meld_samples('train', CONDITIONS['gold'], config.data_folder)
    kept = [sample for sample in samples if not in_fold(sample, config)]
    return fewer_neutral(kept, config.neutral_limit)


def in_fold(sample: Sample, config: TextTraining) -> bool:
    """Return whether a sample of MELD train is kept out of training, to choose by."""
    return bool(config.meld_fold) and sample.group % config.meld_fold == 0


def _alone(texts: Sequence[LabelledText], corpus: str) -> list[Sample]:
    return [Sample(text.text, text.label, 'Alex', corpus=corpus) for text in texts]


READERS: Final[Mapping[str, Callable[[TextTraining], list[Sample]]]] = {
    'meld': _meld,
    'goemotions': lambda config: _alone(
        read_goemotions('train', config.data_folder), 'goemotions'
    ),
    'dailydialog': lambda config: dailydialog_samples(
        'train', CONDITIONS['gold'], config.data_folder
    ),
    'isear': lambda config: _alone(read_isear(config.data_folder), 'isear'),
    'written': lambda _: written_samples(),
}


def fewer_neutral(samples: list[Sample], limit: int) -> list[Sample]:
    """Return `samples` with at most `limit` neutral ones, drawn by seed 0; all for 0."""
    neutral = [i for i, sample in enumerate(samples) if sample.label == 0]
    drop = max(len(neutral) - limit, 0) if limit else 0
    dropped = set(np.random.default_rng(0).permutation(neutral)[:drop].tolist())
    return [sample for i, sample in enumerate(samples) if i not in dropped]


def draw_samples(
    samples: Sequence[Sample], config: TextTraining, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Return the indices of the samples of one epoch, shuffled."""
    order = rng.permutation(len(samples))
    room = {
        (corpus, label): most * (2 if corpus == 'written' and label == 0 else 1)
        for corpus, most in (
            ('goemotions', config.per_class),
            ('isear', config.per_class),
            ('written', config.written_per_class),
        )
        for label in range(len(LABELS))
    }
    drawn = []
    for i in order:
        key = samples[i].corpus, samples[i].label
        left = room.get(key, 1)
        if left:
            drawn.append(i)
        if key in room:
            room[key] = max(0, left - 1)
    return np.array(drawn, dtype=np.int64)


def epoch_batches(
    samples: Sequence[Sample],
    config: TextTraining,
    builder: InputBuilder,
    rng: np.random.Generator,
) -> list[Batch]:
    """Return shuffled batches of similar length, which halves the padding.

    With consistency, every sample is there twice: with punctuation and then as varied.
    """

    def views(sample: Sample) -> tuple[TextInput, ...]:
        if config.consistency:
            return vary_twice(sample, config, rng, builder)
        return (vary(sample, config, rng, builder),)

    drawn = [(views(samples[i]), int(i)) for i in draw_samples(samples, config, rng)]
    batches = []
    for start in range(0, len(drawn), config.batch * WINDOW):
        chosen = sorted(
            drawn[start : start + config.batch * WINDOW], key=lambda one: len(one[0][0].ids)
        )
        batches += [
            [(view, i) for inputs, i in chosen[at : at + config.batch] for view in inputs]
            for at in range(0, len(chosen), config.batch)
        ]
    return [batches[at] for at in rng.permutation(len(batches))]
