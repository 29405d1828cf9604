"""Synthetic faces whose mouths move, and the voice that belongs to one of them."""

from __future__ import annotations

import dataclasses

import numpy as np

from emotion_node.core.vision.stream import FaceVision
from emotion_node.datatypes import (
    NS_PER_MS,
    SAMPLE_RATE,
    FaceEstimate,
    FacesReport,
    FloatArray,
    ModelInfo,
    Utterance,
    VideoFrame,
)
from emotion_node.faces import Box, FaceMesh, FaceRegion, Image, TrackedFace
from support.face_scenes import SyntheticPerson, still
from support.scripted import SECOND, events, utterance

FRAME_NS = 40 * NS_PER_MS
IMAGE = np.zeros((4, 4, 3), np.uint8)
BOX = Box(200, 100, 150, 200)
CROP = np.zeros((192, 192, 3), np.uint8)
REGION = FaceRegion(0, 0, 1, 0)


def opening(seed: int, length_s: float = 6.0) -> FloatArray:
    """Return how far a mouth is open, 0..1, every 10 ms."""
    steps = np.random.default_rng(seed).normal(size=round(length_s * 100) + 100)
    smooth = np.convolve(steps, np.hanning(20), 'same')[50:-50]
    opened: FloatArray = ((smooth - smooth.min()) / np.ptp(smooth)).astype(np.float32)
    return opened


def spoken(seed: int, start_s: float = 1.0, length_s: float = 3.0) -> Utterance:
    """Return an utterance whose loudness follows a mouth."""
    one = utterance(1, start_s, length_s)
    times = start_s + np.arange(len(one.samples)) / SAMPLE_RATE
    loud = 10 ** (np.interp(times, np.arange(600) / 100, opening(seed)) * 1.5 - 2.5)
    tone = np.sin(2 * np.pi * 900 * times)
    return dataclasses.replace(one, samples=(loud * tone).astype(np.float32))


class TalkingFaces:
    """Faces that move their mouths (a `core.vision.stream.Tracker`).

    Args:
        mouths: seed of the movement of each mouth; None for one that keeps still.
    """

    info = ModelInfo('synthetic', '1')

    def __init__(self, *mouths: int | None) -> None:
        self.mouths = {f'f{k}': seed for k, seed in enumerate(mouths, 1)}
        self.origin_ns = 0
        self.resets = 0

    def update(self, stamp_ns: int, image: Image) -> list[TrackedFace]:
        return [
            self.face(name, seed, (stamp_ns - self.origin_ns) / SECOND)
            for name, seed in self.mouths.items()
        ]

    def face(self, name: str, seed: int | None, seconds: float) -> TrackedFace:
        points = SyntheticPerson(still(300.0), 1, size=150).landmarks(0.0)
        assert points is not None
        if seed is not None:
            wide = np.interp(seconds, np.arange(600) / 100, opening(seed))
            points[[152, 17, 14, 87, 317], 1] += np.float32(25 * wide)
        return TrackedFace(name, BOX, 0.9, FaceMesh(points, CROP, REGION, {}, points))

    def reset(self) -> None:
        self.resets += 1


def frame(stamp_ns: int) -> VideoFrame:
    noise = np.uint8(stamp_ns // FRAME_NS % 256)  # no two images of a camera are identical
    return VideoFrame(stamp_ns, lambda: IMAGE + noise, 'camera')


def live(
    vision: FaceVision, said: Utterance, start_ns: int = 0, until_s: float = 5.0
) -> tuple[list[FacesReport], FaceEstimate]:
    """Process frames and speech events in the order of time; return reports and estimate."""
    timed_events = [(0, 0, event) for event in events(said)]
    for k, (_, _, event) in enumerate(timed_events):
        ended = said.decided_ns if k == len(timed_events) - 1 else 0
        timed_events[k] = (max(ended, getattr(event, 'stamp_ns', said.start_ns)), 1, event)
    frames = range(start_ns, start_ns + round(until_s * SECOND), FRAME_NS)
    steps = [*timed_events, *((stamp_ns, 0, frame(stamp_ns)) for stamp_ns in frames)]
    reports = []
    for _, _, step in sorted(steps, key=lambda one: one[:2]):
        if isinstance(step, VideoFrame):
            report = vision.update(step)
            assert report is not None
            reports.append(report)
        else:
            vision.update_speech(step)
    return reports, vision.estimate(said)
