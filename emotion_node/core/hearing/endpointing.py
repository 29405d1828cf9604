"""How long a pause must last to end an utterance: shorter after speech that sounds finished.

People take turns by what is said and how it sounds, not by silence alone (Sacks, Schegloff and
Jefferson, "A simplest systematics for the organization of turn-taking", 1974; Ferrer, Shriberg
and Stolcke, "Is the speaker done yet? Faster and more accurate end-of-utterance detection using
prosody", ICSLP 2002). A pause is classified once, when it begins. The evidence is the last word,
weighted by the recogniser's confidence; whether the last sound was drawn out, as at the end of a
phrase (Wightman et al., "Segmental durations in the vicinity of prosodic phrase boundaries",
JASA 91, 1992); and how long the speaker has spoken. The pitch before a pause was no help when it
was measured (docs/endpointing.md).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib import resources
from typing import Final

import numpy as np

from emotion_node.config import EndpointingConfig
from emotion_node.datatypes import (
    NS_PER_S,
    NS_PER_SAMPLE,
    SAMPLE_RATE,
    FloatArray,
    Transcript,
    Utterance,
)

FILE: Final = 'endings.tsv'
TAIL_S: Final = 1.5
"""Speech before the pause whose loud parts are the reference for its last sound."""
LOUD_DB: Final = 12.0
"""The last sound comes within this of the reference level,"""
QUIET_DB: Final = 20.0
"""and begins after the level was last further below the reference than this."""
MIN_SOUND_S: Final = 0.05
"""A shorter last sound counts as this long."""

PARTIAL_CONFIDENCE: Final = 0.2
"""Confidence of words whose recogniser gives none before the end (pocketsphinx)."""

WEIGHTS: Final = (0.702, 0.8, 0.918, 0.909)
"""Weights in the log odds that the speaker has finished: of a constant 1, the last word, and the
logarithms of the seconds spoken and of the length of the last sound. The last two were fitted:
python -m emotion_lab evaluate endpointing --choose."""


@functools.cache
def word_endings() -> dict[str, float]:
    """Return by word the log odds that a sentence ends after it, minus those of all words."""
    text = (resources.files('emotion_node.core.hearing') / FILE).read_text(encoding='utf-8')
    return {word: float(odds) for word, odds in (row.split('\t') for row in text.splitlines())}


@dataclass(frozen=True, slots=True)
class PauseEvidence:
    """Evidence on whether a speaker who has paused has finished.

    Attributes:
        word: log odds of the last word, as in `word_endings`, times its confidence; 0 where it is
            not known.
        spoken_s: length of the utterance so far.
        last_sound_s: length of the last sound before the pause.
    """

    word: float
    spoken_s: float
    last_sound_s: float

    @property
    def features(self) -> tuple[float, float, float, float]:
        """The features that `WEIGHTS` apply to."""
        return (
            1.0,
            self.word,
            float(np.log(max(self.spoken_s, 2 * MIN_SOUND_S))),
            float(np.log(max(self.last_sound_s, MIN_SOUND_S))),
        )


def gather_evidence(utterance: Utterance, transcript: Transcript | None) -> PauseEvidence:
    """Return the evidence about a pause.

    Args:
        utterance: the utterance as it is if it ends here.
        transcript: words so far; None where there are none.
    """
    length = (utterance.end_ns - utterance.start_ns) // NS_PER_SAMPLE
    return PauseEvidence(
        _last_word(transcript) if transcript is not None else 0.0,
        length / SAMPLE_RATE,
        last_sound(utterance.speech),
    )


def _last_word(transcript: Transcript) -> float:
    words = transcript.text.lower().split()
    if not words:
        return 0.0
    confidence = transcript.confidence or PARTIAL_CONFIDENCE
    return confidence * word_endings().get(words[-1].strip('.,?!;:"'), 0.0)


def last_sound(samples: FloatArray) -> float:
    """Return the length of the last sound of speech in s; 0 where there is none.

    Args:
        samples: (n,) float32 at `SAMPLE_RATE`, ending where speech does.
    """
    step = SAMPLE_RATE // 100
    tail = samples[-round(TAIL_S * SAMPLE_RATE) :]
    tail = tail[len(tail) % step :]
    power = np.square(tail.reshape(-1, step)).mean(axis=1) if len(tail) else tail
    if not len(power) or not 0 < float(power.max()) < np.inf:
        return 0.0
    level = 10 * np.log10(np.maximum(power, 1e-10)) - 10 * np.log10(np.percentile(power, 90))
    last = np.flatnonzero(level > -LOUD_DB)[-1]
    before = np.flatnonzero(level[:last] <= -QUIET_DB)
    return float(last - (before[-1] if len(before) else -1)) / 100


class Endpointing:
    """Decides how long a pause must last to end an utterance.

    Args:
        config: bounds.
    """

    def __init__(self, config: EndpointingConfig) -> None:
        self._min_ns = round(config.min_silence * NS_PER_S)
        self._max_ns = round(config.max_silence * NS_PER_S)

    def required_silence(self, evidence: PauseEvidence) -> int:
        """Return the silence in ns, within the bounds, that ends the utterance."""
        unfinished = 1.0 - probability_finished(evidence)
        return self._min_ns + round(unfinished * (self._max_ns - self._min_ns))


def probability_finished(evidence: PauseEvidence) -> float:
    """Return the probability, 0..1, that the speaker has finished."""
    odds = float(np.dot(WEIGHTS, evidence.features))
    return 1.0 / (1.0 + float(np.exp(-odds)))
