"""The face model: a small residual network over grey faces."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import numpy_helper
from torch import nn

from emotion_lab.data.face_covers import PARTS
from emotion_node.backends.face_onnx import EXPRESSIONS

HALF: Final = '.half'
"""Ends the names of weights that a file stores in 16 bits."""


@dataclass(frozen=True, slots=True)
class FaceTraining:
    """How the face model is trained; each field is a flag and a key of the TOML file.

    Attributes:
        out: folder for checkpoints and the log.
        start: ONNX file of an earlier version of this model whose weights to start with; empty
            for random ones.
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
        adjustment: share of the prior of the training faces that the loss takes out of the
            logits: 1 gives those of classes that are equally frequent (Menon et al., "Long-tail
            learning via logit adjustment", ICLR 2021; Ren et al., "Balanced meta-softmax",
            NeurIPS 2020).
        covered: share of the faces with something drawn before them.
        cover_weight: of the loss of what is covered, beside that of the expressions.
        widths: channels of the stem and the three stages, separated by commas.
        blocks: residual blocks of each stage, separated by commas.
        dropout: before the classifier.
        bfloat16: whether to convolve in bfloat16, faster on processors with support for it.
        seed: of weights, order and variation; each epoch is seeded by it and its number, so
            that a resumed run equals an uninterrupted one.
        threads: of torch.
    """

    out: str = 'runs/face/all'
    start: str = ''
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
    adjustment: float = 1.0
    covered: float = 0.3
    cover_weight: float = 0.3
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
    """Grey faces to logits of `EXPRESSIONS`, and of what is covered.

    Args:
        config: the recipe.
    """

    def __init__(self, config: FaceTraining) -> None:
        super().__init__()
        self.config = config
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
        self.cover = nn.Linear(2 * widths[-1], len(PARTS))

    def forward(self, faces: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (batch, 8) logits of expressions, and (batch, 2) of covered eyes and mouth.

        Args:
            faces: (batch, height, width) brightness, 0..255; overall brightness and contrast are
                normalised.
        """
        x = self.see(faces)
        return self.classify(x.mean((2, 3))), self.cover(self.halves(x))

    def see(self, faces: torch.Tensor) -> torch.Tensor:
        """Return (batch, channels, height / 8, width / 8) features."""
        mean = faces.mean((1, 2), keepdim=True)
        spread = (faces - mean).square().mean((1, 2), keepdim=True).sqrt()
        x = ((faces - mean) / (spread + 4.0)).unsqueeze(1)
        features: torch.Tensor = self.features(x.contiguous(memory_format=torch.channels_last))
        return features.float()

    @staticmethod
    def halves(x: torch.Tensor) -> torch.Tensor:
        """Return (batch, 2 * channels) means of features over the upper and the lower half."""
        middle = x.shape[2] // 2
        return torch.cat([x[:, :, :middle].mean((2, 3)), x[:, :, middle:].mean((2, 3))], 1)


def predict(
    model: nn.Module, images: npt.NDArray[np.uint8], batch: int = 256
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (n, 8) and (n, 2) logits of (n, height, width) faces, as `FaceNet` does."""
    model.eval()
    with torch.inference_mode():
        parts = [
            model(torch.from_numpy(images[start : start + batch]).float())
            for start in range(0, len(images), batch)
        ]
    return torch.cat([one for one, _ in parts]), torch.cat([other for _, other in parts])


def start_from(net: FaceNet, path: Path, faces: npt.NDArray[np.uint8]) -> None:
    """Give a network the weights of a file that `face_export` made of one of the same widths.

    The file has no batch norms: they are in its convolutions. They are made anew from faces, so
    that the network gives what the file does. What is covered is left as it is.

    Args:
        net: the network.
        path: of the file.
        faces: (n, side, side) some hundreds of faces.

    Raises:
        ValueError: the file is that of another network.
    """
    graph = onnx.load(path).graph
    stored = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    nodes = [one for one in graph.node if one.op_type in ('Conv', 'Gemm')]
    layers = [one for one in net.modules() if isinstance(one, nn.Conv2d | nn.BatchNorm2d)]
    pairs = list(zip(layers[::2], layers[1::2], strict=True))
    if len(nodes) < len(pairs) + 1:
        raise ValueError(f'{path} has {len(nodes)} layers; the network has {len(pairs) + 1}')

    def tensor(name: str) -> torch.Tensor:
        if name in stored:
            value = stored[name]
        elif name + HALF in stored:
            value = stored[name + HALF]
        else:  # the form of 1.0.0
            value = stored[f'{name}.int8'] * stored[f'{name}.scale']
        return torch.from_numpy(value.astype(np.float32))

    images = torch.from_numpy(faces).float()
    net.eval()
    with torch.no_grad():
        for node, (conv, norm) in zip(nodes, pairs, strict=False):
            weights, bias = (tensor(name) for name in node.input[1:3])
            if weights.shape != conv.weight.shape:
                raise ValueError(
                    f'{path}: a layer of another shape; was it made with other widths?'
                )
            conv.weight.copy_(weights)
            seen: list[torch.Tensor] = []
            hook = conv.register_forward_hook(lambda *args, to=seen: to.append(args[2]))
            net(images)
            hook.remove()
            mean, spread = seen[0].mean((0, 2, 3)), seen[0].var((0, 2, 3))
            norm.running_mean.copy_(mean)
            norm.running_var.copy_(spread)
            norm.weight.copy_((spread + norm.eps).sqrt())
            norm.bias.copy_(bias + mean)
        linear = net.classify[1]
        linear.weight.copy_(tensor(nodes[len(pairs)].input[1]))
        linear.bias.copy_(tensor(nodes[len(pairs)].input[2]))
