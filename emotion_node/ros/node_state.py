"""What the parts of the node share: what it runs now, and whether it may listen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from emotion_node.datatypes import NS_PER_S
from emotion_node.factory import Models
from emotion_node.ros.audio_input import AudioInput
from emotion_node.ros.engine import Engine
from emotion_node.ros.faults import FaultLog
from emotion_node.ros.humans.humans import Humans
from emotion_node.ros.image_input import ImageInput
from emotion_node.ros.outputs import Outputs
from emotion_node.ros.topic_input import TopicInput


@dataclass(slots=True)
class NodeState:
    """The state of a node.

    Attributes:
        now_ns: the node's clock; simulated where use_sim_time is set.
        faults: faults of all threads.
        models: None until the node is configured.
        outputs: None until the node is configured.
        engine: None while the node is not active.
        audio: None while the node is not active.
        image: None while the node is not active or image.transport is "off".
        humans: None while the node is not active or takes no part in REP-155.
        enabled: False after a call of ~/enable with false.
        robot_speaking: the last value on robot_speaking.
        robot_speaking_since_ns: when that became true, by the node's clock; None while it is not.
        audio_dropped_at: when audio was last dropped, by the steady clock in seconds.
    """

    now_ns: Callable[[], int]
    faults: FaultLog
    models: Models | None = None
    outputs: Outputs | None = None
    engine: Engine | None = None
    audio: AudioInput | None = None
    image: ImageInput | None = None
    humans: Humans | None = None
    enabled: bool = True
    robot_speaking: bool = False
    robot_speaking_since_ns: int | None = None
    audio_dropped_at: float = float('-inf')

    @property
    def name(self) -> str:
        """State of the life cycle: "unconfigured", "inactive" or "active"."""
        if self.models is None:
            return 'unconfigured'
        return 'inactive' if self.engine is None else 'active'

    @property
    def inputs(self) -> Mapping[str, TopicInput]:
        """The inputs, by name: "audio" and "image", as far as there are any."""
        inputs = {'audio': self.audio, 'image': self.image}
        return {name: one for name, one in inputs.items() if one is not None}

    @property
    def muted(self) -> bool:
        """Whether audio is ignored: the node is disabled, or the robot speaks."""
        return self.robot_speaking or not self.enabled

    @property
    def activity(self) -> str:
        """What the node does while nobody speaks: "listening", "robot speaks" or "disabled"."""
        if not self.enabled:
            return 'disabled'
        return 'robot speaks' if self.robot_speaking else 'listening'

    @property
    def robot_speaking_s(self) -> float:
        """For how long the robot has been speaking, in s; 0 while it is silent."""
        since_ns = self.robot_speaking_since_ns
        return 0.0 if since_ns is None else (self.now_ns() - since_ns) / NS_PER_S

    def set_enabled(self, enabled: bool) -> None:
        """Listen, or ignore all audio."""
        before = self.muted
        self.enabled = enabled
        self._apply_muted(before)

    def set_robot_speaking(self, speaking: bool) -> None:
        """Ignore audio while the robot speaks."""
        before = self.muted
        if speaking != self.robot_speaking:
            self.robot_speaking_since_ns = self.now_ns() if speaking else None
        self.robot_speaking = speaking
        self._apply_muted(before)

    def same_clock(self) -> bool:
        """Tell whether the node's clock stamps the audio; False while there is no audio input."""
        return self.audio is not None and self.audio.health.same_clock

    def audio_now_ns(self) -> int:
        """Return the present time on the clock that stamps the audio."""
        if self.audio is None or self.same_clock():
            return self.now_ns()
        return self.now_ns() - int(self.audio.health.lag_s * NS_PER_S)

    def _apply_muted(self, before: bool) -> None:
        if self.muted != before and self.engine is not None:
            self.engine.set_muted(self.audio_now_ns(), self.muted)
