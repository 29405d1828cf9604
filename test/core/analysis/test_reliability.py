"""How reliable each modality is."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from support.scripted import SECOND, scores

from emotion_node.core.analysis.reliability import (
    adjust_face_reliability,
    adjust_text_reliability,
    adjust_voice_reliability,
    snr_db,
)
from emotion_node.datatypes import (
    NS_PER_SAMPLE,
    SAMPLE_RATE,
    ClockSource,
    EndReason,
    FaceEstimate,
    FloatArray,
    ModalityEmotion,
    ModelInfo,
    Reason,
    Transcript,
    Utterance,
)
from emotion_node.labels import Modality


def answer(modality: Modality, reliability: float = 1.0) -> ModalityEmotion:
    emotion = ModalityEmotion.from_scores(modality, scores(joy=0.8), ModelInfo(), samples_used=30)
    return dataclasses.replace(emotion, reliability=reliability)


def speech(
    length_s: float, noise: float, padding_s: float = 0.2, start_s: float = 5.0
) -> Utterance:
    """Return a loud tone in noise of some amplitude."""
    rng = np.random.default_rng(0)
    pad, count = round(padding_s * SAMPLE_RATE), round(length_s * SAMPLE_RATE)
    sound: FloatArray = rng.normal(0, noise, count + 2 * pad).astype(np.float32)
    sound[pad : pad + count] += 0.2 * np.sin(np.arange(count) * 0.1).astype(np.float32)
    start_ns = round(start_s * SECOND)
    end_ns = start_ns + count * NS_PER_SAMPLE
    return Utterance(
        'u1',
        start_ns,
        end_ns,
        end_ns,
        sound,
        start_ns - pad * NS_PER_SAMPLE,
        EndReason.SILENCE,
        ClockSource.HEADER,
    )


def words(confidence: float) -> Transcript:
    return Transcript('well then', confidence, 'en')


def test_words_that_were_hard_to_recognise_count_less_but_never_nothing() -> None:
    reliabilities = [
        adjust_text_reliability(answer(Modality.TEXT), words(confidence)).reliability
        for confidence in (1.0, 0.8, 0.6, 0.4, 0.0)
    ]
    assert reliabilities[:2] == [1.0, 1.0]
    assert reliabilities == sorted(reliabilities, reverse=True)
    assert reliabilities[-1] >= 0.5


@pytest.mark.parametrize('noise', [0.001, 0.01, 0.05, 0.14])
def test_the_signal_to_noise_ratio_is_measured_against_the_padding(noise: float) -> None:
    expected = 10 * np.log10(0.2**2 / 2 / noise**2)
    assert snr_db(speech(2.0, noise)) == pytest.approx(expected, abs=2.0)


def test_the_ratio_is_unknown_without_padding_or_sound() -> None:
    assert snr_db(speech(2.0, 0.05, padding_s=0.0)) is None
    silent = speech(1.0, 0.0)
    assert snr_db(dataclasses.replace(silent, samples=0 * silent.samples)) is None


def test_short_and_noisy_voices_count_less() -> None:
    def reliability(utterance: Utterance) -> float:
        return adjust_voice_reliability(answer(Modality.VOICE, 0.8), utterance).reliability

    assert reliability(speech(3.0, 0.001)) == pytest.approx(0.8)
    assert reliability(speech(3.0, 0.1)) < reliability(speech(3.0, 0.03)) < 0.8
    assert reliability(speech(0.6, 0.001)) == pytest.approx(0.8 * 0.4)
    assert reliability(speech(0.2, 0.3)) > 0.0
    assert reliability(speech(3.0, 0.05, start_s=1e6)) == reliability(speech(3.0, 0.05))


def test_a_face_counts_as_far_as_it_is_the_speakers_and_shows() -> None:
    face = answer(Modality.FACE, 0.9)

    def reliability(face: ModalityEmotion, speaker_confidence: float) -> float:
        estimate = FaceEstimate(face, 'f1', speaker_confidence)
        return adjust_face_reliability(estimate).reliability

    assert reliability(face, 1.0) == pytest.approx(0.9)
    assert reliability(face, 0.5) == pytest.approx(0.45)
    glimpse = dataclasses.replace(face, samples_used=1)
    assert reliability(glimpse, 1.0) == pytest.approx(0.18)


def test_what_is_absent_stays_as_it_is() -> None:
    for modality in Modality:
        absent = ModalityEmotion.absent(modality, Reason.TOO_SHORT)
        assert adjust_text_reliability(absent, words(0.1)) is absent
        assert adjust_voice_reliability(absent, speech(0.2, 0.1)) is absent
        assert adjust_face_reliability(FaceEstimate(absent)) is absent
