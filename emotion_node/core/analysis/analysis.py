"""From speech events to emotion reports: transcription, the three models, fusion."""

from __future__ import annotations

from dataclasses import dataclass

from emotion_node.config import Config, FusionConfig, InterimConfig
from emotion_node.core.analysis.emotion_reports import EmotionReporter
from emotion_node.core.analysis.ended import EndedUtterances
from emotion_node.core.analysis.external_transcripts import ExternalTranscripts
from emotion_node.core.analysis.guard import Guard
from emotion_node.core.analysis.load import Load
from emotion_node.core.analysis.perception import Perception
from emotion_node.core.analysis.recognised_transcripts import RecognisedTranscripts, Send
from emotion_node.core.analysis.recogniser import Recognised, Recogniser
from emotion_node.core.analysis.speculation import Speculation
from emotion_node.core.analysis.text import TextEstimator
from emotion_node.core.analysis.transcription import TranscriptSource
from emotion_node.core.analysis.utterance_so_far import UtteranceSoFar
from emotion_node.core.dialogue.reaction import Reaction, find_reaction
from emotion_node.core.dialogue.speaker_state import SpeakerState, find_state
from emotion_node.core.dialogue.turns import Dialogue
from emotion_node.datatypes import (
    NS_PER_S,
    ClockSetBack,
    FacesReport,
    ModalityEmotion,
    Reason,
    Report,
    SpeechAudio,
    SpeechDropped,
    SpeechEnded,
    SpeechEvent,
    SpeechPaused,
    SpeechStarted,
    TranscriptReport,
    Trigger,
    Utterance,
    VideoFrame,
)
from emotion_node.interfaces import TextEmotion, Transcriber, Vision, VoiceEmotion


@dataclass(frozen=True, slots=True)
class AnalysisModels:
    """What analysis asks about an utterance.

    Attributes:
        transcriber: speech recogniser, or None for none.
        text, voice, vision: emotion models, or None where there is none (`model_off`).
    """

    transcriber: Transcriber | None = None
    text: TextEmotion | None = None
    voice: VoiceEmotion | None = None
    vision: Vision | None = None


class Analysis:
    """Turns the speech events of one microphone into reports, in order.

    A fault in one part takes out that part for that utterance: the modality is absent with
    reason error (see `Guard`).

    Args:
        config: parameters. With `transcriber.backend` "topic", words come from outside by
            `take_transcript`.
        models: the models.
        guard: calls them, times and counts.

    Attributes:
        recogniser: the node's own; None for none.
        interim_period_s: time between interim estimates.
    """

    def __init__(self, config: Config, models: AnalysisModels, guard: Guard) -> None:
        self.timings = guard.timings
        self.counters = guard.counters
        self._guard = guard
        self._vision = models.vision
        self._dialogue = Dialogue(config.dialogue)
        self._half_life_ns = int(config.dialogue.half_life * NS_PER_S)
        self.recogniser = Recogniser(models.transcriber, guard) if models.transcriber else None
        self._recognised = RecognisedTranscripts(config, self.recogniser, guard)
        self._transcripts: TranscriptSource = self._recognised
        if config.transcriber.backend == 'topic':
            timeout_ns = int(config.transcriber.topic_timeout * NS_PER_S)
            self._transcripts = ExternalTranscripts(timeout_ns, guard)
        self._perception = Perception(config.dialogue, models.voice, models.vision, guard)
        self.text = TextEstimator(
            models.text,
            self._dialogue,
            guard,
            config.transcriber.min_confidence,
            config.text.max_characters,
        )
        self._reporter = EmotionReporter(config, self.text, self._dialogue, guard)
        self._speculation = Speculation(
            config.speculation, self._transcripts, self._perception, self.text, guard
        )
        self.change(config.fusion, config.interim)
        self._under_way: UtteranceSoFar | None = None
        self._ended = EndedUtterances(self._reporter, self._dialogue, guard)

    def change(self, fusion: FusionConfig, interim: InterimConfig) -> None:
        """Fuse and publish interim estimates by other parameters, from the next utterance on.

        May be called by another thread than the rest.
        """
        self._reporter.change(fusion)
        self.interim_period_s = interim.period
        self._interim_ns = int(interim.period * NS_PER_S) if interim.enabled else 0

    def handle(self, event: SpeechEvent, load: Load = Load.NORMAL) -> list[Report]:
        """Take the next speech event and return the reports that it leads to.

        Args:
            event: events come in the order in which hearing reports them.
            load: what to leave out because analysis is behind.
        """
        if self._vision is not None:
            self._vision.update_speech(event)
        match event:
            case SpeechStarted():
                self._transcripts.drop()
                self._under_way = UtteranceSoFar(event, self._interim_ns)
                return [event]
            case SpeechAudio():
                return self._take_audio(event, load)
            case SpeechPaused(utterance):
                if load < Load.NO_TRANSCRIPT:
                    self._speculation.pause(utterance, behind=load > Load.NORMAL)
                return []
            case SpeechEnded(utterance):
                self._speculation.end(utterance)
                return [event, *self._end(utterance, load)]
            case SpeechDropped():
                self._speculation.drop()
                self._transcripts.drop()
                self._under_way = None
                self._guard.count('dropped_utterances')
                return [event]
            case ClockSetBack():
                reports = self.flush()
                self.reset()
                self._guard.count('clock_set_back')
                return reports

    def take_frame(self, frame: VideoFrame) -> list[Report]:
        """Take the next frame and return what is in it; without `vision` it is not decoded.

        May be called by another thread than the rest.
        """
        vision = self._vision
        if vision is None:
            return [FacesReport(frame.stamp_ns, frame.frame_id, reason=Reason.MODEL_OFF)]
        report = self._guard.attempt(
            'vision',
            lambda: vision.update(frame),
            lambda error: FacesReport(frame.stamp_ns, frame.frame_id, reason=Reason.ERROR),
        )
        if report is None:
            self._guard.count('late_frames')
            return []
        return [report]

    def take_transcript(self, report: TranscriptReport) -> list[Report]:
        """Take a transcript from outside (backend "topic")."""
        self._transcripts.take(report)
        return self._conclude()

    def transcribe_elsewhere(self, send: Send | None) -> None:
        """Have the recogniser's tasks run elsewhere, such as on a thread of their own.

        Args:
            send: takes each task for `recogniser.run`; what is found comes by
                `take_recognised`. None runs them here and at once, as offline.
        """
        self._recognised.send = send if self.recogniser is not None else None

    def take_recognised(self, found: Recognised) -> list[Report]:
        """Take what a task of the recogniser has found elsewhere."""
        had_words = self._recognised.has_words
        self._transcripts.take_recognised(found)
        if self._under_way is not None and self._recognised.has_words and not had_words:
            self._under_way.hasten()
        self._speculation.prepare_text()
        return self._conclude()

    def tick(self, stamp_ns: int) -> list[Report]:
        """Report the utterances whose transcripts should have come by `stamp_ns`."""
        self._transcripts.time_out(stamp_ns)
        return self._conclude()

    def flush(self) -> list[Report]:
        """Report all utterances that wait for transcripts; the input has ended."""
        self._transcripts.time_out()
        return self._conclude()

    def reset(self) -> None:
        """Forget the dialogue and whatever is under way."""
        self._speculation.drop()
        self._under_way = None
        self._transcripts.reset()
        self._ended.clear()
        self._dialogue.reset()
        self._perception.reset()
        if self._vision is not None:
            self._vision.reset()

    @property
    def vision(self) -> Vision | None:
        """The faces in front of the camera; None where they are not tracked."""
        return self._vision

    def analyze_text(self, text: str) -> ModalityEmotion:
        """Return the emotion of a text, without making it part of the dialogue."""
        return self.text.estimate_text(text)

    def reaction(self, since_ns: int | None = None, speaker_id: str = '') -> Reaction:
        """Return what changed in a speaker since a moment, as `find_reaction` does.

        May be called by another thread than the rest.
        """
        return find_reaction(self._dialogue.turns, since_ns, speaker_id, self._half_life_ns)

    def speaker_state(self, now_ns: int, speaker_id: str = '') -> SpeakerState:
        """Return how a speaker seems to feel at a moment, as `find_state` does.

        May be called by another thread than the rest.
        """
        return find_state(self._dialogue.turns, now_ns, speaker_id, self._half_life_ns)

    def _take_audio(self, audio: SpeechAudio, load: Load) -> list[Report]:
        under_way = self._under_way
        if under_way is None:
            raise ValueError(f'audio of {audio.utterance_id} outside of its utterance')
        interim_due = under_way.append(audio)
        self._speculation.drop()
        self._transcripts.accept(audio, load)
        if not interim_due:
            return []
        if load >= Load.NO_INTERIM:
            self._guard.count('interim_dropped')
            return []
        return [self._estimate_interim(under_way.as_utterance())]

    def _estimate_interim(self, so_far: Utterance) -> Report:
        begin = self.timings.clock()
        transcript = self._transcripts.partial(so_far.utterance_id, so_far.start_ns)
        transcription_ns = self.timings.clock() - begin
        perceived = self._perception.perceive(so_far, final=False)
        report = self._reporter.report(
            Trigger.INTERIM, so_far, transcript, perceived, transcription_ns, begin
        )
        self.timings.add('interim estimate', report.processing_ns)
        return report

    def _end(self, utterance: Utterance, load: Load) -> list[Report]:
        begin = self.timings.clock()
        self._under_way = None
        self._transcripts.finish(utterance, load)
        perceived = self._perception.perceive(utterance, final=True)
        self._ended.add(utterance, perceived, begin)
        return self._conclude()

    def _conclude(self) -> list[Report]:
        return self._ended.conclude(self._transcripts.ready())
