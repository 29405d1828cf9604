"""From the words, voice and face of an utterance to its emotion report."""

from __future__ import annotations

import dataclasses

from emotion_node.config import Config, FusionConfig
from emotion_node.core.analysis.fusion import Fusion
from emotion_node.core.analysis.guard import Guard
from emotion_node.core.analysis.perception import Perceived
from emotion_node.core.analysis.reliability import (
    adjust_face_reliability,
    adjust_voice_reliability,
)
from emotion_node.core.analysis.text import TextEstimator
from emotion_node.core.dialogue.turns import Dialogue, DialogueTurn
from emotion_node.core.vision.expression_check import audible_or_visible, check
from emotion_node.datatypes import (
    EmotionReport,
    ExpressionCheck,
    FaceEstimate,
    FusedScores,
    ModalityEmotion,
    Reason,
    Transcript,
    Trigger,
    Utterance,
)
from emotion_node.faces import FacePeak
from emotion_node.labels import LABELS


class EmotionReporter:
    """Fuses what is known of an utterance, in its dialogue.

    Args:
        config: parameters of fusion and dialogue.
        text: estimates the emotion of the words.
        dialogue: the turns before the utterance.
        guard: times.
    """

    def __init__(
        self, config: Config, text: TextEstimator, dialogue: Dialogue, guard: Guard
    ) -> None:
        self._text = text
        self._dialogue = dialogue
        self._timings = guard.timings
        self._fusion = Fusion(config.fusion)

    def change(self, fusion: FusionConfig) -> None:
        """Fuse by other parameters from the next report on."""
        self._fusion = Fusion(fusion)

    def report(
        self,
        trigger: Trigger,
        utterance: Utterance,
        transcript: Transcript,
        perceived: Perceived,
        transcription_ns: int,
        begin: int,
    ) -> EmotionReport:
        """Return the report of an utterance.

        Args:
            trigger: final, or interim for an utterance under way.
            utterance: it, or what there is of it so far.
            transcript: its words, or those so far.
            perceived: its voice, face and speaker.
            transcription_ns: what the transcript took.
            begin: when work on the report began, on the clock of the timings.
        """
        text = self._text.estimate(transcript, perceived.speaker_id, utterance.start_ns)
        with self._timings.measure('fusion'):
            fused, peak = self._fuse(utterance, text, perceived)
        return EmotionReport(
            utterance.utterance_id,
            trigger,
            utterance.start_ns,
            utterance.end_ns,
            transcript,
            fused,
            utterance.end_reason,
            utterance.clock_source,
            endpointing_ns=utterance.decided_ns - utterance.end_ns,
            transcription_ns=transcription_ns,
            processing_ns=self._timings.clock() - begin,
            speaker_id=perceived.speaker_id,
            face_id=perceived.face.face_id,
            speaker_confidence=perceived.face.speaker_confidence,
            peak=peak,
            missing_audio=utterance.missing_share,
        )

    def _fuse(
        self, utterance: Utterance, text: ModalityEmotion, perceived: Perceived
    ) -> tuple[FusedScores, FacePeak | None]:
        fused = self._fusion.fuse(
            text,
            adjust_voice_reliability(perceived.voice, utterance),
            adjust_face_reliability(perceived.face),
        )
        return check_expression(fused, perceived.face)


def check_expression(
    fused: FusedScores, face: FaceEstimate
) -> tuple[FusedScores, FacePeak | None]:
    """Return the fused emotion with whether the face shows it, and the frame that shows most."""
    answer = check(fused.label, fused.face.facial_cues if face.peaks else ())
    checked = dataclasses.replace(
        fused,
        expression_check=answer.result,
        shown_expression=answer.shown_expression,
        audible_or_visible=audible_or_visible(fused.label, fused.voice, fused.face),
    )
    if not face.peaks or not fused.label:
        return checked, None
    other = answer.result is ExpressionCheck.OTHER_EXPRESSION
    expression = answer.shown_expression if other else fused.label
    return checked, face.peaks[LABELS.index(expression)]


def as_turn(report: EmotionReport) -> DialogueTurn:
    """Return a final report as a turn of the dialogue."""
    return DialogueTurn(
        report.utterance_id,
        report.speaker_id,
        report.start_ns,
        report.end_ns,
        # Words that the text model does not know mean nothing to it in the dialogue either.
        '' if report.fused.text.reason is Reason.LANGUAGE else report.transcript.read_text,
        report.fused.label,
        report.fused.scores,
        report.fused.valence,
        report.fused.arousal,
    )
