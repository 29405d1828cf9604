"""How endpointing is measured."""

from __future__ import annotations

import numpy as np
import pytest
from support.speech import noise

from emotion_lab.evaluation.concatenated import find_quiet
from emotion_lab.evaluation.endpointing_figures import count_cut_offs, delays
from emotion_lab.evaluation.mixtures import Clip
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
