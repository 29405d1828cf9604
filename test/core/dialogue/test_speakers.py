"""Who speaks."""

from __future__ import annotations

import numpy as np
import pytest
from support.scripted import SECOND

from emotion_node.config import DialogueConfig
from emotion_node.core.dialogue.speakers import MIN_SPEECH_NS, Speakers, similarity
from emotion_node.core.voice.speaker_embedding import embed_speaker, voice_statistics
from emotion_node.datatypes import (
    NS_PER_SAMPLE,
    SAMPLE_RATE,
    ClockSource,
    EndReason,
    FloatArray,
    Utterance,
)

FACE_AND_VOICE = DialogueConfig(speakers='face_and_voice')


def voice(
    pitch_hz: float, formants: tuple[float, ...], seed: int, length_s: float = 2.0
) -> FloatArray:
    """Return syllables of a buzz with resonances, each time with another melody."""
    rng = np.random.default_rng(seed)
    count = round(length_s * SAMPLE_RATE)
    t = np.arange(count) / SAMPLE_RATE
    melody = 1 + 0.06 * np.sin(2 * np.pi * rng.uniform(0.5, 1.5) * t + rng.uniform(0, 6))
    phase = 2 * np.pi * np.cumsum(pitch_hz * melody) / SAMPLE_RATE
    sound = np.zeros(count)
    for k in range(1, int(6000 / pitch_hz)):
        gain = sum(1 / (1 + ((k * pitch_hz - one) / 120) ** 2) for one in formants)
        sound += gain * np.sin(k * phase)
    syllables = 0.6 + 0.4 * np.sin(2 * np.pi * 4 * t + rng.uniform(0, 6))
    noisy = 0.1 * sound * syllables / np.abs(sound).max() + rng.normal(0, 1e-4, count)
    return np.asarray(noisy, np.float32)


def low(seed: int, length_s: float = 2.0) -> FloatArray:
    return voice(100, (500, 1400, 2400), seed, length_s)


def high(seed: int, length_s: float = 2.0) -> FloatArray:
    return voice(220, (800, 1900, 3100), seed, length_s)


def said(samples: FloatArray, start_s: float = 1.0) -> Utterance:
    start_ns = round(start_s * SECOND)
    end_ns = start_ns + len(samples) * NS_PER_SAMPLE
    return Utterance(
        'u1', start_ns, end_ns, end_ns, samples, start_ns, EndReason.SILENCE, ClockSource.HEADER
    )


def test_two_voices_that_take_turns_are_two_speakers() -> None:
    speakers = Speakers(FACE_AND_VOICE)
    found = [speakers.identify(said(one)) for one in (low(1), high(2), low(3), high(4), low(5))]
    assert found == ['s1', 's2', 's1', 's2', 's1']


def test_a_voice_is_similar_to_itself_whatever_its_melody_and_loudness() -> None:
    one, again, other = (embed_speaker(samples) for samples in (low(1), 0.3 * low(2), high(3)))
    assert one is not None
    assert again is not None
    assert other is not None
    assert similarity(one, again) > FACE_AND_VOICE.known_voice_similarity
    assert similarity(one, other) < FACE_AND_VOICE.new_voice_similarity
    assert similarity(one, one) == 1.0


def test_too_little_speech_adds_no_speaker() -> None:
    speakers = Speakers(FACE_AND_VOICE)
    assert speakers.identify(said(low(1, length_s=0.3))) == ''
    assert voice_statistics(low(1, length_s=0.3)) is None
    assert voice_statistics(np.zeros(2 * SAMPLE_RATE, np.float32)) is None
    assert MIN_SPEECH_NS > 0.3 * SECOND


def test_a_face_identifies_the_speaker_before_any_voice() -> None:
    speakers = Speakers(FACE_AND_VOICE)
    assert speakers.identify(said(low(1)), 'f1', 0.9) == 's1'
    assert speakers.identify(said(high(2)), 'f2', 0.9) == 's2'
    assert speakers.identify(said(high(3)), 'f1', 0.9) == 's1'


def test_a_voice_that_was_learnt_with_a_face_is_known_without_it() -> None:
    speakers = Speakers(FACE_AND_VOICE)
    speakers.identify(said(low(1)), 'f1', 0.9)
    speakers.identify(said(high(2)), 'f2', 0.9)
    assert speakers.identify(said(low(3))) == 's1'
    assert speakers.identify(said(high(4)), 'f9', 0.2) == 's2'


def test_a_face_that_was_lost_and_found_again_is_known_by_its_voice() -> None:
    speakers = Speakers(FACE_AND_VOICE)
    assert speakers.identify(said(low(1)), 'f1', 0.9) == 's1'
    assert speakers.identify(said(low(2)), 'f3', 0.9) == 's1'


def test_by_faces_alone_an_unseen_speaker_is_unknown() -> None:
    speakers = Speakers(DialogueConfig(speakers='face'))
    assert speakers.identify(said(low(1)), 'f1', 0.9) == 's1'
    assert speakers.identify(said(low(2))) == ''
    assert speakers.identify(said(low(3)), 'f1', 0.3) == ''


def test_off_means_no_speaker_is_identified() -> None:
    speakers = Speakers(DialogueConfig(speakers='off'))
    assert speakers.identify(said(low(1)), 'f1', 0.9) == ''


def test_an_unfinished_utterance_adds_no_speaker() -> None:
    speakers = Speakers(FACE_AND_VOICE)
    assert speakers.identify(said(low(1)), learn=False) == ''
    assert speakers.identify(said(low(2))) == 's1'
    assert speakers.identify(said(low(3)), learn=False) == 's1'


@pytest.mark.parametrize('shift_s', [0.0, 1_700_000_000.0])
def test_shifted_stamps_change_nothing_and_ids_are_not_used_twice(shift_s: float) -> None:
    speakers = Speakers(FACE_AND_VOICE)
    assert speakers.identify(said(low(1), 1 + shift_s)) == 's1'
    assert speakers.identify(said(high(2), 5 + shift_s)) == 's2'
    speakers.reset()
    assert speakers.identify(said(low(3), 9 + shift_s)) == 's3'
