"""What /diagnostics says of the node, in words that tell what to do."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node
from rclpy.qos import QoSProfile

from emotion_node.core.analysis.load import Load
from emotion_node.datatypes import NS_PER_S, ClockSource
from emotion_node.messages.audio import AUDIO_TYPES
from emotion_node.ros.engine import Engine
from emotion_node.ros.faults import Fault
from emotion_node.ros.periods import RECENT_S
from emotion_node.ros.topic_input import InputHealth

_MAX_LAG_S = 5.0
_MIN_LAG_S = -0.1
_SEVERITY = {
    DiagnosticStatus.OK: 0,
    DiagnosticStatus.WARN: 1,
    DiagnosticStatus.STALE: 2,
    DiagnosticStatus.ERROR: 3,
}


@dataclass(slots=True)
class Status:
    """One entry of a diagnostics message.

    Attributes:
        name: of the part.
        texts: what is to be said, worst first.
        level: the worst of what was said.
        values: figures by name.
    """

    name: str
    level: bytes = DiagnosticStatus.OK
    texts: list[tuple[bytes, str]] = field(default_factory=list)
    values: dict[str, object] = field(default_factory=dict)

    def say(self, level: bytes, text: str) -> None:
        """Add a finding."""
        self.texts.append((level, text))
        self.texts.sort(key=lambda one: -_SEVERITY[one[0]])
        self.level = self.texts[0][0]

    @property
    def message(self) -> str:
        """All findings in one line."""
        return '; '.join(text for _, text in self.texts) or 'OK'


class Diagnostics:
    """Publishes what is known of the node's parts.

    Args:
        node: whose diagnostics they are.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._publisher = node.create_publisher(
            DiagnosticArray, '/diagnostics', QoSProfile(depth=10)
        )

    def publish(self, statuses: list[Status]) -> None:
        """Publish these entries now."""
        name = self._node.get_fully_qualified_name()
        message = DiagnosticArray()
        message.header.stamp = self._node.get_clock().now().to_msg()
        message.status = [
            DiagnosticStatus(
                level=one.level,
                name=f'{name.lstrip("/")}: {one.name}',
                message=one.message,
                hardware_id=name,
                values=[
                    KeyValue(key=key, value=_show(value)) for key, value in one.values.items()
                ],
            )
            for one in statuses
        ]
        self._publisher.publish(message)


def state_status(
    state: str, enabled: bool, robot_speaking: bool, models: Mapping[str, str]
) -> Status:
    """Tell whether the node is at work, and with which models."""
    status = Status('state')
    status.values = {'state': state, 'enabled': enabled, 'robot_speaking': robot_speaking}
    status.values |= {f'{_key(role)}_model': name for role, name in models.items()}
    if state != 'active':
        status.say(
            DiagnosticStatus.WARN,
            f'{state}: nothing is heard; configure and activate it (ros2 lifecycle set)',
        )
    elif not enabled:
        status.say(DiagnosticStatus.OK, 'disabled by the service ~/enable')
    elif robot_speaking:
        status.say(DiagnosticStatus.OK, 'muted while the robot speaks')
    else:
        status.say(DiagnosticStatus.OK, 'listening')
    return status


def input_status(name: str, health: InputHealth, now: float, elsewhere: str) -> Status:
    """Tell whether an input is alive.

    Args:
        name: of the input.
        health: what is known of it.
        now: steady clock in seconds.
        elsewhere: names topics that may be meant when nobody publishes on this one.
    """
    status = Status(name)
    age = health.age(now)
    if health.problem:
        status.say(DiagnosticStatus.ERROR, health.problem)
    elif not health.publishers:
        level = DiagnosticStatus.ERROR if name == 'audio' else DiagnosticStatus.WARN
        status.say(level, f'nobody publishes on {health.topic}{elsewhere}')
    elif health.qos:
        status.say(DiagnosticStatus.ERROR, f'quality of service does not match: {health.qos}')
    elif age > health.timeout_s:
        since = 'yet' if age == float('inf') else f'for {age:.1f} s'
        status.say(
            DiagnosticStatus.STALE,
            f'{", ".join(health.publishers)} publishes on {health.topic}, but no message has '
            f'come {since}',
        )
    if len(health.publishers) > 1:
        status.say(
            DiagnosticStatus.WARN,
            f'{len(health.publishers)} publishers on {health.topic} '
            f'({", ".join(health.publishers)}), expected one: their messages mix',
        )
    if now - health.last_bad_at < RECENT_S:
        status.say(DiagnosticStatus.ERROR, f'{health.last_bad} ({health.bad} unusable so far)')
    if health.wrong_rate and age <= health.timeout_s:
        status.say(DiagnosticStatus.ERROR, health.wrong_rate)
    if health.messages and not same_clock(health):
        status.say(
            DiagnosticStatus.WARN,
            f"stamps are {health.lag_s:+.1f} s behind this node's clock, so latencies cannot be "
            'measured: synchronise the clocks, or set use_sim_time when playing a recording',
        )
    if not status.texts:
        status.say(DiagnosticStatus.OK, f'{health.rate(now):.1f} messages per second')
    status.values = {
        'topic': health.topic,
        'type': health.type_name,
        'publishers': ', '.join(health.publishers),
        'rate_hz': health.rate(now),
        'messages': health.messages,
        'unusable_messages': health.bad,
        'last_message_age_s': age,
        'age_at_receipt_s': health.lag_s,
        'stamped_by': str(health.clock_source),
    }
    return status


def same_clock(health: InputHealth) -> bool:
    """Tell whether an input seems to be stamped by the clock of this node."""
    return health.clock_source is ClockSource.RECEIPT or _MIN_LAG_S <= health.lag_s <= _MAX_LAG_S


def hearing_status(engine: Engine, given_up_at: float, now: float) -> Status:
    """Tell what became of the audio."""
    queue = engine.audio
    status = Status('hearing')
    if now - given_up_at < RECENT_S:
        status.say(
            DiagnosticStatus.ERROR,
            f'{queue.dropped_cost:.1f} s of audio given up so far: this machine is too slow or '
            'too busy for the models in use',
        )
    elif queue.waiting > queue.capacity / 2:
        status.say(DiagnosticStatus.WARN, f'{queue.waiting:.1f} s of audio wait to be heard')
    else:
        status.say(DiagnosticStatus.OK, 'somebody speaks' if engine.speaking else 'silence')
    status.values = {
        'waiting_s': queue.waiting,
        'waiting_peak_s': queue.peak,
        'dropped_s': queue.dropped_cost,
    }
    stats = engine.hearing.stats
    if stats.bad_chunks:
        status.say(
            DiagnosticStatus.WARN,
            f'{stats.bad_chunks} chunks of audio held samples that are no finite numbers',
        )
    for entry in dataclasses.fields(stats):
        value = getattr(stats, entry.name)
        if isinstance(value, Mapping):
            status.values |= {f'{entry.name}_{_key(kind)}': value[kind] for kind in sorted(value)}
        elif entry.name.endswith('_ns'):
            status.values[f'{entry.name.removesuffix("_ns")}_s'] = value / NS_PER_S
        else:
            status.values[entry.name] = value
    return status


def analysis_status(engine: Engine, faults: list[Fault], now: float) -> Status:
    """Tell how analysis keeps up, what went wrong and how long each stage takes."""
    status = Status('analysis')
    load = engine.load
    if load is Load.NO_TRANSCRIPT:
        status.say(
            DiagnosticStatus.ERROR,
            f'{engine.speech.waiting:.0f} s behind: transcripts are given up; take a smaller '
            'recogniser (transcriber.backend, transcriber.whisper_model)',
        )
    elif load is Load.NO_INTERIM:
        status.say(
            DiagnosticStatus.WARN,
            f'{engine.speech.waiting:.1f} s behind: interim estimates are given up',
        )
    for fault in faults:
        level = DiagnosticStatus.ERROR if now - fault.at < RECENT_S else DiagnosticStatus.WARN
        status.say(level, f'fault in {fault.stage} ({fault.count}): {fault.text}')
    if not status.texts:
        status.say(DiagnosticStatus.OK, 'keeps up')
    status.values = {
        'waiting_s': engine.speech.waiting,
        'waiting_peak_s': engine.speech.peak,
        'frames_dropped': engine.frames.dropped,
    }
    status.values |= dict(sorted(engine.analysis.counters.items()))
    for stage, summary in engine.analysis.timings.summary().items():
        name = _key(stage)
        status.values |= {
            f'{name}_median_ms': 1000 * summary.median_s,
            f'{name}_p95_ms': 1000 * summary.p95_s,
            f'{name}_runs': summary.count,
        }
    return status


def audio_like_topics(node: Node, own: str) -> str:
    """Name other topics that carry audio."""
    found = [
        f'{topic} ({types[0]})'
        for topic, types in node.get_topic_names_and_types()
        if topic != own and set(types) & set(AUDIO_TYPES) and node.count_publishers(topic)
    ]
    return f'; audio is found on {", ".join(found)}: remap audio to it' if found else ''


def image_like_topics(node: Node, own: str, wanted: str) -> str:
    """Name other topics that carry images of the wanted type."""
    found = [
        topic
        for topic, types in node.get_topic_names_and_types()
        if topic != own
        and wanted in types
        and node.count_publishers(topic)
        and not topic.endswith('/debug_image')
    ]
    return f'; images are found on {", ".join(found)}: remap image to it' if found else ''


def _key(name: str) -> str:
    return name.replace(' ', '_')


def _show(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'{value:.3f}' if isinstance(value, float) else str(value)
