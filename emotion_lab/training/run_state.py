"""The state of a training run and its checkpoints, so that it can be resumed."""

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
    """A network, the average of its weights, AdamW and its learning rate schedule.

    Args:
        out: folder for checkpoints and the log, created if missing.
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
        parts = {name: getattr(self, name).state_dict() for name in _PARTS}
        write_checkpoint(self.out / LATEST, parts | {'epoch': self.epoch})

    def load(self) -> None:
        """Continue from the last complete epoch.

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
        """Append a line to the log; a record with a duration is printed too."""
        with (self.out / LOG).open('a', encoding='utf-8') as file:
            file.write(json.dumps(record) + '\n')
        if seconds:
            tqdm.write(f'{self.out.name} {json.dumps(record)} {seconds:.1f} s')


def write_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint; an interrupted write leaves the older one."""
    fresh = path.with_name(f'{path.name}.part')
    torch.save(state, fresh)
    fresh.replace(path)


Recipe = TypeVar('Recipe')
Network = TypeVar('Network', bound=nn.Module)


def load_run(
    run: Path, recipe: Callable[..., Recipe], network: Callable[[Recipe], Network]
) -> tuple[Network, Recipe]:
    """Return the weights and the recipe of a finished run.

    Args:
        run: its folder.
        recipe: makes the recipe from its fields.
        network: makes the network from the recipe.

    Raises:
        FileNotFoundError: it is not finished.
    """
    state = torch.load(run / LAST, weights_only=True)
    config = recipe(**state['config'])
    model = network(config)
    model.load_state_dict(state['model'])
    return model.eval(), config


_PARTS: Final = ('model', 'average', 'optimizer', 'schedule')
