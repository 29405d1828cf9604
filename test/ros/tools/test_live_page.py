"""The live page shows what a node publishes, in a real browser."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CompressedImage, RegionOfInterest
from support.browser import browser
from support.emotions import emotion
from support.processes import end_all, start
from support.robot import Robot, robot

from emotion_msgs.msg import Emotion, Face, FaceArray, SpeechActivity, Transcript
from emotion_node.datatypes import Trigger
from emotion_node.messages.reports import Encoder
from emotion_node.ros.outputs import make_message

EVIL = '<img src=x onerror="window.stolen=1"><b>hello</b> {{7*7}} \u202eevil'


@pytest.fixture
def speaker() -> Iterator[Robot]:
    with robot(int(os.environ['ROS_DOMAIN_ID'])) as one:
        yield one
        end_all()


def encoded(number: int, trigger: Trigger, text: str) -> Any:
    report = emotion(number, text=text, trigger=trigger, speaker_id='s1')
    return Encoder(make_message).encode(report)[-1][1]


def test_a_page_shows_words_emotions_faces_and_health_and_no_markup(
    tmp_path: Path, speaker: Robot
) -> None:
    node = speaker.node
    qos = QoSProfile(depth=10)
    final = node.create_publisher(Emotion, 'emotion', qos)
    interim = node.create_publisher(Emotion, 'emotion/interim', qos)
    activity = node.create_publisher(SpeechActivity, 'speech_activity', qos)
    words = node.create_publisher(Transcript, 'transcript', qos)
    faces = node.create_publisher(FaceArray, 'faces', qos)
    health = node.create_publisher(DiagnosticArray, '/diagnostics', qos)
    camera = node.create_publisher(CompressedImage, 'camera', qos)
    image = np.full((240, 320, 3), (200, 120, 40), np.uint8)
    jpeg = CompressedImage(format='jpeg', data=cv2.imencode('.jpg', image)[1].tobytes())
    status = DiagnosticStatus(
        level=DiagnosticStatus.ERROR,
        name='emotion_node: audio',
        message='nobody publishes on /audio <i>',
        hardware_id='/emotion_node',
    )
    face = Face(
        face_id='<b>f1</b>', roi=RegionOfInterest(x_offset=9, y_offset=60, width=40, height=50)
    )

    def beat() -> None:
        camera.publish(jpeg)
        health.publish(DiagnosticArray(status=[status]))
        faces.publish(FaceArray(available=True, faces=[face]))

    node.create_timer(0.1, beat)
    process = start('view', '--web', '--port', 0, '--image-topic', 'camera', '--json')
    assert process.stderr is not None
    line = process.stderr.readline()
    assert line.startswith('page: http://127.0.0.1:'), line
    address = line.partition(': ')[2].strip()
    with browser(tmp_path / 'profile') as page:

        def until(script: str) -> None:
            speaker.until(lambda: page.evaluate(script), script)

        def shown(text: str) -> None:
            until(f'document.body?.innerText.includes({text!r})')

        page.open(address)
        speaker.until(lambda: final.get_subscription_count() > 0, 'the view')
        shown('nobody publishes on /audio <i>')
        until('[...document.images].some(one => one.naturalWidth == 320)')
        until('document.querySelector("svg text")?.textContent == "<b>f1</b>"')
        activity.publish(SpeechActivity(utterance_id='u1', state=SpeechActivity.STARTED))
        shown('somebody is speaking')
        words.publish(Transcript(utterance_id='u1', text='so far <u>'))
        shown('so far <u>')
        interim.publish(encoded(1, Trigger.INTERIM, 'so far <u>'))
        shown('joy 0.60')
        final.publish(encoded(1, Trigger.FINAL, EVIL))
        shown('<b>hello</b> {{7*7}}')
        shown('text joy 0.60')
        shown('voice: too short')
        until('document.querySelectorAll(".chart svg").length == 1')
        assert page.evaluate('window.stolen === undefined')
        assert (
            page.evaluate('document.querySelectorAll("b, u, img[src=x], i:not(.q-icon)").length')
            == 0
        )
        assert '\u202e' not in page.text()
        foreign = page.evaluate(
            'performance.getEntriesByType("resource").map(one => one.name)'
            '.filter(one => !one.startsWith(location.origin))'
        )
        assert foreign == []
        for width, dark in ((390, True), (1400, False)):
            page.open(address, width, dark=dark)
            shown('text joy 0.60')
            assert page.evaluate('document.documentElement.scrollWidth') <= width
            ground = page.evaluate('getComputedStyle(document.body).backgroundColor')
            assert (sum(map(int, re.findall(r'\d+', ground))) < 128) == dark
    process.send_signal(signal.SIGINT)
    speaker.until(lambda: process.poll() is not None, 'the end of the view')
    assert process.returncode == 130
