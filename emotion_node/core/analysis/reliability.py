"""How far each modality's answer to an utterance can be relied on, from the evidence at hand.

What a model itself says of its input (`ModalityEmotion.reliability`) is lowered by what it cannot
know: how well words were understood, how long and how clean the speech was, whose face it was.
"""

from __future__ import annotations

import dataclasses
from typing import Final

import numpy as np

from emotion_node.datatypes import (
    NS_PER_S,
    NS_PER_SAMPLE,
    SAMPLE_RATE,
    FaceEstimate,
    ModalityEmotion,
    Transcript,
    Utterance,
)

SURE_WORDS: Final = 0.75
"""Confidence of a recogniser from which its words are taken as they are; pocketsphinx has it with
some 5 % of the words wrong."""
DOUBT: Final = 0.9
"""What an answer to words loses in reliability per 1 of confidence below. At 0.5, where about half
the words are wrong, it then counts 0.78 times: on MELD dev the exponent under which the text
model's answers to text with 35 % word errors are most likely is 0.82 times that for text without.
That few words are no worse than many was measured there too: single words have the highest
exponent of all, with and without errors."""
MIN_WORDS: Final = 0.5
"""Reliability that words keep at least."""

SHORT_S: Final = 1.5
"""Speech that is shorter counts in proportion."""
CLEAN_DB, LOST_DB = 15.0, 0.0
"""Speech this far above what is around it is clean, and is lost in it."""
MIN_VOICE: Final = 0.3
"""Of what the voice model says itself that length and noise leave at least."""

ENOUGH_IMAGES: Final = 5
"""Of a face; fewer count in proportion."""

_FRAME: Final = SAMPLE_RATE // 50
_SILENCE: Final = 1e-10
"""Mean square of what counts as no sound at all."""


def rely_on_words(text: ModalityEmotion, transcript: Transcript) -> ModalityEmotion:
    """Return the text's answer, less reliable where words were hard to understand.

    While somebody speaks, recognisers do not tell how sure they are: words are then taken as
    they are.
    """
    if not text.available or not transcript.final:
        return text
    lost = DOUBT * max(0.0, SURE_WORDS - transcript.confidence)
    return _scale(text, max(MIN_WORDS, 1.0 - lost))


def rely_on_voice(voice: ModalityEmotion, utterance: Utterance) -> ModalityEmotion:
    """Return the voice's answer, less reliable where speech was short or noisy."""
    if not voice.available:
        return voice
    length = (utterance.end_ns - utterance.start_ns) / (SHORT_S * NS_PER_S)
    ratio = snr_db(utterance)
    clean = 1.0 if ratio is None else (ratio - LOST_DB) / (CLEAN_DB - LOST_DB)
    return _scale(voice, max(MIN_VOICE, min(length, 1.0) * min(max(clean, 0.0), 1.0)))


def rely_on_face(face: FaceEstimate) -> ModalityEmotion:
    """Return the face's answer, less reliable where it may be another's face.

    How large it is and how far it is turned away is known to the expression model.
    """
    emotion = face.emotion
    if not emotion.available:
        return emotion
    images = min(1.0, emotion.samples_used / ENOUGH_IMAGES)
    return _scale(emotion, images * min(max(face.speaker_confidence, 0.0), 1.0))


def snr_db(utterance: Utterance) -> float | None:
    """Return how far speech is above what is around it, in dB.

    The loud half of the frames of 20 ms between start and end of speech is held against the
    quiet half of the padding around it. None where there is no padding, as where one utterance
    was cut in two, or no sound at all.
    """
    begin = max(0, (utterance.start_ns - utterance.samples_start_ns) // NS_PER_SAMPLE)
    end = max(begin, (utterance.end_ns - utterance.samples_start_ns) // NS_PER_SAMPLE)
    samples = np.nan_to_num(utterance.samples, nan=0.0, posinf=0.0, neginf=0.0)
    speech = _powers(samples[begin:end])
    around = np.concatenate([_powers(samples[:begin]), _powers(samples[end:])])
    if not len(speech) or not len(around):
        return None
    loud = float(np.mean(np.sort(speech)[len(speech) // 2 :]))
    quiet = float(np.mean(np.sort(around)[: (len(around) + 1) // 2]))
    if loud < _SILENCE:
        return None
    return float(10 * np.log10(max(loud - quiet, _SILENCE) / max(quiet, _SILENCE)))


def _powers(
    samples: np.ndarray[tuple[int], np.dtype[np.float32]],
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    count = len(samples) // _FRAME
    frames = samples[: count * _FRAME].astype(np.float64).reshape(count, _FRAME)
    return np.asarray(np.mean(np.square(frames), axis=1))


def _scale(emotion: ModalityEmotion, factor: float) -> ModalityEmotion:
    return dataclasses.replace(emotion, reliability=float(emotion.reliability * factor))
