"""The figures of the voice model: on held-out speakers, on other sounds, and its time."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from emotion_lab.data.recordings import read_grid_voices, read_meld_recordings
from emotion_lab.data.voice_dialogues import NEUTRAL_CONFIDENCE
from emotion_lab.evaluation.non_speech_sounds import NonSpeechSound
from emotion_node.backends.voice_onnx import OnnxVoiceEmotion
from emotion_node.core.voice.usual_voice import UsualVoice
from emotion_node.datatypes import (
    NS_PER_MS,
    NS_PER_SAMPLE,
    SAMPLE_RATE,
    ClockSource,
    EndReason,
    FloatArray,
    ModalityEmotion,
    Utterance,
)
from emotion_node.labels import LABELS, NEUTRAL

ALARM_CONFIDENCE: Final = 0.6
"""A label other than neutral above this confidence is a false alarm in a non-speech sound."""
CALLS: Final = 200
CALL_S: Final = 5.0


def talk_figures(backend: OnnxVoiceEmotion, data: Path | None) -> dict[str, Any]:
    """Return what the shipped model says of neutral talk outside its training.

    GRID's talkers, and the neutral lines of MELD's recordings, in the order in which they were
    said.

    Returns:
        By source, `X_neutral` utterances, `X_neutral_alarms`, the share that is given an emotion
        with `NEUTRAL_CONFIDENCE`, and `X_neutral_label`, that whose label is neutral; what was
        said before is heard. In `X_cold_...` it is not.

    Raises:
        DatasetError: there are none.
    """
    talkers: dict[str, list[tuple[str, FloatArray, bool]]] = {'grid': [], 'meld': []}
    for talker, samples in read_grid_voices(data):
        talkers['grid'].append((talker, samples, True))
    for one in read_meld_recordings(data):
        neutral = one.label == LABELS.index(NEUTRAL)
        talkers['meld'].append((one.speaker, one.samples, neutral))
    figures: dict[str, Any] = {}
    for source, spoken in talkers.items():
        usual = UsualVoice()
        warm, cold = [], []
        for speaker, samples, neutral in spoken:
            utterance = as_utterance(samples)
            found = backend.estimate(utterance, usual.of(speaker, utterance.end_ns))
            if found.features is not None:
                usual.add(found.features, speaker, utterance.end_ns)
            if neutral:
                warm.append(found.emotion)
                cold.append(backend.estimate(utterance).emotion)
        figures[f'{source}_neutral'] = len(warm)
        figures |= _neutral_figures(source, warm) | _neutral_figures(f'{source}_cold', cold)
    return figures


def _neutral_figures(key: str, emotions: Sequence[ModalityEmotion]) -> dict[str, float]:
    alarms = [
        one.label not in ('', NEUTRAL) and one.confidence > NEUTRAL_CONFIDENCE for one in emotions
    ]
    return {
        f'{key}_neutral_alarms': float(np.mean(alarms)),
        f'{key}_neutral_label': float(np.mean([one.label == NEUTRAL for one in emotions])),
    }


def as_utterance(samples: FloatArray) -> Utterance:
    """Return an utterance of (n,) samples, all of which count as speech."""
    end_ns = len(samples) * NS_PER_SAMPLE
    return Utterance('u1', 0, end_ns, end_ns, samples, 0, EndReason.SILENCE, ClockSource.FILE)


def is_false_alarm(emotion: ModalityEmotion) -> bool:
    """Return whether a non-speech sound was given an emotion with high confidence."""
    return emotion.label not in ('', NEUTRAL) and emotion.confidence > ALARM_CONFIDENCE


def false_alarm_figures(
    backend: OnnxVoiceEmotion, sounds: Iterable[NonSpeechSound]
) -> dict[str, Any]:
    """Return `rate` of false alarms, `absent`, the share without an answer, and `by_kind`."""
    alarms: dict[str, list[bool]] = {}
    absent = []
    for sound in sounds:
        emotion = backend.estimate(as_utterance(sound.samples)).emotion
        alarms.setdefault(sound.kind, []).append(is_false_alarm(emotion))
        absent.append(not emotion.available)
    return {
        'rate': float(np.mean([alarm for kind in alarms.values() for alarm in kind])),
        'absent': float(np.mean(absent)),
        'by_kind': {kind: float(np.mean(found)) for kind, found in alarms.items()},
    }


def latency_figures(backend: OnnxVoiceEmotion) -> dict[str, float]:
    """Return the time of a call with an utterance of `CALL_S` seconds, over `CALLS` calls."""
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.1, round(CALL_S * SAMPLE_RATE)).astype(np.float32)
    utterance = as_utterance(noise)
    taken = []
    for _ in range(CALLS):
        begin = time.perf_counter_ns()
        backend.estimate(utterance)
        taken.append((time.perf_counter_ns() - begin) / NS_PER_MS)
    p50, p95 = np.percentile(taken, (50, 95))
    return {'latency_ms_p50': float(p50), 'latency_ms_p95': float(p95)}
