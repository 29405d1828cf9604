"""What text models are chosen by: MELD dev, a fold of MELD train, DailyDialog, the sentences.

All of them together, so that a model that serves television alone is not chosen: no test part is
read here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import torch

from emotion_lab.data.datasets import DatasetError
from emotion_lab.data.metrics import (
    accuracy,
    confusion,
    expected_calibration_error,
    macro_f1,
    weighted_f1,
)
from emotion_lab.data.noise import CONDITIONS
from emotion_lab.data.samples import Sample, dailydialog_samples, meld_samples
from emotion_lab.data.sentences import MARKINGS, read_sentences, swapped
from emotion_lab.training.text_batches import in_fold
from emotion_lab.training.text_model import (
    TextClassifier,
    TextTraining,
    input_builder,
    predict_logits,
)
from emotion_node.labels import LABELS

MELD, DAILYDIALOG, SENTENCES, EXCLAIMED = 'meld', 'dailydialog', 'sentences', 'exclaimed'
MELD_CONDITIONS: Final = ('gold', 'plain', 'wer35')
CHOOSING: Final = ('gold', 'plain')
"""The conditions of MELD and DailyDialog that count."""

Figures = dict[str, dict[str, float]]


def figures(logits: torch.Tensor, samples: Sequence[Sample]) -> dict[str, float]:
    """Return accuracy, weighted F1, macro F1 and calibration error of (n, 7) logits."""
    scores = logits.softmax(-1).double().numpy()
    truth = np.array([sample.label for sample in samples], dtype=np.int64)
    counts = confusion(truth, scores.argmax(axis=1))
    return {
        'accuracy': accuracy(counts),
        'weighted_f1': weighted_f1(counts),
        'macro_f1': macro_f1(counts),
        'ece': expected_calibration_error(scores, truth),
    }


def choice_sets(config: TextTraining) -> dict[str, list[Sample]]:
    """Return what a model is measured on, by 'set condition'.

    DailyDialog is left out where it is missing. A model trained on text as transcribed only,
    such as a teacher, is not measured on plain text.
    """
    data, plain = config.data_folder, config.plain_share > 0
    sets = {}
    for name in MELD_CONDITIONS if plain else ('gold',):
        samples = meld_samples('dev', CONDITIONS[name], data)
        if config.meld_fold:
            train = meld_samples('train', CONDITIONS[name], data)
            samples += [sample for sample in train if in_fold(sample, config)]
        sets[f'{MELD} {name}'] = samples
    for name in CHOOSING if plain else ('gold',):
        try:
            sets[f'{DAILYDIALOG} {name}'] = dailydialog_samples('dev', CONDITIONS[name], data)
        except DatasetError:
            break
    sentences = [one for one in read_sentences() if one.split == 'dev']
    for marking, write in MARKINGS.items():
        sets[f'{SENTENCES} {marking}'] = [Sample(write(one.text), one.label) for one in sentences]
    sets[EXCLAIMED] = [
        Sample(swapped(one.text), one.label)
        for one in sentences
        if one.label == LABELS.index('neutral') and not one.text.endswith('?')
    ]
    return sets


def measure_choice(
    model: TextClassifier, config: TextTraining, sets: Mapping[str, Sequence[Sample]]
) -> Figures:
    """Return the figures of each set; letters stand for the speakers."""
    builder = input_builder(config)
    found = {}
    for name, samples in sets.items():
        inputs = [builder.build(s.text, s.history, s.speaker_id) for s in samples]
        found[name] = figures(predict_logits(model, inputs, bfloat16=config.bfloat16), samples)
    return found


def merit(found: Figures) -> float:
    """Return the figure to choose by, 0 to 1.

    The mean of: weighted F1 on MELD; the mean of accuracy and macro F1 on DailyDialog, if it is
    there; accuracy on the sentences. Each is a mean over text as written and plain, or the
    three markings.
    """

    def mean(begin: str, *keys: str) -> float:
        values = [
            one[key]
            for name, one in found.items()
            if name.startswith(begin) and not name.endswith('wer35')
            for key in keys
        ]
        return float(np.mean(values)) if values else float('nan')

    parts = (
        mean(MELD, 'weighted_f1'),
        mean(DAILYDIALOG, 'accuracy', 'macro_f1'),
        mean(SENTENCES, 'accuracy'),
    )
    return float(np.nanmean(parts))
