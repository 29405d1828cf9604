"""The faces in front of the camera: /humans/faces."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final

import cv2
import numpy as np

from emotion_node.datatypes import FacesReport, ModalityEmotion, VideoFrame
from emotion_node.faces import Box, Image, SeenFace
from emotion_node.messages.humans import FACE_TOPICS, FACES, IDS_LIST, HumansEncoder
from emotion_node.ros.humans.matches import Matches
from emotion_node.ros.humans.topics import Topics
from emotion_node.ros.humans.voices import REPEAT_S
from emotion_node.ros.message_types import message_class

TRACKED: Final = f'{FACES}/tracked'
SIDE: Final = 128
"""Height and width of a cropped face in pixels: the defaults of REP-155."""
KEEP_S: Final = 5.0
"""How long the topics of a face stay on the graph after it was last seen."""

Look = Callable[[str, int], ModalityEmotion]
"""Returns what a face expresses at a stamp."""


class Faces:
    """Publishes the tracked faces; what nobody subscribes to is not computed.

    Args:
        topics: publishers.
        encoder: makes messages.
        matches: the voices of the faces.
        look: what a face expresses.
    """

    def __init__(
        self, topics: Topics, encoder: HumansEncoder, matches: Matches, look: Look
    ) -> None:
        self._topics = topics
        self._encoder = encoder
        self._matches = matches
        self._look = look
        self._ids: tuple[str, ...] = ()
        self._seen_s: dict[str, float] = {}
        self._header: Any = encoder.header(0, '')
        self._frame_s = float('-inf')
        self._repeat_s = float('-inf')
        self._lock = threading.Lock()
        topics.open(TRACKED, IDS_LIST)

    def take(self, report: FacesReport, frame: VideoFrame, header: Any, now_s: float) -> None:
        """Publish the faces in a frame.

        Args:
            report: what was found in it.
            frame: its image.
            header: of its message.
            now_s: the steady clock.
        """
        with self._lock:
            self._header, self._frame_s = header, now_s
            for face in report.faces:
                if face.face_id not in self._seen_s:
                    for name, type_name in FACE_TOPICS.items():
                        self._topics.open(_topic(face.face_id, name), type_name)
                self._seen_s[face.face_id] = now_s
            self._track(tuple(face.face_id for face in report.faces), now_s)
            for face in report.faces:
                self._publish(face, frame, header)

    def tick(self, now_s: float) -> None:
        """Repeat what is tracked; without frames, that is nobody."""
        with self._lock:
            self._track(self._ids if now_s - self._frame_s < REPEAT_S else (), now_s)
            for face_id, seen_s in list(self._seen_s.items()):
                if now_s - seen_s > KEEP_S:
                    del self._seen_s[face_id]
                    for name in FACE_TOPICS:
                        self._topics.close(_topic(face_id, name))

    def _track(self, ids: tuple[str, ...], now_s: float) -> None:
        if ids == self._ids and now_s - self._repeat_s < REPEAT_S:
            return
        self._matches.revoke(faces=set(self._ids) - set(ids))
        self._ids, self._repeat_s = ids, now_s
        self._topics.send(TRACKED, self._encoder.ids(self._header, ids))

    def _publish(self, face: SeenFace, frame: VideoFrame, header: Any) -> None:
        topics = {name: _topic(face.face_id, name) for name in FACE_TOPICS}
        wanted = {name for name, topic in topics.items() if self._topics.wanted(topic)}
        if wanted & {'roi', 'cropped'}:
            image = frame.decode()
            if 'roi' in wanted:
                height, width, _ = image.shape
                region = self._encoder.region(header, face.box, (height, width), face.confidence)
                self._topics.send(topics['roi'], region)
            if 'cropped' in wanted:
                self._topics.send(topics['cropped'], _as_message(crop(image, face.box), header))
        if not wanted & {'facs', 'expression'}:
            return
        emotion = self._look(face.face_id, frame.stamp_ns)
        if 'facs' in wanted and emotion.facial_cues:
            units = self._encoder.action_units(header, emotion.facial_cues, face.confidence)
            self._topics.send(topics['facs'], units)
        if 'expression' in wanted and emotion.available:
            self._topics.send(topics['expression'], self._encoder.expression(header, emotion))


def crop(image: Image, box: Box) -> Image:
    """Return a face in the middle of (`SIDE`, `SIDE`, 3), black where the image ends."""
    side = max(round(max(box.width, box.height) * 1.3), 1)
    left, top = (round(middle - side / 2) for middle in box.centre)
    height, width, _ = image.shape
    shown = np.zeros((side, side, 3), np.uint8)
    first_x, first_y = max(left, 0), max(top, 0)
    last_x, last_y = min(left + side, width), min(top + side, height)
    if first_x < last_x and first_y < last_y:
        shown[first_y - top : last_y - top, first_x - left : last_x - left] = image[
            first_y:last_y, first_x:last_x
        ]
    method = cv2.INTER_AREA if side > SIDE else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(shown, (SIDE, SIDE), interpolation=method), np.uint8)


def _as_message(image: Image, header: Any) -> Any:
    height, width, _ = image.shape
    message = message_class(FACE_TOPICS['cropped'])(
        header=header, height=height, width=width, encoding='bgr8', step=3 * width
    )
    message.data.frombytes(image.data)
    return message


def _topic(face_id: str, name: str) -> str:
    return f'{FACES}/{face_id}/{name}'
