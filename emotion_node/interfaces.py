"""What the pipeline asks of its parts.

A part is split in two where it has state: the *weights*, loaded once and shareable between
streams, and the *stream*, the state of one microphone or one camera.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from emotion_node.datatypes import (
    FaceEstimate,
    FacesReport,
    FloatArray,
    ModalityEmotion,
    ModelInfo,
    SpeechEvent,
    Transcript,
    Utterance,
    VideoFrame,
)
from emotion_node.faces import (
    Box,
    FaceDetection,
    FaceMesh,
    FaceRegion,
    FaceSequence,
    Image,
)


class Resampler(Protocol):
    """Converts mono audio of one rate to `SAMPLE_RATE`, chunk by chunk, without clicks."""

    def process(self, samples: FloatArray, last: bool = False) -> FloatArray:
        """Return what can be given out so far; with `last`, all the rest.

        Output sample k lies at the time of input time k / SAMPLE_RATE: the filter's delay shows
        in when samples come, never in where they belong.
        """
        ...


class VadStream(Protocol):
    """Voice activity detection over one microphone, frame by frame."""

    def probability(self, frame: FloatArray) -> float:
        """Return how likely it is, 0..1, that the frame of `Vad.frame_samples` holds speech."""
        ...

    def reset(self) -> None:
        """Forget all audio."""
        ...


class Vad(Protocol):
    """A voice activity detector's weights."""

    @property
    def name(self) -> str:
        """Name to show, e.g. "silero"."""
        ...

    @property
    def frame_samples(self) -> int:
        """Length of a frame in samples at `SAMPLE_RATE`."""
        ...

    @property
    def onset_delay_ns(self) -> int:
        """How late the start of speech shows in the probability, as measured."""
        ...

    @property
    def release_delay_ns(self) -> int:
        """How late the end of speech shows in the probability, as measured."""
        ...

    def stream(self) -> VadStream:
        """Return a new stream."""
        ...


class TranscriberStream(Protocol):
    """Transcription of one microphone, one utterance at a time."""

    def accept(self, samples: FloatArray) -> None:
        """Take the next (n,) samples of the current utterance."""
        ...

    def partial(self) -> Transcript:
        """Return the words so far (`final` is False)."""
        ...

    def peek_final(self) -> Transcript:
        """Return what `finish` would return if no more audio followed; the utterance goes on.

        A recogniser that cannot know this before the end returns the words so far instead
        (`final` is False). Any other returns the same from `finish` at once, unless more audio
        follows.
        """
        ...

    def finish(self) -> Transcript:
        """Return the words of the utterance, and be ready for the next one."""
        ...

    def reset(self) -> None:
        """Discard the current utterance."""
        ...


class Transcriber(Protocol):
    """A speech recogniser's weights."""

    @property
    def info(self) -> ModelInfo:
        """Name and version."""
        ...

    def stream(self) -> TranscriberStream:
        """Return a new stream."""
        ...


class TextEmotion(Protocol):
    """Emotion from words."""

    @property
    def info(self) -> ModelInfo:
        """Name and version."""
        ...

    def estimate(
        self, text: str, history: Sequence[Turn] = (), speaker_id: str = ''
    ) -> ModalityEmotion:
        """Return the emotion that `text` expresses.

        Args:
            text: the utterance, not empty.
            history: the dialogue before it, oldest first; a model without context ignores it.
            speaker_id: who speaks, as in the turns; empty when unknown.
        """
        ...


class Turn(Protocol):
    """One past utterance of the dialogue."""

    @property
    def speaker_id(self) -> str:
        """Who spoke; empty when unknown."""
        ...

    @property
    def text(self) -> str:
        """What was said."""
        ...


class VoiceEmotion(Protocol):
    """Emotion from how something is said."""

    @property
    def info(self) -> ModelInfo:
        """Name and version."""
        ...

    def estimate(self, utterance: Utterance) -> ModalityEmotion:
        """Return the emotion that the voice expresses."""
        ...


class FaceFinder(Protocol):
    """Face detection and face landmarks."""

    @property
    def info(self) -> ModelInfo:
        """Name and version of the landmark model."""
        ...

    def detect(self, image: Image, view: Box) -> list[FaceDetection]:
        """Return the faces within a part of the image, (height, width, 3) uint8 BGR."""
        ...

    def fit(self, image: Image, region: FaceRegion) -> FaceMesh | None:
        """Return the landmarks of the face in a region; None when there is none."""
        ...


class FaceEmotion(Protocol):
    """Emotion from what a face shows, first in each image, then over an utterance.

    What is kept of an image is a row of numbers, so that images need not be.
    """

    @property
    def info(self) -> ModelInfo:
        """Name and version."""
        ...

    @property
    def width(self) -> int:
        """Numbers in a row."""
        ...

    @property
    def period_ns(self) -> int:
        """A face need not be observed more often."""
        ...

    def observe(self, mesh: FaceMesh) -> FloatArray:
        """Return the (width,) float32 row of one face in one image."""
        ...

    def estimate(self, seen: FaceSequence) -> ModalityEmotion:
        """Return the emotion that a face shows over an utterance."""
        ...


class Vision(Protocol):
    """Everything seen by one camera: faces, their tracks, who of them speaks and how they look.

    `update` may be called by another thread than the rest.
    """

    @property
    def info(self) -> ModelInfo:
        """Name and version of what finds faces."""
        ...

    def update(self, frame: VideoFrame) -> FacesReport | None:
        """Take the next frame and return what is in it; None when it comes too late to count."""
        ...

    def update_speech(self, event: SpeechEvent) -> None:
        """Take what hearing reports, to see whose mouth goes with it."""
        ...

    def estimate(self, utterance: Utterance) -> FaceEstimate:
        """Return whose face spoke the utterance, and the expression on it."""
        ...

    def reset(self) -> None:
        """Forget all faces."""
        ...
