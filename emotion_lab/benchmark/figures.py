"""Compute the benchmark's figures from what was observed and what is true."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from emotion_lab.benchmark.events import EmotionReceived
from emotion_lab.benchmark.observation import Losses, Observation
from emotion_lab.benchmark.sound import Sound
from emotion_node.datatypes import NS_PER_MS, NS_PER_S, EndReason
from emotion_node.recordings.truth import TrueUtterance

Figures = dict[str, Any]
"""Figures by name; None for what could not be measured."""

_FACES: Final = 'face emotion'


@dataclass(frozen=True, slots=True)
class Match:
    """A true utterance and the emotions that were published of it.

    Attributes:
        truth: the true utterance.
        finals: final emotions whose utterances overlap it, in order; several when it was cut.
        merged: whether the utterance of the last one overlaps the next true utterance too, so
            that the end of this one was missed.
    """

    truth: TrueUtterance
    finals: Sequence[EmotionReceived]
    merged: bool = False


def match(truths: Sequence[TrueUtterance], finals: Sequence[EmotionReceived]) -> list[Match]:
    """Return a match for every true utterance, in order."""
    result = []
    for place, truth in enumerate(truths):
        own = [one for one in finals if _overlaps(one, truth)]
        later = truths[place + 1 : place + 2]
        merged = bool(own) and any(_overlaps(own[-1], after) for after in later)
        result.append(Match(truth, own, merged))
    return result


def _overlaps(emotion: EmotionReceived, truth: TrueUtterance) -> bool:
    return emotion.start_ns < truth.end_ns and emotion.end_ns > truth.start_ns


def latency_figures(matches: Sequence[Match]) -> Figures:
    """Return the latency of final emotions from the true end of speech.

    Utterances whose end was missed, and those without an emotion, have no latency.
    """
    delays = [
        (one.finals[-1].at_ns - one.truth.end_ns) / NS_PER_MS
        for one in matches
        if one.finals and not one.merged
    ]
    found = sum(bool(one.finals) for one in matches)
    split = sum(len(one.finals) > 1 for one in matches)
    return {
        **_spread('final_latency_ms', delays),
        'utterances': len(matches),
        'utterances_found': found,
        'utterances_split': split,
        'utterances_merged': sum(one.merged for one in matches),
        'cut_off_rate_demo': split / found if found else None,
    }


def processing_figures(matches: Sequence[Match], sound: Sound) -> Figures:
    """Return the latency of final emotions from the moment at which the end was known.

    The end is known when the chunk of audio is played in which the deciding silence ends. What
    follows is transport, voice activity detection, analysis, and transport of the emotion.
    """
    delays = []
    for one in matches:
        for final in one.finals:
            known_ns = sound.played_at(final.decided_ns)
            if known_ns is not None and final.end_reason is EndReason.SILENCE:
                delays.append((final.at_ns - known_ns) / NS_PER_MS)
    silences = [final.endpointing_ns / NS_PER_MS for one in matches for final in one.finals]
    return {
        **_spread('processing_ms', delays),
        'endpointing_ms_p50': percentile(silences, 50),
    }


def interim_figures(matches: Sequence[Match], interims: Sequence[EmotionReceived]) -> Figures:
    """Return when the first interim estimates came after the true start of speech, and their rate.

    `first_interim_s` is the first of any modality, `first_words_s` the first with words. The
    rate is that between the first and the last estimate of an utterance, over all utterances
    that have several.
    """
    firsts: list[float] = []
    with_words: list[float] = []
    steps, seconds = 0, 0.0
    for one in matches:
        own = [each for each in interims if _overlaps(each, one.truth)]
        at_ns = sorted(each.at_ns for each in own)
        worded_ns = min((each.at_ns for each in own if each.words), default=None)
        if at_ns:
            firsts.append((at_ns[0] - one.truth.start_ns) / NS_PER_S)
            steps += len(at_ns) - 1
            seconds += (at_ns[-1] - at_ns[0]) / NS_PER_S
        if worded_ns is not None:
            with_words.append((worded_ns - one.truth.start_ns) / NS_PER_S)
    return {
        **_spread('first_interim_s', firsts),
        **_spread('first_words_s', with_words),
        'utterances_with_interim_words': len(with_words),
        'interim_hz': steps / seconds if seconds else None,
        'interims': len(interims),
    }


def loss_figures(losses: Losses | None, frames_played: int) -> Figures:
    """Return how many frames and how much audio were lost between the recording and the node.

    Args:
        losses: by the node's own account; None when it gave none.
        frames_played: number of frames that were played.
    """
    if losses is None:
        return dict.fromkeys(
            ('frames_dropped', 'frames_not_received', 'frames_late', 'audio_dropped_s')
        )
    return {
        'frames_dropped': losses.frames_dropped,
        'frames_not_received': frames_played - losses.frames_received,
        'frames_late': losses.frames_late,
        'audio_dropped_s': losses.audio_dropped_s + losses.audio_lost_s,
    }


def stage_figures(stages: Iterable[tuple[str, int, int]], played_s: float) -> Figures:
    """Return how often each stage ran, how long it took, and its share of real time.

    Args:
        stages: name, begin and end of every run, in ns.
        played_s: length of the play.
    """
    runs: defaultdict[str, list[float]] = defaultdict(list)
    for name, begin_ns, end_ns in stages:
        runs[name].append((end_ns - begin_ns) / NS_PER_MS)
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
    matches: Sequence[Match], stages: Iterable[tuple[str, int, int]], offset_ns: int
) -> Figures:
    """Return the latency without the time spent on faces between the end and the emotion.

    This is the latency of an arrangement that processes frames as they come.

    Args:
        matches: true utterances and the emotions of each.
        stages: name, begin and end of every run, on the monotonic clock in ns.
        offset_ns: monotonic time minus the time of the stamps.
    """
    runs = [(begin, end) for name, begin, end in stages if name == _FACES]
    delays = []
    for one in matches:
        if not one.finals or one.merged:
            continue
        final = one.finals[-1]
        from_ns, until_ns = final.decided_ns + offset_ns, final.at_ns + offset_ns
        faces_ns = sum(end - begin for begin, end in runs if from_ns <= begin and end <= until_ns)
        delays.append((final.at_ns - one.truth.end_ns - faces_ns) / NS_PER_MS)
    return {'final_latency_without_faces_ms_p50': percentile(delays, 50)}


def observed_figures(
    observation: Observation,
    truths: Sequence[TrueUtterance],
    sound: Sound,
    frames_played: int,
) -> Figures:
    """Return all figures that follow from the messages of one play."""
    matches = match(truths, observation.finals)
    return {
        **latency_figures(matches),
        **processing_figures(matches, sound),
        **interim_figures(matches, observation.interims),
        **loss_figures(observation.losses, frames_played),
    }


def ratio(baseline: Figures | None, name: str, ours: Figures, own: str) -> float | None:
    """Return a figure of the baseline divided by one of ours; None when either is missing."""
    if baseline is None or not baseline.get(name) or not ours.get(own):
        return None
    return float(baseline[name] / ours[own])


def _spread(name: str, values: Sequence[float]) -> Figures:
    return {f'{name}_p50': percentile(values, 50), f'{name}_p95': percentile(values, 95)}


def percentile(values: Sequence[float], share: float) -> float | None:
    """Return a percentile; None of an empty sequence."""
    return float(np.percentile(values, share)) if values else None
