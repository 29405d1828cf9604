"""Play a recording to the node in one arrangement, over DDS in real time, and measure."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from emotion_lab.benchmark.events import ClockTick, DiagnosticsReceived, Event, Ready, read_events
from emotion_lab.benchmark.figures import (
    Figures,
    latency_without_faces,
    match,
    observed_figures,
    stage_figures,
)
from emotion_lab.benchmark.observation import Observation, read_observation
from emotion_lab.benchmark.sound import Sound
from emotion_lab.benchmark.timeline import Stages
from emotion_lab.benchmark.usage import Usage
from emotion_node.cli.processes import ProcessError, ProcessGroup, Running
from emotion_node.datatypes import NS_PER_S
from emotion_node.recordings.truth import TrueUtterance

START_S: Final = 180.0
"""Longest wait for a process to get ready: loading torch on a busy machine takes long."""
AFTER_S: Final = 20.0
"""Longest wait for the last emotion."""
DIAGNOSTICS_S: Final = 5.0
"""Longest wait for the last diagnostics."""
CLOCK_HZ: Final = 40
"""Messages on /clock per second, as `ros2 bag play --clock` sends them. Each of them wakes the
node that is measured; a robot without simulated time has none."""
_SAMPLE_S: Final = 0.5
_POLL_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Scene:
    """A recording, or the beginning of it, that is played.

    Attributes:
        bag: the recording.
        audio_topic, image_topic: of it.
        length_s: length of the part that is played.
        truths: utterances in that part.
        sound: of the recording.
        frames: number of frames that are played.
        image_size: width and height of a frame, such as "640x480".
    """

    bag: Path
    audio_topic: str
    image_topic: str
    length_s: float
    truths: Sequence[TrueUtterance]
    sound: Sound
    frames: int
    image_size: str = ''


@dataclass(frozen=True, slots=True)
class Arrangement:
    """How the node is put together.

    Attributes:
        name: shown to the user.
        parameters: of the node, by name.
        sequential: whether everything is done after the end of speech.
        environment: additional environment variables of its process.
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
    """The result of one play.

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
        folder: for intermediate files; empty.
        progress: called with the seconds played so far.
        domain: ROS_DOMAIN_ID; a random one when None.

    Raises:
        ProcessError: a process failed or timed out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    group, seen, trace = ProcessGroup(folder, domain), folder / 'seen.jsonl', folder / 'trace.json'
    observe = ['-m', 'emotion_lab.benchmark.observer', '--save', str(seen)]
    with group.process('observer', observe) as observer:
        group.wait_until(
            lambda: _has(seen, Ready), 'the subscriptions of the observer', START_S, [observer]
        )
        begin_ns = time.monotonic_ns()
        command = arrangement.command(scene, trace)
        with group.process('node', command, environment=arrangement.environment) as node:
            needed = [observer, node]
            await_active(group, seen, needed, START_S)
            usage = Usage(node.process.pid)
            with group.process('player', _player(scene)) as player:
                group.wait_until(
                    lambda: player.process.poll() is not None or _has(seen, ClockTick),
                    'the beginning of the recording',
                    START_S,
                    needed,
                )
                _sample_usage(group, player, needed, usage, progress)
            _await_the_rest(group, seen, scene, needed)
    observation = read_observation(seen)
    if observation.offset_ns is None:
        raise ProcessError('no message of the recording was received over DDS')
    if not trace.exists():
        raise ProcessError('the node ended without writing the times of its stages')
    traced = json.loads(trace.read_text())
    stages = [(name, begin, end) for name, begin, end in traced['stages']]
    active_ns = observation.active_ns or begin_ns
    figures = {
        **observed_figures(observation, scene.truths, scene.sound, scene.frames),
        **latency_without_faces(
            match(scene.truths, observation.finals), stages, observation.offset_ns
        ),
        'start_s': (active_ns - begin_ns) / NS_PER_S,
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
        ProcessError: one of the needed processes ended, or the wait timed out.
    """
    group.wait_until(
        lambda: read_observation(seen).active_ns is not None,
        'the node to become active',
        timeout_s,
        needed,
    )


def _player(scene: Scene) -> list[str]:
    return [
        *('-m', 'emotion_node', 'replay', str(scene.bag), '--quiet'),
        *('--wait-for-subscribers', str(START_S)),
        *('--duration', str(scene.length_s)),
        *('--clock', str(CLOCK_HZ)),
    ]


def _has(seen: Path, kind: type[Event]) -> bool:
    return any(isinstance(event, kind) for event in read_events(seen))


def _sample_usage(
    group: ProcessGroup,
    player: Running,
    needed: Sequence[Running],
    usage: Usage,
    progress: Callable[[float], None],
) -> None:
    """Sample the node's use of the machine until the recording has been played.

    Raises:
        ProcessError: the player failed, or a needed process ended before it.
    """
    begin = time.monotonic()
    usage.sample()
    next_sample = begin + _SAMPLE_S
    while player.process.poll() is None:
        group.check(needed)
        now = time.monotonic()
        if now >= next_sample:
            usage.sample()
            progress(now - begin)
            next_sample = now + _SAMPLE_S
        time.sleep(_POLL_S)
    usage.sample()
    group.wait(player, needed)


def _await_the_rest(
    group: ProcessGroup, seen: Path, scene: Scene, needed: Sequence[Running]
) -> None:
    """Wait for the last emotion, and then for one more diagnostics message."""
    deadline = time.monotonic() + AFTER_S
    while time.monotonic() < deadline:
        group.check(needed)
        if all(one.finals for one in match(scene.truths[-1:], read_observation(seen).finals)):
            break
        time.sleep(_POLL_S)
    now_ns = time.monotonic_ns()
    group.wait_until(
        lambda: any(
            isinstance(event, DiagnosticsReceived) and event.at_ns > now_ns
            for event in read_events(seen)
        ),
        'a diagnostics message',
        DIAGNOSTICS_S,
        needed,
    )
