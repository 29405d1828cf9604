"""The services of the node, and its command topics: robot_speaking and transcript_in."""

from __future__ import annotations

from typing import Any, Final

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from std_msgs.msg import Bool
from std_srvs.srv import SetBool, Trigger

from emotion_msgs.msg import Transcript as TranscriptMessage
from emotion_msgs.srv import AnalyzeText, GetReaction, GetSpeakerState
from emotion_node.datatypes import NS_PER_S, Reason
from emotion_node.display.sentences import describe_state
from emotion_node.messages.stamps import stamp_to_ns
from emotion_node.messages.transcript import decode_transcript
from emotion_node.ros.background_calls import BackgroundCalls, TooManyCallsError
from emotion_node.ros.node_state import NodeState

_QOS: Final = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
_SERVICE_QOS: Final = QoSProfile(depth=1000)
"""Calls that may wait for their turn; by default DDS keeps the last ten and loses the others."""
_INACTIVE: Final = 'the node is not active; activate it first (ros2 lifecycle set)'


class Requests:
    """Services and command topics of a node.

    Args:
        node: node that offers them.
        state: its state.
        max_texts: maximum calls of ~/analyze_text that wait for an answer.
    """

    def __init__(self, node: Node, state: NodeState, max_texts: int) -> None:
        self._node = node
        self._state = state
        self._texts = BackgroundCalls(node, 'texts', max_texts)
        # While a callback awaits something, a group that is not reentrant waits too.
        groups = {'~/analyze_text': ReentrantCallbackGroup()}
        self._services = [
            node.create_service(
                kind, name, callback, qos_profile=_SERVICE_QOS, callback_group=groups.get(name)
            )
            for kind, name, callback in (
                (SetBool, '~/enable', self._enable),
                (Trigger, '~/reset', self._reset),
                (AnalyzeText, '~/analyze_text', self._analyze_text),
                (GetReaction, '~/get_reaction', self._get_reaction),
                (GetSpeakerState, '~/get_speaker_state', self._get_speaker_state),
            )
        ]
        self._subscriptions = [
            node.create_subscription(Bool, 'robot_speaking', self._robot_speaking, _QOS),
            node.create_subscription(TranscriptMessage, 'transcript_in', self._transcript, _QOS),
        ]

    def destroy(self) -> None:
        """Take them off the graph."""
        self._texts.stop()
        for service in self._services:
            self._node.destroy_service(service)
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)

    def _enable(self, request: Any, response: Any) -> Any:
        self._state.set_enabled(request.data)
        response.success = True
        response.message = 'enabled' if request.data else 'disabled'
        self._node.get_logger().info(response.message)
        return response

    def _reset(self, request: Any, response: Any) -> Any:
        engine = self._state.engine
        response.success = engine is not None
        response.message = _INACTIVE if engine is None else 'everything is forgotten'
        if engine is not None:
            engine.reset()
        return response

    async def _analyze_text(self, request: Any, response: Any) -> Any:
        engine, outputs = self._state.engine, self._state.outputs
        if engine is None or outputs is None:
            response.message = _INACTIVE
            return response
        try:
            estimate = await self._texts.run(lambda: engine.analysis.analyze_text(request.text))
        except TooManyCallsError as error:
            response.message = str(error)
            return response
        except Exception as error:  # noqa: BLE001  counted, and reported to the caller
            self._state.faults('text emotion', error)
            response.message = f'{type(error).__name__}: {error}'
            return response
        response.success = estimate.available
        response.message = '' if estimate.available else _explain(estimate.reason)
        response.emotion = outputs.encoder.modality('', self._state.now_ns(), estimate)
        return response

    def _get_reaction(self, request: Any, response: Any) -> Any:
        engine = self._state.engine
        if engine is None:
            response.message = _INACTIVE
            return response
        since_ns = stamp_to_ns(request.since)
        reaction = engine.analysis.reaction(since_ns or None, request.speaker_id)
        response.success = reaction.known
        response.message = reaction.problem
        response.speaker_id = reaction.speaker_id
        response.speakers = list(reaction.speakers)
        response.label_before, response.label_after = reaction.before.label, reaction.after.label
        response.confidence_before = reaction.before.confidence
        response.confidence_after = reaction.after.confidence
        response.valence_change = reaction.valence_change
        response.arousal_change = reaction.arousal_change
        response.strength = reaction.strength
        response.evidence_before = list(reaction.before.utterance_ids)
        response.evidence_after = list(reaction.after.utterance_ids)
        return response

    def _get_speaker_state(self, request: Any, response: Any) -> Any:
        engine = self._state.engine
        if engine is None:
            response.message = _INACTIVE
            return response
        state = engine.analysis.speaker_state(self._state.audio_now_ns(), request.speaker_id)
        response.success = True
        response.speaker_id = state.speaker_id
        response.label = state.label or GetSpeakerState.Response.LABEL_UNKNOWN
        response.confidence = state.confidence
        response.valence, response.arousal = state.valence, state.arousal
        response.trend = str(state.trend)
        response.age = -1.0 if state.age_ns is None else state.age_ns / NS_PER_S
        response.summary = describe_state(state)
        response.evidence = list(state.utterance_ids)
        return response

    def _robot_speaking(self, message: Any) -> None:
        self._state.set_robot_speaking(message.data)

    def _transcript(self, message: Any) -> None:
        if self._state.engine is not None:
            report = decode_transcript(message, self._state.now_ns())
            self._state.engine.put_transcript(report)


def _explain(reason: Reason) -> str:
    if reason is Reason.MODEL_OFF:
        return 'there is no text model: parameter text.backend is "off"'
    return 'the text has no words'
