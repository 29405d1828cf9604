"""Fine-tune a sentence encoder to tell the emotion of one utterance of MELD.

The model is that of `text_model`. The epoch with the best weighted F1 on MELD dev is kept; MELD
test is not read here.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import nn
from tqdm import tqdm
from transformers import get_linear_schedule_with_warmup

from emotion_node.training.datasets import MeldUtterance, read_meld
from emotion_node.training.metrics import (
    accuracy,
    confusion,
    expected_calibration_error,
    macro_f1,
    weighted_f1,
)
from emotion_node.training.text_model import (
    BEST,
    TextClassifier,
    TextTraining,
    build_tokenizer,
    encode,
    predict_logits,
)

LATEST: Final = 'latest.pt'
LOG: Final = 'log.jsonl'

WINDOW: Final = 16
"""Batches are filled by length from as many batches' worth of shuffled utterances."""


def figures(logits: torch.Tensor, utterances: Sequence[MeldUtterance]) -> dict[str, float]:
    """Return accuracy, weighted F1, macro F1 and calibration error of (n, 7) logits."""
    scores = logits.softmax(-1).double().numpy()
    truth = np.array([utterance.label for utterance in utterances], dtype=np.int64)
    counts = confusion(truth, scores.argmax(axis=1))
    return {
        'accuracy': accuracy(counts),
        'weighted_f1': weighted_f1(counts),
        'macro_f1': macro_f1(counts),
        'ece': expected_calibration_error(scores, truth),
    }


class Trainer:
    """One training run and its files.

    Args:
        config: the recipe.
    """

    def __init__(self, config: TextTraining) -> None:
        torch.set_num_threads(config.threads)
        torch.manual_seed(config.seed)
        self.config = config
        self.out = Path(config.out)
        self.out.mkdir(parents=True, exist_ok=True)
        self.tokenizer = build_tokenizer(config)
        self.train = read_meld('train', config.data_folder)
        self.dev = read_meld('dev', config.data_folder)
        self.model = TextClassifier(config)
        self.optimizer = torch.optim.AdamW(
            [
                {'params': self.model.encoder.parameters(), 'lr': config.encoder_rate},
                {'params': self.model.head.parameters(), 'lr': config.head_rate},
            ],
            weight_decay=config.weight_decay,
            fused=True,
        )
        steps = config.epochs * -(-len(self.train) // config.batch)
        self.schedule = get_linear_schedule_with_warmup(
            self.optimizer, round(config.warmup * steps), steps
        )
        self.loss = nn.CrossEntropyLoss(label_smoothing=config.label_smoothing)
        self.epoch = 0
        self.best = 0.0

    def run(self) -> float:
        """Train the epochs that are left; return the best weighted F1 on dev."""
        while self.epoch < self.config.epochs:
            loss = self._train_epoch()
            self.epoch += 1
            dev = figures(
                predict_logits(self.model, self.tokenizer, [u.text for u in self.dev]), self.dev
            )
            better = dev['weighted_f1'] > self.best
            self.best = max(self.best, dev['weighted_f1'])
            self._log({'epoch': self.epoch, 'train_loss': loss, 'dev': dev, 'best': better})
            if better:
                self._save_weights()
            self._save_checkpoint()
        return self.best

    def resume(self) -> None:
        """Go on from the last complete epoch.

        Raises:
            FileNotFoundError: there is no checkpoint in the run's folder.
        """
        state = torch.load(self.out / LATEST, weights_only=True)
        self.model.load_state_dict(state['model'])
        self.optimizer.load_state_dict(state['optimizer'])
        self.schedule.load_state_dict(state['schedule'])
        self.epoch, self.best = state['epoch'], state['best']

    def _train_epoch(self) -> float:
        torch.manual_seed(self.config.seed * 1000 + self.epoch)
        self.model.train()
        total = 0.0
        batches = list(self._batches())
        progress = tqdm(
            batches, desc=f'epoch {self.epoch + 1}/{self.config.epochs}', mininterval=5
        )
        for step, chosen in enumerate(progress, start=1):
            inputs = encode(self.tokenizer, [utterance.text for utterance in chosen])
            labels = torch.tensor([utterance.label for utterance in chosen])
            loss = self.loss(self.model(*inputs), labels)
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

    def _batches(self) -> Iterator[list[MeldUtterance]]:
        """Yield batches of like length, which halves the padding and so the time, in any order."""
        order = torch.randperm(len(self.train)).tolist()
        batch, window = self.config.batch, self.config.batch * WINDOW
        batches = []
        for start in range(0, len(order), window):
            chosen = sorted(order[start : start + window], key=lambda i: len(self.train[i].text))
            batches += [chosen[at : at + batch] for at in range(0, len(chosen), batch)]
        for at in torch.randperm(len(batches)).tolist():
            yield [self.train[i] for i in batches[at]]

    def _save_weights(self) -> None:
        torch.save(
            {'model': self.model.state_dict(), 'config': dataclasses.asdict(self.config)},
            self.out / BEST,
        )

    def _save_checkpoint(self) -> None:
        # Renamed into place, so that an interrupted write leaves the older checkpoint.
        fresh = self.out / f'{LATEST}.part'
        torch.save(
            {
                'model': self.model.state_dict(),
                'optimizer': self.optimizer.state_dict(),
                'schedule': self.schedule.state_dict(),
                'epoch': self.epoch,
                'best': self.best,
            },
            fresh,
        )
        fresh.replace(self.out / LATEST)

    def _log(self, record: dict[str, Any]) -> None:
        with (self.out / LOG).open('a', encoding='utf-8') as log:
            log.write(json.dumps(record) + '\n')


def parse_config(args: Sequence[str] | None = None) -> tuple[TextTraining, bool]:
    """Return the recipe from the command line, over that of `--config`; and whether to resume."""
    parser = argparse.ArgumentParser(
        prog='python -m emotion_node.training.text',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--config', type=Path, help='TOML file with any of the keys below')
    parser.add_argument('--resume', action='store_true', help='go on from the last checkpoint')
    for field in dataclasses.fields(TextTraining):
        parser.add_argument(
            '--' + field.name.replace('_', '-'),
            type=type(field.default),
            default=argparse.SUPPRESS,
            help=f'default {field.default!r}',
        )
    given = vars(parser.parse_args(args))
    file, resume = given.pop('config'), given.pop('resume')
    settings = tomllib.loads(file.read_text(encoding='utf-8')) if file else {}
    unknown = settings.keys() - {field.name for field in dataclasses.fields(TextTraining)}
    if unknown:
        parser.error(f'{file} has unknown keys: {", ".join(sorted(unknown))}')
    return TextTraining(**(settings | given)), resume


def main(args: Sequence[str] | None = None) -> int:
    """Train and report where the weights are."""
    config, resume = parse_config(args)
    trainer = Trainer(config)
    if resume:
        trainer.resume()
    best = trainer.run()
    print(f'best weighted F1 on dev {best:.4f}; weights in {Path(config.out) / BEST}')
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
