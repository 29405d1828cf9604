"""The words and emotions of an utterance: of each modality, and fused."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from emotion_node.datatypes.units import FloatArray
from emotion_node.faces import FacePeak
from emotion_node.labels import LABELS, Modality, valence_arousal

TRANSLATION_LOCALE: Final = 'en'
"""BCP 47 tag of the language that words are translated to."""


class Reason(enum.StrEnum):
    """Why a modality is absent."""

    NONE = ''
    NO_IMAGE = 'no_image'
    """No image of the camera could be used: none came in time, or the camera was frozen."""
    NO_FACE = 'no_face'
    SPEAKER_NOT_VISIBLE = 'speaker_not_visible'
    TOO_SHORT = 'too_short'
    NO_SPEECH_RECOGNISED = 'no_speech_recognised'
    LOW_CONFIDENCE = 'low_confidence'
    LANGUAGE = 'language'
    """The words are in a language that the text model does not know."""
    MODEL_OFF = 'model_off'
    TIMEOUT = 'timeout'
    ERROR = 'error'


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
        translation: the words in English, which the text model reads instead of `text`; empty
            where there is none.
    """

    text: str
    confidence: float
    locale: str
    final: bool = True
    reason: Reason = Reason.NONE
    detail: str = ''
    translation: str = ''

    @property
    def read_text(self) -> str:
        """The words that the text model reads."""
        return self.translation or self.text

    @property
    def read_locale(self) -> str:
        """BCP 47 tag of the language of `read_text`; empty when unknown."""
        return TRANSLATION_LOCALE if self.translation else self.locale


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

    def __str__(self) -> str:
        return f'{self.name} {self.version}'.strip()


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
        detail: what went wrong when `reason` is `Reason.ERROR` or `Reason.NO_IMAGE`, in words for
            the user; the language of the words when it is `Reason.LANGUAGE`.
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
