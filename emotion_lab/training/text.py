"""Fine-tune a sentence encoder to tell the emotion of an utterance of MELD from it and its past.

The model is that of `text_model`. The epoch with the best mean of weighted F1 on MELD dev, as
transcribed and in lower case without punctuation, is kept; MELD test is not read here.
"""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from tqdm import tqdm
from transformers import get_linear_schedule_with_warmup

from emotion_lab.data.datasets import read_goemotions
from emotion_lab.data.metrics import (
    accuracy,
    confusion,
    expected_calibration_error,
    macro_f1,
    weighted_f1,
)
from emotion_lab.data.noise import CONDITIONS
from emotion_lab.data.samples import Sample, meld_samples
from emotion_lab.training.recipes import parse_recipe
from emotion_lab.training.teaching import read_teaching
from emotion_lab.training.text_model import (
    BEST,
    TextClassifier,
    TextTraining,
    collate,
    input_builder,
    predict_logits,
)
from emotion_lab.training.variation import vary, vary_twice
from emotion_node.backends.text_input import TextInput
from emotion_node.labels import LABELS

LATEST: Final = 'latest.pt'
LOG: Final = 'log.jsonl'

DEV_CONDITIONS: Final = ('gold', 'plain', 'wer35')
CHOOSING: Final = ('gold', 'plain')
"""The best epoch is that with the highest mean weighted F1 on dev under these."""

WINDOW: Final = 16
"""Batches are filled by length from as many batches' worth of shuffled utterances."""


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


def read_corpus(config: TextTraining) -> list[Sample]:
    """Return what is trained on.

    Raises:
        ValueError: the recipe names no corpus that there is.
    """
    if config.corpus == 'meld':
        return fewer_neutral(
            meld_samples('train', CONDITIONS['gold'], config.data_folder), config.neutral_limit
        )
    if config.corpus == 'goemotions':
        texts = read_goemotions('train', config.data_folder)
        return [Sample(text.text, text.label, 'Alex') for text in texts]
    raise ValueError(f'no corpus {config.corpus!r}; there are meld and goemotions')


def fewer_neutral(samples: list[Sample], limit: int) -> list[Sample]:
    """Return `samples` with at most `limit` neutral ones, drawn by seed 0; all for 0."""
    neutral = [i for i, sample in enumerate(samples) if sample.label == 0]
    drop = max(len(neutral) - limit, 0) if limit else 0
    dropped = set(np.random.default_rng(0).permutation(neutral)[:drop].tolist())
    return [sample for i, sample in enumerate(samples) if i not in dropped]


def divergence(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Return how far two (n, 7) logits are apart: the mean of both ways' Kullback-Leibler."""
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
        # Moments of rare word pieces shrink to denormal numbers, which take many times as long.
        torch.set_flush_denormal(True)
        torch.manual_seed(config.seed)
        self.config = config
        self.out = Path(config.out)
        self.out.mkdir(parents=True, exist_ok=True)
        self.builder = input_builder(config)
        self.train = read_corpus(config)
        # A model that reads nothing but transcripts, a teacher say, is not judged by other text.
        self.dev = {
            name: meld_samples('dev', CONDITIONS[name], config.data_folder)
            for name in (DEV_CONDITIONS if config.plain_share else ('gold',))
        }
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
        steps = config.epochs * -(-self._draw(np.random.default_rng(0)).size // config.batch)
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
        """Train the epochs that are left; return the best figure on dev."""
        while self.epoch < self.config.epochs:
            loss = self._train_epoch()
            self.epoch += 1
            dev = self.evaluate()
            chosen_by = float(
                np.mean([dev[name]['weighted_f1'] for name in CHOOSING if name in dev])
            )
            better = chosen_by > self.best
            self.best = max(self.best, chosen_by)
            self._log({'epoch': self.epoch, 'train_loss': loss, 'dev': dev, 'best': better})
            if better:
                self._save_weights()
            self._save_checkpoint()
        return self.best

    def evaluate(self) -> dict[str, dict[str, float]]:
        """Return the figures on dev by condition, speakers told apart by letters."""
        found = {}
        for name, samples in self.dev.items():
            inputs = [self.builder.build(s.text, s.history, s.speaker_id) for s in samples]
            logits = predict_logits(self.model, inputs, bfloat16=self.config.bfloat16)
            found[name] = figures(logits, samples)
        return found

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
        seed = self.config.seed * 1000 + self.epoch
        torch.manual_seed(seed)
        rng = np.random.default_rng(seed)
        self.model.train()
        total = 0.0
        batches = self._batches(rng)
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

    def _loss_of(self, chosen: Sequence[tuple[TextInput, int]]) -> torch.Tensor:
        targets = self.targets[[index for _, index in chosen]]
        with torch.autocast('cpu', torch.bfloat16, enabled=self.config.bfloat16):
            logits = self.model(*collate([given for given, _ in chosen])).float()
        loss: torch.Tensor = self.loss(logits + self.offset, targets)
        if self.config.consistency:
            loss = loss + self.config.consistency * divergence(logits[0::2], logits[1::2])
        return loss

    def _targets(self) -> torch.Tensor:
        """Return (n, 7) probabilities to be learnt."""
        labels = torch.tensor([sample.label for sample in self.train])
        targets = nn.functional.one_hot(labels, len(LABELS)).float()
        if not self.config.teacher:
            return targets
        taught = torch.from_numpy(read_teaching(Path(self.config.teacher), self.train))
        weight = self.config.teacher_weight
        return (1 - weight) * targets + weight * taught

    def _draw(self, rng: np.random.Generator) -> npt.NDArray[np.int64]:
        """Return which samples one epoch sees, in any order."""
        order = rng.permutation(len(self.train))
        if self.config.corpus == 'meld':
            return order
        room = Counter(dict.fromkeys(range(len(LABELS)), self.config.per_class))
        drawn = []
        for i in order:
            label = self.train[i].label
            if room[label]:
                room[label] -= 1
                drawn.append(i)
        return np.array(drawn, dtype=np.int64)

    def _batches(self, rng: np.random.Generator) -> list[list[tuple[TextInput, int]]]:
        """Return batches of like length, which halves the padding, in any order.

        Each is inputs with the places of their samples; with consistency, every sample as
        transcribed and then as varied.
        """
        config = self.config
        drawn = [(self._views(self.train[i], rng), int(i)) for i in self._draw(rng)]
        batches = []
        for start in range(0, len(drawn), config.batch * WINDOW):
            chosen = sorted(
                drawn[start : start + config.batch * WINDOW], key=lambda one: len(one[0][0].ids)
            )
            batches += [
                [(view, i) for views, i in chosen[at : at + config.batch] for view in views]
                for at in range(0, len(chosen), config.batch)
            ]
        return [batches[at] for at in rng.permutation(len(batches))]

    def _views(self, sample: Sample, rng: np.random.Generator) -> tuple[TextInput, ...]:
        if self.config.consistency:
            return vary_twice(sample, self.config, rng, self.builder)
        return (vary(sample, self.config, rng, self.builder),)

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
    program = 'python -m emotion_lab train text'
    return parse_recipe(TextTraining, program, __doc__ or '', args)


def main(args: Sequence[str] | None = None) -> int:
    """Train and report where the weights are."""
    config, resume = parse_config(args)
    trainer = Trainer(config)
    if resume:
        trainer.resume()
    best = trainer.run()
    print(f'best mean weighted F1 on dev {best:.4f}; weights in {Path(config.out) / BEST}')
    return 0
