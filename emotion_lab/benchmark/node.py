"""Run the node with a trace of every stage, as it is or in the sequential arrangement."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from pathlib import Path
from typing import Any

from emotion_lab.benchmark.sequential import LateTranscriber, LateVision
from emotion_lab.benchmark.slow import SlowTranscriber
from emotion_node.core.analysis.analysis import Analysis, AnalysisModels
from emotion_node.core.analysis.guard import Guard
from emotion_node.core.timings import Timings
from emotion_node.core.vision.stream import FaceVision
from emotion_node.core.vision.tracker import FaceTracker
from emotion_node.factory import Models, build_analysis
from emotion_node.ros.node import EmotionNode
from emotion_node.ros.node import main as run_node

BASELINE_THREADS = 2
"""Threads of torch: both cores, which is its default."""


class TracedTimings(Timings):
    """Timings that record every run of every stage.

    Args:
        kept: whether to keep the runs; they take some 50 MB per hour.

    Attributes:
        runs: stage, begin and end on the monotonic clock, in ns. A stage in several parts is one
            run, of their total duration, which ends where the last part ends.
    """

    def __init__(self, kept: bool = True) -> None:
        super().__init__(time.monotonic_ns)
        self._kept = kept
        self.runs: list[tuple[str, int, int]] = []

    def add(self, stage: str, duration_ns: int) -> None:
        """Record one run of a stage, which ends now."""
        now = time.monotonic_ns()
        if self._kept:
            self.runs.append((stage, now - duration_ns, now))
        super().add(stage, duration_ns)


class TracedNode(EmotionNode):
    """The node as it is, with its stages traced.

    Args:
        timings: records the stages.
        slowness: added delay of the recogniser, in seconds per second of speech.
        options: of rclpy's `Node`.
    """

    def __init__(self, timings: TracedTimings, slowness: float = 0.0, **options: Any) -> None:
        self.timings = timings
        self.slowness = slowness
        self.analysis: Analysis | None = None
        super().__init__(**options)

    def load_models(self) -> Models:
        """Load the configured models; slow the recogniser down."""
        models = super().load_models()
        if self.slowness and models.transcriber:
            slow = SlowTranscriber(models.transcriber, self.slowness, time.sleep)
            return dataclasses.replace(models, transcriber=slow)
        return models

    def build_analysis(self, models: Models) -> Analysis:
        """Return the analysis with these models."""
        self.analysis = build_analysis(self.config, models, Guard(self.timings, self.state.faults))
        return self.analysis


class SequentialNode(TracedNode):
    """The node with everything done after the end of speech, and with torch for voice and face."""

    def load_models(self) -> Models:
        """Load the configured models, with those of torch for voice and face."""
        # Torch is only in the training environment.
        from emotion_lab.benchmark.torch_models import TorchFace, TorchVoice

        models = super().load_models()
        return dataclasses.replace(
            models,
            transcriber=LateTranscriber(models.transcriber) if models.transcriber else None,
            voice=TorchVoice(BASELINE_THREADS),
            face=TorchFace(BASELINE_THREADS),
        )

    def build_analysis(self, models: Models) -> Analysis:
        """Return the analysis with these models."""
        vision = None
        if models.faces is not None:
            tracker = FaceTracker(self.config.face, models.faces)
            vision = LateVision(FaceVision(tracker, models.face, self.timings.clock))
        self.analysis = Analysis(
            self.config,
            AnalysisModels(models.transcriber, models.text, models.voice, vision),
            Guard(self.timings, self.state.faults),
        )
        return self.analysis


def main(arguments: list[str] | None = None) -> int:
    """Run the node, then write the runs of its stages and its counters.

    Returns:
        The exit status.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--trace', type=Path, metavar='FILE')
    parser.add_argument('--sequential', action='store_true')
    parser.add_argument('--slowness', type=float, default=0.0)
    args, ros_args = parser.parse_known_args(arguments)
    timings = TracedTimings(args.trace is not None)
    nodes: list[TracedNode] = []

    def make() -> TracedNode:
        kind = SequentialNode if args.sequential else TracedNode
        nodes.append(kind(timings, args.slowness))
        return nodes[0]

    status = run_node([sys.argv[0], *ros_args], make)
    counters = nodes[0].analysis.counters if nodes and nodes[0].analysis else {}
    if args.trace is not None:
        args.trace.write_text(json.dumps({'stages': timings.runs, 'counters': counters}))
    return status


if __name__ == '__main__':
    sys.exit(main())
