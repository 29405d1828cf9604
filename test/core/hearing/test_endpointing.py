"""When a pause is the end: sooner after speech that sounds finished, later in mid-sentence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.scripted import ScriptedText, ScriptedTranscriber, scripted_analysis
from support.speech import STAMP, LoudnessVad, chunks, noise, seconds, silence, sound

from emotion_node.backends.resampler_soxr import SoxrResampler
from emotion_node.config import Config, ConfigError, EndpointingConfig, make_config
from emotion_node.core.hearing.endpointing import (
    PARTIAL_CONFIDENCE,
    Endpointing,
    PauseEvidence,
    gather_evidence,
    last_sound,
    probability_finished,
    word_endings,
)
from emotion_node.core.hearing.stream import Hearing
from emotion_node.core.pipeline import Pipeline
from emotion_node.datatypes import (
    NS_PER_S,
    ClockSource,
    EndReason,
    Report,
    SpeechEnded,
    Transcript,
    Utterance,
)
from emotion_node.interfaces import always

BOUNDS = EndpointingConfig(min_silence=0.25, max_silence=0.6)


def utterance(
    start_s: float, end_s: float, decided_s: float, end_reason: EndReason = EndReason.SILENCE
) -> Utterance:
    samples = noise(end_s - start_s)
    start, end, decided = (round(one * NS_PER_S) for one in (start_s, end_s, decided_s))
    return Utterance('u1', start, end, decided, samples, start, end_reason, ClockSource.FILE)


def required(text: str, confidence: float = 0.9) -> float:
    words = Transcript(text, confidence, 'en', final=False)
    evidence = gather_evidence(utterance(0, 2, 2.4), words)
    return Endpointing(BOUNDS).required_silence(evidence) / NS_PER_S


def test_speech_that_sounds_finished_ends_sooner() -> None:
    assert required('I have seen him') < required('I have seen my')
    assert required('that is okay.') < required('that is okay and')
    assert required('that is Okay') == required('that is okay!')


def test_words_of_low_confidence_count_for_less() -> None:
    sure, doubtful = (required('I went to the', one) for one in (0.9, 0.3))
    unknown = required('I went to the', 0.0)
    nothing = required('')
    assert sure > doubtful > unknown > nothing
    assert required('I went to the', PARTIAL_CONFIDENCE) == unknown


def test_an_unknown_word_is_no_evidence() -> None:
    assert required('xylophonically') == required('')
    assert 'xylophonically' not in word_endings()


@settings(max_examples=40)
@given(st.floats(-20, 20), st.floats(0, 100), st.floats(0, 2))
def test_the_silence_stays_within_its_bounds(word: float, spoken: float, last: float) -> None:
    evidence = PauseEvidence(word, spoken, last)
    assert 0 <= probability_finished(evidence) <= 1
    silence_ns = Endpointing(BOUNDS).required_silence(evidence)
    assert 0.25 * NS_PER_S <= silence_ns <= 0.6 * NS_PER_S


def test_bounds_that_cross_are_refused() -> None:
    with pytest.raises(ConfigError, match=r'min_silence must not exceed'):
        make_config({'endpointing.min_silence': 0.7})


def test_the_last_sound_is_measured_from_the_quiet_before_it() -> None:
    speech = np.concatenate([noise(0.5), noise(0.05, 0.001), noise(0.2), noise(0.1, 0.001)])
    assert last_sound(speech) == pytest.approx(0.2, abs=0.011)
    assert last_sound(noise(1.0)) == pytest.approx(1.0, abs=0.011)
    assert last_sound(silence(1.0)) == last_sound(silence(0)) == last_sound(noise(0.004)) == 0.0


class Recording:
    """A pipeline whose recogniser always returns the same words."""

    def __init__(self, words: str, **parameters: Any) -> None:
        config = replace(
            make_config(
                {'endpointing.adaptive': True}
                | {f'endpointing.{key}': one for key, one in parameters.items()}
            ),
            interim=Config().interim,
        )
        analysis = scripted_analysis(config, Prescient([words] * 20), ScriptedText(), None, None)
        hearing = Hearing(config.audio, config.segmenter, 0.3, LoudnessVad(), SoxrResampler)
        self.pipeline = Pipeline(hearing, analysis)

    def run(self, pieces: list[tuple[float, float]], size: int = 320) -> list[Report]:
        reports: list[Report] = []
        for chunk in chunks(sound(*pieces), [size]):
            reports += self.pipeline.push_audio(chunk)
        return [*reports, *self.pipeline.flush()]


class Prescient(ScriptedTranscriber):
    """Returns its words before they are said."""

    def peek_final(self, wanted: Callable[[], bool] = always) -> Transcript:
        return Transcript(self.lines[0], 0.9, 'en', final=True)


def endings(reports: list[Report]) -> list[tuple[float, float]]:
    """Return when speech ended and when that was decided."""
    ended = [one.utterance for one in reports if isinstance(one, SpeechEnded)]
    return [(seconds(one.end_ns), seconds(one.decided_ns)) for one in ended]


SPOKEN = [(0.5, 0.0), (1.0, 0.1), (0.42, 0.0), (1.0, 0.1), (1.0, 0.0)]


def test_a_speaker_in_mid_sentence_is_given_time() -> None:
    assert len(endings(Recording('I went to the').run(SPOKEN))) == 1
    assert len(endings(Recording('I have seen him').run(SPOKEN))) == 2


def test_without_adaptive_endpointing_every_pause_needs_the_same_length() -> None:
    for words in ('I went to the', 'I have seen him'):
        ends = endings(Recording(words, adaptive=False).run(SPOKEN))
        assert [round(decided - end, 2) for end, decided in ends] == [0.4, 0.4]


@settings(max_examples=6, deadline=None)
@given(st.integers(30, 9000), st.sampled_from(['I went to the', 'I have seen him', '']))
def test_how_audio_is_cut_into_chunks_changes_nothing(size: int, words: str) -> None:
    assert endings(Recording(words).run(SPOKEN, size)) == endings(Recording(words).run(SPOKEN))


def test_shifted_stamps_change_nothing_but_themselves() -> None:
    recording = Recording('I have seen him')
    reports: list[Report] = []
    for chunk in chunks(sound(*SPOKEN), [320], STAMP + 12_345_678_900):
        reports += recording.pipeline.push_audio(chunk)
    shifted = endings([*reports, *recording.pipeline.flush()])
    plain = endings(Recording('I have seen him').run(SPOKEN))
    np.testing.assert_allclose(np.array(shifted) - 12.3456789, plain, atol=1e-6)
