"""Write trained models' probabilities for a corpus, for distillation into a smaller model.

The mean of their probabilities for each text as transcribed, with history and speakers' names.
Hinton et al., "Distilling the Knowledge in a Neural Network", 2015.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from emotion_lab.data.noise import CONDITIONS
from emotion_lab.data.samples import Sample, meld_samples
from emotion_lab.training.teaching import Scores, write_teaching
from emotion_lab.training.text_batches import read_corpus
from emotion_lab.training.text_choice import figures
from emotion_lab.training.text_model import TextTraining, input_builder, predict_logits
from emotion_lab.training.text_runs import load_classifier


def teacher_scores(run: Path, samples: Sequence[Sample], *, bfloat16: bool) -> Scores:
    """Return the (n, 7) probabilities of the best epoch of `run` for `samples`."""
    classifier, config = load_classifier(run)
    builder = input_builder(config)
    inputs = [builder.build(s.text, s.history, s.speaker_id, names=True) for s in samples]
    logits = predict_logits(classifier, inputs, bfloat16=bfloat16, progress=run.name)
    scores: Scores = logits.softmax(-1).numpy()
    return scores


def main(args: Sequence[str] | None = None) -> int:
    """Write the probabilities, and print their figures on train and dev."""
    defaults = TextTraining()
    parser = argparse.ArgumentParser(
        prog='python -m emotion_lab train text-teach',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('runs', type=Path, nargs='+', help='folders of training runs')
    parser.add_argument('--out', type=Path, required=True, help='file to write, .npz')
    parser.add_argument('--data', default='', help='folder of the data sets')
    parser.add_argument('--corpus', default='meld', help='meld (default) or goemotions')
    parser.add_argument('--threads', type=int, default=defaults.threads, help='of torch')
    parser.add_argument(
        '--bfloat16',
        action=argparse.BooleanOptionalAction,
        default=True,
        help='multiply in bfloat16, twice as fast on processors with support for it',
    )
    given = parser.parse_args(args)
    torch.set_num_threads(given.threads)
    config = TextTraining(data=given.data, corpus=given.corpus)
    corpora = {
        'train': read_corpus(config),
        'dev': meld_samples('dev', CONDITIONS['gold'], config.data_folder),
    }
    found = {}
    for name, samples in corpora.items():
        scores = [teacher_scores(run, samples, bfloat16=given.bfloat16) for run in given.runs]
        mean = np.mean(scores, axis=0)
        found[name] = figures(torch.from_numpy(mean).log(), samples)
        if name == 'train':
            write_teaching(given.out, mean, samples)
    print(json.dumps(found, indent=2))
    return 0
