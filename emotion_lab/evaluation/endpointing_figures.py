"""Count wrong ends of utterances, and how late right ones come, in dialogues with known pauses."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from emotion_lab.data.datasets import DatasetError
from emotion_lab.evaluation.concatenated import ConcatenatedDialogue, Span
from emotion_lab.evaluation.interim import replay, replay_file
from emotion_lab.evaluation.meld_dialogues import read_dialogues
from emotion_node.config import Config
from emotion_node.core.analysis.guard import Guard
from emotion_node.core.timings import Timings
from emotion_node.datatypes import (
    NS_PER_MS,
    NS_PER_S,
    EndReason,
    Report,
    SpeechEnded,
    Utterance,
)
from emotion_node.factory import Models, build_pipeline
from emotion_node.recordings.truth import read_truth

TOLERANCE_NS: Final = NS_PER_S // 5
"""By this much the end of speech may be found early or late."""


def find_utterances(
    dialogue: ConcatenatedDialogue, config: Config, models: Models
) -> list[Utterance]:
    """Run the pipeline over a dialogue and return the utterances that it finds."""
    pipeline = build_pipeline(config, models, Guard(Timings(time.perf_counter_ns)))
    reports: list[Report] = []
    for chunk in dialogue.chunks():
        reports += pipeline.push_audio(chunk)
    return ended_utterances(reports + pipeline.flush())


def ended_utterances(reports: Iterable[Report]) -> list[Utterance]:
    """Return the utterances of the `SpeechEnded` reports, in order."""
    return [report.utterance for report in reports if isinstance(report, SpeechEnded)]


def count_cut_offs(pauses: Sequence[Span], found: Sequence[Utterance]) -> int:
    """Return the number of pauses inside true utterances at which an utterance was ended."""
    return sum(any(_ended_in(one, begin, end) for one in found) for begin, end in pauses)


def _ended_in(utterance: Utterance, begin: int, end: int) -> bool:
    return (
        utterance.end_reason is EndReason.SILENCE
        and abs(utterance.end_ns - begin) <= TOLERANCE_NS
        and begin < utterance.decided_ns <= end + TOLERANCE_NS
    )


def delays(utterances: Sequence[Span], found: Sequence[Utterance]) -> list[int | None]:
    """Return the time from the end of each true utterance to the decision, in ns.

    None where no end was decided before the next utterance began.
    """
    begins = [*(begin for begin, _ in utterances[1:]), None]
    delays_ns: list[int | None] = []
    for (_, end), following in zip(utterances, begins[: len(utterances)], strict=True):
        decided = [
            one.decided_ns - end
            for one in found
            if abs(one.end_ns - end) <= TOLERANCE_NS
            and (following is None or one.end_ns < following)
        ]
        delays_ns.append(decided[0] if decided else None)
    return delays_ns


def endpointing_figures(
    dialogues: Sequence[ConcatenatedDialogue], config: Config, models: Models
) -> dict[str, Any]:
    """Return how often ends are decided wrongly, and how long right decisions take.

    Returns:
        `pauses` inside utterances, `cut_offs` among them and `cut_off_rate`; `utterances`,
        `merged_rate` of them; `delay_ms_p50`, `delay_ms_p95` and `delay_ms_mean` from the true
        end to the decision.
    """
    pauses = cut_offs = 0
    delays_ns: list[int | None] = []
    for dialogue in dialogues:
        found = find_utterances(dialogue, config, models)
        pauses += len(dialogue.pauses)
        cut_offs += count_cut_offs(dialogue.pauses, found)
        delays_ns += delays(dialogue.utterances, found)
    known = [one / NS_PER_MS for one in delays_ns if one is not None]
    p50, p95 = np.percentile(known, (50, 95)) if known else (None, None)
    return {
        'pauses': pauses,
        'cut_offs': cut_offs,
        'cut_off_rate': cut_offs / pauses,
        'utterances': len(delays_ns),
        'merged_rate': 1 - len(known) / len(delays_ns),
        'delay_ms_p50': None if p50 is None else float(p50),
        'delay_ms_p95': None if p95 is None else float(p95),
        'delay_ms_mean': float(np.mean(known)) if known else None,
    }


def with_fixed_silence(config: Config, silence: float) -> Config:
    """Return the parameters with a fixed end-of-speech silence of so many seconds."""
    return dataclasses.replace(
        config,
        segmenter=dataclasses.replace(config.segmenter, min_silence_duration=silence),
    )


def endpointing_only(config: Config) -> Config:
    """Return the parameters with everything off that endpointing does not need."""
    return dataclasses.replace(
        config,
        transcriber=dataclasses.replace(config.transcriber, backend='off'),
        text=dataclasses.replace(config.text, backend='off'),
        voice=dataclasses.replace(config.voice, backend='off'),
        face=dataclasses.replace(config.face, backend='off'),
        image=dataclasses.replace(config.image, transport='off'),
        interim=dataclasses.replace(config.interim, enabled=False),
    )


def real_dialogue_figures(
    config: Config, models: Models, data: Path | None, demo: Path
) -> dict[str, Any]:
    """Return by recording in how many parts its true utterances were found.

    A recording that is missing has a text in place of figures, which says so.
    """
    figures: dict[str, Any] = {}
    if (demo / 'truth.json').exists():
        truth = read_truth(demo / 'truth.json')
        reports = replay_file(demo, config, models, time.perf_counter_ns)
        spans = [(one.start_ns, one.end_ns) for one in truth]
        figures['demo'] = _count_parts(spans, ended_utterances(reports))
    else:
        figures['demo'] = f'no recorded conversation at {demo}: run this in a checkout'
    try:
        for dialogue in read_dialogues(data):
            reports = replay(dialogue.chunks(), config, models, time.perf_counter_ns)
            spans = [(one.start_ns, one.end_ns) for one in dialogue.utterances]
            figures[f'MELD dialogue {dialogue.number}'] = _count_parts(
                spans, ended_utterances(reports)
            )
    except DatasetError as error:
        figures['MELD'] = str(error)
    return figures


def _count_parts(truth: Sequence[Span], found: Sequence[Utterance]) -> dict[str, int]:
    parts = [
        sum(one.start_ns < end and one.end_ns > begin for one in found) for begin, end in truth
    ]
    return {
        'utterances': len(truth),
        'heard_whole': parts.count(1),
        'in_parts': sum(count > 1 for count in parts),
        'missed': parts.count(0),
    }
