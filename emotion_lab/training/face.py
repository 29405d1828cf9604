"""Train the face model on FER+, with the shares of ten people's votes as targets.

The logits are those of classes that are equally frequent. Some faces have glasses, masks, hands
and other things drawn before them, by their landmarks; the network learns how much is covered,
too. The averaged weights at the end of the last epoch are kept. Figures on dev are printed; FER+
test is measured by `python -m emotion_lab evaluate face`.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from tqdm import tqdm

from emotion_lab.data.face_covers import cover_all
from emotion_lab.data.face_landmarks import find_landmarks
from emotion_lab.data.face_variation import FaceVariation, vary_all
from emotion_lab.data.ferplus import FerPlus, read_ferplus
from emotion_lab.data.metrics import (
    accuracy,
    confusion,
    expected_calibration_error,
    unweighted_average_recall,
)
from emotion_lab.training.face_model import FaceNet, FaceTraining, predict, start_from
from emotion_lab.training.recipes import parse_recipe
from emotion_lab.training.run_state import RunState, load_run
from emotion_node.backends.faces_onnx import open_faces

DEV_EVERY: Final = 2
"""Epochs between two measurements on dev."""

LANDMARKS: Final = 'landmarks.npz'
"""Landmarks of the training faces, kept in the run's folder."""
STARTING: Final = 512
"""Faces from which batch norms are made when a run starts with the weights of a file."""

Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""Faces (batch, side, side) 0..255, targets (batch, 8), and shares of `PARTS` covered (batch, 2),
NaN where they are not known."""


class Trainer:
    """One training run and its files.

    Args:
        config: the recipe.
    """

    def __init__(self, config: FaceTraining) -> None:
        torch.set_num_threads(config.threads)
        torch.set_flush_denormal(True)
        torch.manual_seed(config.seed)
        self.config = config
        root = Path(config.data) if config.data else None
        self.faces = read_ferplus('train', root)
        self.targets = self.faces.targets
        self.dev = read_ferplus('dev', root)
        self.covered = cover_all(
            self.faces.images,
            load_landmarks(Path(config.out) / LANDMARKS, self.faces),
            np.random.default_rng((config.seed, 2)),
        )
        self.offset = config.adjustment * torch.from_numpy(np.log(prior(self.faces)))
        self.how = _scaled(FaceVariation(), config.strength)
        self.model = FaceNet(config)
        if config.start:
            start_from(self.model, Path(config.start), self.faces.images[:STARTING])
        self.model.to(memory_format=torch.channels_last)
        self.state = RunState(
            Path(config.out),
            self.model,
            rate=config.rate,
            weight_decay=config.weight_decay,
            averaging=config.averaging,
            steps=config.epochs * (len(self.faces) // config.batch),
            warmup=config.warmup,
        )

    def run(self) -> dict[str, float]:
        """Train to the last epoch; return the figures on dev."""
        state, config = self.state, self.config
        while state.epoch < config.epochs:
            begin = time.monotonic()
            record: dict[str, Any] = {'loss': self._train_epoch()}
            state.epoch += 1
            record['epoch'] = state.epoch
            if state.epoch % DEV_EVERY == 0:
                record['dev'] = figures(state.average.module, self.dev, self.offset / 2)
            state.log(record, time.monotonic() - begin)
            state.save()
        state.finish(dataclasses.asdict(config))
        return figures(state.average.module, self.dev, self.offset / 2)

    def _train_epoch(self) -> float:
        seed = self.config.seed * 1000 + self.state.epoch
        torch.manual_seed(seed)
        self.model.train()
        rng = np.random.default_rng((seed, 1))
        total, steps = 0.0, 0
        title = f'{self.state.out.name} {self.state.epoch + 1}/{self.config.epochs}'
        count = len(self.faces) // self.config.batch
        batches = tqdm(self._batches(rng), title, count, mininterval=5, leave=False)
        for faces, targets, shares in batches:
            with torch.autocast('cpu', torch.bfloat16, enabled=self.config.bfloat16):
                logits, covers = self.model(faces)
            biased = (logits.float() + self.offset).log_softmax(-1)
            loss = -(biased * targets).sum(-1).mean()
            known = shares.isfinite()
            if known.any():
                hidden = nn.functional.binary_cross_entropy_with_logits(
                    covers.float()[known], shares[known]
                )
                loss = loss + self.config.cover_weight * hidden
            self.state.step(loss)
            total += loss.item()
            steps += 1
        return total / steps

    def _batches(self, rng: np.random.Generator) -> Iterator[Batch]:
        config, side = self.config, self.config.side(self.state.epoch)
        order = rng.permutation(len(self.faces))
        for start in range(0, len(order) - config.batch + 1, config.batch):
            rows = order[start : start + config.batch]
            images, known = self.faces.images[rows], np.isfinite(self.covered.shares[rows])
            shares = np.where(known, 0, np.nan).astype(np.float32)
            chosen = rng.random(len(rows)) < config.covered
            images[chosen] = self.covered.images[rows[chosen]]
            shares[chosen] = self.covered.shares[rows[chosen]]
            faces = torch.from_numpy(vary_all(images, self.how, side, rng)).float()
            targets = torch.from_numpy(self.targets[rows])
            hidden = torch.from_numpy(shares)
            if config.mixup and rng.random() < config.mixed_share:
                share = float(rng.beta(config.mixup, config.mixup))
                partners = torch.from_numpy(rng.permutation(len(rows)))
                faces = share * faces + (1 - share) * faces[partners]
                targets = share * targets + (1 - share) * targets[partners]
                hidden = torch.full_like(hidden, torch.nan)
            yield faces, targets, hidden


def prior(faces: FerPlus) -> npt.NDArray[np.float32]:
    """Return (8,) shares of the expressions in the targets of faces."""
    return np.asarray(np.maximum(faces.targets.mean(0), 1e-4), np.float32)


def load_landmarks(path: Path, faces: FerPlus) -> npt.NDArray[np.float32]:
    """Return the landmarks of faces, found or stored before."""
    if not path.is_file():
        found = find_landmarks(faces.images, open_faces(), 'landmarks')
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, landmarks=found)
    with np.load(path) as stored:
        return np.asarray(stored['landmarks'], np.float32)


def _scaled(how: FaceVariation, factor: float) -> FaceVariation:
    return FaceVariation(*(factor * share for share in dataclasses.astuple(how)))


def figures(
    model: torch.nn.Module, faces: FerPlus, offset: torch.Tensor | float = 0.0
) -> dict[str, float]:
    """Return a model's figures on the faces whose votes agree.

    Args:
        model: a `FaceNet`.
        faces: the faces.
        offset: (8,) added to the logits.
    """
    agreed = faces.choose(faces.agreed)
    logits, _ = predict(model, agreed.images)
    scores = (logits + offset).softmax(-1).double().numpy()
    counts = confusion(agreed.labels, scores.argmax(1), scores.shape[1])
    return {
        'accuracy': accuracy(counts),
        'uar': unweighted_average_recall(counts),
        'ece': expected_calibration_error(scores, agreed.labels),
    }


def load_face(run: Path) -> tuple[FaceNet, FaceTraining]:
    """Return the weights and the recipe of a finished run.

    Raises:
        FileNotFoundError: it is not finished.
    """
    return load_run(run, FaceTraining, FaceNet)


def main(args: Sequence[str] | None = None) -> int:
    """Train and report the figures."""
    config, resume = parse_recipe(
        FaceTraining, 'python -m emotion_lab train face', __doc__ or '', args
    )
    trainer = Trainer(config)
    if resume:
        trainer.state.load()
    print(json.dumps({name: round(value, 4) for name, value in trainer.run().items()}))
    return 0
