"""The samples that the text model is trained on, and the batches of one epoch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from emotion_lab.data.datasets import read_goemotions
from emotion_lab.data.noise import CONDITIONS
from emotion_lab.data.samples import Sample, meld_samples
from emotion_lab.training.text_model import TextTraining
from emotion_lab.training.variation import vary, vary_twice
from emotion_node.backends.text_input import InputBuilder, TextInput
from emotion_node.labels import LABELS

WINDOW: Final = 16
"""Batches are filled by length from as many batches' worth of shuffled utterances."""

Batch = list[tuple[TextInput, int]]
"""Inputs, each with the index of its sample."""


def read_corpus(config: TextTraining) -> list[Sample]:
    """Return the training samples.

    Raises:
        ValueError: the recipe names an unknown corpus.
    """
    if config.corpus == 'meld':
        return fewer_neutral(
            meld_samples('train', CONDITIONS['gold'], config.data_folder), config.neutral_limit
        )
    if config.corpus == 'goemotions':
        texts = read_goemotions('train', config.data_folder)
        return [Sample(text.text, text.label, 'Alex') for text in texts]
    raise ValueError(f'unknown corpus {config.corpus!r}; expected meld or goemotions')


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
    if config.corpus == 'meld':
        return order
    room = Counter(dict.fromkeys(range(len(LABELS)), config.per_class))
    drawn = []
    for i in order:
        label = samples[i].label
        if room[label]:
            room[label] -= 1
            drawn.append(i)
    return np.array(drawn, dtype=np.int64)


def epoch_batches(
    samples: Sequence[Sample],
    config: TextTraining,
    builder: InputBuilder,
    rng: np.random.Generator,
) -> list[Batch]:
    """Return shuffled batches of similar length, which halves the padding.

    With consistency, every sample is there twice: as transcribed and then as varied.
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
