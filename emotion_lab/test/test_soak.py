"""How the soak test finds a leak, and that its counters are those of the node."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest

import emotion_node
from emotion_lab.benchmark.observation import COUNTERS, Losses
from emotion_lab.benchmark.slopes import slope
from emotion_lab.benchmark.soak import growing, measure_slopes, slope_figures
from emotion_lab.benchmark.usage import Sample
from emotion_node.config import make_config
from emotion_node.core.analysis.guard import Guard
from emotion_node.core.timings import Timings
from emotion_node.datatypes import NS_PER_S
from emotion_node.factory import build_pipeline, load_models
from emotion_node.ros.engine import Engine
from emotion_node.ros.node_status import analysis_status, hearing_status, input_status
from emotion_node.ros.topic_input import InputHealth

OFF = {f'{part}.backend': 'off' for part in ('transcriber', 'text', 'voice', 'face')}


def usages(
    resident_mb: list[float], files: int = 40, threads: int = 9
) -> list[tuple[float, Sample]]:
    """Return usages of a process, one per second."""
    running = dict.fromkeys(range(threads), ('worker', 0.0))
    return [
        (float(n), Sample(n * NS_PER_S, running, 0.0, round(1e6 * one), files))
        for n, one in enumerate(resident_mb)
    ]


def test_a_warm_up_is_no_leak() -> None:
    slopes = measure_slopes(usages([100.0 + min(n, 20) * 10 for n in range(100)]), [])
    assert slope_figures(slopes) == {
        'rss_mb_per_hour': pytest.approx(0, abs=1e-6),
        'latency_ms_per_hour': 0,
        'threads_per_hour': 0,
        'open_files_per_hour': 0,
    }
    assert not growing(slopes)


def test_a_leak_is_a_slope_even_below_noise_and_outliers() -> None:
    rng = np.random.default_rng(1)
    seconds = np.arange(1200)
    resident = 300 + 60 / 3600 * seconds + rng.normal(0, 2, len(seconds))
    resident[::50] += 200
    slopes = measure_slopes(usages(list(resident)), [])
    assert slopes['rss_mb'].per_hour == pytest.approx(60, rel=0.2)
    assert growing(slopes) == ['rss_mb']


def test_noise_is_no_leak() -> None:
    for seed in range(10):
        rng = np.random.default_rng(seed)
        slopes = measure_slopes(usages(list(300 + rng.normal(0, 2, 300))), [])
        assert not growing(slopes), seed


def test_open_files_and_delays_that_pile_up_are_found() -> None:
    files = [
        (at_s, one) for n in range(100) for at_s, one in usages([1.0] * 100, 40 + n)[n : n + 1]
    ]
    late = [(float(n), 100.0 + n) for n in range(100)]
    slopes = measure_slopes(files, late)
    assert slopes['open_files'].per_hour == pytest.approx(3600)
    assert growing(slopes) == ['latency_ms', 'open_files']


def test_too_few_points_have_no_slope() -> None:
    assert slope([(0.0, 1.0), (1.0, 2.0)]).per_hour == 0


def test_the_observer_reads_the_counters_that_the_node_writes() -> None:
    """A counter that is renamed on one side only is a figure that is 0 for ever."""
    config = make_config(OFF)
    pipeline = build_pipeline(config, load_models(config, print), Guard(Timings(lambda: 0)))
    nothing = lambda *_: None  # noqa: E731
    engine = Engine(pipeline.hearing, pipeline.analysis, config.queue, nothing, nothing, nothing)
    statuses = {
        'image': input_status('image', InputHealth('/image', (), 1.0), 0.0, ''),
        'hearing': hearing_status(engine, float('-inf'), 0.0),
        'analysis': analysis_status(engine, [], 0.0),
    }
    values = {name: {k: str(v) for k, v in one.values.items()} for name, one in statuses.items()}
    losses = Losses.of_diagnostics(values)
    assert losses is not None, 'each value but the counters is read without a default'
    assert losses.audio_gaps == 0
    assert set(COUNTERS) <= counted_events()


def counted_events() -> set[str]:
    """Return the names of all counters in the product's source."""
    return {
        call.args[0].value
        for path in Path(emotion_node.__file__).parent.rglob('*.py')
        for call in ast.walk(ast.parse(path.read_text(encoding='utf-8')))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr == 'count'
        and call.args
        and isinstance(call.args[0], ast.Constant)
        and isinstance(call.args[0].value, str)
    }
