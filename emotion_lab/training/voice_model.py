"""The voice model: a small residual network over log-mel spectra, with attention over time.

It takes how spectra differ from what was heard of the speaker and the microphone before. Until
something was heard, that is the mean of the training corpora.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from emotion_lab.data.heard_voices import Heard
from emotion_node.backends.voice_features import MELS
from emotion_node.labels import LABELS

NO_FOLD: Final = -1


@dataclass(frozen=True, slots=True)
class VoiceTraining:
    """How the voice model is trained; each field is a flag and a key of the TOML file.

    Attributes:
        out: folder for checkpoints and the log.
        store: folder that `training.voice_store` filled.
        left_out: corpora that are left out of training, separated by commas.
        held_out: fold whose speakers are held out, 0 to 4; -1 for none.
        epochs: passes over the corpora.
        batch: clips per step, without outliers.
        outlier_share: outliers per clip in each step.
        repeats: uses of each clip in an epoch, such as "emodb=4,ravdess=2,ased=0.5"; with a share
            some are drawn. Clips of other corpora are used once.
        start: finished run to start from; it must know nothing of what is left out or held out.
        cold_share: share of the clips before which nothing was heard.
        neutral_share: share of the others before which only neutral speech was heard.
        mixed_speakers: share of the others before which anybody of the corpus was heard.
        most_heard: largest number of utterances that were heard before.
        rate: AdamW learning rate at its peak.
        weight_decay: AdamW weight decay.
        warmup: share of all steps over which the rate rises, before it falls along a cosine.
        averaging: decay of the exponential moving average of the weights, per step.
        label_smoothing: of the cross-entropy.
        class_balance: power of the inverse of a class's share that weights its clips.
        affect_weight: weight of the squared error of valence and arousal.
        outlier_weight: weight of the cross-entropy of outliers with the uniform distribution.
        familiar_weight: weight of the loss of separating speech from outliers.
        mixup: parameter of the Beta distribution by which clips are mixed (Zhang et al., "mixup",
            ICLR 2018); 0 for no mixing.
        mixed_share: share of the batches that are mixed.
        warp: largest change of pace, as a share.
        shift: largest shift in frequency, in mel bands.
        time_masks, band_masks: number of masks (Park et al., "SpecAugment",
            Interspeech 2019).
        time_mask: largest length of a time mask, as a share of the clip.
        band_mask: largest width of a band mask, in bands.
        max_frames: longer clips are cut at random.
        widths: channels of the four stages, separated by commas.
        hidden: channels of a frame before pooling.
        embedding: width of the classifier's input.
        dropout: before the embedding.
        bfloat16: whether to convolve in bfloat16, faster on processors with support for it.
        seed: of weights, order and variation; each epoch is seeded by it and its number, so
            that a resumed run equals an uninterrupted one.
        threads: of torch.
    """

    out: str = 'runs/voice/all'
    store: str = 'runs/voice-store'
    left_out: str = ''
    held_out: int = NO_FOLD
    epochs: int = 12
    batch: int = 64
    outlier_share: float = 0.1
    repeats: str = ''
    start: str = ''
    cold_share: float = 0.15
    neutral_share: float = 0.3
    mixed_speakers: float = 0.15
    most_heard: int = 12
    rate: float = 3e-3
    weight_decay: float = 0.03
    warmup: float = 0.1
    averaging: float = 0.99
    label_smoothing: float = 0.05
    class_balance: float = 0.5
    affect_weight: float = 1.0
    outlier_weight: float = 0.5
    familiar_weight: float = 0.3
    mixup: float = 0.3
    mixed_share: float = 0.5
    warp: float = 0.12
    shift: float = 1.5
    time_masks: int = 2
    band_masks: int = 2
    time_mask: float = 0.12
    band_mask: int = 8
    max_frames: int = 240
    widths: str = '16,32,64,96'
    hidden: int = 128
    embedding: int = 64
    dropout: float = 0.3
    bfloat16: bool = True
    seed: int = 0
    threads: int = 1


class VoiceOutput(NamedTuple):
    """The outputs of the network.

    Attributes:
        logits: (batch, 7).
        affect: (batch, 2) valence and arousal, each in -1..1.
        familiar: (batch,) logit that the sound is speech.
        embedding: (batch, width).
    """

    logits: torch.Tensor
    affect: torch.Tensor
    familiar: torch.Tensor
    embedding: torch.Tensor


class Block(nn.Module):
    """Two 3x3 convolutions with a shortcut (He et al., CVPR 2016).

    Args:
        inputs, outputs: channels.
        stride: over bands and time.
    """

    def __init__(self, inputs: int, outputs: int, stride: tuple[int, int]) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(outputs)
        self.second = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(outputs)
        self.shortcut = (
            nn.Identity()
            if inputs == outputs and stride == (1, 1)
            else nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False),
                nn.BatchNorm2d(outputs),
            )
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (batch, outputs, bands, time)."""
        y = torch.relu(self.first_norm(self.first(x)))
        return torch.relu(self.second_norm(self.second(y)) + self.shortcut(x))


class AttentivePooling(nn.Module):
    """Mean and deviation over time, weighted by learnt attention.

    Okabe et al., "Attentive Statistics Pooling for Deep Speaker Embedding", Interspeech 2018.
    """

    def __init__(self, width: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.score = nn.Sequential(nn.Conv1d(width, 64, 1), nn.Tanh(), nn.Conv1d(64, heads, 1))

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """Return (batch, 2 * width) of (batch, width, time); the mask is False for padding."""
        scores = self.score(x)
        if mask is not None:
            scores = scores.masked_fill(~mask[:, None, :], -1e4)
        weights = scores.softmax(-1)
        batch, width, time = x.shape
        parts = x.reshape(batch, self.heads, width // self.heads, time)
        weights = weights[:, :, None, :]
        mean = (parts * weights).sum(-1)
        variance = (parts.square() * weights).sum(-1) - mean.square()
        return torch.cat([mean, variance.clamp(min=1e-4).sqrt()], -1).reshape(batch, 2 * width)


STEM_STRIDES: Final = (4, 4)
"""Over bands and time."""
STRIDES: Final = ((1, 1), (2, 2), (2, 1), (1, 1))
TIME_STRIDE: Final = 8
HEARD_WEIGHT: Final = 1.0
"""Number of heard utterances that count as much as the mean of the training corpora."""


class VoiceNet(nn.Module):
    """Spectra of any length to emotion; see `VoiceOutput`.

    Args:
        config: the recipe.
    """

    def __init__(self, config: VoiceTraining) -> None:
        super().__init__()
        widths = [int(width) for width in config.widths.split(',')]
        self.stem = nn.Sequential(
            nn.Conv2d(1, widths[0], 7, STEM_STRIDES, 3, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(),
        )
        self.stages = nn.Sequential(
            *(
                Block(inputs, outputs, stride)
                for inputs, outputs, stride in zip(
                    [widths[0], *widths], widths, STRIDES, strict=False
                )
            )
        )
        bands = MELS // (STEM_STRIDES[0] * 4)
        self.frame = nn.Sequential(
            nn.Conv1d(widths[-1] * bands, config.hidden, 1, bias=False),
            nn.BatchNorm1d(config.hidden),
            nn.ReLU(),
        )
        self.pooling = AttentivePooling(config.hidden)
        self.embed = nn.Sequential(
            nn.BatchNorm1d(2 * config.hidden),
            nn.Dropout(config.dropout),
            nn.Linear(2 * config.hidden, config.embedding),
            nn.ReLU(),
        )
        self.classify = nn.Linear(config.embedding, len(LABELS))
        self.feel = nn.Linear(config.embedding, 2)
        self.recognise = nn.Linear(2 * config.hidden, 1)
        self.prior: torch.Tensor
        self.register_buffer('prior', torch.zeros(MELS))

    def forward(self, spectra: torch.Tensor, mask: torch.Tensor | None = None) -> VoiceOutput:
        """Return the outputs for spectra.

        Args:
            spectra: (batch, frames, `MELS`), from which `expected` was subtracted.
            mask: (batch, frames) True for sound, False for padding; None if there is no
                padding.
        """
        x = self.stages(self.stem(spectra.transpose(1, 2).unsqueeze(1)))
        x = self.frame(x.flatten(1, 2)).float()
        pooled = self.pooling(x, None if mask is None else mask[:, ::TIME_STRIDE])
        embedding = self.embed(pooled)
        return VoiceOutput(
            self.classify(embedding),
            torch.tanh(self.feel(embedding)),
            self.recognise(pooled).squeeze(-1),
            embedding,
        )


PACES: Final = (0.92, 1.0, 1.08)
"""Paces at which a trained network gets each utterance; their outputs are averaged."""


def expected(heard: Any, count: Any, prior: Any) -> Any:
    """Return the mean spectrum that is to be expected of a speaker; arrays or tensors.

    Args:
        heard: (batch, `MELS`) mean of the utterances that were heard.
        count: (batch, 1) their number.
        prior: (`MELS`,) mean of the training corpora.
    """
    return (count * heard + HEARD_WEIGHT * prior) / (count + HEARD_WEIGHT)


class PacedVoice(nn.Module):
    """A network's mean output for an utterance as it is, slightly slower and slightly faster.

    Its spectra are those from which `expected` was subtracted.

    Args:
        net: the network.
    """

    def __init__(self, net: VoiceNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, spectra: torch.Tensor, mask: torch.Tensor | None = None) -> VoiceOutput:
        """Return the mean outputs; arguments as of `VoiceNet`."""
        outputs = []
        for pace in PACES:
            if pace == 1:
                outputs.append(self.net(spectra, mask))
                continue
            paced = nn.functional.interpolate(
                spectra.transpose(1, 2), scale_factor=1 / pace, mode='linear'
            ).transpose(1, 2)
            kept = mask
            if mask is not None:
                where = mask.float().unsqueeze(1)
                where = nn.functional.interpolate(where, paced.shape[1])
                kept = where.squeeze(1) > 0
            outputs.append(self.net(paced, kept))
        return VoiceOutput(*(torch.stack(part).mean(0) for part in zip(*outputs, strict=True)))


Batch = tuple[torch.Tensor, torch.Tensor]
"""Spectra (batch, frames, `MELS`) float32 and their mask (batch, frames)."""


def collate(spectra: Sequence[npt.NDArray[np.floating[Any]]]) -> Batch:
    """Return the arguments of `VoiceNet`, padded to the longest spectrum."""
    frames = max(map(len, spectra))
    padded = np.zeros((len(spectra), frames, MELS), np.float32)
    mask = np.zeros((len(spectra), frames), bool)
    for row, spectrum in enumerate(spectra):
        padded[row, : len(spectrum)] = spectrum
        mask[row, : len(spectrum)] = True
    return torch.from_numpy(padded), torch.from_numpy(mask)


def predict(
    model: nn.Module, spectra: Sequence[npt.NDArray[np.floating[Any]]], batch: int = 64
) -> VoiceOutput:
    """Return the model's outputs for spectra of any length, in their order."""
    # Batches of similar length need little padding.
    order = sorted(range(len(spectra)), key=lambda n: len(spectra[n]))
    back = np.argsort(order)
    model.eval()
    if not order:
        return VoiceOutput(*(torch.zeros(0, *size) for size in ((len(LABELS),), (2,), (), (0,))))
    parts: list[VoiceOutput] = []
    with torch.inference_mode():
        for start in range(0, len(order), batch):
            chosen = order[start : start + batch]
            parts.append(model(*collate([spectra[n] for n in chosen])))
    return VoiceOutput(*(torch.cat(part)[back] for part in zip(*parts, strict=True)))


def predict_heard(
    model: nn.Module,
    spectra: Sequence[npt.NDArray[np.floating[Any]]],
    heard: Heard,
    prior: torch.Tensor,
) -> VoiceOutput:
    """Return what `predict` does, each spectrum compared with what was heard before.

    Args:
        model: it.
        spectra: as `log_mel` makes them.
        heard: before each of them.
        prior: (`MELS`,) of the model.
    """
    usual = expected(heard.means, heard.counts[:, None], prior.numpy())
    return predict(model, [spectrum - one for spectrum, one in zip(spectra, usual, strict=True)])
