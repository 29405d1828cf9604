"""Parts of the pipeline that follow a script, and events to drive it with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from emotion_node.config import Config
from emotion_node.core.analysis.analysis import Analysis, AnalysisModels
from emotion_node.core.analysis.guard import FaultHandler, Guard
from emotion_node.core.timings import Timings
from emotion_node.datatypes import (
    NS_PER_S,
    NS_PER_SAMPLE,
    SAMPLE_RATE,
    ClockSource,
    EndReason,
    FaceEstimate,
    FacesReport,
    FloatArray,
    HeardVoice,
    ModalityEmotion,
    ModelInfo,
    Reason,
    SpeechAudio,
    SpeechEnded,
    SpeechEvent,
    SpeechStarted,
    Transcript,
    Utterance,
    VideoFrame,
    VisionHealth,
    VoiceEstimate,
)
from emotion_node.interfaces import (
    TextEmotion,
    Transcriber,
    Turn,
    Vision,
    VoiceEmotion,
    always,
)
from emotion_node.labels import LABELS, Modality

SECOND = NS_PER_S


def scores(**shares: float) -> FloatArray:
    """Return a distribution: the named labels get their share, the others divide the rest."""
    rest = (1.0 - sum(shares.values())) / (len(LABELS) - len(shares))
    return np.array([shares.get(label, rest) for label in LABELS], np.float32)


@dataclass(frozen=True, slots=True)
class PastTurn:
    """One past utterance (an `interfaces.Turn`)."""

    speaker_id: str
    text: str


def known(scores: FloatArray | None) -> FloatArray:
    """Return scores that have to be there."""
    assert scores is not None
    return scores


class Ticker:
    """A clock that advances by a fixed step at each reading."""

    def __init__(self, step_ns: int = 1_000_000) -> None:
        self.now = 0
        self._step = step_ns

    def __call__(self) -> int:
        self.now += self._step
        return self.now


@dataclass
class ScriptedTranscriber:
    """Recognises its next line at each end; before that, the share of it that fits the audio."""

    lines: list[str]
    fail_at: str = ''
    accepted: list[int] = field(default_factory=list)
    resets: int = 0
    info: ModelInfo = field(default_factory=lambda: ModelInfo('script', '1'))

    def stream(self) -> ScriptedTranscriber:
        return self

    def accept(self, samples: FloatArray) -> None:
        if self.fail_at == 'accept':
            raise RuntimeError('the recogniser broke')
        self.accepted.append(len(samples))

    def partial(self, wanted: Callable[[], bool] = always) -> Transcript:
        words = self.lines[0].split()
        recognised = min(len(words), sum(self.accepted) * 2 // SAMPLE_RATE)
        text = ' '.join(words[:recognised])
        reason = Reason.NONE if text else Reason.NO_SPEECH_RECOGNISED
        return Transcript(text, 0.5, 'en', False, reason)

    def peek_final(self, wanted: Callable[[], bool] = always) -> Transcript:
        return self.partial()

    def finish(self) -> Transcript:
        self.accepted.clear()
        text = self.lines.pop(0)
        reason = Reason.NONE if text else Reason.NO_SPEECH_RECOGNISED
        return Transcript(text, 0.9 if text else 0.0, 'en', True, reason)

    def reset(self) -> None:
        self.accepted.clear()
        self.resets += 1


@dataclass
class ScriptedText:
    """Answers "joy" to whatever has "happy" in it, else "neutral"; remembers what it was asked."""

    asked: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    speakers: list[str] = field(default_factory=list)
    languages: tuple[str, ...] = ('en',)
    info: ModelInfo = field(default_factory=lambda: ModelInfo('words', '1'))

    def estimate(
        self, text: str, history: Sequence[Turn] = (), speaker_id: str = ''
    ) -> ModalityEmotion:
        self.asked.append((text, tuple(turn.text for turn in history)))
        self.speakers.append(speaker_id)
        label = 'joy' if 'happy' in text else 'neutral'
        return ModalityEmotion.from_scores(Modality.TEXT, scores(**{label: 0.8}), self.info)


@dataclass
class ScriptedVoice:
    """Always finds anger, and remembers what it was given; or breaks.

    It describes an utterance by its level.
    """

    broken: bool = False
    given: list[int] = field(default_factory=list)
    heard: list[HeardVoice | None] = field(default_factory=list)
    info: ModelInfo = field(default_factory=lambda: ModelInfo('voice', '1'))

    @staticmethod
    def level(utterance: Utterance) -> float:
        return float(np.abs(utterance.samples).mean())

    def estimate(self, utterance: Utterance, heard: HeardVoice | None = None) -> VoiceEstimate:
        if self.broken:
            raise RuntimeError('the voice model broke')
        self.given.append(len(utterance.samples))
        self.heard.append(heard)
        return VoiceEstimate(
            ModalityEmotion.from_scores(Modality.VOICE, scores(anger=0.9), self.info),
            np.array([self.level(utterance)], np.float32),
        )


@dataclass
class ScriptedVision:
    """Says of frames with these stamps when another face took over.

    The speakers' faces are those of `turns` in turn, one per utterance; none where it is empty.
    """

    frames: list[int] = field(default_factory=list)
    info: ModelInfo = field(default_factory=lambda: ModelInfo('face', '1'))
    health: VisionHealth = field(default_factory=VisionHealth)
    changes: dict[int, tuple[int, int]] = field(default_factory=dict)
    turns: tuple[str, ...] = ()
    spoken: list[int] = field(default_factory=list)

    def update(self, frame: VideoFrame) -> FacesReport:
        self.frames.append(frame.stamp_ns)
        change = self.changes.get(frame.stamp_ns)
        return FacesReport(frame.stamp_ns, speaker_change=change)

    def update_speech(self, event: SpeechEvent) -> None:
        pass

    def estimate(self, utterance: Utterance) -> FaceEstimate:
        absent = ModalityEmotion.absent(Modality.FACE, Reason.NO_FACE, model=self.info)
        if not self.turns:
            return FaceEstimate(absent)
        if utterance.start_ns not in self.spoken:
            self.spoken.append(utterance.start_ns)
        face_id = self.turns[(len(self.spoken) - 1) % len(self.turns)]
        return FaceEstimate(absent, face_id=face_id, speaker_confidence=0.9)

    def look(self, face_id: str, stamp_ns: int) -> ModalityEmotion:
        return ModalityEmotion.absent(Modality.FACE, Reason.NO_FACE, model=self.info)

    def reset(self) -> None:
        self.frames.clear()


def scripted_analysis(
    config: Config,
    transcriber: Transcriber | None = None,
    text: TextEmotion | None = None,
    voice: VoiceEmotion | None = None,
    vision: Vision | None = None,
    on_fault: FaultHandler | None = None,
) -> Analysis:
    """Return an analysis by these models, timed by a `Ticker`."""
    models = AnalysisModels(transcriber, text, voice, vision)
    return Analysis(config, models, Guard(Timings(Ticker()), on_fault))


def utterance(
    number: int = 1,
    start_s: float = 1.0,
    length_s: float = 1.0,
    end_reason: EndReason = EndReason.SILENCE,
) -> Utterance:
    """Return an utterance of a quiet tone, without padding, whose end was seen 0.4 s later."""
    count = round(length_s * SAMPLE_RATE)
    start_ns = round(start_s * SECOND)
    end_ns = start_ns + count * NS_PER_SAMPLE
    tone = 0.1 * np.sin(np.arange(count) * 0.1)
    return Utterance(
        f'u{number}',
        start_ns,
        end_ns,
        end_ns + 400_000_000,
        tone.astype(np.float32),
        start_ns,
        end_reason,
        ClockSource.HEADER,
    )


def events(spoken: Utterance, block: int = 1600) -> Iterable[SpeechEvent]:
    """Yield the speech events of an utterance."""
    yield SpeechStarted(spoken.utterance_id, spoken.start_ns, spoken.start_ns, ClockSource.HEADER)
    for begin in range(0, len(spoken.samples), block):
        yield SpeechAudio(
            spoken.utterance_id,
            spoken.samples_start_ns + begin * NS_PER_SAMPLE,
            spoken.samples[begin : begin + block],
        )
    yield SpeechEnded(spoken)
