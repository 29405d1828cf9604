"""`python -m emotion_lab soak`: memory, latency and losses over a long run."""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from emotion_lab.benchmark.events import ClockTick, EmotionReceived, Event, read_events
from emotion_lab.benchmark.figures import percentile
from emotion_lab.benchmark.observation import observation_of
from emotion_lab.benchmark.play import await_active
from emotion_lab.benchmark.slopes import Slope, slope
from emotion_lab.benchmark.synthetic_scene import AUDIO_TOPIC, IMAGE_TOPIC, write_synthetic_scene
from emotion_lab.benchmark.usage import Sample, Usage, sample
from emotion_node.cli import parameter_options as parameters
from emotion_node.cli.demo import find_bag
from emotion_node.cli.processes import ProcessError, ProcessGroup
from emotion_node.config import Config
from emotion_node.core.analysis.guard import Guard
from emotion_node.core.timings import Timings
from emotion_node.datatypes import NS_PER_MS, NS_PER_S, EmotionReport, Trigger
from emotion_node.factory import build_pipeline, load_models
from emotion_node.recordings.bag import Bag
from emotion_node.recordings.bag_recording import BagRecording, TopicNames
from emotion_node.recordings.recording import push

DESCRIPTION = """\
Run for a long time, and report how memory, latency, threads and open files grow, and losses.

Offline (default): the demo conversation again and again through the whole pipeline, as fast as
possible, until so many minutes of recording have been processed.

--dds: the node in its own process, in real time, under overload: frames of 1280x720 at 30 Hz with
four faces, two overlapping voices, a recogniser that takes twice the time of speech, and a
subscriber that never reads. The recording starts again every half minute, so that the clock jumps
back too.
"""
EPILOG = """\
Examples:
  python -m emotion_lab soak --minutes 30
  python -m emotion_lab soak --dds --minutes 5
"""

SLOWNESS: Final = 2.0
"""Added delay of the recogniser, in seconds per second of speech."""
ALLOWED: Final[Mapping[str, float]] = {
    'rss_mb': 20.0,
    'latency_ms': 500.0,
    'threads': 2.0,
    'open_files': 2.0,
}
"""Growth per hour that is taken for noise, by figure. The lower end of the interval of a slope
has to stay below it."""
MAX_LATENCY_S: Final = 30.0
"""Longest backlog before transcripts are dropped, plus the longest utterance, plus a margin."""
START_S: Final = 60.0
"""Longest wait for the node to become active."""
_SAMPLE_S: Final = 1.0
_MB: Final = 1e6


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument('--minutes', type=float, help='default: 30 offline, 5 with --dds')
    parser.add_argument('--dds', action='store_true', help='over DDS, in real time, overloaded')
    parser.add_argument('--json', action='store_true', help='print one JSON object')
    parameters.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Run the soak test, and print the figures.

    Returns:
        0; 1 when something grew, audio was dropped, or an emotion came too late.
    """
    minutes = args.minutes or (5.0 if args.dds else 30.0)
    console = Console(stderr=True)
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task('minutes', total=minutes)

        def advance(seconds: float) -> None:
            progress.update(task, completed=seconds / 60)

        if args.dds:
            figures = soak_over_dds(60 * minutes, advance)
        else:
            figures = soak_offline(parameters.read_config(args), 60 * minutes, advance)
    if args.json:
        print(json.dumps(figures))
    else:
        table = Table('figure', 'value')
        for name, value in figures.items():
            table.add_row(name, f'{value:.3f}' if isinstance(value, float) else str(value))
        Console().print(table)
    return 0 if figures['passed'] else 1


def soak_offline(
    config: Config, seconds: float, advance: Callable[[float], None]
) -> dict[str, Any]:
    """Run the pipeline over so many seconds of recording, and return the figures.

    Args:
        config: parameters.
        seconds: of recording, at least.
        advance: called with the seconds of recording that have been processed.
    """
    models = load_models(config, lambda text: None)
    pipeline = build_pipeline(config, models, Guard(Timings(time.perf_counter_ns)))
    usages: list[tuple[float, Sample]] = []
    processing: list[tuple[float, float]] = []
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
                    (at_s, report.processing_ns / NS_PER_MS)
                    for report in push(pipeline, step.value)
                    if isinstance(report, EmotionReport) and report.trigger is Trigger.FINAL
                ]
        at_s += length_s
        usage = sample(os.getpid())
        assert usage is not None
        usages.append((at_s, usage))
        advance(at_s)
    slopes = measure_slopes(usages, processing)
    return {
        'minutes': at_s / 60,
        'speed': at_s / (time.monotonic() - begin),
        'utterances': len(processing),
        'processing_ms_p95': percentile([one for _, one in processing], 95),
        **slope_figures(slopes),
        'grew': ', '.join(growing(slopes)),
        'passed': not growing(slopes),
    }


def soak_over_dds(seconds: float, advance: Callable[[float], None]) -> dict[str, Any]:
    """Run the node under overload for so many seconds, and return the figures.

    Args:
        seconds: of real time.
        advance: called with the seconds that have passed.

    Raises:
        ProcessError: a process failed.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scene = folder / 'synthetic_scene'
        write_synthetic_scene(find_bag(), scene)
        group, seen = ProcessGroup(folder), folder / 'seen.jsonl'
        node = [
            *('-m', 'emotion_lab.benchmark.node'),
            *('--slowness', str(SLOWNESS), '--ros-args'),
            *('-p', 'use_sim_time:=true', '-p', 'image.transport:=compressed'),
            *('-p', 'transcriber.backend:=pocketsphinx'),
            *('-r', f'audio:={AUDIO_TOPIC}', '-r', f'image:={IMAGE_TOPIC}'),
        ]
        observer = [
            *('-m', 'emotion_lab.benchmark.observer', '--save', str(seen)),
            '--stalled-subscriber',
        ]
        player = ['-m', 'emotion_node', 'replay', str(scene), '--quiet', '--loop']
        with (
            group.process('observer', observer) as observing,
            group.process('node', node) as running,
        ):
            needed = [observing, running]
            await_active(group, seen, needed, START_S)
            usage = Usage(running.process.pid)
            with group.process('player', player) as playing:
                begin = time.monotonic()
                while (spent := time.monotonic() - begin) < seconds:
                    group.check([*needed, playing])
                    usage.sample()
                    advance(spent)
                    time.sleep(_SAMPLE_S)
        return dds_figures(usage, list(read_events(seen)))


def dds_figures(usage: Usage, events: Iterable[Event]) -> dict[str, Any]:
    """Return the figures of a run over DDS.

    Args:
        usage: of the node.
        events: what the observer recorded.

    Raises:
        ProcessError: no emotion was received, or no diagnostics.
    """
    events = list(events)
    latencies = list(latencies_s(events))
    losses = observation_of(events).losses
    if not latencies or losses is None:
        missing = 'diagnostics' if latencies else 'emotion'
        raise ProcessError(f'no {missing} of the node was received over DDS')
    begin_ns = usage.samples[0].at_ns
    usages = [((one.at_ns - begin_ns) / NS_PER_S, one) for one in usage.samples]
    # Utterances come at an even pace; when each came is known on another clock.
    step_s = usage.seconds / len(latencies)
    delays = [(step_s * n, 1000 * latency) for n, latency in enumerate(latencies)]
    slopes = measure_slopes(usages, delays)
    return {
        'minutes': usage.seconds / 60,
        'cpu_cores': usage.cores,
        'utterances': len(latencies),
        'latency_s_median': percentile(latencies, 50),
        'latency_s_max': max(latencies),
        'audio_dropped_s': losses.audio_dropped_s,
        'audio_gaps': losses.audio_gaps,
        'speech_waiting_s_max': losses.speech_waiting_peak_s,
        'frames_dropped': losses.frames_dropped,
        'interims_dropped': losses.interims_dropped,
        'transcripts_dropped': losses.transcripts_dropped,
        **slope_figures(slopes),
        'grew': ', '.join(growing(slopes)),
        'passed': losses.audio_dropped_s == 0
        and max(latencies) < MAX_LATENCY_S
        and not growing(slopes),
    }


def latencies_s(events: Iterable[Event]) -> Iterator[float]:
    """Yield the seconds from the end of each utterance to its emotion, in order of arrival.

    An emotion whose stamp lies ahead of the clock belongs to the round before: the recording has
    started again since.
    """
    offset_ns = before_ns = 0
    for event in events:
        if isinstance(event, ClockTick):
            if event.offset_ns > offset_ns:
                before_ns = offset_ns
            offset_ns = event.offset_ns
        elif isinstance(event, EmotionReceived) and event.trigger is Trigger.FINAL:
            age_ns = event.at_ns - event.end_ns
            yield (age_ns - (offset_ns if age_ns > offset_ns else before_ns)) / NS_PER_S


def measure_slopes(
    usages: Sequence[tuple[float, Sample]], latencies_ms: Sequence[tuple[float, float]]
) -> dict[str, Slope]:
    """Return how fast memory, latency, threads and open files grow, by figure.

    Args:
        usages: seconds and the usage of the process, in order.
        latencies_ms: seconds and a latency in ms, in order.
    """
    return {
        'rss_mb': slope([(at_s, one.resident / _MB) for at_s, one in usages]),
        'latency_ms': slope(latencies_ms),
        'threads': slope([(at_s, len(one.threads)) for at_s, one in usages]),
        'open_files': slope([(at_s, one.files) for at_s, one in usages]),
    }


def slope_figures(slopes: Mapping[str, Slope]) -> dict[str, float]:
    """Return slopes as figures of the run, each with its unit in its name."""
    return {f'{name}_per_hour': one.per_hour for name, one in slopes.items()}


def growing(slopes: Mapping[str, Slope]) -> list[str]:
    """Return the figures that grow faster than is allowed, beyond doubt."""
    return [name for name, one in slopes.items() if one.least > ALLOWED[name]]
