"""Plays a recording to the node in one arrangement, over DDS at real speed, and looks on."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from emotion_lab.benchmark.figures import (
    Figures,
    latency_without_faces,
    match,
    observed_figures,
    stage_figures,
)
from emotion_lab.benchmark.observation import Observation, read_lines, read_observation
from emotion_lab.benchmark.sound import Sound
from emotion_lab.benchmark.timeline import Stages
from emotion_lab.benchmark.usage import Usage
from emotion_node.cli.processes import ProcessError, ProcessGroup, Running
from emotion_node.recordings.truth import TrueUtterance

START_S: Final = 180.0
"""Longest wait for a process to get ready: loading torch on a busy machine takes a while."""
AFTER_S: Final = 20.0
"""Longest wait for the last emotion."""
DIAGNOSTICS_S: Final = 5.0
_LOOK_S: Final = 0.5
_POLL_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Scene:
    """What is played.

    Attributes:
        bag: the recording.
        audio_topic, image_topic: of it.
        length_s: how much of it is played.
        truths: utterances in that stretch.
        sound: of the recording.
        images: how many are played.
        image: width and height of one, for people.
    """

    bag: Path
    audio_topic: str
    image_topic: str
    length_s: float
    truths: Sequence[TrueUtterance]
    sound: Sound
    images: int
    image: str = ''


@dataclass(frozen=True, slots=True)
class Arrangement:
    """How the node is put together.

    Attributes:
        name: for people.
        parameters: of the node, by name.
        sequential: whether everything is done after the end of speech.
        environment: variables of its process.
    """

    name: str
    parameters: Mapping[str, object] = field(default_factory=dict)
    sequential: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)

    def command(self, scene: Scene, trace: Path) -> list[str]:
        """Return the arguments of Python that start the node."""
        parameters = {
            'use_sim_time': 'true',
            'image.transport': 'compressed',
            **self.parameters,
        }
        return [
            *('-m', 'emotion_lab.benchmark.node', '--trace', str(trace)),
            *(('--sequential',) if self.sequential else ()),
            '--ros-args',
            *(part for name in parameters for part in ('-p', f'{name}:={parameters[name]}')),
            *('-r', f'audio:={scene.audio_topic}'),
            *('-r', f'image:={scene.image_topic}'),
        ]


@dataclass(frozen=True, slots=True)
class Play:
    """What came of one play.

    Attributes:
        figures: by name.
        observation: the messages.
        stages: every run of every stage.
    """

    figures: Figures
    observation: Observation
    stages: Stages


def play(
    arrangement: Arrangement,
    scene: Scene,
    folder: Path,
    progress: Callable[[float], None],
    domain: int | None = None,
) -> Play:
    """Play the scene to a node in a process of its own, and measure.

    Args:
        arrangement: of the node.
        scene: what is played.
        folder: for files on the way; empty.
        progress: told how many seconds have been played.
        domain: ROS_DOMAIN_ID; one of its own when None.

    Raises:
        ProcessError: a process failed or did not do in time what it should.
    """
    folder.mkdir(parents=True, exist_ok=True)
    group, seen, trace = ProcessGroup(folder, domain), folder / 'seen.jsonl', folder / 'trace.json'
    observe = ['-m', 'emotion_lab.benchmark.observer', '--save', str(seen)]
    with group.process('observer', observe) as observer:
        group.wait_until(
            lambda: _has(seen, 'ready'), 'the word that it listens', START_S, [observer]
        )
        begin_ns = time.monotonic_ns()
        command = arrangement.command(scene, trace)
        with group.process('node', command, environment=arrangement.environment) as node:
            needed = [observer, node]
            await_active(group, seen, needed, START_S)
            usage = Usage(node.process.pid)
            with group.process('player', _player(scene)) as player:
                group.wait_until(
                    lambda: player.process.poll() is not None or _has(seen, 'clock'),
                    'the beginning of the recording',
                    START_S,
                    needed,
                )
                _look_on(group, player, needed, usage, progress)
            _await_the_rest(group, seen, scene, needed)
    observation = read_observation(seen)
    if observation.offset_ns is None:
        raise ProcessError('nothing of the recording has come over DDS')
    if not trace.exists():
        raise ProcessError('the node has ended without telling what its stages took')
    traced = json.loads(trace.read_text())
    stages = [(name, begin, end) for name, begin, end in traced['stages']]
    active_ns = observation.active_ns or begin_ns
    figures = {
        **observed_figures(observation, scene.truths, scene.sound, scene.images),
        **latency_without_faces(
            match(scene.truths, observation.finals), stages, observation.offset_ns
        ),
        'start_s': (active_ns - begin_ns) / 1e9,
        'cpu_cores': usage.cores,
        'cpu_by_thread': usage.by_thread(),
        'rss_mb': usage.resident / 1e6,
        'stages': stage_figures(stages, scene.length_s),
        'counters': traced['counters'],
    }
    return Play(figures, observation, stages)


def await_active(
    group: ProcessGroup, seen: Path, needed: Sequence[Running], timeout_s: float
) -> None:
    """Wait until the observer has written to `seen` that the node is active.

    Raises:
        ProcessError: one of the processes needed has ended, or it took too long.
    """
    group.wait_until(
        lambda: read_observation(seen).active_ns is not None,
        'the word that the node is active',
        timeout_s,
        needed,
    )


def _player(scene: Scene) -> list[str]:
    return [
        *('-m', 'emotion_node', 'replay', str(scene.bag), '--quiet'),
        *('--wait-for-subscribers', str(START_S)),
        *('--duration', str(scene.length_s)),
    ]


def _has(seen: Path, kind: str) -> bool:
    return any(line['kind'] == kind for line in read_lines(seen))


def _look_on(
    group: ProcessGroup,
    player: Running,
    needed: Sequence[Running],
    usage: Usage,
    progress: Callable[[float], None],
) -> None:
    """Take samples of what the node uses until the recording has been played.

    Raises:
        ProcessError: the player failed, or one that is needed ended before it.
    """
    begin = time.monotonic()
    usage.look()
    next_look = begin + _LOOK_S
    while player.process.poll() is None:
        group.check(needed)
        now = time.monotonic()
        if now >= next_look:
            usage.look()
            progress(now - begin)
            next_look = now + _LOOK_S
        time.sleep(_POLL_S)
    usage.look()
    group.wait(player, needed)


def _await_the_rest(
    group: ProcessGroup, seen: Path, scene: Scene, needed: Sequence[Running]
) -> None:
    """Wait for the last emotion, and for diagnostics from after it."""
    deadline = time.monotonic() + AFTER_S
    while time.monotonic() < deadline:
        group.check(needed)
        if all(one.finals for one in match(scene.truths[-1:], read_observation(seen).finals)):
            break
        time.sleep(_POLL_S)
    now_ns = time.monotonic_ns()
    group.wait_until(
        lambda: any(
            line['kind'] == 'diagnostics' and line['at'] > now_ns for line in read_lines(seen)
        ),
        'a diagnostics message',
        DIAGNOSTICS_S,
        needed,
    )
