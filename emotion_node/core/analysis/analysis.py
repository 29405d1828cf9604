"""From speech events to emotion reports: transcription, the three models, fusion."""

from __future__ import annotations

import dataclasses
import enum
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from emotion_node.config import Config
from emotion_node.core.analysis.external_transcripts import OutsideWords, Pending
from emotion_node.core.analysis.fusion import Fusion
from emotion_node.core.analysis.perception import Guard, Perceived, Perception
from emotion_node.core.analysis.reliability import rely_on_face, rely_on_voice
from emotion_node.core.analysis.speculation import Speculation
from emotion_node.core.analysis.text import Reading
from emotion_node.core.analysis.transcription import Words, no_words
from emotion_node.core.dialogue.reaction import Reaction, find_reaction
from emotion_node.core.dialogue.transitions import TransitionFilter
from emotion_node.core.dialogue.turns import Dialogue, DialogueTurn
from emotion_node.core.hearing.endpointing import Endpointing, gather_evidence
from emotion_node.core.timings import Clock, Timings
from emotion_node.core.vision.expression_check import audible_or_visible, check
from emotion_node.datatypes import (
    NS_PER_S,
    NS_PER_SAMPLE,
    ClockSource,
    EmotionReport,
    EndReason,
    ExpressionCheck,
    FaceEstimate,
    FacesReport,
    FloatArray,
    FusedScores,
    ModalityEmotion,
    Reason,
    Report,
    SilenceRequired,
    SpeechAudio,
    SpeechDropped,
    SpeechEnded,
    SpeechEvent,
    SpeechPaused,
    SpeechStarted,
    Transcript,
    TranscriptReport,
    Trigger,
    Utterance,
    VideoFrame,
)
from emotion_node.faces import FacePeak
from emotion_node.interfaces import TextEmotion, Transcriber, Vision, VoiceEmotion
from emotion_node.labels import LABELS

FaultHandler = Callable[[str, Exception], None]
"""Told of a fault: the stage ("transcription", "text", "voice", "face", "speaker") and what was
raised."""


class Load(enum.IntEnum):
    """How far analysis is behind, and so what it gives up."""

    NORMAL = 0
    NO_INTERIM = 1
    """Interim estimates are given up."""
    NO_TRANSCRIPT = 2
    """Transcripts too; they are then absent with reason timeout. Utterances never are."""


@dataclass(slots=True)
class _Open:
    """The utterance under way."""

    utterance_id: str
    start_ns: int
    heard_ns: int
    next_interim_ns: int
    clock_source: ClockSource
    audio: list[FloatArray] = field(default_factory=list)
    audio_start_ns: int = 0


class Analysis:
    """Turns the speech events of one microphone into reports, in order.

    A fault in one part takes out that part for that utterance: it is counted in `counters`,
    handed to `on_fault`, and the modality is absent with reason error.

    Args:
        config: parameters.
        transcriber: speech recogniser, or None for none (text then is off, or comes in by
            `transcript_in` when `config.transcriber.backend` is "topic").
        text, voice, vision: emotion models, or None where there is none (`model_off`).
        clock: measures durations; never used for stamps.
        on_fault: told of faults.
        timings: where times are added up; by default, its own.
    """

    def __init__(
        self,
        config: Config,
        transcriber: Transcriber | None,
        text: TextEmotion | None,
        voice: VoiceEmotion | None,
        vision: Vision | None,
        clock: Clock,
        on_fault: FaultHandler | None = None,
        timings: Timings | None = None,
    ) -> None:
        self.timings = timings or Timings(clock)
        self.counters: Counter[str] = Counter()
        self._clock = clock
        self._on_fault = on_fault
        self._words = Words(
            transcriber,
            self.timings,
            self.counters,
            lambda error: self._fault('transcription', error),
        )
        self._outside = (
            OutsideWords(int(config.transcriber.topic_timeout * NS_PER_S))
            if config.transcriber.backend == 'topic'
            else None
        )
        self._guard = Guard(self.timings, self._fault)
        self._perception = Perception(config.dialogue, voice, vision, self._guard)
        self._vision = vision
        self._interim_ns = int(config.interim.period * NS_PER_S) if config.interim.enabled else 0
        self._dialogue = Dialogue(config.dialogue)
        self.reading = Reading(
            text, self._dialogue, self._guard, config.transcriber.min_confidence
        )
        self._endpointing = (
            Endpointing(config.endpointing) if config.endpointing.adaptive else None
        )
        self._speculation = Speculation(
            config.speculation,
            self._words if self._outside is None else None,
            self._perception,
            self.reading,
            self.timings,
            self.counters,
        )
        self._half_life_ns = int(config.dialogue.half_life * NS_PER_S)
        self._fusion = Fusion(config.fusion)
        self._transitions = TransitionFilter(config.dialogue)
        self._open: _Open | None = None

    def handle(self, event: SpeechEvent, load: Load = Load.NORMAL) -> list[Report]:
        """Take the next speech event and return what is to be told.

        Args:
            event: events come in the order in which hearing reports them.
            load: what to give up because analysis is behind.
        """
        if self._vision is not None:
            self._vision.update_speech(event)
        match event:
            case SpeechStarted():
                return self._start(event)
            case SpeechAudio():
                return self._listen(event, load)
            case SpeechPaused(utterance):
                self._speculation.pause(utterance, give_up=load > Load.NORMAL)
                return []
            case SpeechEnded(utterance):
                self._speculation.end(utterance)
                return [event, *self._end(utterance, load)]
            case SpeechDropped():
                self._speculation.drop()
                self._words.drop()
                self._open = None
                self.counters['dropped_utterances'] += 1
                return [event]

    def judge(self, pause: SpeechPaused) -> SilenceRequired | None:
        """Return how long a pause must last to be the end; None for the standing rule.

        To be asked before the pause is handled.
        """
        if self._endpointing is None:
            return None
        utterance = pause.utterance
        with self.timings.measure('endpointing'):
            if self._outside is None:
                transcript = self._words.peek_final()
            else:
                transcript = self._outside.partial(utterance.utterance_id, utterance.start_ns)
            evidence = gather_evidence(utterance, transcript)
        silence_ns = self._endpointing.required_silence(evidence)
        return SilenceRequired(utterance.utterance_id, silence_ns)

    def see(self, frame: VideoFrame) -> list[Report]:
        """Take the next frame and return what is seen; it is not decoded when nobody looks."""
        if self._vision is None:
            return [FacesReport(frame.stamp_ns, frame.frame_id, reason=Reason.MODEL_OFF)]
        try:
            with self.timings.measure('vision'):
                report = self._vision.update(frame)
        except Exception as error:  # noqa: BLE001  one bad frame must not stop the others
            self._fault('face', error)
            return [FacesReport(frame.stamp_ns, frame.frame_id, reason=Reason.ERROR)]
        if report is None:
            self.counters['late_frames'] += 1
            return []
        return [report]

    def transcript_in(self, report: TranscriptReport) -> list[Report]:
        """Take a transcript from outside (backend "topic").

        One that is not final serves interim estimates.
        """
        if self._outside is None:
            self.counters['unasked_transcripts'] += 1
            return []
        pending = self._outside.take(report)
        return [] if pending is None else self._answer(pending, report.transcript)

    def tick(self, stamp_ns: int) -> list[Report]:
        """Give up waiting for transcripts that should have come by `stamp_ns`."""
        return self._give_up([] if self._outside is None else self._outside.give_up(stamp_ns))

    def flush(self) -> list[Report]:
        """Give up all waiting; the input has ended."""
        return self._give_up([] if self._outside is None else self._outside.give_up())

    def reset(self) -> None:
        """Forget the dialogue and whatever is under way."""
        self._speculation.drop()
        self._words.drop()
        self._open = None
        if self._outside is not None:
            self._outside.reset()
        self._dialogue.reset()
        self._perception.reset()
        if self._vision is not None:
            self._vision.reset()

    def analyze_text(self, text: str) -> ModalityEmotion:
        """Return the emotion of a text, without making it part of the dialogue."""
        return self.reading.read_alone(text)

    def reaction(self, since_ns: int | None = None, speaker_id: str = '') -> Reaction:
        """Return what changed in a speaker since a moment, as `find_reaction` has it.

        May be called by another thread than the rest.
        """
        return find_reaction(self._dialogue.turns, since_ns, speaker_id, self._half_life_ns)

    def _start(self, event: SpeechStarted) -> list[Report]:
        self._words.drop()
        self._open = _Open(
            event.utterance_id,
            event.start_ns,
            heard_ns=event.start_ns,
            next_interim_ns=event.start_ns + self._interim_ns,
            clock_source=event.clock_source,
        )
        return [event]

    def _listen(self, event: SpeechAudio, load: Load) -> list[Report]:
        utterance = self._open
        if utterance is None or utterance.utterance_id != event.utterance_id:
            raise ValueError(f'audio of {event.utterance_id} outside of its utterance')
        self._speculation.drop()
        utterance.heard_ns = event.stamp_ns + len(event.samples) * NS_PER_SAMPLE
        self._words.accept(event.samples, give_up=load >= Load.NO_TRANSCRIPT)
        if self._interim_ns:
            if not utterance.audio:
                utterance.audio_start_ns = event.stamp_ns
            utterance.audio.append(event.samples)
        if not self._interim_ns or utterance.heard_ns < utterance.next_interim_ns:
            return []
        while utterance.next_interim_ns <= utterance.heard_ns:
            utterance.next_interim_ns += self._interim_ns
        if load >= Load.NO_INTERIM:
            self.counters['interim_given_up'] += 1
            return []
        return [self._interim(utterance)]

    def _interim(self, utterance: _Open) -> EmotionReport:
        begin = self._clock()
        transcript = self._partial(utterance)
        transcription_ns = self._clock() - begin
        so_far = Utterance(
            utterance.utterance_id,
            utterance.start_ns,
            utterance.heard_ns,
            utterance.heard_ns,
            np.concatenate(utterance.audio) if utterance.audio else np.zeros(0, np.float32),
            utterance.audio_start_ns,
            EndReason.SILENCE,
            utterance.clock_source,
        )
        perceived = self._perception.perceive(so_far, final=False)
        text = self.reading.read(transcript, perceived.speaker_id, utterance.start_ns)
        fused, peak = _checked(self._fuse(so_far, text, perceived), perceived.face)
        processing_ns = self._clock() - begin
        self.timings.add('interim estimate', processing_ns)
        return EmotionReport(
            utterance.utterance_id,
            Trigger.INTERIM,
            utterance.start_ns,
            utterance.heard_ns,
            transcript,
            fused,
            EndReason.SILENCE,
            utterance.clock_source,
            transcription_ns=transcription_ns,
            processing_ns=processing_ns,
            speaker_id=perceived.speaker_id,
            face_id=perceived.face.face_id,
            speaker_confidence=perceived.face.speaker_confidence,
            peak=peak,
        )

    def _end(self, utterance: Utterance, load: Load) -> list[Report]:
        begin = self._clock()
        if self._outside is not None:
            return self._await_words(self._outside, utterance, begin)
        with self.timings.measure('transcription (after speech)'):
            transcript = self._words.finish(utterance, load >= Load.NO_TRANSCRIPT)
        self._open = None
        transcription_ns = self._clock() - begin
        perceived = self._perception.perceive(utterance, final=True)
        return self._conclude(utterance, transcript, perceived, begin, transcription_ns)

    def _await_words(
        self, outside: OutsideWords, utterance: Utterance, begin: int
    ) -> list[Report]:
        self._open = None
        perceived = self._perception.perceive(utterance, final=True)
        pending = Pending(utterance, perceived, self._clock() - begin)
        transcript = outside.wait(pending)
        return [] if transcript is None else self._answer(pending, transcript)

    def _answer(self, pending: Pending, transcript: Transcript) -> list[Report]:
        begin = self._clock() - pending.processing_ns
        return self._conclude(pending.utterance, transcript, pending.perceived, begin, 0)

    def _give_up(self, late: list[Pending]) -> list[Report]:
        reports: list[Report] = []
        for pending in late:
            self.counters['transcripts_missed'] += 1
            reports += self._answer(pending, no_words(Reason.TIMEOUT))
        return reports

    def _conclude(
        self,
        utterance: Utterance,
        transcript: Transcript,
        perceived: Perceived,
        begin: int,
        transcription_ns: int,
    ) -> list[Report]:
        text = self.reading.read(transcript, perceived.speaker_id, utterance.start_ns)
        with self.timings.measure('fusion'):
            fused, peak = _checked(self._fuse(utterance, text, perceived), perceived.face)
        self._dialogue.add(
            DialogueTurn(
                utterance.utterance_id,
                perceived.speaker_id,
                utterance.start_ns,
                utterance.end_ns,
                transcript.text,
                fused.label,
                fused.scores,
                fused.valence,
                fused.arousal,
            )
        )
        self.counters['utterances'] += 1
        report = EmotionReport(
            utterance.utterance_id,
            Trigger.FINAL,
            utterance.start_ns,
            utterance.end_ns,
            transcript,
            fused,
            utterance.end_reason,
            utterance.clock_source,
            endpointing_ns=utterance.decided_ns - utterance.end_ns,
            transcription_ns=transcription_ns,
            processing_ns=self._clock() - begin,
            speaker_id=perceived.speaker_id,
            face_id=perceived.face.face_id,
            speaker_confidence=perceived.face.speaker_confidence,
            peak=peak,
        )
        self.timings.add('all (after speech)', report.processing_ns)
        words = TranscriptReport(utterance.utterance_id, utterance.end_ns, transcript)
        return [words, report]

    def _partial(self, utterance: _Open) -> Transcript:
        if self._outside is not None:
            return self._outside.partial(utterance.utterance_id, utterance.start_ns)
        return self._words.partial()

    def _fuse(
        self, utterance: Utterance, text: ModalityEmotion, perceived: Perceived
    ) -> FusedScores:
        voice = rely_on_voice(perceived.voice, utterance)
        fused = self._fusion.fuse(text, voice, rely_on_face(perceived.face))
        turns = self._dialogue.before(utterance.start_ns)
        return self._transitions.apply(fused, turns, perceived.speaker_id, utterance.start_ns)

    def _fault(self, stage: str, error: Exception) -> None:
        self.counters[f'faults_{stage}'] += 1
        if self._on_fault is not None:
            self._on_fault(stage, error)


def _checked(fused: FusedScores, face: FaceEstimate) -> tuple[FusedScores, FacePeak | None]:
    """Return the fused emotion with whether the face shows it, and the image that tells."""
    answer = check(fused.label, fused.face.facial_cues if face.peaks else ())
    checked = dataclasses.replace(
        fused,
        expression_check=answer.verdict,
        shown_expression=answer.shown_expression,
        audible_or_visible=audible_or_visible(fused.label, fused.voice, fused.face),
    )
    other = answer.verdict is ExpressionCheck.OTHER_EXPRESSION
    expression = answer.shown_expression if other else fused.label
    peak = face.peaks[LABELS.index(expression)] if face.peaks and fused.label else None
    return checked, peak
