"""The parts of the sequential arrangement: input is collected, and processed after the end.

The processing is that of the node's own parts; only its time differs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

import numpy as np

from emotion_node.core.vision.speaker_evidence import AFTER_NS, BEFORE_NS
from emotion_node.datatypes import (
    NS_PER_S,
    FaceEstimate,
    FacesReport,
    FloatArray,
    ModalityEmotion,
    ModelInfo,
    SpeechEvent,
    Transcript,
    Utterance,
    VideoFrame,
    VisionHealth,
)
from emotion_node.interfaces import Transcriber, TranscriberStream, Vision, always

KEEP_NS: Final = 40 * NS_PER_S
"""How long frames are kept: the longest utterance, and the time until it is processed."""


class LateTranscriber:
    """A recogniser that gets an utterance only when it has ended.

    Args:
        transcriber: does the recognition.
    """

    def __init__(self, transcriber: Transcriber) -> None:
        self._transcriber = transcriber

    @property
    def info(self) -> ModelInfo:
        """Name and version."""
        return self._transcriber.info

    def stream(self) -> LateStream:
        """Return a new stream."""
        return LateStream(self._transcriber.stream())


class LateStream:
    """Collects audio and transcribes all of it in `finish`.

    Args:
        stream: does the recognition.
    """

    def __init__(self, stream: TranscriberStream) -> None:
        self._stream = stream
        self._waiting: list[FloatArray] = []

    def accept(self, samples: FloatArray) -> None:
        """Keep the next (n,) samples of the current utterance."""
        self._waiting.append(samples)

    def partial(self, wanted: Callable[[], bool] = always) -> Transcript:
        """Return an empty transcript: nothing has been transcribed so far."""
        return Transcript('', 0.0, '', final=False)

    def peek_final(self, wanted: Callable[[], bool] = always) -> Transcript:
        """Return an empty transcript, likewise."""
        return self.partial()

    def finish(self) -> Transcript:
        """Transcribe the utterance, and prepare for the next."""
        if self._waiting:
            self._stream.accept(np.concatenate(self._waiting))
            self._waiting.clear()
        return self._stream.finish()

    def reset(self) -> None:
        """Drop the current utterance."""
        self._waiting.clear()
        self._stream.reset()


class LateVision:
    """Keeps frames, and processes those of an utterance when it has ended.

    Frames outside utterances are never processed.

    Args:
        vision: does the processing.
    """

    def __init__(self, vision: Vision) -> None:
        self._vision = vision
        self._frames: deque[VideoFrame] = deque()

    @property
    def info(self) -> ModelInfo:
        """Name and version of the face finder."""
        return self._vision.info

    @property
    def health(self) -> VisionHealth:
        """How far the frames can be used."""
        return self._vision.health

    def update(self, frame: VideoFrame) -> FacesReport:
        """Keep the next frame; the report has no faces."""
        self._frames.append(frame)
        while frame.stamp_ns - self._frames[0].stamp_ns > KEEP_NS:
            self._frames.popleft()
        return FacesReport(frame.stamp_ns, frame.frame_id)

    def update_speech(self, event: SpeechEvent) -> None:
        """Forward an event of hearing."""
        self._vision.update_speech(event)

    def estimate(self, utterance: Utterance) -> FaceEstimate:
        """Process the frames of an utterance, and estimate its speaker's expression."""
        while self._frames and self._frames[0].stamp_ns <= utterance.end_ns + AFTER_NS:
            frame = self._frames.popleft()
            if frame.stamp_ns >= utterance.start_ns - BEFORE_NS:
                self._vision.update(frame)
        return self._vision.estimate(utterance)

    def look(self, face_id: str, stamp_ns: int) -> ModalityEmotion:
        """Return the expression of a face at a stamp."""
        return self._vision.look(face_id, stamp_ns)

    def reset(self) -> None:
        """Forget all frames and faces."""
        self._frames.clear()
        self._vision.reset()
