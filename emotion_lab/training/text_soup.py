"""Average the weights of runs that started from the same weights.

Wortsman et al., "Model soups", ICML 2022. At run time the average costs as much as one model.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from emotion_lab.training.text_model import BEST, TextClassifier, TextTraining
from emotion_lab.training.text_runs import measure


def average(states: Sequence[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """Return the mean of each weight."""
    return {
        name: torch.stack([state[name].float() for state in states]).mean(0) for name in states[0]
    }


def main(args: Sequence[str] | None = None) -> int:
    """Write the average of runs, as a run that `text-export` takes; print its figures."""
    parser = argparse.ArgumentParser(
        prog='python -m emotion_lab train text-soup',
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
    print(json.dumps(measure(model, config, 'dev'), indent=2))
    return 0
