"""Join two voice networks, and fit temperature and reliability on corpora left out of training.

The first network is the whole model of version 1.0.0, trained on RAVDESS and EMO-DB. The second is
that of `voice_model`, trained on other corpora. Their scores are pooled as a product of experts
(Genest and Zidek, "Combining Probability Distributions", Statistical Science 1, 1986).

To a speaker, a language or a microphone that they do not know, networks have a bias: they answer
"fear" to whatever this person says, say. So the joint answer is compared with what they answered
to this speaker before, as speakers are normalised by their mean features (Busso et al., "Iterative
Feature Normalization Scheme for Automatic Emotion Detection from Speech", IEEE Transactions on
Affective Computing 4, 2013), but on log scores: from these a share of the usual ones is taken off,
as far as they differ from those to known corpora. In log space that is an adaptation to other
priors (Saerens et al., "Adjusting the Outputs of a Classifier to New a Priori Probabilities",
Neural Computation 14, 2002), of which only a part is undone, since a mean over few utterances is
uncertain, and since somebody may truly be sad all day.
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
from emotion_node.backends.voice_features import MELS
from emotion_node.labels import LABELS

SCORE_WEIGHT: Final = 0.5
"""Weight of the second network's log scores against the first one's, chosen on the answers to
RAVDESS and EMO-DB by networks that know neither or only the other."""
MIN_SCORE: Final = 1e-3
MIN_RELIABILITY: Final = 0.02
"""Smallest reliability of the first network by which its answer is divided."""
SPEECH_FROM, SPEECH_TO = 0.05, 0.35
"""Reliability of the first network from which a sound is speech at all, and certainly speech."""
SCORE_SHARE: Final = 0.7
AROUSAL_SHARE: Final = 0.5
USUAL_WEIGHT: Final = 5.0
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
    def answer(self) -> torch.Tensor:
        """(n, `ANSWER`) what is compared with the usual: log scores and arousal."""
        return torch.cat([self.logs, self.affect[:, 1:]], -1)

    @property
    def best(self) -> torch.Tensor:
        """(n,) score of the label."""
        return self.logs.amax(-1).exp()


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


def known_mean(corpora: Sequence[tuple[Joint, IntArray]]) -> torch.Tensor:
    """Return the (`ANSWER`,) mean answer to corpora, of which labels weigh the same."""
    means = [
        torch.stack([joint.answer[labels == label].mean(0) for label in np.unique(labels)]).mean(0)
        for joint, labels in corpora
    ]
    return torch.stack(means).mean(0)


@dataclass(frozen=True, slots=True)
class Comparison:
    """How far an answer is compared with the usual one.

    Attributes:
        score_share, arousal_share: share of a speaker's usual deviation that is taken off log
            scores and arousal.
        weight: number of heard utterances at which half of it is.
    """

    score_share: float = SCORE_SHARE
    arousal_share: float = AROUSAL_SHARE
    weight: float = USUAL_WEIGHT


SHIPPED: Final = Comparison()


def compare(
    joint: Joint,
    heard: torch.Tensor,
    count: torch.Tensor,
    known: torch.Tensor,
    how: Comparison = SHIPPED,
) -> Joint:
    """Return the joint answer relative to what is usual for the speaker.

    Args:
        joint: it.
        heard: (n, `ANSWER`) mean answer to what was heard of the speaker before.
        count: (n, 1) number of utterances in it.
        known: (`ANSWER`,) as `known_mean` returns it.
        how: how far.
    """
    deviation = (heard - known) * (count / (count + how.weight))
    logs = (joint.logs - how.score_share * deviation[:, :-1]).log_softmax(-1)
    valence, arousal = joint.affect.unbind(-1)
    arousal = (arousal - how.arousal_share * deviation[:, -1]).clamp(-1, 1)
    return Joint(logs, torch.stack([valence, arousal], -1), joint.speech)


@dataclass(frozen=True, slots=True)
class VoiceCalibration:
    """How the compared answer becomes the published one.

    Attributes:
        temperature: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
        slope: of the label's score in the logit of its being right.
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
        corpora: compared answers to corpora that were left out of training, and the true labels.
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
        known: as `known_mean` returns it for them.
    """

    def __init__(
        self, net: PacedVoice, calibration: VoiceCalibration, known: torch.Tensor
    ) -> None:
        super().__init__()
        self.net = net
        self.calibration = calibration
        self.known: torch.Tensor
        self.register_buffer('known', known)

    def forward(
        self,
        spectra: torch.Tensor,
        heard: torch.Tensor,
        count: torch.Tensor,
        scores: torch.Tensor,
        affect: torch.Tensor,
        reliability: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return scores (batch, 7), affect (batch, 2), reliability (batch,), answer (batch, 8).

        Args:
            spectra: (batch, frames, `MELS`).
            heard: (batch, `FEATURES`) mean of what was heard before.
            count: (batch, 1) number of utterances in it.
            scores: (batch, 7) of the first network.
            affect: (batch, 2) of the first network.
            reliability: (batch,) of the first network.
        """
        usual = expected(heard[:, :MELS], count, self.net.net.prior)
        output = self.net(spectra - usual.unsqueeze(1))
        first = torch.cat([scores, affect, reliability.unsqueeze(-1)], -1)
        joint = join(Answers(first, output.logits, output.affect))
        compared = compare(joint, heard[:, MELS:], count, self.known)
        return *self.calibration.publish(compared), joint.answer
