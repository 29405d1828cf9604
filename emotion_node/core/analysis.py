"""From speech events to emotion reports: transcription, the three models, fusion."""

from __future__ import annotations

import dataclasses
import enum
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from emotion_node.config import Config
from emotion_node.core.dialogue import Dialogue, DialogueTurn
from emotion_node.core.expression_check import audible_or_visible, check
from emotion_node.core.fusion import LinearFusion
from emotion_node.core.timings import Clock, Timings
from emotion_node.core.vocal_cues import VocalCues
from emotion_node.core.words import Words, no_words
from emotion_node.datatypes import (
    NS_PER_S,
    NS_PER_SAMPLE,
    ClockSource,
    Cut,
    EmotionReport,
    FaceEstimate,
    FacesReport,
    FloatArray,
    FusedScores,
    ModalityEmotion,
    Reason,
    Report,
    SpeechAudio,
    SpeechDropped,
    SpeechEnded,
    SpeechEvent,
    SpeechStarted,
    Transcript,
    TranscriptReport,
    Trigger,
    Utterance,
    VideoFrame,
)
from emotion_node.faces import FacePeak
from emotion_node.interfaces import Sight, TextEmotion, Transcriber, VoiceEmotion
from emotion_node.labels import LABELS, Modality

T = TypeVar('T')

FaultHandler = Callable[[str, Exception], None]
"""Told of a fault: the stage ("transcription", "text", "voice", "face") and what was raised."""


_MAX_GIVEN = 64


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
    interim_words: Transcript | None = None
    interim_emotion: ModalityEmotion | None = None


@dataclass(frozen=True, slots=True)
class _Pending:
    """An utterance that waits for its words from outside."""

    utterance: Utterance
    voice: ModalityEmotion
    face: FaceEstimate
    processing_ns: int
    deadline_ns: int


class Analysis:
    """Turns the speech events of one microphone into reports, in order.

    A fault in one part takes out that part for that utterance: it is counted in `counters`,
    handed to `on_fault`, and the modality is absent with reason error.

    Args:
        config: parameters.
        transcriber: speech recogniser, or None for none (text then is off, or comes in by
            `transcript_in` when `config.transcriber.backend` is "topic").
        text, voice, sight: emotion models, or None where there is none (`model_off`).
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
        sight: Sight | None,
        clock: Clock,
        on_fault: FaultHandler | None = None,
        timings: Timings | None = None,
    ) -> None:
        self.timings = timings or Timings(clock)
        self.counters: Counter[str] = Counter()
        self.text_model = text
        self._clock = clock
        self._on_fault = on_fault
        self._words = Words(
            transcriber,
            self.timings,
            self.counters,
            lambda error: self._fault('transcription', error),
        )
        self._from_topic = config.transcriber.backend == 'topic'
        self._topic_timeout_ns = int(config.transcriber.topic_timeout * NS_PER_S)
        self._min_confidence = config.transcriber.min_confidence
        self._voice = voice
        self._sight = sight
        self._interim_ns = int(config.interim.period * NS_PER_S) if config.interim.enabled else 0
        self._dialogue = Dialogue(config.dialogue)
        self._fusion = LinearFusion(config.fusion)
        self._vocal_cues = VocalCues()
        self._open: _Open | None = None
        self._pending: list[_Pending] = []
        self._given: deque[TranscriptReport] = deque(maxlen=_MAX_GIVEN)

    def handle(self, event: SpeechEvent, load: Load = Load.NORMAL) -> list[Report]:
        """Take the next speech event and return what is to be told.

        Args:
            event: events come in the order in which hearing reports them.
            load: what to give up because analysis is behind.
        """
        if self._sight is not None:
            self._sight.hear(event)
        match event:
            case SpeechStarted():
                return self._start(event)
            case SpeechAudio():
                return self._listen(event, load)
            case SpeechEnded(utterance):
                return [event, *self._end(utterance, load)]
            case SpeechDropped():
                self._words.drop()
                self._open = None
                self.counters['dropped_utterances'] += 1
                return [event]

    def see(self, frame: VideoFrame) -> list[Report]:
        """Take the next frame and return what is seen; it is not decoded when nobody looks."""
        if self._sight is None:
            return [FacesReport(frame.stamp_ns, frame.frame_id, reason=Reason.MODEL_OFF)]
        try:
            with self.timings.measure('sight'):
                report = self._sight.update(frame)
        except Exception as error:  # noqa: BLE001  one bad frame must not stop the others
            self._fault('face', error)
            return [FacesReport(frame.stamp_ns, frame.frame_id, reason=Reason.ERROR)]
        if report is None:
            self.counters['late_frames'] += 1
            return []
        return [report]

    def transcript_in(self, report: TranscriptReport) -> list[Report]:
        """Take a transcript from outside (backend "topic").

        It belongs to the utterance it names, or else to the one its stamp lies in or follows.
        One that is not final serves interim estimates.
        """
        if not self._from_topic:
            self.counters['unasked_transcripts'] += 1
            return []
        if report.transcript.final:
            for pending in self._pending:
                if _belongs(report, pending.utterance):
                    self._pending.remove(pending)
                    return self._answer(pending, report.transcript)
        self._given.append(report)
        return []

    def tick(self, stamp_ns: int) -> list[Report]:
        """Give up waiting for transcripts that should have come by `stamp_ns`."""
        late = [one for one in self._pending if one.deadline_ns <= stamp_ns]
        return self._give_up(late)

    def flush(self) -> list[Report]:
        """Give up all waiting; the input has ended."""
        return self._give_up(list(self._pending))

    def reset(self) -> None:
        """Forget the dialogue and whatever is under way."""
        self._words.drop()
        self._open = None
        self._pending.clear()
        self._given.clear()
        self._dialogue.reset()
        self._vocal_cues.reset()
        if self._sight is not None:
            self._sight.reset()

    def analyze_text(self, text: str) -> ModalityEmotion:
        """Return the emotion of a text, without making it part of the dialogue."""
        if not text.strip():
            return ModalityEmotion.absent(Modality.TEXT, Reason.NO_SPEECH_RECOGNISED)
        if self.text_model is None:
            return ModalityEmotion.absent(Modality.TEXT, Reason.MODEL_OFF)
        return self.text_model.estimate(text)

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
        utterance.heard_ns = event.stamp_ns + len(event.samples) * NS_PER_SAMPLE
        self._words.accept(event.samples, give_up=load >= Load.NO_TRANSCRIPT)
        if self._voice is not None and self._interim_ns:
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
        if utterance.interim_emotion is None or transcript != utterance.interim_words:
            utterance.interim_words = transcript
            utterance.interim_emotion = self._text(transcript, utterance.start_ns)
        so_far = Utterance(
            utterance.utterance_id,
            utterance.start_ns,
            utterance.heard_ns,
            utterance.heard_ns,
            np.concatenate(utterance.audio) if utterance.audio else np.zeros(0, np.float32),
            utterance.audio_start_ns,
            Cut.SILENCE,
            utterance.clock_source,
        )
        voice, face = self._hear_and_look(so_far)
        fused, peak = _checked(
            self._fusion.fuse(utterance.interim_emotion, voice, face.emotion), face
        )
        processing_ns = self._clock() - begin
        self.timings.add('interim estimate', processing_ns)
        return EmotionReport(
            utterance.utterance_id,
            Trigger.INTERIM,
            utterance.start_ns,
            utterance.heard_ns,
            transcript,
            fused,
            Cut.SILENCE,
            utterance.clock_source,
            transcription_ns=transcription_ns,
            processing_ns=processing_ns,
            face_id=face.face_id,
            speaker_confidence=face.speaker_confidence,
            peak=peak,
        )

    def _end(self, utterance: Utterance, load: Load) -> list[Report]:
        begin = self._clock()
        if self._from_topic:
            return self._await_words(utterance, begin)
        with self.timings.measure('transcription (after speech)'):
            transcript = self._words.finish(utterance, load >= Load.NO_TRANSCRIPT)
        self._open = None
        transcription_ns = self._clock() - begin
        voice, face = self._hear_and_look(utterance)
        voice = self._add_cues(utterance, voice)
        return self._conclude(utterance, transcript, voice, face, begin, transcription_ns)

    def _await_words(self, utterance: Utterance, begin: int) -> list[Report]:
        self._open = None
        voice, face = self._hear_and_look(utterance)
        voice = self._add_cues(utterance, voice)
        pending = _Pending(
            utterance,
            voice,
            face,
            self._clock() - begin,
            utterance.decided_ns + self._topic_timeout_ns,
        )
        for report in self._given:
            if report.transcript.final and _belongs(report, utterance):
                return self._answer(pending, report.transcript)
        self._pending.append(pending)
        return []

    def _answer(self, pending: _Pending, transcript: Transcript) -> list[Report]:
        utterance = pending.utterance
        fresh = [one for one in self._given if one.stamp_ns > utterance.decided_ns]
        self._given = deque(fresh, maxlen=_MAX_GIVEN)
        begin = self._clock() - pending.processing_ns
        return self._conclude(utterance, transcript, pending.voice, pending.face, begin, 0)

    def _give_up(self, late: list[_Pending]) -> list[Report]:
        reports: list[Report] = []
        for pending in late:
            self._pending.remove(pending)
            self.counters['transcripts_missed'] += 1
            reports += self._answer(pending, no_words(Reason.TIMEOUT))
        return reports

    def _conclude(
        self,
        utterance: Utterance,
        transcript: Transcript,
        voice: ModalityEmotion,
        face: FaceEstimate,
        begin: int,
        transcription_ns: int,
    ) -> list[Report]:
        text = self._text(transcript, utterance.start_ns)
        with self.timings.measure('fusion'):
            fused, peak = _checked(self._fusion.fuse(text, voice, face.emotion), face)
        self._dialogue.add(
            DialogueTurn(
                utterance.utterance_id,
                '',
                utterance.start_ns,
                utterance.end_ns,
                transcript.text,
                fused.label,
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
            utterance.cut,
            utterance.clock_source,
            endpointing_ns=utterance.decided_ns - utterance.end_ns,
            transcription_ns=transcription_ns,
            processing_ns=self._clock() - begin,
            face_id=face.face_id,
            speaker_confidence=face.speaker_confidence,
            peak=peak,
        )
        self.timings.add('all (after speech)', report.processing_ns)
        words = TranscriptReport(utterance.utterance_id, utterance.end_ns, transcript)
        return [words, report]

    def _partial(self, utterance: _Open) -> Transcript:
        if self._from_topic:
            for report in reversed(self._given):
                if report.utterance_id in ('', utterance.utterance_id) and (
                    report.stamp_ns >= utterance.start_ns
                ):
                    return dataclasses.replace(report.transcript, final=False)
            return no_words(Reason.NO_SPEECH_RECOGNISED, final=False)
        return self._words.partial()

    def _text(self, transcript: Transcript, start_ns: int) -> ModalityEmotion:
        model = self.text_model
        if model is None:
            return ModalityEmotion.absent(Modality.TEXT, Reason.MODEL_OFF)
        reason = transcript.reason
        if reason is Reason.NONE and not transcript.text.strip():
            reason = Reason.NO_SPEECH_RECOGNISED
        if reason is Reason.NONE and transcript.confidence < self._min_confidence:
            reason = Reason.LOW_CONFIDENCE
        if reason is not Reason.NONE:
            return ModalityEmotion.absent(Modality.TEXT, reason, model=model.info)
        history = self._dialogue.before(start_ns)
        return self._estimate(
            Modality.TEXT, lambda: model.estimate(transcript.text, history), _itself
        )

    def _hear_and_look(self, utterance: Utterance) -> tuple[ModalityEmotion, FaceEstimate]:
        voice, sight = self._voice, self._sight
        return (
            ModalityEmotion.absent(Modality.VOICE, Reason.MODEL_OFF)
            if voice is None
            else self._estimate(Modality.VOICE, lambda: voice.estimate(utterance), _itself),
            FaceEstimate(ModalityEmotion.absent(Modality.FACE, Reason.MODEL_OFF))
            if sight is None
            else self._estimate(Modality.FACE, lambda: sight.estimate(utterance), FaceEstimate),
        )

    def _add_cues(self, utterance: Utterance, voice: ModalityEmotion) -> ModalityEmotion:
        if self._voice is None:
            return voice
        try:
            with self.timings.measure('vocal cues'):
                return dataclasses.replace(voice, vocal_cues=self._vocal_cues.hear(utterance))
        except Exception as error:  # noqa: BLE001  counted and reported; the estimate still stands
            self._fault('voice', error)
            return voice

    def _estimate(
        self, modality: Modality, estimate: Callable[[], T], absent: Callable[[ModalityEmotion], T]
    ) -> T:
        """Return an estimate, or what `absent` makes of its absence when the model fails."""
        try:
            with self.timings.measure(f'{modality} emotion'):
                return estimate()
        except Exception as error:  # noqa: BLE001  counted, reported, marked absent
            self._fault(modality, error)
            return absent(ModalityEmotion.absent(modality, Reason.ERROR, f'{error}'))

    def _fault(self, stage: str, error: Exception) -> None:
        self.counters[f'faults_{stage}'] += 1
        if self._on_fault is not None:
            self._on_fault(stage, error)


def _checked(fused: FusedScores, face: FaceEstimate) -> tuple[FusedScores, FacePeak | None]:
    """Return the fused emotion with whether the face shows it, and the picture that tells."""
    text, voice, seen = fused.modalities
    answer = check(fused.label, seen.cues if face.peaks else ())
    compared = audible_or_visible(fused.label, voice, seen)
    seen = dataclasses.replace(seen, expression_check=answer.verdict, audible_or_visible=compared)
    peak = face.peaks[LABELS.index(answer.expression)] if face.peaks and fused.label else None
    return dataclasses.replace(fused, modalities=(text, voice, seen)), peak


def _itself(emotion: ModalityEmotion) -> ModalityEmotion:
    return emotion


def _belongs(report: TranscriptReport, utterance: Utterance) -> bool:
    if report.utterance_id:
        return report.utterance_id == utterance.utterance_id
    return report.stamp_ns >= utterance.start_ns
