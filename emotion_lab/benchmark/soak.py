"""`python -m emotion_lab soak`: whether the node bears a load for long."""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from emotion_lab.benchmark.figures import percentile
from emotion_lab.benchmark.observation import read_lines, read_observation
from emotion_lab.benchmark.play import await_active
from emotion_lab.benchmark.synthetic_scene import AUDIO_TOPIC, IMAGE_TOPIC, write_crowd
from emotion_lab.benchmark.usage import Usage, sample
from emotion_node.cli import parameter_options as parameters
from emotion_node.cli.demo import find_bag
from emotion_node.cli.processes import ProcessError, ProcessGroup
from emotion_node.config import Config
from emotion_node.datatypes import NS_PER_S, EmotionReport, Trigger
from emotion_node.factory import build_pipeline, load_models
from emotion_node.recordings.bag import Bag
from emotion_node.recordings.inputs import BagRecording, TopicNames, push

DESCRIPTION = """\
Bear a load for long, and tell what became of memory, latency and of what was given up.

In line (default): the demo conversation again and again through the whole pipeline, as fast as
it goes, for so many minutes of recording.

--dds: the node in its own process, at real speed: images of 1280x720 at 30 Hz with four faces,
two voices over each other, a recogniser that takes twice the time of speech, and a subscriber
that never reads. Its recording begins again every half minute: the clock goes backwards too.
"""
EPILOG = """\
Examples:
  python -m emotion_lab soak --minutes 30
  python -m emotion_lab soak --dds --minutes 5
"""

SLOWNESS: Final = 2.0
"""Of the recogniser: seconds per second of speech."""
WARM_SHARE: Final = 0.2
"""Of the time, after which memory counts as what it has to stay."""
MAX_LATENCY_S: Final = 30.0
"""What transcripts are given up for, and the longest utterance, and a little more."""
START_S: Final = 60.0
_LOOK_S: Final = 1.0
_MB: Final = 1e6


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument('--minutes', type=float, help='default 30 in line, 5 with --dds')
    parser.add_argument('--dds', action='store_true', help='under load, at real speed')
    parser.add_argument('--json', action='store_true', help='print one JSON object')
    parameters.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Bear the load, print the figures.

    Returns:
        0; 1 when memory grew, audio was lost, or an answer came too late.
    """
    minutes = args.minutes or (5.0 if args.dds else 30.0)
    console = Console(stderr=True)
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task('minutes', total=minutes)

        def tell(seconds: float) -> None:
            progress.update(task, completed=seconds / 60)

        if args.dds:
            figures = soak_over_dds(60 * minutes, tell)
        else:
            figures = soak_in_line(parameters.read_config(args), 60 * minutes, tell)
    if args.json:
        print(json.dumps(figures))
    else:
        table = Table('figure', 'value')
        for name, value in figures.items():
            table.add_row(name, f'{value:.3f}' if isinstance(value, float) else str(value))
        Console().print(table)
    return 0 if figures['bore_it'] else 1


def soak_in_line(config: Config, seconds: float, tell: Callable[[float], None]) -> dict[str, Any]:
    """Return what became of the pipeline over so many seconds of recording."""
    models = load_models(config, time.perf_counter_ns, lambda text: None)
    pipeline = build_pipeline(config, models, time.perf_counter_ns)
    resident: list[tuple[float, float]] = []
    processing: list[float] = []
    begin = time.monotonic()
    with Bag(find_bag()) as bag:
        length_s = (bag.end_ns - bag.start_ns) / NS_PER_S
    at_s = 0.0
    while at_s < seconds:
        with Bag(find_bag()) as bag:
            recording = BagRecording(
                bag, config.audio, TopicNames(), models.faces is not None, False, False
            )
            for step in recording.steps():
                if step.value is None:
                    continue
                processing += [
                    report.processing_ns / 1e6
                    for report in push(pipeline, step.value)
                    if isinstance(report, EmotionReport) and report.trigger is Trigger.FINAL
                ]
        at_s += length_s
        looked = sample(os.getpid())
        assert looked is not None
        resident.append((at_s, looked.resident / _MB))
        tell(at_s)
    return {
        'minutes': at_s / 60,
        'speed': at_s / (time.monotonic() - begin),
        'utterances': len(processing),
        'processing_ms_p95_first_half': percentile(processing[: len(processing) // 2], 95),
        'processing_ms_p95_second_half': percentile(processing[len(processing) // 2 :], 95),
        **memory(resident),
        'bore_it': not grows(resident),
    }


def soak_over_dds(seconds: float, tell: Callable[[float], None]) -> dict[str, Any]:
    """Return what became of the node under load over so many seconds.

    Raises:
        ProcessError: a process failed.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_crowd(find_bag(), folder / 'crowd')
        group, seen = ProcessGroup(folder), folder / 'seen.jsonl'
        node = [
            *('-m', 'emotion_lab.benchmark.node', '--trace', str(folder / 'trace.json')),
            *('--slowness', str(SLOWNESS), '--ros-args'),
            *('-p', 'use_sim_time:=true', '-p', 'image.transport:=compressed'),
            *('-p', 'transcriber.backend:=pocketsphinx'),
            *('-r', f'audio:={AUDIO_TOPIC}', '-r', f'image:={IMAGE_TOPIC}'),
        ]
        observer = ['-m', 'emotion_lab.benchmark.observer', '--save', str(seen), '--deaf']
        player = ['-m', 'emotion_node', 'replay', str(folder / 'crowd'), '--quiet', '--loop']
        with (
            group.process('observer', observer) as watching,
            group.process('node', node) as running,
        ):
            needed = [watching, running]
            await_active(group, seen, needed, START_S)
            usage = Usage(running.process.pid)
            with group.process('player', player) as playing:
                begin = time.monotonic()
                while (spent := time.monotonic() - begin) < seconds:
                    group.check([*needed, playing])
                    usage.look()
                    tell(spent)
                    time.sleep(_LOOK_S)
        return _dds_figures(usage, seen)


def _dds_figures(usage: Usage, seen: Path) -> dict[str, Any]:
    observation = read_observation(seen)
    if not observation.finals:
        raise ProcessError('no emotion has come')
    begin_ns = usage.samples[0].at_ns
    resident = [((one.at_ns - begin_ns) / 1e9, one.resident / _MB) for one in usage.samples]
    latencies = list(_latencies(read_lines(seen)))
    half = len(latencies) // 2
    hearing = observation.diagnostics['hearing']
    analysis = observation.diagnostics['analysis']
    lost_s = float(hearing['dropped_s'])
    return {
        'minutes': usage.seconds / 60,
        'cpu_cores': usage.cores,
        'utterances': len(latencies),
        'latency_s_median_first_half': percentile(latencies[:half], 50),
        'latency_s_median_second_half': percentile(latencies[half:], 50),
        'latency_s_max': max(latencies),
        'audio_lost_s': lost_s,
        'audio_gaps': _number(hearing, 'gaps'),
        'speech_waiting_s_max': float(analysis['waiting_peak_s']),
        'images_dropped': _number(analysis, 'frames_dropped'),
        'interims_given_up': _number(analysis, 'interim_given_up'),
        'transcripts_given_up': _number(analysis, 'transcripts_given_up'),
        **memory(resident),
        'bore_it': lost_s == 0 and max(latencies) < MAX_LATENCY_S and not grows(resident),
    }


def _number(values: Any, key: str) -> int:
    return int(float(values.get(key, 0)))


def _latencies(lines: Iterator[dict[str, Any]]) -> Iterator[float]:
    """Yield the seconds from the end of each utterance to its emotion, in order of arrival.

    One whose stamp lies ahead is of the round before: the recording has begun again since.
    """
    offset_ns = before_ns = 0
    for line in lines:
        if line['kind'] == 'clock':
            found_ns = line['at'] - line['stamp']
            if found_ns > offset_ns:
                before_ns = offset_ns
            offset_ns = found_ns
        elif line['kind'] == 'emotion' and line['emotion']['trigger'] == 'final':
            age_ns = line['at'] - line['emotion']['end']
            yield (age_ns - (offset_ns if age_ns > offset_ns else before_ns)) / 1e9


def memory(resident: list[tuple[float, float]]) -> dict[str, float]:
    """Return what became of the memory.

    Args:
        resident: seconds and MB, in order.
    """
    return {
        'rss_mb_warm': resident[round(WARM_SHARE * (len(resident) - 1))][1],
        'rss_mb_end': resident[-1][1],
        'rss_growth_mb_per_hour': growth(resident),
    }


def growth(resident: list[tuple[float, float]]) -> float:
    """Return how much memory grows after it is warm, MB per hour: the slope of a line.

    Args:
        resident: seconds and MB, in order.
    """
    warm = np.array(resident[round(WARM_SHARE * len(resident)) :])
    if len(warm) < 3:
        return 0.0
    return float(3600 * np.polyfit(warm[:, 0], warm[:, 1], 1)[0])


def grows(resident: list[tuple[float, float]], allowed: float = 0.05) -> bool:
    """Tell whether memory ends more than a share above what it was when warm."""
    found = memory(resident)
    return found['rss_mb_end'] > (1 + allowed) * found['rss_mb_warm']
