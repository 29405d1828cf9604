"""The study's landmark model: a two-layer bidirectional LSTM over a face's landmarks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import nn

from emotion_node.backends.face_landmarks_onnx import MIN_QUALITY, resample
from emotion_node.core.vision.face_points import POINTS, WIDTH, mirror_points
from emotion_node.datatypes import FloatArray
from emotion_node.faces import FaceSequence
from emotion_node.labels import LABELS

LAYERS: Final = 2
LEAST_SPREAD: Final = 0.02
"""Smallest standard deviation, in cm, that is scaled to 1: the mesh jitters by as much."""


@dataclass(frozen=True, slots=True)
class LandmarkTraining:
    """How the landmark model is trained; each field is a flag and a key of the TOML file.

    Attributes:
        data: folder of labelled clips, see `landmark_clips`.
        store: folder for the landmark sequences of the clips.
        out: folder for checkpoints, the log and the report.
        split: given (by the folder's tables), dialogue (drawn) or none (all clips are for
            training).
        workers: processes that read clips.
        epochs: passes over the training clips.
        batch: clips per step.
        rate: AdamW learning rate at its peak.
        weight_decay: AdamW weight decay.
        warmup: share of all steps over which the rate rises, before it falls along a cosine.
        hidden: width of the LSTM in each direction.
        dropout: between the layers and before the classifier.
        class_balance: power of the inverse of a class's share that weights its clips in the
            cross-entropy; 1 gives all classes the same weight.
        mirror: whether half of the faces are mirrored.
        scale: largest change of size, separately in width and height, as a share.
        shift: largest shift of a face, in cm.
        turn: largest rotation, in degrees.
        tremble: standard deviation of a constant shift of each point, in cm.
        stretch: largest change of pace, as a share.
        drop: largest share of frames that are dropped.
        seed: of weights, order and variation; each epoch is seeded by it and its number, so
            that a resumed run equals an uninterrupted one.
        threads: of torch.
    """

    data: str = 'MELD.Raw'
    store: str = 'runs/landmark-store'
    out: str = 'runs/landmarks'
    split: str = 'given'
    workers: int = 1
    epochs: int = 40
    batch: int = 32
    rate: float = 2e-3
    weight_decay: float = 1e-3
    warmup: float = 0.1
    hidden: int = 64
    dropout: float = 0.3
    class_balance: float = 0.5
    mirror: bool = True
    scale: float = 0.04
    shift: float = 0.1
    turn: float = 3.0
    tremble: float = 0.02
    stretch: float = 0.15
    drop: float = 0.2
    seed: int = 0
    threads: int = 1


class LandmarkNet(nn.Module):
    """Landmark sequences of any length to logits.

    The states of all steps are averaged, weighted by the quality of the face.

    Args:
        config: the recipe.
    """

    mean: torch.Tensor
    spread: torch.Tensor

    def __init__(self, config: LandmarkTraining) -> None:
        super().__init__()
        self.register_buffer('mean', torch.zeros(WIDTH))
        self.register_buffer('spread', torch.ones(WIDTH))
        self.lstm = nn.LSTM(
            WIDTH,
            config.hidden,
            LAYERS,
            batch_first=True,
            dropout=config.dropout,
            bidirectional=True,
        )
        self.dropout = nn.Dropout(config.dropout)
        self.classify = nn.Linear(2 * config.hidden, len(LABELS))

    def normalise_by(self, sequences: Sequence[FaceSequence]) -> None:
        """Set mean and deviation from the training sequences, where the quality is sufficient."""
        rows = np.concatenate([seen.rows[seen.quality >= MIN_QUALITY] for seen in sequences])
        self.mean.copy_(torch.from_numpy(rows.mean(axis=0, dtype=np.float64)))
        spread = rows.std(axis=0, dtype=np.float64).clip(LEAST_SPREAD)
        self.spread.copy_(torch.from_numpy(spread))

    def forward(
        self,
        landmarks: torch.Tensor,
        quality: torch.Tensor,
        steps: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Return (batch, 7) logits.

        Args:
            landmarks: (batch, longest, `WIDTH`).
            quality: (batch, longest) 0..1, 0 for padding.
            steps: (batch,) int64 lengths; None if all have the same length.
        """
        given = (landmarks - self.mean) / self.spread
        if steps is None:
            states, _ = self.lstm(given)
        else:
            packed = nn.utils.rnn.pack_padded_sequence(
                given, steps, batch_first=True, enforce_sorted=False
            )
            states, _ = nn.utils.rnn.pad_packed_sequence(
                self.lstm(packed)[0], batch_first=True, total_length=landmarks.shape[1]
            )
        share = quality / quality.sum(1, keepdim=True).clamp(min=1e-6)
        logits: torch.Tensor = self.classify(self.dropout((states * share.unsqueeze(-1)).sum(1)))
        return logits


Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""The arguments of `LandmarkNet`."""


def collate(sequences: Sequence[FaceSequence]) -> Batch:
    """Return the arguments of `LandmarkNet`, padded to the longest sequence."""
    made = [resample(seen) for seen in sequences]
    steps = [len(quality) for _, quality in made]
    landmarks = np.zeros((len(made), max(steps), WIDTH), np.float32)
    quality = np.zeros((len(made), max(steps)), np.float32)
    for place, (rows, weights) in enumerate(made):
        landmarks[place, : len(rows)] = rows
        quality[place, : len(rows)] = weights
    return torch.from_numpy(landmarks), torch.from_numpy(quality), torch.tensor(steps)


def vary(seen: FaceSequence, config: LandmarkTraining, rng: np.random.Generator) -> FaceSequence:
    """Return a sequence varied as by another person, camera or clip.

    At least half of the frames of sufficient quality are kept.
    """
    rows = mirror_points(seen.rows) if config.mirror and rng.random() < 0.5 else seen.rows
    points = rows.reshape(-1, len(POINTS), 2)
    angle = np.radians(rng.uniform(-config.turn, config.turn))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    scale = rng.uniform(1 - config.scale, 1 + config.scale, 2)
    shift = rng.uniform(-config.shift, config.shift, 2)
    points = (points * scale) @ turn + shift
    points = points + rng.normal(0, config.tremble, (1, len(POINTS), 2))
    pace = rng.uniform(1 - config.stretch, 1 + config.stretch)
    stamps = seen.stamps_ns[0] + ((seen.stamps_ns - seen.stamps_ns[0]) * pace).astype(np.int64)
    kept = _kept(seen.quality, min(rng.uniform(0, config.drop), 0.5), rng)
    varied: FloatArray = points.reshape(rows.shape).astype(np.float32)
    return FaceSequence(stamps[kept], varied[kept], seen.quality[kept])


def _kept(
    quality: FloatArray, share: float, rng: np.random.Generator
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return which frames remain when a share of those of sufficient quality is dropped."""
    counting = np.flatnonzero(quality >= MIN_QUALITY)
    kept = np.ones(len(quality), bool)
    kept[rng.choice(counting, int(share * len(counting)), replace=False)] = False
    return kept


def predict(model: nn.Module, sequences: Sequence[FaceSequence], batch: int = 64) -> torch.Tensor:
    """Return the (n, 7) logits of sequences of any length, in their order."""
    # Batches of similar length need little padding.
    order = sorted(range(len(sequences)), key=lambda n: len(sequences[n].rows))
    model.eval()
    with torch.inference_mode():
        parts = [
            model(*collate([sequences[n] for n in order[start : start + batch]]))
            for start in range(0, len(order), batch)
        ]
    return torch.cat(parts)[np.argsort(order)]
