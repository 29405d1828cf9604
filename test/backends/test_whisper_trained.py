"""Whisper base with its trained weights, on human speech and on noise.

`make test` fetches it. Where it cannot be had, these tests are skipped, but in CI they fail.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.recordings import conversation_utterances
from support.speech import feed, noise, silence, tone

from emotion_node.backends.asr_whisper import WhisperTranscriber
from emotion_node.datatypes import FloatArray, Reason
from emotion_node.recordings.truth import common_words, words_of

Clip = tuple[str, FloatArray]


@pytest.fixture(scope='module')
def whisper(whisper_base: Path) -> WhisperTranscriber:
    return WhisperTranscriber(str(whisper_base))


@pytest.fixture(scope='module')
def conversation() -> list[Clip]:
    return conversation_utterances()


def words_wrong(expected: list[str], said: list[str]) -> int:
    return max(len(expected), len(said)) - common_words(expected, said)


def test_whisper_recognises_the_conversation(
    whisper: WhisperTranscriber, conversation: list[Clip]
) -> None:
    stream = whisper.stream()
    wrong = total = 0
    for text, samples in conversation[:4]:
        transcript = feed(stream, samples)
        assert (transcript.final, transcript.locale, transcript.reason) == (
            True,
            'en',
            Reason.NONE,
        )
        assert transcript.confidence > 0.6
        assert transcript.text[0].isupper(), 'written like a sentence'
        assert transcript.text[-1] in '.!?'
        wrong += words_wrong(words_of(text), words_of(transcript.text))
        total += len(words_of(text))
    assert wrong / total < 0.05


@pytest.mark.parametrize('seed', range(3))
def test_long_speech_without_a_pause_keeps_its_words(
    whisper: WhisperTranscriber, conversation: list[Clip], seed: int
) -> None:
    order = np.random.default_rng(seed).permutation(len(conversation))[:6]
    said = [word for k in order for word in words_of(conversation[k][0])]
    samples = np.concatenate([conversation[k][1] for k in order])
    found = words_of(feed(whisper.stream(), samples).text)
    assert words_wrong(said, found) < len(said) / 5


def test_whisper_recognises_most_words_before_the_end(
    whisper: WhisperTranscriber, conversation: list[Clip]
) -> None:
    text, samples = conversation[0]
    stream = whisper.stream()
    stream.accept(samples[: len(samples) * 2 // 3])
    partial = stream.partial()
    assert not partial.final
    said = words_of(partial.text)
    expected = words_of(text)
    assert len(said) >= len(expected) // 3
    assert words_wrong(expected[: len(said)], said) <= 2
    stream.accept(samples[len(samples) * 2 // 3 :])
    assert stream.finish() == feed(whisper.stream(), samples)


def test_loud_and_soft_speech_are_the_same_words(
    whisper: WhisperTranscriber, conversation: list[Clip]
) -> None:
    text, samples = conversation[1]
    for gain in (0.05, 1.5):
        transcript = feed(whisper.stream(), np.clip(samples * np.float32(gain), -1, 1))
        assert words_wrong(words_of(text), words_of(transcript.text)) <= 1


@pytest.mark.parametrize(
    'sound',
    [silence(1.0) + noise(1.0, level=3e-4), noise(3.0, level=0.03), tone(2.0)],
    ids=['silence', 'noise', 'a tone'],
)
def test_whisper_finds_no_words_where_there_are_none(
    sound: FloatArray, whisper: WhisperTranscriber
) -> None:
    raw, *_ = whisper.segments(sound, final=True)
    assert raw.text.strip(), 'it writes something, which is rejected'
    assert feed(whisper.stream(), sound).reason is Reason.NO_SPEECH_RECOGNISED
