"""The ROS 2 node: a managed node around the pipeline, whose callbacks only convert and enqueue."""

from __future__ import annotations

import functools
import gc
import secrets
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any, Final

from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from emotion_node.config import Config, ConfigError
from emotion_node.core.analysis.analysis import Analysis
from emotion_node.core.analysis.guard import Guard
from emotion_node.core.hearing.stream import Hearing
from emotion_node.core.timings import Timings
from emotion_node.datatypes import AudioChunk, Report, VideoFrame
from emotion_node.errors import ModelError
from emotion_node.factory import Models, build_analysis, build_hearing, load_models
from emotion_node.ros.audio_input import AudioInput
from emotion_node.ros.debug_image import draw
from emotion_node.ros.engine import Engine
from emotion_node.ros.executable import run_node
from emotion_node.ros.guarded_node import GuardedCallbacks
from emotion_node.ros.health_monitor import HealthMonitor
from emotion_node.ros.humans.humans import Humans
from emotion_node.ros.image_input import ImageInput, image_topic
from emotion_node.ros.node_state import NodeState
from emotion_node.ros.optional_messages import check_optional_messages, wants_humans
from emotion_node.ros.outputs import Outputs
from emotion_node.ros.parameters import Parameters
from emotion_node.ros.periods import LOG_PERIOD_S, RECEIPT_DEADLINE_S, STOP_DEADLINE_S
from emotion_node.ros.qos import check_overrides
from emotion_node.ros.requests import Requests

SUCCESS: Final = TransitionCallbackReturn.SUCCESS
FAILURE: Final = TransitionCallbackReturn.FAILURE

_PREFIX_LETTERS: Final = 'abcdefghjkmnpqrstvwxyz23456789'
"""Without those that are easily confused when read aloud or copied."""

Transition = Callable[['EmotionNode', LifecycleState], TransitionCallbackReturn]


def _logged(transition: Transition) -> Transition:
    """Log what a transition raises; rclpy itself enters the error state without a message."""

    @functools.wraps(transition)
    def run(node: EmotionNode, state: LifecycleState) -> TransitionCallbackReturn:
        try:
            return transition(node, state)
        except Exception as error:
            if node.context.ok():
                node.get_logger().error(f'{transition.__name__}: {type(error).__name__}: {error}')
                node.get_logger().debug(traceback.format_exc())
            raise

    return run


class EmotionNode(GuardedCallbacks, LifecycleNode):
    """Listens and watches, and publishes the emotion of every utterance.

    Args:
        options: options of rclpy's `Node`.

    Attributes:
        config: the parameters in use; new values of most are taken by `on_configure`.
        state: what the node runs now; shared with its services and its health monitor.

    Raises:
        ConfigError: a parameter has a value that is not allowed.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(
            'emotion_node', automatically_declare_parameters_from_overrides=True, **options
        )
        self.state = NodeState(self.now_ns, self.faults)
        self._hearing: Hearing | None = None
        self._analysis: Analysis | None = None
        self._requests: Requests | None = None
        try:
            self._own_parameters = Parameters(
                self, lambda: self.state.engine is not None, self._apply
            )
        except ConfigError:
            self.destroy_node()
            raise
        self.config = self._own_parameters.configure()
        self._monitor = HealthMonitor(self, self.state, self.config.diagnostics.period)

    def now_ns(self) -> int:
        """Return the node's time: simulated where use_sim_time is set."""
        return int(self.get_clock().now().nanoseconds)

    def load_models(self) -> Models:
        """Load the models that the parameters ask for.

        Raises:
            ModelError: a model is missing, damaged or does not fit its label table.
        """
        return load_models(self.config, self.get_logger().info)

    def build_analysis(self, models: Models) -> Analysis:
        """Return an analysis with these models."""
        guard = Guard(Timings(time.perf_counter_ns), self.state.faults)
        return build_analysis(self.config, models, guard)

    @_logged
    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the models; create publishers and services."""
        begin = time.monotonic()
        logger = self.get_logger()
        try:
            self.config = self._own_parameters.configure()
            self.faults.privacy = self.config.privacy
            for name in check_overrides(self, self._input_topics()):
                logger.warning(
                    f'{name} has no effect here: overrides are possible for history, depth and '
                    f'reliability of the subscriptions of {", ".join(self._input_topics())}'
                )
            check_optional_messages(self.config)
            models = self.load_models()
        except (ConfigError, ModelError) as error:
            logger.fatal(str(error))
            return FAILURE
        self._hearing = build_hearing(self.config, models, _run_prefix())
        self._analysis = self.build_analysis(models)
        self.state.models = models
        self.state.outputs = Outputs(self, self.now_ns, self.state.same_clock, self.config)
        self._requests = Requests(self, self.state, self.config.queue.calls)
        logger.info(f'models loaded in {time.monotonic() - begin:.1f} s')
        return super().on_configure(state)

    @_logged
    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Start the threads and subscribe."""
        outputs = self.state.outputs
        assert self._hearing is not None
        assert self._analysis is not None
        assert outputs is not None
        self._hearing.reset()
        self._analysis.reset()
        engine = Engine(
            self._hearing,
            self._analysis,
            self.config.queue,
            self._publish,
            self._show_frame,
            self.state.faults,
        )
        if wants_humans(self.config):
            self.state.humans = Humans(self, self.config, outputs, engine)
        engine.start()
        self.state.engine = engine
        self.state.audio = AudioInput(self, self.config.audio, self._on_audio, self._on_frame_id)
        if self.config.image.transport != 'off':
            self.state.image = ImageInput(self, self.config.image, engine.put_frame)
        if self.state.muted:
            engine.set_muted(self.now_ns(), True)
        result = super().on_activate(state)
        self._monitor.check_inputs()
        return result

    @_logged
    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Unsubscribe and stop the threads."""
        self._stop()
        return super().on_deactivate(state)

    @_logged
    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Take topics and services off the graph and release the models."""
        self._release()
        return SUCCESS

    @_logged
    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop, from any state."""
        self._stop()
        self._release()
        return SUCCESS

    @_logged
    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Release everything after a failed transition."""
        self._stop()
        self._release()
        return SUCCESS

    def destroy_node(self) -> None:
        """Stop the threads, then leave the graph."""
        self._stop()
        super().destroy_node()

    def _apply(self, config: Config) -> None:
        """Take into use what may change at any time."""
        self.config = config
        if self._analysis is not None and self._hearing is not None:
            self._analysis.change(config.fusion, config.interim)
            self._hearing.set_mute_release(config.robot.mute_release)

    def _input_topics(self) -> tuple[str, str]:
        return self.resolve_topic_name('audio'), image_topic(self, self.config.image)

    def _on_audio(self, chunk: AudioChunk) -> None:
        assert self.state.engine is not None
        dropped_s = self.state.engine.put_audio(chunk)
        if dropped_s:
            self.state.audio_dropped_at = time.monotonic()
            self.get_logger().error(
                f'{dropped_s:.1f} s of audio dropped: processing cannot keep up',
                throttle_duration_sec=LOG_PERIOD_S,
            )

    def _on_frame_id(self, frame_id: str) -> None:
        assert self.state.outputs is not None
        self.state.outputs.encoder.frame_id = frame_id

    def _publish(self, report: Report) -> None:
        """Publish a report; runs on the threads of the engine."""
        outputs, humans = self.state.outputs, self.state.humans
        assert outputs is not None
        shared = outputs.publish(report if humans is None else humans.identify(report))
        if humans is not None and shared is not None:
            humans.take(shared)

    def _show_frame(self, frame: VideoFrame, header: Any) -> None:
        """Publish the faces in a frame, and draw on it if anybody subscribes."""
        outputs, engine = self.state.outputs, self.state.engine
        if self.state.humans is not None:
            self.state.humans.take_frame(frame, header)
        if outputs is None or engine is None or not outputs.debug_image_wanted:
            return
        latest = outputs.latest
        image = draw(
            frame.decode(),
            outputs.faces,
            self.state.activity,
            engine.speaking,
            latest.final,
            latest.interim,
        )
        outputs.publish_debug_image(header, image)

    def _stop(self) -> None:
        for one in self.state.inputs.values():
            one.unsubscribe()
        self.state.audio = self.state.image = None
        engine, self.state.engine = self.state.engine, None
        if engine is None:
            return
        if not engine.drain(STOP_DEADLINE_S):
            self.get_logger().warning(
                f'speech that could not be analysed within {STOP_DEADLINE_S:g} s is dropped: '
                'the node stops'
            )
        engine.stop()
        if self.state.outputs is not None and self.context.ok():
            self.state.outputs.wait_until_received(RECEIPT_DEADLINE_S)
        if self.state.humans is not None:
            self.state.humans.destroy()
        self.state.humans = None

    def _release(self) -> None:
        if self._requests is not None:
            self._requests.destroy()
        if self.state.outputs is not None:
            self.state.outputs.destroy()
        self.state.outputs = self.state.models = None
        self._requests = self._hearing = self._analysis = None
        # Callbacks and models refer to each other; without this, every configuration would keep
        # the models of the one before.
        gc.collect()


def _run_prefix() -> str:
    """Return a random prefix of utterance ids: a restarted node does not use ids again."""
    return ''.join(secrets.choice(_PREFIX_LETTERS) for _ in range(4)) + '-'


def _autostart(node: EmotionNode) -> bool:
    if not node.config.autostart:
        return True
    return bool(node.trigger_configure() == SUCCESS and node.trigger_activate() == SUCCESS)


def main(args: list[str] | None = None, make: Callable[[], EmotionNode] = EmotionNode) -> int:
    """Run the node that `make` makes; returns the exit status."""
    return run_node('emotion_node', make, args, _autostart)


if __name__ == '__main__':
    sys.exit(main())
