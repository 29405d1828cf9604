"""Join two voice networks, and fit temperature and reliability on corpora left out of training.

The first network is the whole model of version 1.0.0, trained on RAVDESS and EMO-DB. The second is
that of `voice_model`, trained on other corpora. Their scores are pooled as a product of experts
(Genest and Zidek, "Combining Probability Distributions", Statistical Science 1, 1986).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from sklearn.linear_model import LogisticRegression
from torch import nn

from emotion_lab.data.metrics import Array, IntArray, area_under_roc
from emotion_lab.training.voice_model import PacedVoice, expected
from emotion_node.labels import LABELS

SCORE_WEIGHT: Final = 0.5
"""Weight of the second network's log scores against the first one's, chosen on the answers to
RAVDESS and EMO-DB by networks that know neither or only the other."""
MIN_SCORE: Final = 1e-3
MIN_RELIABILITY: Final = 0.02
"""Smallest reliability of the first network by which its answer is divided."""
SPEECH_FROM, SPEECH_TO = 0.05, 0.35
"""Reliability of the first network from which a sound is speech at all, and certainly speech."""
PENALTY: Final = 0.3
"""Inverse strength of the penalty on the slope of the regression."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What both networks answer to n sounds.

    Attributes:
        first: (n, 10) scores, valence, arousal and reliability of the first network.
        logits: (n, 7) of the second.
        affect: (n, 2) of the second.
    """

    first: torch.Tensor
    logits: torch.Tensor
    affect: torch.Tensor

    def at(self, rows: IntArray) -> Answers:
        """Return the answers to some of the sounds."""
        return Answers(*(getattr(self, one.name)[rows] for one in fields(self)))


@dataclass(frozen=True, slots=True)
class Joint:
    """The networks' answers as one, before reliability.

    Attributes:
        logs: (n, 7) log scores.
        affect: (n, 2) valence and arousal.
        speech: (n,) 0..1, how far the sound is speech, by the first network's reliability.
    """

    logs: torch.Tensor
    affect: torch.Tensor
    speech: torch.Tensor

    @property
    def best(self) -> torch.Tensor:
        """(n,) log score of the label."""
        return self.logs.amax(-1)


def join(answers: Answers) -> Joint:
    """Return the networks' answers as one."""
    reliability = answers.first[:, 9:]
    share = reliability.clamp(min=MIN_RELIABILITY)
    count = len(LABELS)
    # The first network's scores are mixed with the uniform distribution by its reliability.
    scores = (answers.first[:, :count] - (1 - reliability) / count) / share
    scores = scores.clamp(min=MIN_SCORE)
    scores = scores / scores.sum(-1, keepdim=True)
    others = answers.logits.softmax(-1).clamp(min=MIN_SCORE)
    logs = (scores.log() + SCORE_WEIGHT * others.log()).log_softmax(-1)
    affect = ((answers.first[:, count : count + 2] / share).clamp(-1, 1) + answers.affect) / 2
    speech = ((reliability[:, 0] - SPEECH_FROM) / (SPEECH_TO - SPEECH_FROM)).clamp(0, 1)
    return Joint(logs, affect, speech)


@dataclass(frozen=True, slots=True)
class VoiceCalibration:
    """How the joint answer becomes the published one.

    Attributes:
        temperature: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
        slope: of the log score in the logit of the label being right.
        bias: of that logit.
    """

    temperature: float
    slope: float
    bias: float

    def reliability(self, joint: Joint) -> torch.Tensor:
        """Return (n,) 0..1: how far it is speech, times how likely the label is to be right."""
        return joint.speech * torch.sigmoid(self.slope * joint.best + self.bias)

    def publish(self, joint: Joint) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return scores (n, 7), affect (n, 2) and reliability (n,).

        The lower the reliability, the flatter are the scores and the nearer to 0 is valence.
        Arousal stays as it is: it is right more often than the labels.
        """
        reliability = self.reliability(joint)
        scores = temper((joint.logs / self.temperature).softmax(-1), reliability)
        valence, arousal = joint.affect.unbind(-1)
        return scores, torch.stack([valence * reliability, arousal], -1), reliability


def temper(scores: torch.Tensor, reliability: torch.Tensor) -> torch.Tensor:
    """Return a mixture of the scores, weighted by reliability, and the uniform distribution."""
    share = reliability.unsqueeze(-1)
    return share * scores + (1 - share) / scores.shape[-1]


def is_right(joint: Joint, labels: IntArray) -> Array:
    """Return (n,) 1 where the best of the seven labels is the true one."""
    return np.asarray(joint.logs.argmax(-1).numpy() == labels, np.float64)


def fit_calibration(corpora: Sequence[tuple[Joint, IntArray]]) -> VoiceCalibration:
    """Return the calibration with the least negative log-likelihood; corpora weigh the same.

    Args:
        corpora: answers to corpora that were left out of training, and the true labels.
    """
    best = torch.cat([joint.best for joint, _ in corpora]).double().numpy()
    right = np.concatenate([is_right(joint, labels) for joint, labels in corpora])
    labels = np.concatenate([labels for _, labels in corpora])
    weights = np.concatenate([np.full(len(one), 1 / len(one)) for _, one in corpora])
    model = LogisticRegression(C=PENALTY, max_iter=2000)
    model.fit(best[:, None], right, weights / weights.mean())
    slope, bias = float(model.coef_[0, 0]), float(model.intercept_[0])

    def loss(temperature: float) -> float:
        calibration = VoiceCalibration(temperature, slope, bias)
        scores = torch.cat([calibration.publish(joint)[0] for joint, _ in corpora])
        logs = scores.clamp(min=1e-9).log().double().numpy()
        return float(-(weights * logs[np.arange(len(labels)), labels]).sum())

    found = minimize_scalar(loss, bounds=(0.2, 5.0), method='bounded')
    return VoiceCalibration(float(found.x), slope, bias)


def reliability_area(joint: Joint, labels: IntArray, calibration: VoiceCalibration) -> float:
    """Return the area under the ROC curve of reliability, right against wrong labels."""
    reliability = calibration.reliability(joint).double().numpy()
    return area_under_roc(reliability, is_right(joint, labels) > 0)


class JoinedVoice(nn.Module):
    """The second network and what joins both, as exported; the first one is put before it.

    Args:
        net: the second network.
        calibration: fitted on corpora left out.
    """

    def __init__(self, net: PacedVoice, calibration: VoiceCalibration) -> None:
        super().__init__()
        self.net = net
        self.calibration = calibration

    def forward(
        self,
        spectra: torch.Tensor,
        heard: torch.Tensor,
        count: torch.Tensor,
        scores: torch.Tensor,
        affect: torch.Tensor,
        reliability: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return scores (batch, 7), affect (batch, 2) and reliability (batch,).

        Args:
            spectra: (batch, frames, `MELS`).
            heard: (batch, `MELS`) mean of what was heard before.
            count: (batch, 1) number of utterances in it.
            scores: (batch, 7) of the first network.
            affect: (batch, 2) of the first network.
            reliability: (batch,) of the first network.
        """
        usual = expected(heard, count, self.net.net.prior)
        output = self.net(spectra - usual.unsqueeze(1))
        first = torch.cat([scores, affect, reliability.unsqueeze(-1)], -1)
        return self.calibration.publish(join(Answers(first, output.logits, output.affect)))
