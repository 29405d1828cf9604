"""Scenes of two turns: what they are made of, and which cuts count as right."""

from __future__ import annotations

import numpy as np
import pytest

from emotion_lab.data.speaker_clips import Clip, Talker
from emotion_lab.data.speaker_turns import FRAME_NS, LEFT, RIGHT, Turns, make_turns
from emotion_lab.evaluation.speaker_turns import TurnScore, count, joined
from emotion_node.datatypes import NS_PER_S, SAMPLE_RATE, ClockSource, EndReason, Utterance

FRAMES = 75


def talker(name: str, level: float) -> Talker:
    samples = np.full(FRAMES * SAMPLE_RATE // 25, level, np.float32)
    stamps = tuple(k * FRAME_NS for k in range(FRAMES))
    return Talker(name, stamps, (), samples, (NS_PER_S // 2, 5 * NS_PER_S // 2))


def scenes() -> list[Turns]:
    talkers = [talker('gE_1', 0.1), talker('gF_2', 0.2), talker('gG_3', 0.3)]
    clips = {}
    for number, one in enumerate(talkers):
        for manner, shade in (('talking', 10), ('still', 20), ('chewing', 30)):
            images = tuple(np.full((2, 2), shade + number, np.uint8) for _ in range(FRAMES))
            clips[one.name, manner] = Clip(
                one.name, manner, one.stamps_ns, (None,) * FRAMES, images
            )
    return make_turns(talkers, clips)


def utterance(start_s: float, end_s: float, end_reason: EndReason) -> Utterance:
    start_ns, end_ns = round(start_s * NS_PER_S), round(end_s * NS_PER_S)
    silence = np.zeros(0, np.float32)
    return Utterance(
        'u1', start_ns, end_ns, end_ns, silence, start_ns, end_reason, ClockSource.FILE
    )


def test_whoever_is_heard_is_the_one_who_talks() -> None:
    made = scenes()
    assert len(made) == 3 * 2 * 3
    for turns in made:
        left, right = (turns.clips[side, turns.condition] for side in (LEFT, RIGHT))
        assert len(left.images) == len(right.images) == len(turns.voice.stamps_ns)
        for number, stamp_ns in enumerate(turns.voice.stamps_ns):
            heard = turns.voice.samples[stamp_ns * SAMPLE_RATE // NS_PER_S]
            shades = [int(one.images[number][0, 0]) for one in (left, right)]
            talks = [shade for shade in shades if shade < 20]
            assert round(float(heard) * 10) - 1 + 10 in talks
            if turns.condition != 'same_mouthing':
                assert len(talks) == 1
        places = [np.argmin([one.images[k][0, 0] for one in (left, right)]) for k in (0, -1)]
        if turns.condition == 'other':
            assert places == [0, 1]


@pytest.mark.parametrize(
    ('cut_s', 'condition', 'expected'),
    [
        (3.1, 'other', TurnScore(1, 1, 0)),
        (2.0, 'other', TurnScore(1, 0, 1)),
        (3.1, 'same', TurnScore(1, 0, 1)),
    ],
)
def test_a_cut_is_right_near_a_change_alone(
    cut_s: float, condition: str, expected: TurnScore
) -> None:
    turns = Turns(condition, {}, talker('gE_1', 0.1), 'gE', 3 * NS_PER_S)
    found = [
        utterance(0.5, cut_s, EndReason.SPEAKER_CHANGE),
        utterance(cut_s, 5.5, EndReason.SILENCE),
    ]
    assert joined(found) == [(found[0].start_ns, found[1].end_ns)]
    score = TurnScore()
    count(score, turns, found)
    assert score == expected


def test_turns_with_a_pause_between_them_do_not_count() -> None:
    turns = Turns('other', {}, talker('gE_1', 0.1), 'gE', 3 * NS_PER_S)
    score = TurnScore()
    found = [utterance(0.5, 2.6, EndReason.SILENCE), utterance(3.0, 5.5, EndReason.SILENCE)]
    count(score, turns, found)
    assert score == TurnScore()
