"""What publishing below /humans costs: processor time of its calls per second of a recording.

`pytest test/ros/humans/test_cost.py -s` prints the figures.
"""

from __future__ import annotations

import time

import pytest
from domain_coordinator import domain_id
from rclpy.node import Node
from std_msgs.msg import Bool, Header
from support.recordings import CONVERSATION
from support.robot import NS_PER_S, Robot, robot

from emotion_node.config import AudioConfig, make_config
from emotion_node.core.analysis.guard import Guard
from emotion_node.core.timings import Timings
from emotion_node.datatypes import AudioChunk, FacesReport, VideoFrame
from emotion_node.factory import build_pipeline, load_models
from emotion_node.messages.humans import FACE_TOPICS, HumansEncoder
from emotion_node.recordings.bag import Bag
from emotion_node.recordings.bag_recording import BagRecording, TopicNames
from emotion_node.ros.humans.faces import Faces
from emotion_node.ros.humans.matches import Matches
from emotion_node.ros.humans.topics import Topics
from emotion_node.ros.humans.voices import Voices
from emotion_node.ros.message_types import message_class
from emotion_node.ros.outputs import make_message

pytestmark = pytest.mark.usefixtures('hri_msgs')

SECONDS = 10.0
FACES = ('f1', 'f2')
MOST = {'nobody subscribes': 0.05, 'everything is subscribed': 0.1}
"""Shares of one core that it may cost, with two faces at 12.5 frames per second."""


def cost(one: Robot, node: Node, subscribed: bool) -> float:
    """Return the share of a core that the faces and voices of the conversation cost."""
    topics = Topics(node)
    encoder = HumansEncoder(make_message, ('locale',))
    matches = Matches(topics, encoder)
    config = make_config({'transcriber.backend': 'off', 'text.backend': 'off'})
    pipeline = build_pipeline(
        config, load_models(config, print), Guard(Timings(time.monotonic_ns))
    )
    vision = pipeline.analysis.vision
    assert vision is not None
    faces = Faces(topics, encoder, matches, vision.look)
    voices = Voices(topics, encoder, matches)
    if subscribed:
        wanted = {f'/humans/faces/{f}/{n}': kind for f in FACES for n, kind in FACE_TOPICS.items()}
        for topic, kind in wanted.items():
            topics.open(topic, kind)
            one.listen(message_class(kind), topic)
        one.listen(Bool, '/humans/voices/anonymous_speaker/is_speaking')
        one.until(lambda: all(map(topics.wanted, wanted)), 'all is subscribed')
    spent, now_s = 0.0, 0.0
    with Bag(CONVERSATION) as bag:
        recording = BagRecording(bag, AudioConfig(), TopicNames(), True, False, False)
        for step in recording.steps():
            now_s = (step.time_ns - recording.start_ns) / NS_PER_S
            if now_s > SECONDS:
                break
            value = step.value
            if isinstance(value, AudioChunk):
                for report in pipeline.push_audio(value):
                    begin = time.thread_time()
                    voices.take(report, now_s)
                    spent += time.thread_time() - begin
            elif isinstance(value, VideoFrame):
                for report in pipeline.push_frame(value):
                    assert isinstance(report, FacesReport)
                    begin = time.thread_time()
                    faces.take(report, value, Header(), now_s)
                    faces.tick(now_s)
                    voices.tick(now_s)
                    spent += time.thread_time() - begin
    topics.close_all()
    return spent / SECONDS


@pytest.mark.parametrize('listeners', MOST)
def test_it_costs_little_of_one_core(hri_msgs: None, listeners: str) -> None:
    with (
        domain_id() as domain,
        robot(domain) as one,
        one.beside(lambda context: Node('humans', context=context)) as node,
    ):
        share = cost(one, node, listeners == 'everything is subscribed')
        print(f'{listeners}: {share:.3f} of a core')
        if listeners == 'everything is subscribed':
            topic = f'/humans/faces/{FACES[0]}/expression'
            one.until(lambda: one.inbox[topic], 'an expression')
    assert share < MOST[listeners]
