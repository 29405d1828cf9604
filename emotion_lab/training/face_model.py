"""The face model: a small residual network over grey faces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from emotion_node.backends.face_onnx import EXPRESSIONS


@dataclass(frozen=True, slots=True)
class FaceTraining:
    """How the face model is trained; each field is a flag and a key of the TOML file.

    Attributes:
        out: folder for checkpoints and the log.
        data: folder of the data sets; empty for the default.
        epochs: passes over the training faces.
        sides: sizes of the images in pixels, from first to last, separated by commas: training
            starts with small ones, which is faster (Touvron et al., "Fixing the train-test
            resolution discrepancy", NeurIPS 2019; Tan and Le, "EfficientNetV2", ICML 2021).
        size_epochs: epochs with each size but the last, separated by commas.
        batch: faces per step.
        rate: AdamW learning rate at its peak.
        weight_decay: AdamW weight decay.
        warmup: share of all steps over which the rate rises, before it falls along a cosine.
        averaging: decay of the exponential moving average of the weights, per step.
        mixup: parameter of the Beta distribution by which faces are mixed (Zhang et al., "mixup",
            ICLR 2018); 0 for no mixing.
        mixed_share: share of the batches that are mixed.
        strength: factor of the variation of the images.
        widths: channels of the stem and the three stages, separated by commas.
        blocks: residual blocks of each stage, separated by commas.
        dropout: before the classifier.
        bfloat16: whether to convolve in bfloat16, faster on processors with support for it.
        seed: of weights, order and variation; each epoch is seeded by it and its number, so
            that a resumed run equals an uninterrupted one.
        threads: of torch.
    """

    out: str = 'runs/face/all'
    data: str = ''
    epochs: int = 36
    sides: str = '32,40,48'
    size_epochs: str = '12,10'
    batch: int = 128
    rate: float = 3e-3
    weight_decay: float = 0.05
    warmup: float = 0.15
    averaging: float = 0.998
    mixup: float = 0.2
    mixed_share: float = 0.5
    strength: float = 1.0
    widths: str = '24,48,96,192'
    blocks: str = '1,2,2'
    dropout: float = 0.3
    bfloat16: bool = True
    seed: int = 0
    threads: int = 2

    def side(self, epoch: int) -> int:
        """Return the size of the images in an epoch, counted from 0."""
        sides = [int(side) for side in self.sides.split(',')]
        for side, epochs in zip(sides, self.size_epochs.split(','), strict=False):
            epoch -= int(epochs)
            if epoch < 0:
                return side
        return sides[-1]


class Block(nn.Module):
    """Two 3x3 convolutions with a shortcut (He et al., CVPR 2016; He et al., CVPR 2019).

    Args:
        inputs, outputs: channels.
        stride: 1, or 2 to halve height and width.
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.shortcut = (
            nn.Identity()
            if inputs == outputs and stride == 1
            else nn.Sequential(
                nn.AvgPool2d(stride),
                nn.Conv2d(inputs, outputs, 1, bias=False),
                nn.BatchNorm2d(outputs),
            )
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (batch, outputs, height, width)."""
        return torch.relu(self.body(x) + self.shortcut(x))


class FaceNet(nn.Module):
    """Grey faces to logits of `EXPRESSIONS`.

    Args:
        config: the recipe.
    """

    def __init__(self, config: FaceTraining) -> None:
        super().__init__()
        widths = [int(width) for width in config.widths.split(',')]
        counts = [int(count) for count in config.blocks.split(',')]
        layers: list[nn.Module] = [
            nn.Conv2d(1, widths[0], 3, 1, 1, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(),
        ]
        for inputs, outputs, count in zip(widths, widths[1:], counts, strict=False):
            layers += [Block(inputs, outputs, 2)]
            layers += [Block(outputs, outputs, 1) for _ in range(count - 1)]
        self.features = nn.Sequential(*layers)
        self.classify = nn.Sequential(
            nn.Dropout(config.dropout), nn.Linear(widths[-1], len(EXPRESSIONS))
        )

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        """Return (batch, 8) logits.

        Args:
            faces: (batch, height, width) brightness, 0..255; overall brightness and contrast are
                normalised.
        """
        mean = faces.mean((1, 2), keepdim=True)
        spread = (faces - mean).square().mean((1, 2), keepdim=True).sqrt()
        x = ((faces - mean) / (spread + 4.0)).unsqueeze(1)
        x = self.features(x.contiguous(memory_format=torch.channels_last))
        logits: torch.Tensor = self.classify(x.float().mean((2, 3)))
        return logits


def predict(model: nn.Module, images: npt.NDArray[np.uint8], batch: int = 256) -> torch.Tensor:
    """Return (n, 8) logits of (n, height, width) faces."""
    model.eval()
    with torch.inference_mode():
        parts = [
            model(torch.from_numpy(images[start : start + batch]).float())
            for start in range(0, len(images), batch)
        ]
    return torch.cat(parts)
