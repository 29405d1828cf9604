"""Foxglove opens what `annotate` writes: mcap-ros2-support reads it by its schemas alone."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from mcap.reader import make_reader
from mcap_ros2.decoder import DecoderFactory
from support.recordings import (
    CONVERSATION,
    audio_rows,
    noise,
    storage_file,
    write_bag,
)

from emotion_node.cli.main import main
from emotion_node.display.face_annotations import TOPIC
from emotion_node.display.palette import COLOURS
from emotion_node.labels import LABELS
from emotion_node.messages.reports import OUTPUT_TOPICS
from emotion_node.recordings.bag import Bag

LAYOUT = Path(__file__).parents[2] / 'config' / 'foxglove' / 'emotion_node.json'
QUICK = ('-q', '-p', 'transcriber.backend:=off', '-p', 'text.backend:=off')
SECONDS = 6
"""Of the conversation: two utterances."""

Messages = dict[str, list[Any]]


@pytest.fixture(scope='module')
def messages(tmp_path_factory: pytest.TempPathFactory) -> Messages:
    """The annotated beginning of the conversation, with a camera, by topic."""
    folder = tmp_path_factory.mktemp('mcap')
    with Bag(CONVERSATION) as bag:
        rows = [
            (one.topic, bag.topics[one.topic].msgtype, one.stamp_ns, bag.decode(one))
            for one in bag.messages({'/audio', '/camera/image_raw/compressed'})
            if one.stamp_ns - bag.start_ns < SECONDS * 10**9
        ]
    talk = write_bag(folder / 'talk', rows)
    assert main(['annotate', *QUICK, '--interim', str(talk), '-o', str(folder / 'out')]) == 0
    kinds: dict[str, str] = {}
    found: Messages = defaultdict(list)
    with storage_file(folder / 'out' / 'talk').open('rb') as file:
        reader = make_reader(file, decoder_factories=[DecoderFactory()])
        for schema, channel, _, message in reader.iter_decoded_messages():
            assert schema is not None
            kinds[channel.topic] = schema.name
            found[channel.topic].append(message)
    wanted = {f'/{topic}': kind for topic, kind in OUTPUT_TOPICS.items()}
    assert wanted.items() <= kinds.items()
    assert len(found['/audio']) == len([one for one in rows if one[0] == '/audio'])
    return dict(found)


def test_every_message_is_read_by_its_schema(messages: Messages) -> None:
    assert f'/{TOPIC}' in messages
    for emotion in messages['/emotion']:
        assert [score.label for score in emotion.scores] == list(LABELS)
        assert sum(score.score for score in emotion.scores) == pytest.approx(1, abs=1e-3)
        assert [part.modality for part in emotion.modalities] == ['text', 'voice', 'face']


def test_boxes_have_the_stamps_of_images(messages: Messages) -> None:
    images = {stamp(one.header.stamp) for one in messages['/camera/image_raw/compressed']}
    drawn = messages[f'/{TOPIC}']
    assert len(drawn) == len(messages['/faces'])
    boxes = [box for one in drawn for box in one.points]
    assert boxes
    assert {stamp(box.timestamp) for box in boxes} <= images
    first = messages['/emotion'][0]
    shown = f'{first.label} {first.confidence:.0%}'
    assert any(text.text == shown for one in drawn for text in one.texts)


def test_the_layout_shows_what_the_recording_has(messages: Messages) -> None:
    panels = json.loads(LAYOUT.read_text(encoding='utf-8'))['configById']
    camera = panels['Image!camera']['imageMode']
    assert camera['imageTopic'] in messages
    assert set(camera['annotations']) == {f'/{TOPIC}'}
    for panel in ('RawMessages!emotion', 'RawMessages!context'):
        assert panels[panel]['topicPath'] in messages
    emotions = panels['Plot!emotions']['paths']
    assert {one['label']: one['color'] for one in emotions} == dict(COLOURS)
    for one in emotions:
        assert one['value'] == f'/emotion.scores[:]{{label=="{one["label"]}"}}.score'
    for one in panels['Plot!circumplex']['paths']:
        topic, _, field = one['value'].partition('.')
        assert isinstance(getattr(messages[topic][0], field), float)
    assert panels['DiagnosticSummary!health']['topicToRender'] == '/diagnostics'


def test_the_layout_names_each_panel_once() -> None:
    layout = json.loads(LAYOUT.read_text(encoding='utf-8'))

    def leaves(part: Any) -> list[str]:
        return [part] if isinstance(part, str) else leaves(part['first']) + leaves(part['second'])

    assert sorted(leaves(layout['layout'])) == sorted(layout['configById'])


def test_annotations_can_be_left_out(tmp_path: Path) -> None:
    talk = write_bag(tmp_path / 'talk', audio_rows(noise(1.0)))
    off = ('-p', 'foxglove.publish:=off', '-p', 'face.backend:=off')
    assert main(['annotate', *QUICK, *off, str(talk), '-o', str(tmp_path / 'out')]) == 0
    with Bag(tmp_path / 'out' / 'talk') as copy:
        assert f'/{TOPIC}' not in copy.topics


def stamp(time: Any) -> tuple[int, int]:
    return time.sec, time.nanosec
