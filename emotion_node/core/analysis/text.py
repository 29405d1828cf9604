"""The emotion of what was said, asked of the text model once per text."""

from __future__ import annotations

from dataclasses import dataclass

from emotion_node.core.analysis.guard import Guard
from emotion_node.core.analysis.reliability import adjust_text_reliability
from emotion_node.core.dialogue.turns import Dialogue, DialogueTurn
from emotion_node.datatypes import ModalityEmotion, Reason, Transcript, is_known
from emotion_node.interfaces import TextEmotion
from emotion_node.labels import Modality


@dataclass(frozen=True, slots=True)
class _Estimated:
    """What the model was given, and its answer."""

    text: str
    history: tuple[DialogueTurn, ...]
    speaker_id: str
    emotion: ModalityEmotion


class TextEstimator:
    """Asks the text model, but not twice in a row about the same text in the same dialogue.

    Args:
        model: text emotion model, or None where there is none (`model_off`).
        dialogue: the dialogue so far.
        guard: calls the model.
        min_confidence: the model is not asked about transcripts below it.
        max_characters: of a text, the model gets this many at most, so that no text that a peer
            sends, however long, takes more time or memory.
    """

    def __init__(
        self,
        model: TextEmotion | None,
        dialogue: Dialogue,
        guard: Guard,
        min_confidence: float,
        max_characters: int,
    ) -> None:
        self.model = model
        self._dialogue = dialogue
        self._guard = guard
        self._min_confidence = min_confidence
        self._max_characters = max_characters
        self._last: _Estimated | None = None

    def estimate(self, transcript: Transcript, speaker_id: str, start_ns: int) -> ModalityEmotion:
        """Return the emotion of a transcript, or why there is none.

        Args:
            transcript: what was said.
            speaker_id: by whom; empty when unknown.
            start_ns: start of the utterance: what was said before is its dialogue.
        """
        if self.model is None:
            return ModalityEmotion.absent(Modality.TEXT, Reason.MODEL_OFF)
        reason = transcript.reason
        if reason is Reason.NONE and not transcript.text.strip():
            reason = Reason.NO_SPEECH_RECOGNISED
        if reason is Reason.NONE and transcript.confidence < self._min_confidence:
            reason = Reason.LOW_CONFIDENCE
        detail = transcript.detail
        if reason is Reason.NONE and not is_known(transcript.read_locale, self.model.languages):
            reason, detail = Reason.LANGUAGE, transcript.read_locale
        if reason is not Reason.NONE:
            return ModalityEmotion.absent(Modality.TEXT, reason, detail, self.model.info)
        emotion = self._ask(self.model, transcript.read_text, speaker_id, start_ns)
        return adjust_text_reliability(emotion, transcript)

    def prepare(self, transcript: Transcript, speaker_id: str, start_ns: int) -> None:
        """Ask the model in advance what `estimate` asks it if this is the final transcript."""
        model = self.model
        if model is None or not transcript.text.strip():
            return
        if is_known(transcript.read_locale, model.languages):
            self._ask(model, transcript.read_text, speaker_id, start_ns)

    def estimate_text(self, text: str) -> ModalityEmotion:
        """Return the emotion of a text, of its first `max_characters`, outside of the dialogue.

        May be called by another thread than the rest.
        """
        if not text.strip():
            return ModalityEmotion.absent(Modality.TEXT, Reason.NO_SPEECH_RECOGNISED)
        if self.model is None:
            return ModalityEmotion.absent(Modality.TEXT, Reason.MODEL_OFF)
        return self.model.estimate(text[: self._max_characters])

    def _ask(
        self, model: TextEmotion, text: str, speaker_id: str, start_ns: int
    ) -> ModalityEmotion:
        text = text[: self._max_characters]
        history = tuple(self._dialogue.before(start_ns))
        last = self._last
        if last is not None and (last.text, last.speaker_id) == (text, speaker_id):
            same = len(last.history) == len(history) and all(
                one is other for one, other in zip(last.history, history, strict=True)
            )
            if same:
                return last.emotion
        emotion = self._guard.ask(Modality.TEXT, lambda: model.estimate(text, history, speaker_id))
        self._last = _Estimated(text, history, speaker_id, emotion)
        return emotion
