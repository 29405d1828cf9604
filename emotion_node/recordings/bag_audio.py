"""The audio topic of a bag, with the `AudioInfo` that belongs to it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from emotion_node.config import AudioConfig
from emotion_node.core.hearing.rate_check import RateRecord, mismatch_text
from emotion_node.datatypes import AudioChunk
from emotion_node.messages.audio import AUDIO_INFO_TYPE
from emotion_node.messages.audio_decoder import BYTE_TYPES, AudioDecoder, info_topics
from emotion_node.recordings.bag import Bag
from emotion_node.recordings.bag_files import Message, Topic
from emotion_node.recordings.barrier import attempt


class BagAudio:
    """Decodes the audio of a bag; its `AudioInfo` is read first, wherever it is in the bag.

    Args:
        bag: opened.
        topic: of the audio.
        config: format of messages that do not state theirs.

    Attributes:
        info: topic of the `AudioInfo` beside the audio; None where there is none.
    """

    def __init__(self, bag: Bag, topic: Topic, config: AudioConfig) -> None:
        self._topic = topic
        self._config = config
        self._decoder = AudioDecoder(config)
        self._rate = RateRecord()
        named = (bag.topics.get(name) for name in info_topics(topic.name))
        infos = (one for one in named if one is not None and one.msgtype == AUDIO_INFO_TYPE)
        self.info = next(infos, None) if topic.msgtype in BYTE_TYPES else None
        self._others = sorted(
            one.name for one in bag.topics.values() if one.msgtype == AUDIO_INFO_TYPE
        )
        if self.info is not None:
            self._read_ahead(bag, self.info)

    def _read_ahead(self, bag: Bag, info: Topic) -> None:
        """Take the first `AudioInfo`; what is wrong with it is reported when its turn comes."""
        for message in bag.messages({info.name}):
            attempt(partial(self._take_info_of, bag, message), lambda _: None)
            if self._decoder.informed:
                return

    def _take_info_of(self, bag: Bag, message: Message) -> None:
        self.take_info(bag.decode(message))

    def take_info(self, message: Any) -> None:
        """Take an `AudioInfo`.

        Raises:
            MessageError: the audio cannot be used.
        """
        self._decoder.take_info(message)

    def decode(self, message: Any, receipt_ns: int) -> AudioChunk | None:
        """Return the audio of a message; None where it does not complete a sample.

        Raises:
            MessageError: it cannot be used.
        """
        chunk = self._decoder.decode(message, receipt_ns)
        if chunk is not None:
            self._rate.add(chunk)
        return chunk

    def problems(self) -> Sequence[str]:
        """Return what is wrong with the sample rate and its source."""
        found = []
        ratio = self._rate.mismatch()
        if ratio is not None:
            found.append(mismatch_text(ratio, self._topic.name))
        if self._topic.msgtype in BYTE_TYPES and not self._decoder.informed:
            beside = info_topics(self._topic.name)[0]
            others = f'; that on {", ".join(self._others)} is not beside it' * bool(self._others)
            found.append(
                f'no AudioInfo on {beside} describes {self._topic.name}{others}: '
                f'{self._config.sample_rate} Hz and {self._config.channels} channels are assumed '
                '(-p audio.sample_rate:=, -p audio.channels:=)'
            )
        return found
