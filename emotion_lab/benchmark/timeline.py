"""The way of one utterance through the stages, for a drawing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from emotion_lab.benchmark.figures import Heard, match
from emotion_lab.benchmark.observation import Observation, Received
from emotion_lab.benchmark.sound import Sound
from emotion_node.recordings.truth import TrueUtterance

BEFORE_NS: Final = 500_000_000
AFTER_NS: Final = 400_000_000
STEP_NS: Final = 10_000_000
Stages = Sequence[tuple[str, int, int]]
"""Name, begin and end of every run, on the monotonic clock in ns."""


def choose(truths: Sequence[TrueUtterance], plays: Sequence[Observation]) -> int | None:
    """Return which true utterance to draw: one that was heard whole in all plays.

    Of these, it is the one whose delays are nearest to the median ones.
    """
    each = [match(truths, play.finals) for play in plays]
    whole = [
        place
        for place in range(len(truths))
        if all(len(one[place].finals) == 1 and not one[place].merged for one in each)
    ]
    if not whole:
        return None
    delays = np.array(
        [[one[n].finals[0].at_ns - truths[n].end_ns for n in whole] for one in each], np.float64
    )
    medians = np.median(delays, axis=1, keepdims=True)
    return whole[int(np.argmin(np.abs(delays / medians - 1).sum(axis=0)))]


def draw_from(truth: TrueUtterance, sound: Sound, until_ns: int) -> dict[str, Any]:
    """Return what is common to all plays.

    Times are s from the true start of speech.

    Args:
        truth: the utterance.
        sound: of the recording.
        until_ns: stamp up to which the sound is of interest.
    """
    start_ns, end_ns = truth.start_ns - BEFORE_NS, until_ns + AFTER_NS
    return {
        'words': truth.text,
        'end': (truth.end_ns - truth.start_ns) / 1e9,
        'sound_start': -BEFORE_NS / 1e9,
        'sound_step': STEP_NS / 1e9,
        'sound': sound.loudness(start_ns, end_ns, STEP_NS),
    }


def trace(heard: Heard, observation: Observation, stages: Stages) -> dict[str, Any]:
    """Return what happened to one utterance in one play; times are s from its true start.

    Args:
        heard: the utterance.
        observation: the play.
        stages: of the play.
    """
    zero, offset_ns = heard.truth.start_ns, observation.offset_ns or 0
    final: Received = heard.finals[-1]
    first_ns, last_ns = zero + offset_ns, final.at_ns + offset_ns
    begun = [
        one['at_ns']
        for one in observation.activities
        if one['utterance_id'] == final.emotion['utterance_id'] and one['state'] == 0
    ]
    return {
        'start_found': (final.emotion['start'] - zero) / 1e9,
        'start_told': [(at_ns - zero) / 1e9 for at_ns in begun],
        'end_found': (final.emotion['end'] - zero) / 1e9,
        'decided': (final.decided_ns - zero) / 1e9,
        'published': (final.at_ns - zero) / 1e9,
        'label': final.emotion['label'],
        'interims': [
            {'at': (one.at_ns - zero) / 1e9, 'label': one.emotion['label']}
            for one in observation.interims
            if one.emotion['utterance_id'] == final.emotion['utterance_id']
        ],
        'stages': [
            {
                'stage': name,
                'begin': (begin_ns - first_ns) / 1e9,
                'end': (end_ns - first_ns) / 1e9,
            }
            for name, begin_ns, end_ns in stages
            if begin_ns >= first_ns and end_ns <= last_ns
        ],
    }
