"""How well pocketsphinx recognises human speech."""

from __future__ import annotations

import pytest
from support.recordings import conversation_utterances
from support.speech import feed, noise, silence

from emotion_node.backends.asr_pocketsphinx import PocketsphinxTranscriber
from emotion_node.datatypes import SAMPLE_RATE, FloatArray, Reason, Transcript
from emotion_node.recordings.truth import common_words, words_of


@pytest.fixture(scope='module')
def pocketsphinx() -> PocketsphinxTranscriber:
    return PocketsphinxTranscriber()


@pytest.fixture(scope='module')
def conversation() -> list[tuple[str, FloatArray]]:
    return conversation_utterances()


def test_pocketsphinx_recognises_most_words_of_the_conversation(
    pocketsphinx: PocketsphinxTranscriber, conversation: list[tuple[str, FloatArray]]
) -> None:
    stream = pocketsphinx.stream()
    right = total = 0
    for words, sound in conversation[:4]:
        transcript = feed(stream, sound)
        assert (transcript.final, transcript.locale, transcript.reason) == (
            True,
            'en',
            Reason.NONE,
        )
        assert 0.0 < transcript.confidence <= 1.0
        right += common_words(words_of(words), words_of(transcript.text))
        total += len(words_of(words))
    assert right / total > 0.75


def test_the_same_utterance_gives_pocketsphinx_the_same_words_whatever_came_before(
    pocketsphinx: PocketsphinxTranscriber, conversation: list[tuple[str, FloatArray]]
) -> None:
    (_, first), (_, second), *_ = conversation
    stream = pocketsphinx.stream()
    transcript = feed(stream, first)
    feed(stream, second * 0.05)
    feed(stream, noise(1.0, level=0.3))
    assert feed(stream, first) == transcript
    assert feed(pocketsphinx.stream(), first) == transcript


def test_pocketsphinx_does_not_depend_on_the_chunks(
    pocketsphinx: PocketsphinxTranscriber, conversation: list[tuple[str, FloatArray]]
) -> None:
    _, sound = conversation[1]
    stream = pocketsphinx.stream()
    whole = feed(stream, sound)
    assert feed(stream, sound, [1, 0, 799, 801, 9_999]) == whole
    assert feed(stream, sound, [512] * (len(sound) // 512)) == whole


def test_pocketsphinx_returns_the_words_so_far_during_an_utterance(
    pocketsphinx: PocketsphinxTranscriber, conversation: list[tuple[str, FloatArray]]
) -> None:
    _, sound = conversation[1]
    stream = pocketsphinx.stream()
    assert stream.partial() == Transcript(
        '', 0.0, 'en', final=False, reason=Reason.NO_SPEECH_RECOGNISED
    )
    lengths = []
    for begin in range(0, len(sound), SAMPLE_RATE // 4):
        stream.accept(sound[begin : begin + SAMPLE_RATE // 4])
        partial = stream.partial()
        assert not partial.final
        assert partial == stream.partial()
        lengths.append(len(partial.text.split()))
    assert lengths[-1] >= 4
    assert lengths[len(lengths) // 2] >= 1
    assert stream.finish() == feed(pocketsphinx.stream(), sound), 'partial results change nothing'


def test_pocketsphinx_forgets_on_reset(
    pocketsphinx: PocketsphinxTranscriber, conversation: list[tuple[str, FloatArray]]
) -> None:
    (_, first), (_, second), *_ = conversation
    stream = pocketsphinx.stream()
    transcript = feed(stream, second)
    for length in (SAMPLE_RATE // 4, SAMPLE_RATE):  # before and after the search has begun
        stream.accept(first[:length])
        stream.reset()
        assert not stream.partial().text
        assert feed(stream, second) == transcript


@pytest.mark.parametrize(
    'sound',
    [silence(0), silence(0.01), silence(0.1), silence(2.0), noise(2.0, level=1e-4)],
    ids=['nothing', 'a moment', 'a tenth', 'silence', 'a quiet room'],
)
def test_pocketsphinx_finds_no_words_in_silence(
    pocketsphinx: PocketsphinxTranscriber, sound: FloatArray
) -> None:
    assert feed(pocketsphinx.stream(), sound) == Transcript(
        '', 0.0, 'en', reason=Reason.NO_SPEECH_RECOGNISED
    )


def test_pocketsphinx_accepts_audio_beyond_full_scale(
    pocketsphinx: PocketsphinxTranscriber, conversation: list[tuple[str, FloatArray]]
) -> None:
    _, sound = conversation[1]
    assert feed(pocketsphinx.stream(), sound * 30).final
