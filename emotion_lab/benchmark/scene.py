"""Find what to play: a recording with its true utterances."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from emotion_lab.benchmark.play import Scene
from emotion_lab.benchmark.sound import read_sound
from emotion_node.datatypes import NS_PER_S
from emotion_node.messages.audio import AUDIO_TYPES
from emotion_node.messages.image import decode_image
from emotion_node.recordings.bag import Bag, BagError
from emotion_node.recordings.truth import read_truth

COMPRESSED: Final = 'sensor_msgs/msg/CompressedImage'
AFTER_S: Final = 1.2
"""An utterance counts when at least this much of the recording is played after it, in s."""


def find_scene(path: Path, length_s: float | None = None) -> Scene:
    """Return the scene of a recording.

    Args:
        path: the recording; a truth.json lies in its folder.
        length_s: length of the part to play, from the beginning; all of it when None.

    Raises:
        BagError: it has no truth, no audio, no compressed images, or no utterance in that part.
    """
    file = path / 'truth.json'
    if not file.exists():
        raise BagError(
            f'{path} has no truth.json, from which the true end of each utterance is read'
        )
    truths = read_truth(file)
    with Bag(path) as bag:
        topic = bag.choose('', (COMPRESSED,), 'image', '--bag')
        if topic is None:
            raise BagError(f'{path} has no {COMPRESSED}; it has: {bag.list_topics()}')
        whole_s = (bag.end_ns - bag.start_ns + 1) / NS_PER_S
        length_s = min(length_s or whole_s, whole_s)
        end_ns = bag.start_ns + int(length_s * NS_PER_S)
        frames = [one for one in bag.messages([topic.name]) if one.stamp_ns < end_ns]
        first = decode_image(bag.decode(frames[0]), frames[0].stamp_ns).decode()
        audio_topic = _audio_topic(bag)
    counted = [one for one in truths if one.end_ns + AFTER_S * NS_PER_S <= end_ns]
    if not counted:
        raise BagError(f'{path} has no complete utterance in its first {length_s:.0f} s')
    return Scene(
        path,
        audio_topic,
        topic.name,
        length_s,
        counted,
        read_sound(path, audio_topic),
        len(frames),
        f'{first.shape[1]}x{first.shape[0]}',
    )


def _audio_topic(bag: Bag) -> str:
    """Return the name of the audio topic.

    Raises:
        BagError: there is none, or several.
    """
    topic = bag.choose('', AUDIO_TYPES, 'audio', '--bag')
    if topic is None:
        raise BagError(f'{bag.path} has no audio; it has: {bag.list_topics()}')
    return topic.name
