"""What a training run is made of, and its checkpoints, so that it can stop and go on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import torch
from torch import nn
from tqdm import tqdm

LATEST: Final = 'latest.pt'
"""The state after the last complete epoch."""
LAST: Final = 'last.pt'
"""The averaged weights at the end of a run, with its recipe."""
LOG: Final = 'log.jsonl'


class RunState:
    """A network, the average of its weights, AdamW and its rate.

    Args:
        out: folder for checkpoints and the log, made where it is missing.
        model: the network.
        rate: AdamW learning rate at its peak.
        weight_decay: AdamW weight decay, of weights but not of biases and norms.
        averaging: decay of the exponential moving average of the weights, per step.
        steps: of the whole run.
        warmup: share of them over which the rate rises, before it falls along a cosine.
    """

    def __init__(
        self,
        out: Path,
        model: nn.Module,
        *,
        rate: float,
        weight_decay: float,
        averaging: float,
        steps: int,
        warmup: float,
    ) -> None:
        self.out = out
        self.out.mkdir(parents=True, exist_ok=True)
        self.model = model
        self.average = torch.optim.swa_utils.AveragedModel(
            model,
            multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(averaging),
            use_buffers=True,
        )
        decayed = [p for p in model.parameters() if p.ndim > 1]
        others = [p for p in model.parameters() if p.ndim <= 1]
        self.optimizer = torch.optim.AdamW(
            [{'params': decayed}, {'params': others, 'weight_decay': 0.0}],
            lr=rate,
            weight_decay=weight_decay,
        )
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, rate, total_steps=steps + 1, pct_start=warmup, cycle_momentum=False
        )
        self.epoch = 0

    def step(self, loss: torch.Tensor) -> None:
        """Take one step along the gradient of a loss."""
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 2.0)
        self.optimizer.step()
        self.schedule.step()
        self.average.update_parameters(self.model)

    def save(self) -> None:
        """Write the checkpoint of the last complete epoch."""
        # Renamed into place, so that an interrupted write leaves the older checkpoint.
        fresh = self.out / f'{LATEST}.part'
        parts = {name: getattr(self, name).state_dict() for name in _PARTS}
        torch.save(parts | {'epoch': self.epoch}, fresh)
        fresh.replace(self.out / LATEST)

    def load(self) -> None:
        """Go on from the last complete epoch.

        Raises:
            FileNotFoundError: there is no checkpoint in the run's folder.
        """
        state = torch.load(self.out / LATEST, weights_only=True)
        for name in _PARTS:
            getattr(self, name).load_state_dict(state[name])
        self.epoch = state['epoch']

    def finish(self, recipe: dict[str, Any]) -> None:
        """Write the averaged weights, with the run's recipe."""
        weights = self.average.module.state_dict()
        torch.save({'model': weights, 'config': recipe}, self.out / LAST)

    def log(self, record: dict[str, Any], seconds: float = 0.0) -> None:
        """Append a line to the log; what took time is shown as well."""
        with (self.out / LOG).open('a', encoding='utf-8') as file:
            file.write(json.dumps(record) + '\n')
        if seconds:
            tqdm.write(f'{self.out.name} {json.dumps(record)} {seconds:.1f} s')


Recipe = TypeVar('Recipe')
Network = TypeVar('Network', bound=nn.Module)


def load_run(
    run: Path, recipe: Callable[..., Recipe], network: Callable[[Recipe], Network]
) -> tuple[Network, Recipe]:
    """Return the weights of a run that has ended, and its recipe.

    Args:
        run: its folder.
        recipe: makes the recipe of its fields.
        network: makes the network of the recipe.

    Raises:
        FileNotFoundError: it has not ended.
    """
    state = torch.load(run / LAST, weights_only=True)
    config = recipe(**state['config'])
    model = network(config)
    model.load_state_dict(state['model'])
    return model.eval(), config


_PARTS: Final = ('model', 'average', 'optimizer', 'schedule')
