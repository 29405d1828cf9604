"""How endpointing is measured."""

from __future__ import annotations

import numpy as np
import pytest
from support.speech import LoudnessVad, noise, silence, sound

from emotion_lab.evaluation.concatenated import find_quiet
from emotion_lab.evaluation.endpointing_figures import count_cut_offs, delays
from emotion_lab.evaluation.endpointing_rules import (
    FEATURES,
    Pauses,
    fit_logistic,
    last_sound,
    punctuation,
    rule_figures,
    rules_markdown,
)
from emotion_lab.evaluation.mixtures import Clip
from emotion_lab.evaluation.pauses import (
    END,
    KINDS,
    WITHIN,
    Gap,
    Pause,
    cut_sentences,
    find_gaps,
    read_marks,
)
from emotion_node.config import SegmenterConfig
from emotion_node.datatypes import NS_PER_S, SAMPLE_RATE, ClockSource, EndReason, Utterance


def utterance(
    start_s: float, end_s: float, decided_s: float, end_reason: EndReason = EndReason.SILENCE
) -> Utterance:
    samples = noise(end_s - start_s)
    start, end, decided = (round(one * NS_PER_S) for one in (start_s, end_s, decided_s))
    return Utterance('u1', start, end, decided, samples, start, end_reason, ClockSource.FILE)


def test_pauses_at_which_an_utterance_was_ended_are_cut_offs() -> None:
    pauses = [(NS_PER_S, NS_PER_S * 13 // 10)]
    assert count_cut_offs(pauses, [utterance(0, 1, 1.3), utterance(1.3, 2, 2.4)]) == 1
    assert count_cut_offs(pauses, [utterance(0, 2, 2.4)]) == 0
    assert count_cut_offs(pauses, [utterance(0, 1, 1.3, EndReason.GAP)]) == 0


def test_the_delay_counts_from_the_true_end_and_a_merged_one_has_none() -> None:
    truth = [(0, NS_PER_S), (2 * NS_PER_S, 3 * NS_PER_S)]
    heard = [utterance(0, 1.05, 1.45), utterance(2, 3, 3.4)]
    assert delays(truth, heard) == [NS_PER_S * 45 // 100, NS_PER_S * 4 // 10]
    assert delays(truth, [utterance(0, 3, 3.4)]) == [None, NS_PER_S * 4 // 10]
    assert delays([], heard) == []


def test_pauses_are_made_where_it_is_quiet() -> None:
    speech = np.concatenate([noise(0.5), noise(0.1, 0.001), noise(0.5)])
    first, at, last = (
        place / SAMPLE_RATE for place in find_quiet(Clip(speech, 0, len(speech), 0.1))
    )
    assert first == pytest.approx(0.51, abs=0.01)
    assert last == pytest.approx(0.59, abs=0.01)
    assert first < at < last
    first, at, last = find_quiet(Clip(noise(1.0), 0, SAMPLE_RATE, 0.1))
    assert last - first < 10


def test_the_regression_finds_the_odds_that_made_its_data() -> None:
    rng = np.random.default_rng(0)
    features = np.stack([np.ones(4000), rng.normal(size=4000)], axis=1)
    truth = rng.random(4000) < 1 / (1 + np.exp(-2 * features[:, 1]))
    assert fit_logistic(features, truth) == pytest.approx([0, 2], abs=0.2)


def material(seed: int, telling: bool) -> Pauses:
    rng = np.random.default_rng(seed)
    ends = np.arange(400) % 2 == 0
    features = rng.normal(size=(400, len(FEATURES)))
    if telling:
        features[:, 0] = np.where(ends, 1.0, -1.0)
    silence_s = np.where(ends, np.inf, rng.uniform(0.2, 0.8, 400))
    return Pauses(silence_s, ends, ~ends, features)


def test_a_rule_that_knows_is_better_than_a_fixed_silence_and_chance_is_not() -> None:
    for telling in (True, False):
        figures = rule_figures(material(1, telling), {'test': material(2, telling)}, FEATURES[:1])
        one = figures['on']['test']
        gain = one['fixed_cut_off'] - one['cut_off']
        assert gain > 0.5 if telling else abs(gain) < 0.15
        assert one['area'] == (1.0 if telling else pytest.approx(0.5, abs=0.1))


def test_the_last_sound_is_measured_from_the_quiet_before_it() -> None:
    speech = np.concatenate([noise(0.5), noise(0.05, 0.001), noise(0.2), noise(0.1, 0.001)])
    assert last_sound(speech) == pytest.approx(0.2, abs=0.011)
    assert last_sound(noise(1.0)) == pytest.approx(1.0, abs=0.011)
    assert last_sound(silence(1.0)) == last_sound(silence(0)) == last_sound(noise(0.004)) == 0.0


def test_a_sentence_is_complete_by_its_punctuation() -> None:
    assert [punctuation(one) for one in ('I see.', 'So I', 'Well...', ' ')] == [1, -1, -1, 0]


def test_gaps_are_where_the_detector_hears_nothing() -> None:
    recording = sound((0.5, 0.0), (1.0, 0.1), (0.4, 0.0), (1.0, 0.1), (1.0, 0.0))
    inner, last = find_gaps(recording, LoudnessVad(), SegmenterConfig())
    assert inner.silence_s == pytest.approx(0.4, abs=0.05)
    assert inner.start / SAMPLE_RATE == pytest.approx(1.5, abs=0.05)
    assert last.end is None
    assert last.silence_s == np.inf


def test_a_sentence_is_cut_off_once_however_many_pauses_it_has() -> None:
    one, other = noise(2.0), noise(2.0)
    gaps = [(one, 8000, WITHIN), (one, 6400, WITHIN), (one, None, END), (other, None, END)]
    pauses = [Pause('X', 's', 'en', samples, 0, Gap(0, end), kind) for samples, end, kind in gaps]
    assert cut_sentences(pauses, (0.45, 0.6)) == {
        'X': {'sentences': 2, 'cut_off': {'0.45': 0.5, '0.6': 0.0}}
    }


def test_the_marks_are_in_order() -> None:
    for marks in read_marks().values():
        assert {mark.kind for mark in marks} <= set(KINDS)
        times = [time for mark in marks for time in (mark.start, mark.end) if time is not None]
        assert times == sorted(times)


def test_material_without_pauses_of_a_kind_has_no_figure_of_it() -> None:
    features = np.random.default_rng(0).normal(size=(20, len(FEATURES)))
    ends = np.arange(20) < 10
    dev = Pauses(np.where(ends, np.inf, 0.3), ends, ~ends, features)
    few = Pauses(np.full(3, np.inf), np.ones(3, bool), np.zeros(3, bool), features[:3])
    figures = {
        'marks_not_found': 0,
        'pauses': {'dev': [10, 10, 0], 'few': [3, 0, 0]},
        'rules': {'words': rule_figures(dev, {'few': few}, ('punctuation', 'word'))},
        'area': {
            name: dict.fromkeys(FEATURES, area) for name, area in (('dev', 0.5), ('few', None))
        },
        'complete': {'dev': [0.5, 0.5], 'few': [1.0, float('nan')]},
        'ms': {'whisper': 300.0},
    }
    table = rules_markdown(figures)
    assert '–, – (' in table
    assert 'nan' not in table
