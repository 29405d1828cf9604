"""Trace one utterance through the stages, for a drawing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from emotion_lab.benchmark.figures import Match, match
from emotion_lab.benchmark.observation import Observation
from emotion_lab.benchmark.sound import Sound
from emotion_node.datatypes import NS_PER_MS, NS_PER_S
from emotion_node.recordings.truth import TrueUtterance

BEFORE_NS: Final = 500 * NS_PER_MS
AFTER_NS: Final = 400 * NS_PER_MS
STEP_NS: Final = 10 * NS_PER_MS
Stages = Sequence[tuple[str, int, int]]
"""Name, begin and end of every run, on the monotonic clock in ns."""


def choose(truths: Sequence[TrueUtterance], plays: Sequence[Observation]) -> int | None:
    """Return the index of the true utterance to draw, one that was found whole in all plays.

    Of these, it is the one whose latencies are nearest to the median ones. None where there is
    none.
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


def shared_timeline(truth: TrueUtterance, sound: Sound, until_ns: int) -> dict[str, Any]:
    """Return the part of the drawing that all plays share: the words and the waveform.

    Times are s from the true start of speech.

    Args:
        truth: the utterance.
        sound: of the recording.
        until_ns: stamp of the last thing to be drawn.
    """
    start_ns, end_ns = truth.start_ns - BEFORE_NS, until_ns + AFTER_NS
    return {
        'words': truth.text,
        'end': (truth.end_ns - truth.start_ns) / NS_PER_S,
        'sound_start': -BEFORE_NS / NS_PER_S,
        'sound_step': STEP_NS / NS_PER_S,
        'sound': sound.loudness(start_ns, end_ns, STEP_NS),
    }


def trace(matched: Match, observation: Observation, stages: Stages) -> dict[str, Any]:
    """Return the events of one utterance in one play; times are s from its true start.

    Args:
        matched: the utterance, with at least one final emotion.
        observation: the play.
        stages: of the play.
    """
    zero, offset_ns = matched.truth.start_ns, observation.offset_ns or 0
    final = matched.finals[-1]
    first_ns, last_ns = zero + offset_ns, final.at_ns + offset_ns
    return {
        'start_found': (final.start_ns - zero) / NS_PER_S,
        'start_reported': [
            (one.at_ns - zero) / NS_PER_S
            for one in observation.activities
            if one.utterance_id == final.utterance_id and one.started
        ],
        'end_found': (final.end_ns - zero) / NS_PER_S,
        'decided': (final.decided_ns - zero) / NS_PER_S,
        'published': (final.at_ns - zero) / NS_PER_S,
        'label': final.label,
        'interims': [
            {'at': (one.at_ns - zero) / NS_PER_S, 'label': one.label}
            for one in observation.interims
            if one.utterance_id == final.utterance_id
        ],
        'stages': [
            {
                'stage': name,
                'begin': (begin_ns - first_ns) / NS_PER_S,
                'end': (end_ns - first_ns) / NS_PER_S,
            }
            for name, begin_ns, end_ns in stages
            if begin_ns >= first_ns and end_ns <= last_ns
        ],
    }
