"""The ROS 2 node: a managed node around the pipeline, whose callbacks only convert and enqueue."""

from __future__ import annotations

import functools
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
from emotion_node.datatypes import AudioChunk, VideoFrame
from emotion_node.errors import ModelError
from emotion_node.factory import Models, build_analysis, build_hearing, load_models
from emotion_node.ros.debug_image import draw
from emotion_node.ros.diagnostics import same_clock
from emotion_node.ros.engine import Engine
from emotion_node.ros.executable import run_node
from emotion_node.ros.faults import FaultLog
from emotion_node.ros.inputs import AudioInput, ImageInput
from emotion_node.ros.outputs import Outputs
from emotion_node.ros.parameters import declare_config
from emotion_node.ros.periods import LOG_PERIOD_S
from emotion_node.ros.requests import Requests
from emotion_node.ros.topic_input import Input
from emotion_node.ros.watch import Watch

SUCCESS: Final = TransitionCallbackReturn.SUCCESS
FAILURE: Final = TransitionCallbackReturn.FAILURE

Transition = Callable[['EmotionNode', LifecycleState], TransitionCallbackReturn]


def _logged(transition: Transition) -> Transition:
    """Log what a transition raises; rclpy itself turns it into an error without a word."""

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


class EmotionNode(LifecycleNode):
    """Listens and watches, and publishes the emotion of every utterance.

    Args:
        options: of rclpy's `Node`.

    Raises:
        ConfigError: a parameter has a value it cannot have.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(
            'emotion_node', automatically_declare_parameters_from_overrides=True, **options
        )
        self.faults = FaultLog(self.get_logger(), time.monotonic)
        self.engine: Engine | None = None
        self.audio: AudioInput | None = None
        self.image: ImageInput | None = None
        self.outputs: Outputs | None = None
        self.models: Models | None = None
        self._hearing: Hearing | None = None
        self._analysis: Analysis | None = None
        self._requests: Requests | None = None
        self.enabled = True
        self.robot_speaking = False
        self.audio_given_up_at = float('-inf')
        try:
            self.config: Config = declare_config(self)
        except ConfigError:
            self.destroy_node()
            raise
        self._watch = Watch(self, self.config.diagnostics.period)

    def now_ns(self) -> int:
        """Return the node's time: simulated where use_sim_time is set."""
        return int(self.get_clock().now().nanoseconds)

    def load_models(self) -> Models:
        """Load the models that the parameters ask for.

        Raises:
            ModelError: a model is missing, damaged or does not fit its label table.
        """
        return load_models(self.config, time.perf_counter_ns, self.get_logger().info)

    def build_analysis(self, models: Models) -> Analysis:
        """Return the analysis that the models serve."""
        guard = Guard(Timings(time.perf_counter_ns), self.faults)
        return build_analysis(self.config, models, guard)

    @_logged
    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the models and announce the topics and services."""
        begin = time.monotonic()
        logger = self.get_logger()
        try:
            self.models = self.load_models()
        except ModelError as error:
            logger.fatal(str(error))
            return FAILURE
        self._hearing = build_hearing(self.config, self.models)
        self._analysis = self.build_analysis(self.models)
        self.outputs = Outputs(self, self.now_ns, self._same_clock)
        self._requests = Requests(self)
        logger.info(f'models loaded in {time.monotonic() - begin:.1f} s')
        return super().on_configure(state)

    @_logged
    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Start the threads and subscribe."""
        assert self._hearing is not None
        assert self._analysis is not None
        assert self.outputs is not None
        self._hearing.reset()
        self._analysis.reset()
        self.engine = Engine(
            self._hearing,
            self._analysis,
            self.config.queue,
            self.outputs.tell,
            self._look_at,
            self.faults,
        )
        self.engine.start()
        self.audio = AudioInput(self, self.config.audio, self._hear, self._on_frame_id)
        if self.config.image.transport != 'off':
            self.image = ImageInput(self, self.config.image, self.engine.see)
        if self._muted:
            self.engine.mute(self.now_ns(), True)
        result = super().on_activate(state)
        self._watch.look()
        return result

    @_logged
    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Unsubscribe and stop the threads."""
        self._stop()
        return super().on_deactivate(state)

    @_logged
    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Take topics and services off the graph and let the models go."""
        self._release()
        return SUCCESS

    @_logged
    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop from whatever state."""
        self._stop()
        self._release()
        return SUCCESS

    @_logged
    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Give everything back after a failed transition."""
        self._stop()
        self._release()
        return SUCCESS

    def destroy_node(self) -> None:
        """Stop the threads, then leave the graph."""
        self._stop()
        super().destroy_node()

    def set_enabled(self, enabled: bool) -> None:
        """Hear, or do not."""
        self._change_mute(enabled=enabled)
        self.get_logger().info('enabled' if enabled else 'disabled: nothing is heard')

    def set_robot_speaking(self, speaking: bool) -> None:
        """Do not hear the robot's own voice."""
        self._change_mute(robot_speaking=speaking)

    @property
    def _muted(self) -> bool:
        return self.robot_speaking or not self.enabled

    def _change_mute(
        self, enabled: bool | None = None, robot_speaking: bool | None = None
    ) -> None:
        before = self._muted
        self.enabled = self.enabled if enabled is None else enabled
        self.robot_speaking = self.robot_speaking if robot_speaking is None else robot_speaking
        if self._muted != before and self.engine is not None:
            self.engine.mute(self._audio_now_ns(), self._muted)

    def _same_clock(self) -> bool:
        return self.audio is not None and same_clock(self.audio.health)

    def _audio_now_ns(self) -> int:
        """Return the time now on the clock that stamps the audio."""
        if self.audio is None or self._same_clock():
            return self.now_ns()
        return self.now_ns() - int(self.audio.health.lag_s * 1e9)

    def _hear(self, chunk: AudioChunk) -> None:
        assert self.engine is not None
        given_up = self.engine.hear(chunk)
        if given_up:
            self.audio_given_up_at = time.monotonic()
            self.get_logger().error(
                f'{given_up:.1f} s of audio given up: hearing cannot keep up',
                throttle_duration_sec=LOG_PERIOD_S,
            )

    def _on_frame_id(self, frame_id: str) -> None:
        assert self.outputs is not None
        self.outputs.encoder.frame_id = frame_id

    def _look_at(self, frame: VideoFrame, header: Any) -> None:
        """Draw what is known over an image; runs on the vision thread."""
        outputs, engine = self.outputs, self.engine
        if outputs is None or engine is None:
            return
        if outputs.debug_image_wanted:
            state = 'robot speaks' if self.robot_speaking else 'listening'
            latest = outputs.latest
            image = draw(
                frame.decode(),
                outputs.faces,
                state if self.enabled else 'disabled',
                engine.speaking,
                latest.final,
                latest.interim,
            )
            outputs.debug_image(header, image)

    @property
    def inputs(self) -> dict[str, Input]:
        """The inputs that are subscribed to, by name."""
        inputs = {'audio': self.audio, 'image': self.image}
        return {name: one for name, one in inputs.items() if one is not None}

    def _stop(self) -> None:
        for one in self.inputs.values():
            one.unsubscribe()
        self.audio = self.image = None
        engine, self.engine = self.engine, None
        if engine is not None:
            engine.stop()

    def _release(self) -> None:
        if self._requests is not None:
            self._requests.destroy()
        if self.outputs is not None:
            self.outputs.destroy()
        self._requests = self.outputs = self.models = None
        self._hearing = self._analysis = None


def _autostart(node: EmotionNode) -> bool:
    if not node.config.autostart:
        return True
    return bool(node.trigger_configure() == SUCCESS and node.trigger_activate() == SUCCESS)


def main(args: list[str] | None = None, make: Callable[[], EmotionNode] = EmotionNode) -> int:
    """Run the node that `make` makes; returns the exit status."""
    return run_node('emotion_node', make, args, _autostart)


if __name__ == '__main__':
    sys.exit(main())
