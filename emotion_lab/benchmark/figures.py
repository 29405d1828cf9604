"""From what was observed to figures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from emotion_lab.benchmark.observation import Observation, Received
from emotion_lab.benchmark.sound import Sound
from emotion_node.recordings.truth import TrueUtterance

Figures = dict[str, Any]
"""Figures by name; None for what could not be measured."""

_FACES: Final = 'face emotion'


@dataclass(frozen=True, slots=True)
class Heard:
    """A true utterance and what was published of it.

    Attributes:
        truth: what was really said.
        finals: emotions of utterances that overlap it, in order; more than one when it was cut.
        merged: whether its last emotion is of an utterance that the next true one is in as well,
            so that its end was missed.
    """

    truth: TrueUtterance
    finals: Sequence[Received]
    merged: bool = False


def match(truths: Sequence[TrueUtterance], finals: Sequence[Received]) -> list[Heard]:
    """Return for every true utterance what was published of it."""
    result = []
    for place, truth in enumerate(truths):
        own = [one for one in finals if _overlaps(one, truth)]
        later = truths[place + 1 : place + 2]
        merged = bool(own) and any(_overlaps(own[-1], after) for after in later)
        result.append(Heard(truth, own, merged))
    return result


def _overlaps(one: Received, truth: TrueUtterance) -> bool:
    return bool(one.emotion['start'] < truth.end_ns and one.emotion['end'] > truth.start_ns)


def latency_figures(heard: Sequence[Heard]) -> Figures:
    """Return how long after the true end of speech the final emotion came.

    Utterances whose end was missed, and those without an emotion, have no delay.
    """
    delays = [
        (one.finals[-1].at_ns - one.truth.end_ns) / 1e6
        for one in heard
        if one.finals and not one.merged
    ]
    found = sum(bool(one.finals) for one in heard)
    split = sum(len(one.finals) > 1 for one in heard)
    return {
        **_spread('final_latency_ms', delays),
        'utterances': len(heard),
        'utterances_found': found,
        'utterances_split': split,
        'utterances_merged': sum(one.merged for one in heard),
        'cut_off_rate_demo': split / found if found else None,
    }


def processing_figures(heard: Sequence[Heard], sound: Sound) -> Figures:
    """Return how long after the end was known the final emotion came.

    The end is known when the chunk of audio is played that the deciding silence ends in. What
    follows is transport, voice activity detection, analysis, and transport of the answer.
    """
    delays = []
    for one in heard:
        for final in one.finals:
            known_ns = sound.heard_at(final.decided_ns)
            if known_ns is not None and final.emotion['end_reason'] == 'silence':
                delays.append((final.at_ns - known_ns) / 1e6)
    silences = [1e3 * f.emotion['endpointing_latency'] for one in heard for f in one.finals]
    return {
        **_spread('processing_ms', delays),
        'endpointing_ms_p50': percentile(silences, 50),
    }


def interim_figures(heard: Sequence[Heard], interims: Sequence[Received]) -> Figures:
    """Return when the first interim estimate came after the true start of speech, and their rate.

    The rate is that between the first and the last of an utterance, over all utterances that have
    several.
    """
    firsts, steps, seconds = [], 0, 0.0
    for one in heard:
        own = sorted(each.at_ns for each in interims if _overlaps(each, one.truth))
        if own:
            firsts.append((own[0] - one.truth.start_ns) / 1e9)
            steps += len(own) - 1
            seconds += (own[-1] - own[0]) / 1e9
    return {
        **_spread('first_interim_s', firsts),
        'interim_hz': steps / seconds if seconds else None,
        'interims': len(interims),
    }


def loss_figures(diagnostics: Mapping[str, Mapping[str, str]], frames_played: int) -> Figures:
    """Return what got lost on the way, as the node's diagnostics tell.

    Args:
        diagnostics: the last ones.
        frames_played: how many images were played.
    """
    analysis, hearing = diagnostics.get('analysis'), diagnostics.get('hearing')
    image = diagnostics.get('image')
    if analysis is None or hearing is None or image is None:
        return dict.fromkeys(
            ('frames_dropped', 'frames_not_received', 'frames_late', 'audio_dropped_s')
        )
    return {
        'frames_dropped': int(analysis['frames_dropped']),
        'frames_not_received': frames_played - int(image['messages']),
        'frames_late': int(analysis.get('late_frames', 0)),
        'audio_dropped_s': float(hearing['dropped_s']) + float(hearing['lost_s']),
    }


def stage_figures(stages: Iterable[tuple[str, int, int]], played_s: float) -> Figures:
    """Return how often each stage ran, how long it took, and its share of real time.

    Args:
        stages: name, begin and end of every run, in ns.
        played_s: length of the play.
    """
    runs: defaultdict[str, list[float]] = defaultdict(list)
    for name, begin_ns, end_ns in stages:
        runs[name].append((end_ns - begin_ns) / 1e6)
    return {
        name: {
            'runs': len(each),
            'ms_p50': percentile(each, 50),
            'ms_p95': percentile(each, 95),
            'share': sum(each) / 1e3 / played_s,
        }
        for name, each in runs.items()
    }


def latency_without_faces(
    heard: Sequence[Heard], stages: Iterable[tuple[str, int, int]], offset_ns: int
) -> Figures:
    """Return the delay less the time that faces were worked on between the end and the answer.

    That is what an arrangement would take that looks at images while they come.

    Args:
        heard: true utterances and what was published of them.
        stages: name, begin and end of every run, on the monotonic clock in ns.
        offset_ns: what that clock is ahead of the stamps'.
    """
    runs = [(begin, end) for name, begin, end in stages if name == _FACES]
    delays = []
    for one in heard:
        if not one.finals or one.merged:
            continue
        final = one.finals[-1]
        from_ns, until_ns = final.decided_ns + offset_ns, final.at_ns + offset_ns
        faces_ns = sum(end - begin for begin, end in runs if from_ns <= begin and end <= until_ns)
        delays.append((final.at_ns - one.truth.end_ns - faces_ns) / 1e6)
    return {'final_latency_without_faces_ms_p50': percentile(delays, 50)}


def observed_figures(
    observation: Observation,
    truths: Sequence[TrueUtterance],
    sound: Sound,
    frames_played: int,
) -> Figures:
    """Return all that follows from the messages of one play."""
    heard = match(truths, observation.finals)
    return {
        **latency_figures(heard),
        **processing_figures(heard, sound),
        **interim_figures(heard, observation.interims),
        **loss_figures(observation.diagnostics, frames_played),
    }


def ratio(baseline: Figures | None, name: str, ours: Figures, own: str) -> float | None:
    """Return how many times greater a figure of the baseline is than one of ours."""
    if baseline is None or not baseline.get(name) or not ours.get(own):
        return None
    return float(baseline[name] / ours[own])


def _spread(name: str, values: Sequence[float]) -> Figures:
    return {f'{name}_p50': percentile(values, 50), f'{name}_p95': percentile(values, 95)}


def percentile(values: Sequence[float], share: float) -> float | None:
    """Return a percentile, None of nothing."""
    return float(np.percentile(values, share)) if values else None
