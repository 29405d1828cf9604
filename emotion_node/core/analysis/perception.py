"""What is heard and seen of an utterance besides its words: voice, face, and whose they are."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

from emotion_node.config import DialogueConfig
from emotion_node.core.dialogue.speakers import Speakers
from emotion_node.core.timings import Timings
from emotion_node.core.voice.prosody import Prosody
from emotion_node.core.voice.vocal_cues import VocalCues, measure_utterance
from emotion_node.datatypes import FaceEstimate, ModalityEmotion, Reason, Utterance, VocalCue
from emotion_node.interfaces import Vision, VoiceEmotion
from emotion_node.labels import Modality


@dataclass(frozen=True, slots=True)
class Perceived:
    """What was heard and seen of an utterance besides its words.

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
    """What was heard of an utterance before it was known to have ended.

    Attributes:
        utterance: as it would be.
        voice: what the voice expresses.
        prosody: one, or none where measuring it failed.
    """

    utterance: Utterance
    voice: ModalityEmotion
    prosody: tuple[Prosody | None, ...]


class Guard:
    """Asks models; a fault in one takes out its answer for that utterance and nothing else.

    Args:
        timings: where the times go.
        on_fault: told of the stage and of what was raised.
    """

    def __init__(self, timings: Timings, on_fault: Callable[[str, Exception], None]) -> None:
        self.timings = timings
        self.on_fault = on_fault

    def ask(self, modality: Modality, estimate: Callable[[], ModalityEmotion]) -> ModalityEmotion:
        """Return an estimate, or its absence when the model fails."""
        try:
            with self.timings.measure(f'{modality} emotion'):
                return estimate()
        except Exception as error:  # noqa: BLE001  counted, reported, marked absent
            self.on_fault(modality, error)
            return ModalityEmotion.absent(modality, Reason.ERROR, f'{error}')

    def see(self, estimate: Callable[[], FaceEstimate]) -> FaceEstimate:
        """Return what is seen of a speaker, or its absence when that fails."""
        seen: list[FaceEstimate] = []

        def look() -> ModalityEmotion:
            seen.append(estimate())
            return seen[0].emotion

        emotion = self.ask(Modality.FACE, look)
        return seen[0] if seen else FaceEstimate(emotion)


class Perception:
    """Hears the voice, looks at the face and tells who speaks.

    Args:
        config: what tells speakers apart.
        voice, vision: emotion models, or None where there is none (`model_off`).
        guard: asks them.
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
        self._vocal_cues = VocalCues()
        self._prepared: _Prepared | None = None

    def prepare(self, utterance: Utterance) -> None:
        """Hear the voice of an utterance that may have ended, so that `perceive` need not."""
        prosody: list[Prosody | None] = []
        if self._voice is not None:
            with contextlib.suppress(Exception):  # told of when it is asked for in earnest
                prosody.append(measure_utterance(utterance))
        self._prepared = _Prepared(utterance, self._hear(utterance), tuple(prosody))

    def perceive(self, utterance: Utterance, final: bool) -> Perceived:
        """Return what is heard and seen.

        Args:
            utterance: it, or what there is of it so far.
            final: whether it is complete; else nothing is remembered of it.
        """
        vision = self._vision
        prepared = self._prepared
        if prepared is not None and prepared.utterance.holds_the_same(utterance):
            voice = prepared.voice
        else:
            prepared = self._prepared = None
            voice = self._hear(utterance)
        face = FaceEstimate(ModalityEmotion.absent(Modality.FACE, Reason.MODEL_OFF))
        if vision is not None:
            face = self._guard.see(lambda: vision.estimate(utterance))
        speaker_id = self._tell_speaker(utterance, face, final)
        if final:
            voice = self._add_cues(
                utterance, voice, speaker_id, prepared.prosody if prepared else ()
            )
        return Perceived(voice, face, speaker_id)

    def _hear(self, utterance: Utterance) -> ModalityEmotion:
        model = self._voice
        if model is None:
            return ModalityEmotion.absent(Modality.VOICE, Reason.MODEL_OFF)
        return self._guard.ask(Modality.VOICE, lambda: model.estimate(utterance))

    def _tell_speaker(self, utterance: Utterance, face: FaceEstimate, final: bool) -> str:
        try:
            with self._guard.timings.measure('speaker'):
                return self._speakers.identify(
                    utterance, face.face_id, face.speaker_confidence, learn=final
                )
        except Exception as error:  # noqa: BLE001  counted and reported; the speaker is unknown
            self._guard.on_fault('speaker', error)
            return ''

    def _add_cues(
        self,
        utterance: Utterance,
        voice: ModalityEmotion,
        speaker_id: str,
        measured: tuple[Prosody | None, ...],
    ) -> ModalityEmotion:
        if self._voice is None:
            return voice
        try:
            with self._guard.timings.measure('vocal cues'):
                prosody = measured[0] if measured else measure_utterance(utterance)
                cues: tuple[VocalCue, ...] = ()
                if prosody is not None:
                    cues = self._vocal_cues.compare(prosody, speaker_id, utterance.end_ns)
                return dataclasses.replace(voice, vocal_cues=cues)
        except Exception as error:  # noqa: BLE001  counted and reported; the estimate still stands
            self._guard.on_fault('voice', error)
            return voice

    def reset(self) -> None:
        """Forget everybody; the camera's state is not kept here."""
        self._speakers.reset()
        self._vocal_cues.reset()
        self._prepared = None
