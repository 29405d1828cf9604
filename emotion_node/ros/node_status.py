"""The status of each part of the node, in words that say what to do."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.node import Node

from emotion_node.core.analysis.load import Load
from emotion_node.core.hearing.channels import channels_cancel
from emotion_node.core.hearing.stats import MAX_LOSS, bad_chunks_text
from emotion_node.datatypes import NS_PER_S, VisionHealth
from emotion_node.messages.audio import AUDIO_TYPES
from emotion_node.ros.diagnostics import Status
from emotion_node.ros.engine import Engine
from emotion_node.ros.faults import Fault
from emotion_node.ros.node_state import NodeState
from emotion_node.ros.periods import LONG_SPEECH_S, RECENT_S
from emotion_node.ros.topic_input import InputHealth


def state_status(state: NodeState) -> Status:
    """Return whether the node works, and with which models."""
    status = Status('state')
    status.values = {
        'state': state.name,
        'enabled': state.enabled,
        'robot_speaking': state.robot_speaking,
    }
    if state.models is not None:
        described = state.models.describe()
        status.values |= {f'{_key(role)}_model': name for role, name in described.items()}
    if state.engine is None:
        status.add(
            DiagnosticStatus.WARN,
            f'{state.name}: nothing is processed; configure and activate the node '
            '(ros2 lifecycle set)',
        )
    elif not state.enabled:
        status.add(DiagnosticStatus.OK, 'disabled by the service ~/enable')
    elif state.robot_speaking_s > LONG_SPEECH_S:
        status.add(
            DiagnosticStatus.WARN,
            f'robot_speaking has been true for {state.robot_speaking_s:.0f} s, and nothing is '
            'analysed meanwhile: its publisher has to send false when the robot falls silent',
        )
    elif state.robot_speaking:
        status.add(DiagnosticStatus.OK, 'muted while the robot speaks')
    else:
        status.add(DiagnosticStatus.OK, 'listening')
    return status


def input_status(name: str, health: InputHealth, now: float, hint: str) -> Status:
    """Return whether messages arrive on an input and can be used.

    Args:
        name: name of the input.
        health: what is known of it.
        now: steady clock in seconds.
        hint: names topics that may be meant, for when nobody publishes on this one.
    """
    status = Status(name)
    age_s = health.age_s(now)
    if health.problem:
        status.add(DiagnosticStatus.ERROR, health.problem)
    elif not health.publishers:
        level = DiagnosticStatus.ERROR if name == 'audio' else DiagnosticStatus.WARN
        status.add(level, f'nobody publishes on {health.topic}{hint}')
    elif health.qos_mismatch:
        status.add(
            DiagnosticStatus.ERROR, f'quality of service does not match: {health.qos_mismatch}'
        )
    elif age_s > health.timeout_s:
        since = 'yet' if age_s == float('inf') else f'for {age_s:.1f} s'
        status.add(
            DiagnosticStatus.STALE,
            f'{", ".join(health.publishers)} publishes on {health.topic}, but no message has '
            f'arrived {since}',
        )
    if health.ignored:
        status.add(
            DiagnosticStatus.WARN,
            f'{health.topic} also carries {health.ignored}, which is not received: remap one',
        )
    if len(health.publishers) > 1:
        status.add(
            DiagnosticStatus.WARN,
            f'{len(health.publishers)} publishers on {health.topic} '
            f'({", ".join(health.publishers)}), expected one: their messages mix',
        )
    if now - health.last_rejection_at < RECENT_S:
        status.add(
            DiagnosticStatus.ERROR,
            f'{health.last_rejection} (messages rejected so far: {health.rejected})',
        )
    if health.rate_problem and age_s <= health.timeout_s:
        status.add(DiagnosticStatus.ERROR, health.rate_problem)
    for text in (health.format_problem, health.clock_problem):
        if text:
            status.add(DiagnosticStatus.WARN, text)
    if health.messages and not health.same_clock and not health.clock_problem:
        status.add(
            DiagnosticStatus.WARN,
            f"stamps are {health.lag_s:+.1f} s behind this node's clock, so latencies cannot be "
            'measured: synchronise the clocks, or set use_sim_time when playing a recording',
        )
    if not status.findings:
        status.add(DiagnosticStatus.OK, f'{health.message_rate(now):.1f} messages per second')
    status.values = {
        'topic': health.topic,
        'type': health.type_name,
        'publishers': ', '.join(health.publishers),
        'rate_hz': health.message_rate(now),
        'messages': health.messages,
        'rejected_messages': health.rejected,
        'last_message_age_s': age_s,
        'age_at_receipt_s': health.lag_s,
        'stamped_by': str(health.clock_source),
    }
    return status


def add_vision(status: Status, health: VisionHealth) -> None:
    """Add to the status of the image input how far the images can be used.

    Args:
        status: of the input.
        health: what vision found.
    """
    for problem in health.problems():
        status.add(DiagnosticStatus.WARN, problem)
    for note in health.notes():
        status.add(DiagnosticStatus.OK, note)
    status.values |= {
        'undecodable_images': health.undecodable,
        'frozen_s': health.frozen_s,
        'delay_s': health.delay_s,
        'delay_learnt': health.delay_learnt,
        'clock_offset_s': health.clock_offset_s,
        'silent_utterances': health.silent_utterances,
    }


def hearing_status(engine: Engine, dropped_at: float, now: float) -> Status:
    """Return how hearing keeps up, and what was wrong with the audio.

    Args:
        engine: the engine that runs.
        dropped_at: when audio was last dropped, by the steady clock in seconds.
        now: steady clock in seconds.
    """
    queue = engine.audio_queue
    status = Status('hearing')
    if now - dropped_at < RECENT_S:
        status.add(
            DiagnosticStatus.ERROR,
            f'{queue.dropped_cost:.1f} s of audio dropped so far: this machine is too slow or '
            'too busy for the models in use',
        )
    elif queue.waiting > queue.capacity / 2:
        status.add(DiagnosticStatus.WARN, f'{queue.waiting:.1f} s of audio waiting')
    else:
        status.add(DiagnosticStatus.OK, 'somebody speaks' if engine.speaking else 'silence')
    status.values = {
        'waiting_s': queue.waiting,
        'waiting_peak_s': queue.peak,
        'dropped_s': queue.dropped_cost,
    }
    stats = engine.hearing.stats
    missing = engine.hearing.recent_loss.share
    status.values['missing_share'] = missing
    if missing > MAX_LOSS:
        status.add(
            DiagnosticStatus.WARN,
            f'{100 * missing:.0f} % of the audio of the last minute is missing: the driver or the '
            'network loses it (look at processor load and quality of service), or its stamps are '
            'wrong (set audio.stamp to "receipt")',
        )
    if stats.bad_chunks:
        status.add(DiagnosticStatus.WARN, bad_chunks_text(stats.bad_chunks))
    for text in engine.hearing.levels.problems().values():
        status.add(DiagnosticStatus.WARN, text)
    fallback = engine.hearing.channels.fallback
    if fallback is not None:
        status.add(DiagnosticStatus.WARN, channels_cancel(fallback))
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
    """Return how analysis keeps up, which faults there were, and the time per stage.

    Args:
        engine: the engine that runs.
        faults: all faults so far.
        now: steady clock in seconds.
    """
    status = Status('analysis')
    queue = engine.speech_queue
    load = engine.load
    if load is Load.NO_TRANSCRIPT:
        behind_s = max(queue.waiting, engine.task_queue.waiting)
        status.add(
            DiagnosticStatus.ERROR,
            f'{behind_s:.0f} s behind: transcripts are dropped; use a smaller recogniser '
            '(transcriber.backend, transcriber.whisper_model)',
        )
    elif load is Load.NO_INTERIM:
        status.add(
            DiagnosticStatus.WARN,
            f'{queue.waiting:.1f} s behind: interim estimates are dropped',
        )
    for fault in faults:
        level = DiagnosticStatus.ERROR if now - fault.at < RECENT_S else DiagnosticStatus.WARN
        status.add(level, f'fault in {fault.stage} ({fault.count} times): {fault.text}')
    if not status.findings:
        status.add(DiagnosticStatus.OK, 'keeps up')
    status.values = {
        'waiting_s': queue.waiting,
        'waiting_peak_s': queue.peak,
        'frames_dropped': engine.frame_queue.dropped,
        'transcription_waiting_s': engine.task_queue.waiting,
        'transcription_waiting_peak_s': engine.task_queue.peak,
        'transcription_tasks_waiting': len(engine.task_queue),
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


def other_topics(node: Node, name: str, health: InputHealth) -> str:
    """Return a hint that names other topics with messages for an input; empty if there are none.

    Args:
        node: node whose graph is searched.
        name: name of the input, "audio" or "image".
        health: what is known of the input.
    """
    types = set(AUDIO_TYPES if name == 'audio' else health.expected_types)
    found = [
        f'{topic} ({", ".join(sorted(types & set(published)))})'
        for topic, published in node.get_topic_names_and_types()
        if topic != health.topic
        and types & set(published)
        and node.count_publishers(topic)
        and not topic.endswith('/debug_image')
    ]
    return f'; {name} is published on {", ".join(found)}: remap {name} to it' if found else ''


def _key(name: str) -> str:
    return name.replace(' ', '_')
