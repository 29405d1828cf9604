"""Train the landmark model on a folder of labelled clips laid out like MELD.

    python -m emotion_lab train landmarks --data MELD.Raw --out runs/landmarks

The speakers' faces are first found in the clips, once for all runs (`landmark_store`, which also
runs separately, without torch). If there is a dev split, the weights of the epoch with the best
weighted F1 on it are kept, otherwise those of the last epoch.
`python -m emotion_lab train landmark-export` exports them for the node.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import nn
from tqdm import tqdm

from emotion_lab.data.datasets import SPLITS, DatasetError
from emotion_lab.data.metrics import IntArray, confusion, summary
from emotion_lab.training.landmark_clips import LabelledClip, read_clips
from emotion_lab.training.landmark_model import (
    LandmarkNet,
    LandmarkTraining,
    collate,
    predict,
    vary,
)
from emotion_lab.training.landmark_store import (
    MISSING,
    describe,
    fill_store,
    place_of,
    read_sighting,
)
from emotion_lab.training.recipes import parse_recipe
from emotion_lab.training.run_state import LATEST, LOG, write_checkpoint
from emotion_lab.training.voice_batches import class_weights
from emotion_node.backends.face_landmarks_onnx import MIN_FRAMES, count_frames
from emotion_node.datatypes import Reason
from emotion_node.faces import FaceSequence
from emotion_node.labels import LABELS

BEST: Final = 'best.pt'
REPORT: Final = 'report.json'


@dataclass(frozen=True, slots=True)
class LandmarkSet:
    """The clips of a split that show their speaker.

    Attributes:
        sequences: one per clip.
        labels: (n,) true labels.
    """

    sequences: Sequence[FaceSequence]
    labels: IntArray


def load_sets(
    store: Path, clips: Sequence[LabelledClip]
) -> tuple[dict[str, LandmarkSet], Counter[str]]:
    """Return the splits, and the number of clips by the reason for having no sequence.

    Splits without a clip that shows its speaker are left out.

    Args:
        store: filled by `fill_store`.
        clips: all clips.
    """
    counts: Counter[str] = Counter()
    chosen: dict[str, list[tuple[FaceSequence, int]]] = {split: [] for split in SPLITS}
    for clip in clips:
        place = place_of(store, clip)
        sighting = read_sighting(place) if place.is_file() else None
        seen = sighting.seen if sighting else None
        reason = sighting.reason if sighting else MISSING
        if seen is not None and count_frames(seen) < MIN_FRAMES:
            reason = Reason.TOO_SHORT.value
        counts[reason] += 1
        if seen is not None and not reason:
            chosen[clip.split].append((seen, clip.label))
    sets = {
        split: LandmarkSet([seen for seen, _ in pairs], np.array([label for _, label in pairs]))
        for split, pairs in chosen.items()
        if pairs
    }
    return sets, counts


class Trainer:
    """One training run and its files.

    Args:
        config: the recipe.
        sets: by split.

    Raises:
        DatasetError: there is nothing to train on.
    """

    def __init__(self, config: LandmarkTraining, sets: Mapping[str, LandmarkSet]) -> None:
        if 'train' not in sets:
            raise DatasetError('no clip of the train split shows its speaker')
        torch.set_num_threads(config.threads)
        torch.manual_seed(config.seed)
        self.config = config
        self.sets = sets
        self.out = Path(config.out)
        self.out.mkdir(parents=True, exist_ok=True)
        train = sets['train']
        self.weights = torch.from_numpy(class_weights(train.labels, config.class_balance)).float()
        self.model = LandmarkNet(config)
        self.model.normalise_by(train.sequences)
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=config.rate, weight_decay=config.weight_decay
        )
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer,
            config.rate,
            total_steps=config.epochs * -(-len(train.labels) // config.batch) + 1,
            pct_start=config.warmup,
            cycle_momentum=False,
        )
        self.epoch = 0
        self.best = -1.0

    def run(self) -> dict[str, dict[str, Any]]:
        """Train to the last epoch; return the figures of the kept weights by split."""
        while self.epoch < self.config.epochs:
            begin = time.monotonic()
            record: dict[str, Any] = {'loss': self._train_epoch()}
            self.epoch += 1
            record = {'epoch': self.epoch} | record
            if 'dev' in self.sets:
                found = split_figures(self.model, self.sets['dev'])
                record |= {f'dev_{key}': found[key] for key in ('loss', 'weighted_f1')}
            if record.get('dev_weighted_f1', self.epoch) > self.best:
                self.best = record.get('dev_weighted_f1', self.epoch)
                self._save(BEST, {'config': dataclasses.asdict(self.config)})
            self._log(record, time.monotonic() - begin)
            self._save(
                LATEST,
                {
                    'optimizer': self.optimizer.state_dict(),
                    'schedule': self.schedule.state_dict(),
                    'epoch': self.epoch,
                    'best': self.best,
                },
            )
        model, _ = load_landmarks(self.out)
        return {split: split_figures(model, one) for split, one in self.sets.items()}

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
        rng = np.random.default_rng((seed, 1))
        self.model.train()
        train = self.sets['train']
        order = rng.permutation(len(train.labels))
        starts = range(0, len(order), self.config.batch)
        title = f'{self.out.name} {self.epoch + 1}/{self.config.epochs}'
        total = 0.0
        for start in tqdm(starts, title, mininterval=5, leave=False):
            chosen = order[start : start + self.config.batch]
            varied = [vary(train.sequences[n], self.config, rng) for n in chosen]
            logits = self.model(*collate(varied))
            labels = torch.from_numpy(train.labels[chosen])
            losses = nn.functional.cross_entropy(logits, labels, self.weights, reduction='none')
            self.optimizer.zero_grad()
            losses.mean().backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
            self.schedule.step()
            total += losses.sum().item()
        return total / len(order)

    def _save(self, name: str, more: dict[str, Any]) -> None:
        write_checkpoint(self.out / name, {'model': self.model.state_dict()} | more)

    def _log(self, record: dict[str, Any], seconds: float) -> None:
        with (self.out / LOG).open('a', encoding='utf-8') as log:
            log.write(json.dumps(record) + '\n')
        tqdm.write(f'{self.out.name} {json.dumps(record)} {seconds:.1f} s')


def split_figures(model: nn.Module, one: LandmarkSet) -> dict[str, Any]:
    """Return the figures of a model on a split, without variation."""
    logits = predict(model, one.sequences)
    counts = confusion(one.labels, logits.argmax(1).numpy())
    loss = nn.functional.cross_entropy(logits, torch.from_numpy(one.labels)).item()
    return {
        'clips': len(one.labels),
        'loss': loss,
        **summary(counts),
        'confusion': counts.tolist(),
    }


def load_landmarks(run: Path) -> tuple[LandmarkNet, LandmarkTraining]:
    """Return the kept weights and the recipe of a run.

    Raises:
        FileNotFoundError: there are none yet.
    """
    state = torch.load(run / BEST, weights_only=True)
    config = LandmarkTraining(**state['config'])
    model = LandmarkNet(config)
    model.load_state_dict(state['model'])
    return model.eval(), config


def print_report(found: Mapping[str, Mapping[str, Any]], console: Console) -> None:
    """Print the figures and the confusion matrix of each split."""
    for split, figures in found.items():
        table = Table(
            'true, predicted', *LABELS, 'F1', title=split, caption=_headline(figures), box=None
        )
        for label, row in zip(LABELS, figures['confusion'], strict=True):
            table.add_row(label, *map(str, row), f'{figures["f1"][label]:.3f}')
        console.print(table)


def _headline(figures: Mapping[str, Any]) -> str:
    names = ('loss', 'accuracy', 'weighted_f1', 'macro_f1')
    return f'{figures["clips"]} clips, ' + ', '.join(
        f'{name.replace("_", " ")} {figures[name]:.3f}' for name in names
    )


def main(args: Sequence[str] | None = None) -> int:
    """Find the speakers, train and report the figures."""
    config, resume = parse_recipe(
        LandmarkTraining, 'python -m emotion_lab train landmarks', __doc__ or '', args
    )
    clips = read_clips(Path(config.data), config.split, config.seed)
    fill_store(Path(config.store), clips, config.workers)
    sets, counts = load_sets(Path(config.store), clips)
    print(describe(counts))
    trainer = Trainer(config, sets)
    if resume:
        trainer.resume()
    found = trainer.run()
    report = {'clips': dict(counts), 'splits': found}
    (trainer.out / REPORT).write_text(json.dumps(report, indent=2) + '\n', encoding='utf-8')
    print_report(found, Console())
    return 0
