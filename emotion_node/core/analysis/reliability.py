"""How reliable each modality's answer to an utterance is, from the evidence at hand.

What a model itself knows of its input (`ModalityEmotion.reliability`) is lowered by what it cannot
know: how well words were recognised, how long and how clean the speech was, whose face it was.
"""

from __future__ import annotations

import dataclasses
from typing import Final

import numpy as np

from emotion_node.datatypes import (
    NS_PER_S,
    SAMPLE_RATE,
    FaceEstimate,
    ModalityEmotion,
    Transcript,
    Utterance,
)

SURE_CONFIDENCE: Final = 0.75
"""From this confidence of the recogniser on, words are as reliable as they can be; pocketsphinx
has it with some 5 % word errors."""
CONFIDENCE_SLOPE: Final = 0.9
"""Reliability that text loses per 1 of confidence below. At confidence 0.5, with about 50 % word
errors, its factor is 0.78. On MELD dev, the exponent under which the text model's answers to text
with 35 % word errors are most likely is 0.82 times that for text without errors. That few words
are no worse than many was measured there too: single words have the highest exponent of all, with
and without errors."""
MIN_TEXT_FACTOR: Final = 0.5
"""Text keeps at least this share of its reliability."""

SHORT_S: Final = 1.5
"""Shorter speech is weighted linearly by its length."""
CLEAN_DB, LOST_DB = 15.0, 0.0
"""Speech with this signal-to-noise ratio is clean, and is lost in the noise."""
MIN_VOICE_FACTOR: Final = 0.3
"""The voice keeps at least this share of its reliability, however short or noisy it is."""

ENOUGH_FRAMES: Final = 5
"""Fewer frames of the face are weighted linearly by their number."""

_FRAME: Final = SAMPLE_RATE // 50
_SILENCE: Final = 1e-10
"""Mean square below which there is no sound."""


def adjust_text_reliability(text: ModalityEmotion, transcript: Transcript) -> ModalityEmotion:
    """Return the text's answer, less reliable where words were hard to recognise.

    While somebody speaks, recognisers give no confidence: the answer then stays as it is.
    """
    if not text.available or not transcript.final:
        return text
    return _scale(text, text_factor(transcript.confidence))


def text_factor(confidence: float) -> float:
    """Return the share of its reliability that text keeps, by the confidence of its words."""
    lost = CONFIDENCE_SLOPE * max(0.0, SURE_CONFIDENCE - confidence)
    return max(MIN_TEXT_FACTOR, 1.0 - lost)


def adjust_voice_reliability(voice: ModalityEmotion, utterance: Utterance) -> ModalityEmotion:
    """Return the voice's answer, less reliable where speech was short or noisy."""
    if not voice.available:
        return voice
    length = (utterance.end_ns - utterance.start_ns) / (SHORT_S * NS_PER_S)
    ratio = snr_db(utterance)
    clean = 1.0 if ratio is None else (ratio - LOST_DB) / (CLEAN_DB - LOST_DB)
    return _scale(voice, max(MIN_VOICE_FACTOR, min(length, 1.0) * min(max(clean, 0.0), 1.0)))


def adjust_face_reliability(face: FaceEstimate) -> ModalityEmotion:
    """Return the face's answer, less reliable where it may be another person's face.

    The expression model itself knows how large the face is and how far it is turned away.
    """
    emotion = face.emotion
    if not emotion.available:
        return emotion
    frames = min(1.0, emotion.samples_used / ENOUGH_FRAMES)
    return _scale(emotion, frames * min(max(face.speaker_confidence, 0.0), 1.0))


def snr_db(utterance: Utterance) -> float | None:
    """Return the signal-to-noise ratio of the speech, in dB.

    Signal is the louder half of the 20 ms frames between start and end of speech, noise the
    quieter half of those in the padding. None where there is no padding, as where one utterance
    was cut in two, or no sound at all.
    """
    speech = utterance.speech_slice
    samples = np.nan_to_num(utterance.samples, nan=0.0, posinf=0.0, neginf=0.0)
    powers = _powers(samples[speech])
    around = np.concatenate([_powers(samples[: speech.start]), _powers(samples[speech.stop :])])
    if not len(powers) or not len(around):
        return None
    loud = float(np.mean(np.sort(powers)[len(powers) // 2 :]))
    quiet = float(np.mean(np.sort(around)[: (len(around) + 1) // 2]))
    if loud < _SILENCE:
        return None
    return float(10 * np.log10(max(loud - quiet, _SILENCE) / max(quiet, _SILENCE)))


def _powers(
    samples: np.ndarray[tuple[int], np.dtype[np.float32]],
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the mean square of each 20 ms frame, (n,)."""
    count = len(samples) // _FRAME
    frames = samples[: count * _FRAME].astype(np.float64).reshape(count, _FRAME)
    return np.asarray(np.mean(np.square(frames), axis=1))


def _scale(emotion: ModalityEmotion, factor: float) -> ModalityEmotion:
    return dataclasses.replace(emotion, reliability=float(emotion.reliability * factor))
