"""Fine-tune a sentence encoder to classify utterances, with their dialogue history.

The model is that of `text_model`. The epoch that `text_choice` values most is kept: by MELD dev,
DailyDialog and everyday sentences together. No test part is read here.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from tqdm import tqdm
from transformers import get_linear_schedule_with_warmup

from emotion_lab.training.recipes import parse_recipe
from emotion_lab.training.run_state import LATEST, LOG, write_checkpoint
from emotion_lab.training.teaching import read_teaching
from emotion_lab.training.text_batches import Batch, draw_samples, epoch_batches, read_corpus
from emotion_lab.training.text_choice import Figures, choice_sets, measure_choice, merit
from emotion_lab.training.text_model import (
    BEST,
    TextClassifier,
    TextTraining,
    collate,
    input_builder,
)
from emotion_node.labels import LABELS


def divergence(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Return the symmetric Kullback-Leibler divergence of two (n, 7) logits."""
    first, second = one.log_softmax(-1), other.log_softmax(-1)
    there = nn.functional.kl_div(first, second, log_target=True, reduction='batchmean')
    back = nn.functional.kl_div(second, first, log_target=True, reduction='batchmean')
    return (there + back) / 2


class Trainer:
    """One training run and its files.

    Args:
        config: the recipe.
    """

    def __init__(self, config: TextTraining) -> None:
        torch.set_num_threads(config.threads)
        # Moments of rare word pieces become denormal numbers, which are many times slower.
        torch.set_flush_denormal(True)
        torch.manual_seed(config.seed)
        self.config = config
        self.out = Path(config.out)
        self.out.mkdir(parents=True, exist_ok=True)
        self.builder = input_builder(config)
        self.train = read_corpus(config)
        self.dev = choice_sets(config)
        self.targets = self._targets()
        self.model = TextClassifier(config)
        if config.start:
            self.model.load_state_dict(torch.load(config.start, weights_only=True)['model'])
        self.optimizer = torch.optim.AdamW(
            [
                {'params': self.model.encoder.parameters(), 'lr': config.encoder_rate},
                {'params': self.model.head.parameters(), 'lr': config.head_rate},
            ],
            weight_decay=config.weight_decay,
            fused=True,
        )
        samples = draw_samples(self.train, config, np.random.default_rng(0)).size
        steps = config.epochs * -(-samples // config.batch)
        self.schedule = get_linear_schedule_with_warmup(
            self.optimizer, round(config.warmup * steps), steps
        )
        self.loss = nn.CrossEntropyLoss(label_smoothing=config.label_smoothing)
        shares = np.bincount([sample.label for sample in self.train], minlength=len(LABELS))
        prior = torch.tensor(shares / len(self.train), dtype=torch.float32)
        self.offset = config.balance * prior.clamp_min(1e-4).log()
        self.epoch = 0
        self.best = -1.0

    def run(self) -> float:
        """Train the remaining epochs; return the best figure on dev."""
        while self.epoch < self.config.epochs:
            loss = self._train_epoch()
            self.epoch += 1
            dev = self.evaluate()
            chosen_by = merit(dev)
            better = chosen_by > self.best
            self.best = max(self.best, chosen_by)
            self._log(
                {
                    'epoch': self.epoch,
                    'train_loss': loss,
                    'dev': dev,
                    'merit': chosen_by,
                    'best': better,
                }
            )
            if better:
                self._save_weights()
            self._save_checkpoint()
        return self.best

    def evaluate(self) -> Figures:
        """Return the figures on what is chosen by."""
        return measure_choice(self.model, self.config, self.dev)

    def resume(self) -> None:
        """Continue from the last complete epoch.

        Raises:
            FileNotFoundError: there is no checkpoint in the run's folder.
        """
        state = torch.load(self.out / LATEST, weights_only=True)
        self.model.load_state_dict(state['model'])
        self.optimizer.load_state_dict(state['optimizer'])
        self.schedule.load_state_dict(state['schedule'])
        self.epoch, self.best = state['epoch'], state['best']

    def _train_epoch(self) -> float:
        seed = self.config.seed * 1000 + self.epoch
        torch.manual_seed(seed)
        rng = np.random.default_rng(seed)
        self.model.train()
        total = 0.0
        batches = epoch_batches(self.train, self.config, self.builder, rng)
        progress = tqdm(
            batches, desc=f'epoch {self.epoch + 1}/{self.config.epochs}', mininterval=5
        )
        for step, chosen in enumerate(progress, start=1):
            loss = self._loss_of(chosen)
            self.optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
            self.schedule.step()
            total += loss.item()
            progress.set_postfix(loss=f'{total / step:.3f}', refresh=False)
            if step % 50 == 0:
                self._log({'epoch': self.epoch + 1, 'step': step, 'train_loss': total / step})
        return total / len(batches)

    def _loss_of(self, chosen: Batch) -> torch.Tensor:
        targets = self.targets[[index for _, index in chosen]]
        with torch.autocast('cpu', torch.bfloat16, enabled=self.config.bfloat16):
            logits = self.model(*collate([given for given, _ in chosen])).float()
        loss: torch.Tensor = self.loss(logits + self.offset, targets)
        if self.config.consistency:
            loss = loss + self.config.consistency * divergence(logits[0::2], logits[1::2])
        return loss

    def _targets(self) -> torch.Tensor:
        """Return the (n, 7) target probabilities."""
        labels = torch.tensor([sample.label for sample in self.train])
        targets = nn.functional.one_hot(labels, len(LABELS)).float()
        if not self.config.teacher:
            return targets
        taught = torch.from_numpy(read_teaching(Path(self.config.teacher), self.train))
        weight = self.config.teacher_weight
        return (1 - weight) * targets + weight * taught

    def _save_weights(self) -> None:
        torch.save(
            {'model': self.model.state_dict(), 'config': dataclasses.asdict(self.config)},
            self.out / BEST,
        )

    def _save_checkpoint(self) -> None:
        write_checkpoint(
            self.out / LATEST,
            {
                'model': self.model.state_dict(),
                'optimizer': self.optimizer.state_dict(),
                'schedule': self.schedule.state_dict(),
                'epoch': self.epoch,
                'best': self.best,
            },
        )

    def _log(self, record: dict[str, Any]) -> None:
        with (self.out / LOG).open('a', encoding='utf-8') as log:
            log.write(json.dumps(record) + '\n')


def parse_config(args: Sequence[str] | None = None) -> tuple[TextTraining, bool]:
    """Return the recipe from the command line, over that of `--config`; and whether to resume."""
    program = 'python -m emotion_lab train text'
    return parse_recipe(TextTraining, program, __doc__ or '', args)


def main(args: Sequence[str] | None = None) -> int:
    """Train and report where the weights are."""
    config, resume = parse_config(args)
    trainer = Trainer(config)
    if resume:
        trainer.resume()
    best = trainer.run()
    print(f'best merit on dev {best:.4f}; weights in {Path(config.out) / BEST}')
    return 0
