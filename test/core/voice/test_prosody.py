"""Pitch, loudness and speaking rate of a voice, and their deviation from the speaker's normal."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.scripted import (
    SECOND,
    ScriptedTranscriber,
    ScriptedVoice,
    events,
    scripted_analysis,
    utterance,
)

from emotion_node.config import Config
from emotion_node.core.voice.prosody import Prosody, measure_prosody, pitch_contour
from emotion_node.core.voice.usual_voice import MAX_AGE_NS, MEMORY
from emotion_node.core.voice.vocal_cues import VocalCues
from emotion_node.datatypes import (
    SAMPLE_RATE,
    EmotionReport,
    FloatArray,
    ModalityEmotion,
    Trigger,
    VocalCue,
)


def buzz(hertz: float, seconds: float = 1.0, level: float = 0.1) -> FloatArray:
    """Return a tone with the harmonics of a voice."""
    phase = 2 * np.pi * hertz * np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    tone = np.sum([np.sin(k * phase) / k for k in range(1, 8)], axis=0)
    return np.asarray(level * tone, np.float32)


def syllables(count: int, seconds: float = 0.25) -> FloatArray:
    """Return so many bursts of a voice."""
    shape = np.hanning(round(seconds * SAMPLE_RATE)).astype(np.float32) ** 2
    return np.tile(buzz(140, seconds) * shape, count)


def noise(seconds: float = 1.0, level: float = 0.1) -> FloatArray:
    rng = np.random.default_rng(0)
    return (level * rng.standard_normal(round(seconds * SAMPLE_RATE))).astype(np.float32)


class TestPitch:
    @given(hertz=st.floats(70, 480))
    def test_of_a_steady_voice_is_right_to_half_a_percent(self, hertz: float) -> None:
        pitch = pitch_contour(buzz(hertz, 0.5))
        inner = pitch[3:-3]
        assert not np.isnan(inner).any()
        np.testing.assert_allclose(inner, hertz, rtol=0.005)

    @pytest.mark.parametrize('snr_db', [20, 10])
    def test_survives_noise(self, snr_db: float) -> None:
        tone = buzz(180, 1.0)
        ratio = float(np.std(tone)) * 10 ** (-snr_db / 20)
        pitch = pitch_contour(tone + noise(1.0, ratio))
        voiced = pitch[~np.isnan(pitch)]
        assert len(voiced) > 0.8 * len(pitch)
        np.testing.assert_allclose(np.median(voiced), 180, rtol=0.01)

    def test_a_glide_is_followed(self) -> None:
        course = np.linspace(120, 240, SAMPLE_RATE)
        phase = 2 * np.pi * np.cumsum(course) / SAMPLE_RATE
        glide = np.sum([np.sin(k * phase) / k for k in range(1, 8)], axis=0)
        pitch = pitch_contour((0.1 * glide).astype(np.float32))
        centres = np.arange(len(pitch)) * 256
        expected = np.interp(centres, np.arange(SAMPLE_RATE), course)
        np.testing.assert_allclose(pitch[3:-3], expected[3:-3], rtol=0.03)

    @pytest.mark.parametrize('sound', [noise(), np.zeros(SAMPLE_RATE, np.float32)])
    def test_unvoiced_sound_has_none(self, sound: FloatArray) -> None:
        assert np.isnan(pitch_contour(sound)).all()

    def test_background_noise_between_words_has_none(self) -> None:
        hum = buzz(100, 1.0, level=0.001)
        pitch = pitch_contour(np.concatenate([buzz(200), hum, buzz(200)]))
        voiced = pitch[~np.isnan(pitch)]
        np.testing.assert_allclose(voiced, 200, rtol=0.02)


class TestProsody:
    @given(gain_db=st.floats(-30, 10), hertz=st.floats(80, 400))
    def test_loudness_alone_follows_the_gain(self, gain_db: float, hertz: float) -> None:
        sound = buzz(hertz, 0.6)
        before, after = (
            measure_prosody(sound),
            measure_prosody(sound * np.float32(10 ** (gain_db / 20))),
        )
        assert before is not None
        assert after is not None
        assert after.loudness_db - before.loudness_db == pytest.approx(gain_db, abs=0.01)
        assert after.pitch_hz == pytest.approx(before.pitch_hz, rel=1e-3)
        assert after.rate == before.rate

    @pytest.mark.parametrize('count', [2, 5, 9])
    def test_syllables_are_counted(self, count: int) -> None:
        found = measure_prosody(syllables(count))
        assert found is not None
        assert found.rate == pytest.approx(4.0)

    def test_noise_has_no_syllables_and_no_pitch(self) -> None:
        found = measure_prosody(noise())
        assert found is not None
        assert (found.pitch_hz, found.pitch_range, found.rate) == (None, None, None)

    @pytest.mark.parametrize(
        'sound',
        [np.zeros(0), np.zeros(100), np.zeros(SAMPLE_RATE), np.full(SAMPLE_RATE, np.nan)],
    )
    def test_no_sound_has_no_prosody(self, sound: FloatArray) -> None:
        assert measure_prosody(sound.astype(np.float32)) is None


def said(pitch: float = 100.0, loudness: float = -30.0, rate: float | None = 4.0) -> Prosody:
    return Prosody(pitch, 6.0, loudness, rate)


def by_name(cues: tuple[VocalCue, ...]) -> dict[str, VocalCue]:
    return {cue.name: cue for cue in cues}


class TestNormals:
    def test_there_is_none_at_first(self) -> None:
        cues = VocalCues()
        for n in range(2):
            found = by_name(cues.compare(said(100.0 + n), 'ann', n * SECOND))
            assert {cue.normal_utterances for cue in found.values()} == {0}
            assert {cue.deviation for cue in found.values()} == {0.0}
        assert by_name(cues.compare(said(), 'ann', 3 * SECOND))['pitch'].normal_utterances == 2

    def test_a_raised_voice_stands_out_from_its_own_normal(self) -> None:
        cues = VocalCues()
        for n in range(5):
            cues.compare(said(200.0), 'ann', n * SECOND)
            cues.compare(said(100.0), 'bob', n * SECOND)
        ann = by_name(cues.compare(said(200.0, -20.0, 6.0), 'ann', 9 * SECOND))
        bob = by_name(cues.compare(said(200.0), 'bob', 9 * SECOND))
        assert ann['pitch'].deviation == pytest.approx(0.0)
        assert bob['pitch'].deviation == pytest.approx(12.0)
        assert ann['loudness'].deviation == pytest.approx(10.0)
        assert ann['speaking rate'].deviation == pytest.approx(50.0)
        assert (ann['pitch'].unit, ann['pitch'].deviation_unit) == ('Hz', 'semitones')

    def test_what_was_not_measured_is_left_out(self) -> None:
        found = by_name(VocalCues().compare(Prosody(None, None, -30.0, None), '', 0))
        assert list(found) == ['loudness']

    def test_the_long_past_is_forgotten(self) -> None:
        cues = VocalCues()
        for n in range(MEMORY * 2):
            found = cues.compare(said(), '', n * SECOND)
        assert {cue.normal_utterances for cue in found} == {MEMORY}
        later = cues.compare(said(), '', MEMORY * 2 * SECOND + MAX_AGE_NS)
        assert {cue.normal_utterances for cue in later} == {0}

    @given(shift_s=st.integers(0, 10**9), gaps=st.lists(st.integers(1, 200), max_size=12))
    def test_shifted_stamps_change_nothing(self, shift_s: int, gaps: list[int]) -> None:
        here, there = VocalCues(), VocalCues()
        now = 0
        for gap in gaps:
            now += gap
            prosody = said(100.0 + gap)
            assert here.compare(prosody, '', now * SECOND) == there.compare(
                prosody, '', (now + shift_s) * SECOND
            )


class TestPublished:
    def voice_estimates(self, voice: ScriptedVoice | None, count: int) -> list[ModalityEmotion]:
        """Return the voice's final estimates of `count` utterances."""
        lines = ScriptedTranscriber(['so'] * count)
        analysis = scripted_analysis(Config(), lines, None, voice, None)
        reports = [
            report
            for n in range(count)
            for event in events(utterance(n + 1, start_s=5.0 * n))
            for report in analysis.handle(event)
            if isinstance(report, EmotionReport)
        ]
        interim = [one for one in reports if one.trigger is Trigger.INTERIM]
        assert all(not part.vocal_cues for one in interim for part in one.fused.modalities)
        final = [one for one in reports if one.trigger is Trigger.FINAL]
        return [one.fused.voice for one in final]

    def test_with_the_voices_estimate(self) -> None:
        cues = [by_name(tuple(one.vocal_cues)) for one in self.voice_estimates(ScriptedVoice(), 4)]
        assert [one['pitch'].normal_utterances for one in cues] == [0, 0, 2, 3]
        assert cues[3]['pitch'].value == pytest.approx(0.1 * SAMPLE_RATE / (2 * np.pi), rel=0.01)
        assert cues[3]['loudness'].deviation == pytest.approx(0.0, abs=0.01)

    def test_even_when_the_model_breaks(self) -> None:
        (emotion,) = self.voice_estimates(ScriptedVoice(broken=True), 1)
        assert not emotion.available
        assert emotion.vocal_cues

    def test_not_without_a_model(self) -> None:
        (emotion,) = self.voice_estimates(None, 1)
        assert not emotion.vocal_cues
