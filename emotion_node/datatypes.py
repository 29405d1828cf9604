"""The records that flow through the pipeline.

Stamps are `int` nanoseconds of acquisition on the clock that stamped the input; durations
are `int` nanoseconds too when their name ends in `_ns`, `float` seconds when it ends in `_s`.
Audio inside the pipeline is float32 mono at `SAMPLE_RATE`, full scale at -1..1.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from emotion_node.faces import FacePeak, SeenFace
from emotion_node.labels import LABELS, Modality, valence_arousal

SAMPLE_RATE: Final = 16_000
"""Sample rate of all audio after the resampler, in Hz."""

MIN_SAMPLE_RATE: Final = 8_000
MAX_SAMPLE_RATE: Final = 96_000
"""Limits of the sample rate of input audio, in Hz."""

NS_PER_S: Final = 1_000_000_000
NS_PER_MS: Final = 1_000_000
NS_PER_SAMPLE: Final = NS_PER_S // SAMPLE_RATE
"""62,500: a whole number, so sample counts convert to stamps without rounding."""

SCORE_FLOOR: Final = 1e-6
"""A label's probability counts as at least this: no modality can rule a label out."""

FloatArray = npt.NDArray[np.float32]


class ClockSource(enum.StrEnum):
    """Who stamped an input."""

    HEADER = 'header'
    """The publisher, in the message's header."""
    RECEIPT = 'receipt'
    """No one: it is the time of receipt minus the duration of the chunk."""
    FILE = 'file'
    """Position in a media file."""


class Reason(enum.StrEnum):
    """Why a modality is absent."""

    NONE = ''
    NO_FACE = 'no_face'
    SPEAKER_NOT_VISIBLE = 'speaker_not_visible'
    TOO_SHORT = 'too_short'
    NO_SPEECH_RECOGNISED = 'no_speech_recognised'
    LOW_CONFIDENCE = 'low_confidence'
    MODEL_OFF = 'model_off'
    TIMEOUT = 'timeout'
    ERROR = 'error'


class EndReason(enum.StrEnum):
    """Why an utterance ended where it did."""

    SILENCE = 'silence'
    """The speaker fell silent: the usual end."""
    MAX_LENGTH = 'max_length'
    """It became too long and was cut at its quietest point; the rest is the next utterance."""
    GAP = 'gap'
    """Audio went missing."""
    MUTED = 'muted'
    """The robot began to speak, or the node was disabled."""
    END = 'end'
    """The input ended."""


class ExpressionCheck(enum.StrEnum):
    """Whether the speaker's face shows the fused label."""

    NOT_CHECKED = ''
    """There is no fused label."""
    SHOWN = 'shown'
    PARTLY_SHOWN = 'partly_shown'
    NEUTRAL_FACE = 'neutral_face'
    """The face shows no expression, and the fused label is not neutral."""
    OTHER_EXPRESSION = 'other_expression'
    """The face clearly shows the expression of another label."""
    NOT_VISIBLE = 'not_visible'
    """The speaker's face is unknown, out of view, or in view too briefly."""


class AudibleOrVisible(enum.StrEnum):
    """Whether voice or face expresses the fused label plainly more than the other."""

    NONE = ''
    """Both about alike, one of them absent, or the fused label is neutral or empty."""
    MORE_AUDIBLE = 'more_audible'
    MORE_VISIBLE = 'more_visible'


class SpeechState(enum.IntEnum):
    """What a speech activity message reports."""

    STARTED = 0
    ENDED = 1
    DROPPED = 2
    """The sound was too short to be an utterance."""


@dataclass(frozen=True, slots=True)
class AudioChunk:
    """Audio as a microphone driver delivers it.

    Attributes:
        stamp_ns: acquisition time of the first sample.
        samples: (n, channels) int16 or float32 (full scale at -1..1); not copied, not modified.
        rate: samples per second and channel, 8,000 to 96,000.
        clock_source: who stamped it.
    """

    stamp_ns: int
    samples: npt.NDArray[np.int16] | FloatArray
    rate: int
    clock_source: ClockSource = ClockSource.HEADER

    @property
    def duration_ns(self) -> int:
        """Duration, rounded down to a nanosecond."""
        return len(self.samples) * NS_PER_S // self.rate


@dataclass(frozen=True, slots=True)
class VideoFrame:
    """One frame of a camera, decoded only when it is used.

    Attributes:
        stamp_ns: time of exposure.
        decode: returns the image as (height, width, 3) uint8 BGR, not to be changed; raises
            `ValueError` when the data cannot be decoded.
        frame_id: the coordinate frame of the camera; empty when unknown.
    """

    stamp_ns: int
    decode: Callable[[], npt.NDArray[np.uint8]]
    frame_id: str = ''


@dataclass(frozen=True, slots=True)
class Utterance:
    """A stretch of speech, from first to last sound.

    Attributes:
        utterance_id: unique within one run, counted from 1: "u1", "u2", ...
        start_ns: start of speech, without padding.
        end_ns: end of speech, without padding.
        decided_ns: stamp up to which audio had been received when the end was decided;
            `decided_ns - end_ns` is the endpointing latency.
        samples: (n,) float32 at `SAMPLE_RATE`, speech with its padding.
        samples_start_ns: stamp of `samples[0]`.
        end_reason: why it ended.
        clock_source: who stamped the audio.
        missing_ns: how much of the audio never came; silence stands in for it.
    """

    utterance_id: str
    start_ns: int
    end_ns: int
    decided_ns: int
    samples: FloatArray
    samples_start_ns: int
    end_reason: EndReason
    clock_source: ClockSource
    missing_ns: int = 0

    @property
    def samples_end_ns(self) -> int:
        """Stamp at which the samples end."""
        return self.samples_start_ns + len(self.samples) * NS_PER_SAMPLE

    @property
    def speech_slice(self) -> slice:
        """Where in `samples` the speech lies, without padding."""
        begin = max(0, (self.start_ns - self.samples_start_ns) // NS_PER_SAMPLE)
        return slice(begin, max(begin, (self.end_ns - self.samples_start_ns) // NS_PER_SAMPLE))

    @property
    def speech(self) -> FloatArray:
        """The samples from start to end of speech, without padding; not a copy."""
        return self.samples[self.speech_slice]

    def holds_the_same(self, other: Utterance) -> bool:
        """Return whether another is the same stretch of the same speech, whatever ended it."""
        return (
            self.utterance_id == other.utterance_id
            and (self.start_ns, self.end_ns) == (other.start_ns, other.end_ns)
            and self.samples_start_ns == other.samples_start_ns
            and len(self.samples) == len(other.samples)
        )


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Somebody began to speak.

    Attributes:
        utterance_id: of the utterance that has begun.
        start_ns: start of speech, without padding.
        decided_ns: stamp up to which audio had been received when this was decided.
        clock_source: who stamped the audio.
    """

    utterance_id: str
    start_ns: int
    decided_ns: int
    clock_source: ClockSource = ClockSource.HEADER


@dataclass(frozen=True, slots=True)
class SpeechAudio:
    """Audio of the utterance under way, padding and pauses included, without holes or overlaps.

    Audio after the padding of a pause is reported only if speech resumes.

    Attributes:
        utterance_id: of the utterance it belongs to.
        stamp_ns: stamp of the first sample.
        samples: (n,) float32 at `SAMPLE_RATE`.
    """

    utterance_id: str
    stamp_ns: int
    samples: FloatArray


@dataclass(frozen=True, slots=True)
class SpeechPaused:
    """Speech has paused for long enough that, if it ends here, the utterance's audio is complete.

    Attributes:
        utterance: as it is if it ends here, apart from `decided_ns` and `end_reason`.
    """

    utterance: Utterance


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """An utterance is complete."""

    utterance: Utterance


@dataclass(frozen=True, slots=True)
class SpeechDropped:
    """What had begun as an utterance turned out too short to be one.

    Attributes:
        utterance_id: as in its `SpeechStarted`; it will not be used again.
        end_ns: end of the sound.
        decided_ns: stamp up to which audio had been received when this was decided.
    """

    utterance_id: str
    end_ns: int
    decided_ns: int


@dataclass(frozen=True, slots=True)
class SilenceRequired:
    """The reply to a `SpeechPaused`: how long this pause must last to end the utterance.

    Attributes:
        utterance_id: of the utterance.
        silence_ns: from the end of speech on.
    """

    utterance_id: str
    silence_ns: int


SpeechEvent = SpeechStarted | SpeechAudio | SpeechPaused | SpeechEnded | SpeechDropped
"""What hearing reports, in order: STARTED, then AUDIO and PAUSED, then ENDED or DROPPED, per
utterance."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said.

    Attributes:
        text: the words; empty when none were recognised.
        confidence: 0..1, of the recogniser.
        locale: BCP 47 language tag such as "en"; empty when unknown.
        final: False while the speaker is still speaking.
        reason: why there are no words, or why they cannot be used; `Reason.NONE` when they can.
        detail: what went wrong when `reason` is `Reason.ERROR`, in words for the user.
    """

    text: str
    confidence: float
    locale: str
    final: bool = True
    reason: Reason = Reason.NONE
    detail: str = ''


@dataclass(frozen=True, slots=True)
class FacialCue:
    """One visible movement of the face.

    Attributes:
        name: as in the Facial Action Coding System, e.g. "lip corner puller".
        action_unit: its FACS number.
        intensity: 0..1.
    """

    name: str
    action_unit: int
    intensity: float


@dataclass(frozen=True, slots=True)
class VocalCue:
    """One property of the voice over one utterance.

    Attributes:
        name: pitch, pitch range, loudness or speaking rate.
        value: in `unit`.
        unit: Hz, semitones, dBFS or syllables/s.
        deviation: from this speaker's running normal, in `deviation_unit`; 0 while there is none.
        deviation_unit: semitones, dB or percent.
        normal_utterances: past utterances of this speaker that the normal is computed from; 0
            while there is none.
    """

    name: str
    value: float
    unit: str
    deviation: float
    deviation_unit: str
    normal_utterances: int


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Which model made an estimate."""

    name: str = ''
    version: str = ''


@dataclass(frozen=True, slots=True)
class ModalityEmotion:
    """The emotion that one modality of one utterance expresses, or why it is absent.

    Attributes:
        modality: text, voice or face.
        scores: (7,) probabilities in the order of `labels.LABELS`, or None when absent.
        reason: why it is absent; `Reason.NONE` when it is there.
        valence, arousal: -1..1.
        reliability: 0..1, how far the scores can be relied on: how similar the input is to the
            model's training data, and its quality; 0 when that is not known. Scales the weight in
            the fusion.
        weight: share in the fusion, 0..1; 0 when absent.
        model: which model made the estimate.
        inference_ns: time the model took; for a face, over all frames of the utterance that it
            was given, and at the end.
        samples_used: amount of input: tokens, audio samples or video frames.
        vocal_cues: pitch, loudness and pace (voice only).
        facial_cues: facial movements (face only).
        detail: what went wrong when `reason` is `Reason.ERROR`, in words for the user.
    """

    modality: Modality
    scores: FloatArray | None = None
    reason: Reason = Reason.NONE
    valence: float = 0.0
    arousal: float = 0.0
    reliability: float = 1.0
    weight: float = 0.0
    model: ModelInfo = field(default_factory=ModelInfo)
    inference_ns: int = 0
    samples_used: int = 0
    vocal_cues: Sequence[VocalCue] = ()
    facial_cues: Sequence[FacialCue] = ()
    detail: str = ''

    @classmethod
    def absent(
        cls,
        modality: Modality,
        reason: Reason,
        detail: str = '',
        model: ModelInfo | None = None,
        reliability: float = 0.0,
    ) -> ModalityEmotion:
        """Return an absent modality, with its reason."""
        return cls(
            modality,
            reason=reason,
            detail=detail,
            model=model or ModelInfo(),
            reliability=reliability,
        )

    @classmethod
    def from_scores(
        cls,
        modality: Modality,
        scores: FloatArray,
        model: ModelInfo,
        samples_used: int = 0,
    ) -> ModalityEmotion:
        """Return an estimate whose valence and arousal are those expected under its scores."""
        valence, arousal = valence_arousal(scores)
        return cls(
            modality,
            scores=scores,
            valence=valence,
            arousal=arousal,
            model=model,
            samples_used=samples_used,
        )

    @property
    def available(self) -> bool:
        """Whether the modality has scores."""
        return self.scores is not None

    @property
    def label(self) -> str:
        """Most likely label, or an empty string when absent."""
        return '' if self.scores is None else LABELS[int(np.argmax(self.scores))]

    @property
    def confidence(self) -> float:
        """Probability of `label`, or 0 when absent."""
        return 0.0 if self.scores is None else float(np.max(self.scores))


@dataclass(frozen=True, slots=True)
class FaceEstimate:
    """The face of the speaker of an utterance.

    Attributes:
        emotion: of the face; has facial cues even without an expression model.
        face_id: the speaker's face; empty when it is unknown.
        speaker_confidence: 0..1, that it is the speaker's.
        peaks: the frame of the utterance in which the face shows each emotion most, in the order
            of `labels.LABELS` (for neutral: in which it shows any expression most); empty when
            the face is visible in too few frames.
    """

    emotion: ModalityEmotion
    face_id: str = ''
    speaker_confidence: float = 0.0
    peaks: tuple[FacePeak, ...] = ()


class Trigger(enum.StrEnum):
    """What triggered a report of an emotion: the end of the utterance, or a fixed period."""

    FINAL = 'final'
    INTERIM = 'interim'


@dataclass(frozen=True, slots=True)
class FusedScores:
    """The fused emotion of an utterance.

    Attributes:
        scores: (7,) probabilities in the order of `labels.LABELS`, or None when every modality
            is absent.
        valence, arousal: -1..1.
        text, voice, face: the modalities, with the weight each had.
        min_confidence: below this confidence there is no label.
        expression_check: whether the face shows `label`.
        shown_expression: the label that the face shows: `label` itself when it is shown or partly
            shown, "neutral" for a neutral face, the other one for another expression; empty when
            the face is not visible or was not checked.
        audible_or_visible: whether voice or face expresses `label` plainly more than the other.
    """

    scores: FloatArray | None
    valence: float
    arousal: float
    text: ModalityEmotion
    voice: ModalityEmotion
    face: ModalityEmotion
    min_confidence: float = 0.0
    expression_check: ExpressionCheck = ExpressionCheck.NOT_CHECKED
    shown_expression: str = ''
    audible_or_visible: AudibleOrVisible = AudibleOrVisible.NONE

    @property
    def modalities(self) -> tuple[ModalityEmotion, ModalityEmotion, ModalityEmotion]:
        """Text, voice and face, in the order of `labels.MODALITIES`."""
        return self.text, self.voice, self.face

    @property
    def label(self) -> str:
        """Most likely label, or an empty string when nothing is known or it is too uncertain."""
        if self.scores is None or self.confidence < self.min_confidence:
            return ''
        return LABELS[int(np.argmax(self.scores))]

    @property
    def confidence(self) -> float:
        """Probability of the most likely label, or 0 when nothing is known."""
        return 0.0 if self.scores is None else float(np.max(self.scores))


@dataclass(frozen=True, slots=True)
class EmotionReport:
    """One utterance's fused emotion with its evidence.

    Attributes:
        utterance_id: as in the speech events.
        trigger: final, or interim while the speaker still speaks.
        start_ns, end_ns: speech without padding; for an interim report, `end_ns` is the end of
            the audio so far.
        transcript: what was said.
        fused: the fused emotion and its evidence.
        end_reason: why the utterance ended (`EndReason.SILENCE` for an interim report).
        clock_source: who stamped the audio.
        endpointing_ns: from the end of speech until the end was decided.
        transcription_ns: from then until the transcript was there.
        processing_ns: from then until this report, transcription included.
        speaker_id, face_id: empty when unknown.
        speaker_confidence: 0..1, that `face_id` is the speaker's.
        peak: the frame in which the speaker's face shows the fused label most, or the expression
            that it shows instead; None when there is none. Not published.
    """

    utterance_id: str
    trigger: Trigger
    start_ns: int
    end_ns: int
    transcript: Transcript
    fused: FusedScores
    end_reason: EndReason
    clock_source: ClockSource
    endpointing_ns: int = 0
    transcription_ns: int = 0
    processing_ns: int = 0
    speaker_id: str = ''
    face_id: str = ''
    speaker_confidence: float = 0.0
    peak: FacePeak | None = None


@dataclass(frozen=True, slots=True)
class TranscriptReport:
    """A transcript and the utterance it belongs to; `stamp_ns` is the end of what it covers."""

    utterance_id: str
    stamp_ns: int
    transcript: Transcript


@dataclass(frozen=True, slots=True)
class FacesReport:
    """The faces in one frame, or why faces are not detected.

    Attributes:
        stamp_ns: of the frame.
        frame_id: the coordinate frame of the camera.
        faces: those that are tracked in it.
        reason: why there can be none; `Reason.NONE` when faces are tracked.
    """

    stamp_ns: int
    frame_id: str = ''
    faces: tuple[SeenFace, ...] = ()
    reason: Reason = Reason.NONE


Report = (
    SpeechStarted | SpeechEnded | SpeechDropped | TranscriptReport | EmotionReport | FacesReport
)
"""What the pipeline reports."""
