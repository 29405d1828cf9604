"""The parts of the usual arrangement: everything is collected, and worked on after the end.

The node's own parts do the work; only when they are asked differs.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np

from emotion_node.core.vision.stream import AFTER_NS, BEFORE_NS
from emotion_node.datatypes import (
    NS_PER_S,
    FaceEstimate,
    FacesReport,
    FloatArray,
    ModelInfo,
    SpeechEvent,
    Transcript,
    Utterance,
    VideoFrame,
)
from emotion_node.interfaces import Transcriber, TranscriberStream, Vision

KEEP_NS: Final = 40 * NS_PER_S
"""Images are kept for so long: the longest utterance, and time to get to it."""


class LateTranscriber:
    """A recogniser that is given an utterance when it is over.

    Args:
        transcriber: the one that is asked then.
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
        stream: what transcribes.
    """

    def __init__(self, stream: TranscriberStream) -> None:
        self._stream = stream
        self._waiting: list[FloatArray] = []

    def accept(self, samples: FloatArray) -> None:
        """Keep the next (n,) samples of the utterance under way."""
        self._waiting.append(samples)

    def partial(self) -> Transcript:
        """Return nothing: nothing has been understood so far."""
        return Transcript('', 0.0, '', final=False)

    def peek_final(self) -> Transcript:
        """Return nothing."""
        return self.partial()

    def finish(self) -> Transcript:
        """Return what was said, and be ready for the next utterance."""
        if self._waiting:
            self._stream.accept(np.concatenate(self._waiting))
            self._waiting.clear()
        return self._stream.finish()

    def reset(self) -> None:
        """Drop the utterance under way."""
        self._waiting.clear()
        self._stream.reset()


class LateVision:
    """Keeps images and looks at those of an utterance when it is over.

    Others are never looked at.

    Args:
        vision: what looks.
    """

    def __init__(self, vision: Vision) -> None:
        self._vision = vision
        self._frames: deque[VideoFrame] = deque()

    @property
    def info(self) -> ModelInfo:
        """Name and version of what finds faces."""
        return self._vision.info

    def update(self, frame: VideoFrame) -> FacesReport:
        """Keep the next image; no face is known in it yet."""
        self._frames.append(frame)
        while frame.stamp_ns - self._frames[0].stamp_ns > KEEP_NS:
            self._frames.popleft()
        return FacesReport(frame.stamp_ns, frame.frame_id)

    def update_speech(self, event: SpeechEvent) -> None:
        """Take what hearing reports."""
        self._vision.update_speech(event)

    def estimate(self, utterance: Utterance) -> FaceEstimate:
        """Look at the images of an utterance, and tell whose face spoke it."""
        while self._frames and self._frames[0].stamp_ns <= utterance.end_ns + AFTER_NS:
            frame = self._frames.popleft()
            if frame.stamp_ns >= utterance.start_ns - BEFORE_NS:
                self._vision.update(frame)
        return self._vision.estimate(utterance)

    def reset(self) -> None:
        """Forget all images and faces."""
        self._frames.clear()
        self._vision.reset()
