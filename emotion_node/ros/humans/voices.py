"""Who speaks, and what: /humans/voices."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any, Final

from emotion_node.datatypes import (
    EmotionReport,
    Report,
    SpeechDropped,
    SpeechEnded,
    SpeechStarted,
    Transcript,
    TranscriptReport,
    Trigger,
)
from emotion_node.messages.humans import (
    ANONYMOUS,
    IDS_LIST,
    VOICE_TOPICS,
    VOICES,
    HumansEncoder,
)
from emotion_node.ros.humans.matches import Matches
from emotion_node.ros.humans.topics import Topics

TRACKED: Final = f'{VOICES}/tracked'

REPEAT_S: Final = 0.8
"""Time after which what is tracked is published again, for those who subscribed later."""
KEEP_S: Final = 10.0
"""How long a voice stays tracked after it has fallen silent."""
SETTLE_S: Final = 0.5
"""For this time after a voice has been announced, its final words wait: those who learn of a
voice from the list subscribe only then, and get nothing from before."""
MAX_WAIT_S: Final = 2.0
"""Final words wait no longer for a first subscriber."""
_MAX_UTTERANCES: Final = 32


@dataclass(slots=True)
class _Voice:
    """One tracked voice.

    Attributes:
        announced_s: when it came to be tracked.
        heard_s: when it was last active.
        speaking: whether it is speaking.
        settled: whether `SETTLE_S` have passed since it was announced.
        waiting: messages with final words that wait for subscribers.
    """

    announced_s: float
    heard_s: float
    speaking: bool = False
    settled: bool = False
    waiting: list[Any] = field(default_factory=list)


class Voices:
    """Publishes voices: one per speaker, and one for all whose speaker is unknown.

    Args:
        topics: publishers.
        encoder: makes messages.
        matches: the faces of the voices.
    """

    def __init__(self, topics: Topics, encoder: HumansEncoder, matches: Matches) -> None:
        self._topics = topics
        self._encoder = encoder
        self._matches = matches
        self._voices: dict[str, _Voice] = {}
        self._utterances: dict[str, str] = {}
        self._stamp_ns = 0
        self._repeat_s = float('-inf')
        self._lock = threading.Lock()
        topics.open(TRACKED, IDS_LIST)

    def take(self, report: Report, now_s: float) -> None:
        """Publish what a report says of a voice; `now_s` is the steady clock."""
        with self._lock:
            match report:
                case SpeechStarted():
                    self._stamp_ns = report.start_ns
                    self._utterances[report.utterance_id] = ANONYMOUS
                    while len(self._utterances) > _MAX_UTTERANCES:
                        del self._utterances[next(iter(self._utterances))]
                    self._set_speaking(ANONYMOUS, True, now_s)
                case SpeechEnded(utterance):
                    self._stamp_ns = utterance.end_ns
                    self._set_speaking(self._voice_of(utterance.utterance_id), False, now_s)
                case SpeechDropped():
                    self._stamp_ns = report.end_ns
                    voice_id = self._utterances.pop(report.utterance_id, ANONYMOUS)
                    self._set_speaking(voice_id, False, now_s)
                case TranscriptReport() if not report.transcript.final:
                    voice_id = self._voice_of(report.utterance_id)
                    self._say_so_far(voice_id, report.stamp_ns, report.transcript)
                case EmotionReport():
                    self._take_emotion(report, now_s)

    def tick(self, now_s: float) -> None:
        """Publish what has waited, repeat what is tracked, and end what is over."""
        with self._lock:
            for voice_id, voice in list(self._voices.items()):
                if not voice.settled and now_s - voice.announced_s >= SETTLE_S:
                    voice.settled = True
                    self._send_speaking(voice_id)
                self._release(voice_id, now_s)
                silent_s = now_s - voice.heard_s
                if not voice.speaking and not voice.waiting and silent_s > KEEP_S:
                    self._forget(voice_id, now_s)
            if now_s - self._repeat_s >= REPEAT_S:
                self._send_tracked(now_s)
                for voice_id in self._voices:
                    self._send_speaking(voice_id)

    def flush(self) -> None:
        """Publish all that has waited."""
        with self._lock:
            for voice_id in self._voices:
                self._release(voice_id, float('inf'))

    def _take_emotion(self, report: EmotionReport, now_s: float) -> None:
        final = report.trigger is Trigger.FINAL
        before = self._voice_of(report.utterance_id)
        voice_id = report.speaker_id or before
        self._stamp_ns = report.end_ns
        if final:
            self._utterances.pop(report.utterance_id, None)
            self._announce(voice_id, now_s)
        elif voice_id != before:
            self._utterances[report.utterance_id] = voice_id
            self._set_speaking(before, False, now_s)
            self._set_speaking(voice_id, True, now_s)
        transcript = report.transcript
        if final and transcript.text:
            message = self._encoder.speech(report.end_ns, transcript)
            self._voices[voice_id].waiting.append(message)
            self._release(voice_id, now_s)
        elif not final:
            self._say_so_far(voice_id, report.end_ns, transcript)
        if report.speaker_id and report.face_id and report.speaker_confidence > 0.0:
            self._matches.add(voice_id, report.face_id, report.speaker_confidence)

    def _voice_of(self, utterance_id: str) -> str:
        return self._utterances.get(utterance_id, ANONYMOUS)

    def _announce(self, voice_id: str, now_s: float) -> None:
        voice = self._voices.get(voice_id)
        if voice is not None:
            voice.heard_s = now_s
            return
        for name, type_name in VOICE_TOPICS.items():
            self._topics.open(_topic(voice_id, name), type_name)
        self._voices[voice_id] = _Voice(now_s, now_s)
        self._send_tracked(now_s)

    def _forget(self, voice_id: str, now_s: float) -> None:
        del self._voices[voice_id]
        self._send_tracked(now_s)
        self._matches.revoke(voices=(voice_id,))
        for name in VOICE_TOPICS:
            self._topics.close(_topic(voice_id, name))

    def _set_speaking(self, voice_id: str, speaking: bool, now_s: float) -> None:
        self._announce(voice_id, now_s)
        self._voices[voice_id].speaking = speaking
        self._send_speaking(voice_id)

    def _say_so_far(self, voice_id: str, stamp_ns: int, transcript: Transcript) -> None:
        topic = _topic(voice_id, 'speech')
        if transcript.text and self._topics.wanted(topic):
            self._topics.send(topic, self._encoder.speech(stamp_ns, transcript))

    def _release(self, voice_id: str, now_s: float) -> None:
        voice, topic = self._voices[voice_id], _topic(voice_id, 'speech')
        age_s = now_s - voice.announced_s
        listened = self._topics.wanted(topic) or not self._topics.wanted(TRACKED)
        if age_s < SETTLE_S or (not listened and age_s < MAX_WAIT_S):
            return
        for message in voice.waiting:
            self._topics.send(topic, message)
        voice.waiting.clear()

    def _send_speaking(self, voice_id: str) -> None:
        speaking = self._voices[voice_id].speaking
        self._topics.send(_topic(voice_id, 'is_speaking'), self._encoder.truth(speaking))

    def _send_tracked(self, now_s: float) -> None:
        self._repeat_s = now_s
        header = self._encoder.header(self._stamp_ns)
        self._topics.send(TRACKED, self._encoder.ids(header, self._voices))


def _topic(voice_id: str, name: str) -> str:
    return f'{VOICES}/{voice_id}/{name}'
