"""Interfaces of the models that the pipeline uses.

A part is split in two where it has state: the *weights*, loaded once and shareable between
streams, and the *stream*, the state of one microphone or one camera.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from emotion_node.datatypes import (
    FaceEstimate,
    FacesReport,
    FloatArray,
    HeardVoice,
    ModalityEmotion,
    ModelInfo,
    SpeechEvent,
    Transcript,
    Utterance,
    VideoFrame,
    VisionHealth,
    VoiceEstimate,
)
from emotion_node.faces import (
    Box,
    FaceDetection,
    FaceMesh,
    FaceRegion,
    FaceSequence,
    Image,
    KeptFace,
)


class Resampler(Protocol):
    """Converts mono audio of one rate to `SAMPLE_RATE`, chunk by chunk, without clicks."""

    def process(self, samples: FloatArray, last: bool = False) -> FloatArray:
        """Return the samples that are complete so far; with `last`, all the rest.

        Output sample k belongs to the input time k / SAMPLE_RATE. The filter delays when samples
        are returned, but does not shift them in time.
        """
        ...


class VadStream(Protocol):
    """Voice activity detection over one microphone, frame by frame."""

    def probability(self, frame: FloatArray) -> float:
        """Return the probability, 0..1, that a frame of `Vad.frame_samples` samples is speech."""
        ...

    def reset(self) -> None:
        """Forget all audio."""
        ...


class Vad(Protocol):
    """A voice activity detector's weights."""

    @property
    def name(self) -> str:
        """Display name, e.g. "silero"."""
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


def always() -> bool:
    """Return True."""
    return True


class TranscriberStream(Protocol):
    """Transcription of one microphone, one utterance at a time."""

    def accept(self, samples: FloatArray) -> None:
        """Take the next (n,) samples of the current utterance."""
        ...

    def partial(self, wanted: Callable[[], bool] = always) -> Transcript:
        """Return the words so far (`final` is False).

        Args:
            wanted: asked between two steps of the work whether the words are still of use.

        Raises:
            PassAbandoned: they are not.
        """
        ...

    def peek_final(self, wanted: Callable[[], bool] = always) -> Transcript:
        """Return what `finish` would return if no more audio followed; the utterance goes on.

        Takes and raises the same as `partial`.

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

    @property
    def languages(self) -> Collection[str]:
        """Languages of the words that it knows, as `primary_language` returns them; empty: all."""
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

    def estimate(self, utterance: Utterance, heard: HeardVoice | None = None) -> VoiceEstimate:
        """Return the emotion that a voice expresses, and what it adds to what is usual.

        Args:
            utterance: the speech.
            heard: mean of the `features` of what was heard of the speaker before.
        """
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

    def fit(self, image: Image, region: FaceRegion, detailed: bool = True) -> FaceMesh | None:
        """Return the landmarks of the face in a region; None when there is none.

        Args:
            image: (height, width, 3) uint8 BGR.
            region: where it should be.
            detailed: whether also what takes extra time is found, `detail` and `blendshapes`.
        """
        ...


class FaceEmotion(Protocol):
    """Emotion of a face: what is kept of each frame, an answer about it, one about an utterance.

    Most frames show faces whose expression nobody asks about. So little is done about each, and
    little is kept of it; `observe` is called once the face is known to be the speaker's.
    """

    @property
    def info(self) -> ModelInfo:
        """Name and version."""
        ...

    @property
    def width(self) -> int:
        """Length of a row."""
        ...

    @property
    def period_ns(self) -> int:
        """Minimum time between two frames in which a face is observed."""
        ...

    def keep(self, mesh: FaceMesh) -> KeptFace:
        """Return what `observe` needs of one face in one frame: a small image, or numbers."""
        ...

    def observe(self, kept: KeptFace) -> FloatArray:
        """Return the (width,) float32 row of one face in one frame.

        May be called by another thread than `keep`.
        """
        ...

    def estimate(self, seen: FaceSequence) -> ModalityEmotion:
        """Return the emotion that a face expresses over an utterance."""
        ...


class Vision(Protocol):
    """The faces in front of one camera: their tracks, which one speaks, and their expressions.

    `update` may be called by another thread than the rest.
    """

    @property
    def info(self) -> ModelInfo:
        """Name and version of the face finder."""
        ...

    @property
    def health(self) -> VisionHealth:
        """How far the frames can be used; may be read by any thread."""
        ...

    def update(self, frame: VideoFrame) -> FacesReport | None:
        """Take the next frame and return its faces; None when it comes too late to be used."""
        ...

    def update_speech(self, event: SpeechEvent) -> None:
        """Take the next speech event, to find the mouth that moves with the speech."""
        ...

    def estimate(self, utterance: Utterance) -> FaceEstimate:
        """Return the face of the speaker of an utterance, and its expression."""
        ...

    def look(self, face_id: str, stamp_ns: int) -> ModalityEmotion:
        """Return what a face expresses at a stamp, whether it speaks or not."""
        ...

    def reset(self) -> None:
        """Forget all faces."""
        ...
