"""What is known of an utterance besides its words: voice, face, and who speaks."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from emotion_node.config import DialogueConfig
from emotion_node.core.analysis.guard import Guard, failed
from emotion_node.core.dialogue.speakers import Speakers
from emotion_node.core.voice.prosody import Prosody, measure_prosody
from emotion_node.core.voice.usual_voice import UsualVoice
from emotion_node.core.voice.vocal_cues import VocalCues
from emotion_node.datatypes import (
    FaceEstimate,
    FloatArray,
    HeardVoice,
    ModalityEmotion,
    Reason,
    Utterance,
    VocalCue,
    VoiceEstimate,
)
from emotion_node.interfaces import Vision, VoiceEmotion
from emotion_node.labels import Modality


@dataclass(frozen=True, slots=True)
class Perceived:
    """What is known of an utterance besides its words.

    Attributes:
        voice: what the voice expresses.
        face: what the face expresses, and whose it is.
        speaker_id: who spoke; empty when unknown.
    """

    voice: ModalityEmotion
    face: FaceEstimate
    speaker_id: str = ''


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What is known of the voice before the utterance is known to have ended.

    Attributes:
        utterance: as it would be.
        speaker_id: who is likely to speak.
        heard: what was heard of that speaker before; None for nothing.
        voice: what the voice model says of it.
        prosody: of the voice; None where it has none that can be measured, or measuring failed.
    """

    utterance: Utterance
    speaker_id: str
    heard: HeardVoice | None
    voice: VoiceEstimate
    prosody: Prosody | None


class Perception:
    """Estimates the emotion of voice and face, and finds out who speaks.

    Args:
        config: how speakers are told apart.
        voice, vision: emotion models, or None where there is none (`model_off`).
        guard: calls them.
    """

    def __init__(
        self,
        config: DialogueConfig,
        voice: VoiceEmotion | None,
        vision: Vision | None,
        guard: Guard,
    ) -> None:
        self._voice = voice
        self._vision = vision
        self._guard = guard
        self._speakers = Speakers(config)
        self._usual = UsualVoice()
        self._vocal_cues = VocalCues()
        self._prepared: _Prepared | None = None

    def prepare(self, utterance: Utterance) -> Perceived:
        """Return what is known of an utterance that may have ended.

        Its voice is remembered, so that `perceive` need not analyse it again, unless somebody
        else turns out to speak.
        """
        face, speaker_id = self._find_speaker(utterance, final=False)
        heard = self._usual.of(speaker_id, utterance.end_ns)
        voice = self._estimate_voice(utterance, heard)
        prosody = self._measure_prosody(utterance)
        self._prepared = _Prepared(utterance, speaker_id, heard, voice, prosody)
        return Perceived(voice.emotion, face, speaker_id)

    def perceive(self, utterance: Utterance, final: bool) -> Perceived:
        """Return what is known of an utterance.

        Args:
            utterance: it, or what there is of it so far.
            final: whether it is complete; if not, nothing is remembered of it.
        """
        prepared = self._prepared
        if prepared is None or not prepared.utterance.holds_the_same(utterance):
            prepared = self._prepared = None
        face, speaker_id = self._find_speaker(utterance, final)
        heard = self._usual.of(speaker_id, utterance.end_ns)
        if prepared is not None and (
            prepared.speaker_id == speaker_id or prepared.heard is heard is None
        ):
            voice = prepared.voice
        else:
            voice = self._estimate_voice(utterance, heard)
        emotion = voice.emotion
        if final:
            emotion = self._remember(utterance, prepared, voice, speaker_id)
        return Perceived(emotion, face, speaker_id)

    def _remember(
        self,
        utterance: Utterance,
        prepared: _Prepared | None,
        voice: VoiceEstimate,
        speaker_id: str,
    ) -> ModalityEmotion:
        """Add an utterance to what is usual for its speaker; return its emotion with cues."""
        if voice.features is not None:
            self._usual.add(voice.features, speaker_id, utterance.end_ns)
        prosody = prepared.prosody if prepared else self._measure_prosody(utterance)
        if prosody is None:
            return voice.emotion
        cues = self._compare_prosody(prosody, speaker_id, utterance.end_ns)
        return dataclasses.replace(voice.emotion, vocal_cues=cues)

    def reset(self) -> None:
        """Forget all speakers; `vision` keeps its own state."""
        self._speakers.reset()
        self._usual.reset()
        self._vocal_cues.reset()
        self._prepared = None

    def _estimate_voice(self, utterance: Utterance, heard: HeardVoice | None) -> VoiceEstimate:
        model = self._voice
        if model is None:
            return VoiceEstimate.absent(Reason.MODEL_OFF)
        features: FloatArray | None = None

        def ask() -> ModalityEmotion:
            nonlocal features
            found = model.estimate(utterance, heard)
            features = found.features
            return found.emotion

        return VoiceEstimate(self._guard.ask(Modality.VOICE, ask), features)

    def _find_speaker(self, utterance: Utterance, final: bool) -> tuple[FaceEstimate, str]:
        """Return what the speaker's face expresses, and who that is."""
        face = self._estimate_face(utterance)
        speaker_id = self._guard.attempt(
            'speaker',
            lambda: self._speakers.identify(face.face_id, face.speaker_confidence, learn=final),
            lambda error: '',
        )
        return face, speaker_id

    def _estimate_face(self, utterance: Utterance) -> FaceEstimate:
        vision = self._vision
        if vision is None:
            return FaceEstimate(ModalityEmotion.absent(Modality.FACE, Reason.MODEL_OFF))
        return self._guard.attempt(
            'face emotion',
            lambda: vision.estimate(utterance),
            lambda error: FaceEstimate(failed(Modality.FACE, error)),
        )

    def _measure_prosody(self, utterance: Utterance) -> Prosody | None:
        if self._voice is None:
            return None
        return self._guard.attempt(
            'vocal cues', lambda: measure_prosody(utterance.speech), lambda error: None
        )

    def _compare_prosody(
        self, prosody: Prosody, speaker_id: str, end_ns: int
    ) -> tuple[VocalCue, ...]:
        return self._guard.catch(
            'vocal cues',
            lambda: self._vocal_cues.compare(prosody, speaker_id, end_ns),
            lambda error: (),
        )
