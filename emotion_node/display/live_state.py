"""What a viewer of a running node shows now: filled from its messages, read by a page."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median_high
from threading import Lock
from typing import Final

from emotion_node.datatypes import NS_PER_S, EmotionReport, Trigger

MAX_FINALS: Final = 50
"""How many final emotions are kept."""
MAX_SPEAKERS: Final = 6
"""How many speakers have a curve; the one silent for longest loses it."""
MAX_POINTS: Final = 240
"""How many points a speaker's curve has."""
POINT_EVERY_NS: Final = NS_PER_S // 2
"""Interim estimates that are closer to the point before are not drawn."""
SILENT_AFTER_S: Final = 3.5
"""Diagnostics come once a second; a node without them for this long does not answer."""
UNKNOWN_SPEAKER: Final = 'speaker unknown'
SPEAKING_NOW: Final = 'speaking now'
"""Name of the curve of an utterance under way: who speaks is known at its end."""


@dataclass(frozen=True, slots=True)
class Point:
    """One estimate on a speaker's curve.

    Attributes:
        stamp_ns: end of the audio that it is about.
        scores: of each label, 0..1, in the order of `LABELS`.
        final: whether it is about the whole utterance.
        utterance_id: the utterance; the curve is interrupted between two.
    """

    stamp_ns: int
    scores: tuple[float, ...]
    final: bool
    utterance_id: str


@dataclass(frozen=True, slots=True)
class FaceBox:
    """A tracked face in the newest frame.

    Attributes:
        face_id: stable while it is tracked.
        x, y, width, height: in pixels of the frame.
        speaking_score: 0..1.
    """

    face_id: str
    x: int
    y: int
    width: int
    height: int
    speaking_score: float


@dataclass(frozen=True, slots=True)
class HealthEntry:
    """One part of the node, from its diagnostics.

    Attributes:
        name: the part, such as "audio".
        level: ok, warn, stale or error.
        text: what is wrong and what to do, in words.
    """

    name: str
    level: str
    text: str


@dataclass(frozen=True, slots=True)
class LiveView:
    """A snapshot.

    Attributes:
        finals: the last final emotions, newest last.
        interim: estimate of the utterance under way; None when there is none.
        speaking: whether somebody speaks.
        under_way: whether an utterance has begun whose final emotion is still to come.
        words: of that utterance; empty when none are known yet.
        curves: points by speaker, in order of time; those of the utterance under way stand under
            `SPEAKING_NOW`.
        faces: in the newest frame.
        no_faces_reason: why faces are not tracked; empty when they are.
        health: parts of the node, in the order of its diagnostics.
        median_latency_s: from the end of speech to its emotion, over `finals`; NaN when unknown.
        revision: rises whenever anything but faces has changed.
        faces_revision: rises with every frame.
    """

    finals: tuple[EmotionReport, ...]
    interim: EmotionReport | None
    speaking: bool
    under_way: bool
    words: str
    curves: dict[str, tuple[Point, ...]]
    faces: tuple[FaceBox, ...]
    no_faces_reason: str
    health: tuple[HealthEntry, ...]
    median_latency_s: float
    revision: int
    faces_revision: int


def speaker_name(report: EmotionReport) -> str:
    """Return the best name of a report's speaker."""
    return report.person_id or report.speaker_id or report.face_id or UNKNOWN_SPEAKER


class LiveState:
    """Collects what a node publishes; may be filled and read by two threads.

    Nothing is stored beyond the limits above, and nothing outlives the process.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._finals: deque[EmotionReport] = deque(maxlen=MAX_FINALS)
        self._interim: EmotionReport | None = None
        self._open_id = ''
        self._speaking = False
        self._words = ''
        self._curves: dict[str, deque[Point]] = {}
        self._open_points: list[Point] = []
        self._faces: tuple[FaceBox, ...] = ()
        self._no_faces_reason = ''
        self._health: tuple[HealthEntry, ...] = ()
        self._health_at = -math.inf
        self._revision = 0
        self._faces_revision = 0

    def take_emotion(self, report: EmotionReport) -> None:
        """Add a final or interim emotion."""
        with self._lock:
            if report.trigger is Trigger.FINAL:
                self._finals.append(report)
                self._add_curve(report)
                if report.utterance_id == self._open_id:
                    self._open('')
            elif not self._has_ended(report.utterance_id):
                if report.utterance_id != self._open_id:  # its start was missed
                    self._open(report.utterance_id)
                self._interim = report
                self._words = report.transcript.text or self._words
                self._add_open_point(report)
            self._revision += 1

    def take_start(self, utterance_id: str) -> None:
        """Note that somebody began to speak."""
        with self._lock:
            self._open(utterance_id)
            self._revision += 1

    def take_end(self, utterance_id: str, dropped: bool) -> None:
        """Note that somebody stopped speaking.

        Args:
            utterance_id: the utterance.
            dropped: whether it was too short to be one: no emotion follows.
        """
        with self._lock:
            if utterance_id == self._open_id:
                self._speaking = False
                if dropped:
                    self._open('')
                self._revision += 1

    def take_words(self, utterance_id: str, words: str) -> None:
        """Show the words so far of the utterance under way."""
        with self._lock:
            if utterance_id == self._open_id and words != self._words:
                self._words = words
                self._revision += 1

    def take_faces(self, faces: Sequence[FaceBox], reason: str) -> None:
        """Replace the faces of the newest frame.

        Args:
            faces: they.
            reason: why faces are not tracked; empty when they are.
        """
        with self._lock:
            self._faces, self._no_faces_reason = tuple(faces), reason
            self._faces_revision += 1

    def take_health(self, entries: Sequence[HealthEntry], now_s: float) -> None:
        """Replace the node's health.

        Args:
            entries: one per part.
            now_s: steady clock, in s.
        """
        with self._lock:
            self._health_at = now_s
            if tuple(entries) != self._health:
                self._health = tuple(entries)
                self._revision += 1

    def view(self, now_s: float) -> LiveView:
        """Return what is to be shown.

        Args:
            now_s: steady clock, in s, as `take_health` gets it.
        """
        with self._lock:
            answers = now_s - self._health_at < SILENT_AFTER_S
            return LiveView(
                tuple(self._finals),
                self._interim,
                self._speaking,
                bool(self._open_id),
                self._words,
                self._all_curves(),
                self._faces,
                self._no_faces_reason,
                self._health if answers else (_no_answer(self._health_at, now_s),),
                _median_latency_s(self._finals),
                self._revision if answers else -int(now_s),
                self._faces_revision,
            )

    def _all_curves(self) -> dict[str, tuple[Point, ...]]:
        curves = {name: tuple(points) for name, points in self._curves.items()}
        if self._open_points:
            curves[SPEAKING_NOW] = tuple(self._open_points)
        return curves

    def _has_ended(self, utterance_id: str) -> bool:
        return bool(self._finals) and self._finals[-1].utterance_id == utterance_id

    def _open(self, utterance_id: str) -> None:
        """Begin an utterance; an empty id ends the one under way."""
        self._open_id, self._interim, self._words = utterance_id, None, ''
        self._speaking = bool(utterance_id)
        self._open_points.clear()

    def _add_open_point(self, report: EmotionReport) -> None:
        points = self._open_points
        if points and report.end_ns - points[-1].stamp_ns < POINT_EVERY_NS:
            return
        points.extend(_points(report))

    def _add_curve(self, report: EmotionReport) -> None:
        """Add an utterance to the curve of its speaker."""
        mine = [one for one in self._open_points if one.utterance_id == report.utterance_id]
        self._open_points = [one for one in self._open_points if one not in mine]
        fresh = [*mine, *_points(report)]
        if not fresh:
            return
        name = speaker_name(report)
        self._curves.setdefault(name, deque(maxlen=MAX_POINTS)).extend(fresh)
        if len(self._curves) > MAX_SPEAKERS:
            del self._curves[min(self._curves, key=lambda one: self._curves[one][-1].stamp_ns)]


def _points(report: EmotionReport) -> list[Point]:
    """Return the point of a report; none where nothing is known."""
    if report.fused.scores is None:
        return []
    scores = tuple(min(max(float(one), 0.0), 1.0) for one in report.fused.scores)
    final = report.trigger is Trigger.FINAL
    return [Point(report.end_ns, scores, final, report.utterance_id)]


def _median_latency_s(finals: Sequence[EmotionReport]) -> float:
    latencies = [one.total_latency_ns for one in finals if one.total_latency_ns > 0]
    return median_high(latencies) / NS_PER_S if latencies else math.nan


def _no_answer(health_at: float, now_s: float) -> HealthEntry:
    if health_at == -math.inf:
        return HealthEntry(
            'node', 'stale', 'no node has been heard of yet: does it run, in this ROS_DOMAIN_ID?'
        )
    return HealthEntry(
        'node', 'error', f'the node has not answered for {now_s - health_at:.0f} s: does it run?'
    )
