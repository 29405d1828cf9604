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

from emotion_lab.training.text_choice import choice_sets, measure_choice, merit
from emotion_lab.training.text_model import BEST, TextClassifier, TextTraining


def average(
    states: Sequence[dict[str, torch.Tensor]], shares: Sequence[float] = ()
) -> dict[str, torch.Tensor]:
    """Return the mean of each weight; `shares` are those of the runs, equal if empty."""
    parts = torch.tensor(shares or [1.0] * len(states))
    parts = parts / parts.sum()
    return {
        name: sum(
            (part * state[name].float() for part, state in zip(parts, states, strict=True)),
            torch.tensor(0.0),
        )
        for name in states[0]
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
    parser.add_argument(
        '--weights', type=float, nargs='+', help='of the runs, in their order; equal by default'
    )
    given = parser.parse_args(args)
    states: list[dict[str, Any]] = [
        torch.load(run / BEST, weights_only=True) for run in given.runs
    ]
    config = TextTraining(**states[0]['config'])
    torch.set_num_threads(config.threads)
    model = TextClassifier(config)
    model.load_state_dict(average([state['model'] for state in states], given.weights or ()))
    given.out.mkdir(parents=True, exist_ok=True)
    torch.save({'model': model.state_dict(), 'config': states[0]['config']}, given.out / BEST)
    found = measure_choice(model, config, choice_sets(config))
    print(json.dumps(found | {'merit': merit(found)}, indent=2))
    return 0
