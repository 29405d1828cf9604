"""Average the weights of runs that started from the same weights.

Wortsman et al., "Model soups", ICML 2022. The average costs at run time what one model costs.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from emotion_node.training.noise import CONDITIONS
from emotion_node.training.samples import meld_samples
from emotion_node.training.text import figures
from emotion_node.training.text_model import (
    BEST,
    TextClassifier,
    TextTraining,
    input_builder,
    predict_logits,
)


def average(states: Sequence[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """Return the mean of each weight."""
    return {
        name: torch.stack([state[name].float() for state in states]).mean(0) for name in states[0]
    }


def dev_figures(model: TextClassifier, config: TextTraining) -> dict[str, dict[str, float]]:
    """Return the figures on MELD dev by condition, speakers told apart by letters."""
    builder = input_builder(config)
    found = {}
    for name, condition in CONDITIONS.items():
        samples = meld_samples('dev', condition, config.data_folder)
        inputs = [builder.build(s.text, s.history, s.speaker_id) for s in samples]
        found[name] = figures(predict_logits(model, inputs), samples)
    return found


def main(args: Sequence[str] | None = None) -> int:
    """Write the average of runs, as a run that `training.export` takes, and print its figures."""
    parser = argparse.ArgumentParser(
        prog='python -m emotion_node.training.soup',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('runs', type=Path, nargs='+', help='folders of training runs')
    parser.add_argument('--out', type=Path, required=True, help='folder of the average')
    given = parser.parse_args(args)
    states: list[dict[str, Any]] = [
        torch.load(run / BEST, weights_only=True) for run in given.runs
    ]
    config = TextTraining(**states[0]['config'])
    torch.set_num_threads(config.threads)
    model = TextClassifier(config)
    model.load_state_dict(average([state['model'] for state in states]))
    given.out.mkdir(parents=True, exist_ok=True)
    torch.save({'model': model.state_dict(), 'config': states[0]['config']}, given.out / BEST)
    print(json.dumps(dev_figures(model, config), indent=2))
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
