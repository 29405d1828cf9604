"""The offset between the clock that stamps images and the one that stamps audio.

A camera may be stamped by another clock than the microphone (time since boot, TAI, a computer that
is not synchronised), and by a constant delay too late: when the frame has been read instead of
when it was exposed. The first shows in the order in which images and audio arrive, the second in
the lag at which the jaw of whoever speaks moves with the voice.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from emotion_node.config import ImageConfig
from emotion_node.core.vision.jaw_sync import AudioVisualSync, Jaw, measure_sync
from emotion_node.core.voice.level import VoiceLevel
from emotion_node.datatypes import NS_PER_MS, NS_PER_S, VisionHealth

MAX_AHEAD_NS: Final = NS_PER_S
MAX_BEHIND_NS: Final = 5 * NS_PER_S
"""Images whose stamps are further ahead of the latest audio, or further behind it, are stamped by
another clock: audio does not take that long to arrive, and images do not."""
MAX_LATE_NS: Final = 600 * NS_PER_MS
"""Images that are further behind the latest audio either arrive late or are stamped by another
clock; which of them it is, the jaws tell."""
CLOCK_STEP_NS: Final = 500 * NS_PER_MS
"""A clock offset that changes by less stays as it is."""
MIN_ARRIVALS: Final = 8
MAX_ARRIVALS: Final = 25
"""The difference between the clocks is the median over this many arrivals."""
MIN_SPAN_NS: Final = 3 * NS_PER_S // 2
MAX_SPREAD_NS: Final = 300 * NS_PER_MS
"""These arrivals have to span this time, and half of them to be within this range: where messages
wait in a queue, images only seem to be ahead, by more and more."""

SEARCH_NS: Final = 400 * NS_PER_MS
SEARCH_STEP_NS: Final = 10 * NS_PER_MS
"""Lags of the sound behind the frames that are tried to learn the delay."""
NOMINAL_LAG_NS: Final = -10 * NS_PER_MS
"""Lag without any delay: between 20 ms, as in the GRID corpus, and -40 ms, as in the demo
conversation."""
TOLERANCE_NS: Final = 60 * NS_PER_MS
"""Delays up to this are not corrected, as `find_speaker` tries enough lags by itself."""
MIN_CORRELATION: Final = 0.45
MIN_SECONDS: Final = 1.2
MIN_LOG_ODDS: Final = 3.0
MIN_MARGIN: Final = 4.0
"""What makes the lag of an utterance evidence of the delay: correlation, length, log odds, and how
far these exceed those of the next face. Of 400 GRID scenes, 146 pass, 3 with the wrong face."""
SURE_LOG_ODDS: Final = 6.5
SURE_MARGIN: Final = 8.0
"""What makes one utterance enough while the delay is unknown: no wrong face in these scenes."""
UTTERANCES: Final = 8
MIN_UTTERANCES: Final = 3
MIN_SHARE: Final = 0.75
AGREEMENT_NS: Final = 50 * NS_PER_MS
"""The delay is learnt when of the latest utterances with evidence at least this many, and this
share, are this near to their median."""

_LAGS_NS: Final = np.arange(-SEARCH_NS, SEARCH_NS + 1, SEARCH_STEP_NS)


@dataclass(frozen=True, slots=True)
class Alignment:
    """How well the jaw of one face moves with the voice, at the best lag of a wide range.

    Attributes:
        offset_ns: image stamp minus audio stamp of the same moment.
        log_odds: that this face speaks, up to a constant.
        sure: whether this utterance alone is enough.
    """

    offset_ns: int
    log_odds: float
    sure: bool


def align(
    voice: VoiceLevel, jaws: Mapping[str, Jaw], start_ns: int, end_ns: int, offset_ns: int
) -> Alignment | None:
    """Return the offset at which a jaw clearly moves with the voice; None when none does.

    Args:
        voice: level of the voice.
        jaws: jaw movements by face, their stamps corrected by `offset_ns`.
        start_ns: start of the speech.
        end_ns: end of the speech.
        offset_ns: image stamp minus audio stamp of the same moment, as assumed so far.
    """
    found = [measure_sync(voice, jaw, start_ns, end_ns, _LAGS_NS) for jaw in jaws.values()]
    found.sort(key=AudioVisualSync.log_odds, reverse=True)
    if not found:
        return None
    best, odds = found[0], found[0].log_odds()
    margin = odds - found[1].log_odds() if len(found) > 1 else float('inf')
    if (
        best.correlation < MIN_CORRELATION
        or best.seconds < MIN_SECONDS
        or odds < MIN_LOG_ODDS
        or margin < MIN_MARGIN
        or abs(best.lag_ns) == SEARCH_NS
    ):
        return None
    sure = odds >= SURE_LOG_ODDS and margin >= SURE_MARGIN
    return Alignment(offset_ns + NOMINAL_LAG_NS - best.lag_ns, odds, sure)


class ClockOffset:
    """Finds by how much the stamps of images differ from those of audio.

    Args:
        config: `delay` is corrected in any case; the rest is found out where `delay_auto` is set.

    Attributes:
        clock_ns: the part that comes from two clocks; 0 when they are the same one.
        delay_ns: the part by which images are stamped too late, as configured or as learnt.
        learnt: whether `delay_ns` was learnt.
    """

    def __init__(self, config: ImageConfig) -> None:
        self._configured_ns = round(config.delay * NS_PER_S)
        self._auto = config.delay_auto
        self._arrivals: deque[int] = deque(maxlen=MAX_ARRIVALS)
        self._heard: deque[int] = deque(maxlen=MAX_ARRIVALS)
        self._evidence: dict[str, int] = {}
        self.reset()

    def reset(self) -> None:
        """Forget what was found."""
        self.clock_ns = 0
        self.delay_ns = self._configured_ns
        self.learnt = False
        self._arrivals.clear()
        self._heard.clear()
        self._evidence.clear()

    @property
    def offset_ns(self) -> int:
        """Image stamp minus audio stamp of the same moment."""
        return self.clock_ns + self.delay_ns

    def describe(self, health: VisionHealth, silent_utterances: int) -> VisionHealth:
        """Return `health` with what was found.

        Args:
            health: of the frames.
            silent_utterances: as in `VisionHealth`.
        """
        # A delay of this size is another clock, whatever it was found from.
        delayed = abs(self.delay_ns) <= MAX_LATE_NS or not self.learnt
        return dataclasses.replace(
            health,
            clock_offset_s=(self.clock_ns if delayed else self.offset_ns) / NS_PER_S,
            delay_s=self.delay_ns / NS_PER_S if delayed else 0.0,
            delay_learnt=self.learnt,
            ahead_s=(self.arrival_ns - self.offset_ns) / NS_PER_S,
            silent_utterances=silent_utterances,
        )

    @property
    def arrival_ns(self) -> int:
        """By how much images are ahead of the audio that arrives at the same time; median."""
        return sorted(self._arrivals)[len(self._arrivals) // 2] if self._arrivals else 0

    @property
    def assumptions(self) -> list[int]:
        """Offsets to try: the present one, and that of images which seem to arrive late."""
        late_ns = self.arrival_ns - self.offset_ns
        if not self._auto or self.learnt or late_ns > -MAX_LATE_NS:
            return [self.offset_ns]
        return [self.offset_ns, self.arrival_ns]

    def add_arrival(self, stamp_ns: int, audio_ns: int | None) -> None:
        """Take the arrival of a frame.

        Args:
            stamp_ns: of the frame.
            audio_ns: stamp up to which audio had arrived by then; None when it is not known.
        """
        if audio_ns is None or (self._heard and audio_ns == self._heard[-1]):
            return  # without new audio, images only seem to be ahead
        self._heard.append(audio_ns)
        self._arrivals.append(stamp_ns - audio_ns)
        if not self._auto or not self._is_steady():
            return
        ahead_ns = self.arrival_ns
        apart = ahead_ns > MAX_AHEAD_NS or ahead_ns < -MAX_BEHIND_NS
        clock_ns = ahead_ns if apart else 0
        if abs(clock_ns - self.clock_ns) > CLOCK_STEP_NS:
            self.clock_ns = clock_ns
            self.delay_ns = self._configured_ns
            self.learnt = False
            self._evidence.clear()

    def _is_steady(self) -> bool:
        count = len(self._arrivals)
        if count < MIN_ARRIVALS or self._heard[-1] - self._heard[0] < MIN_SPAN_NS:
            return False
        arrivals = sorted(self._arrivals)
        return arrivals[3 * count // 4] - arrivals[count // 4] <= MAX_SPREAD_NS

    def add_speech(self, utterance_id: str, alignment: Alignment | None) -> None:
        """Take what was found in an utterance; it replaces what was found in it before."""
        if not self._auto:
            return
        self._evidence.pop(utterance_id, None)
        if alignment is None:
            return
        self._evidence[utterance_id] = alignment.offset_ns - self.clock_ns
        while len(self._evidence) > UTTERANCES:
            del self._evidence[next(iter(self._evidence))]
        delays = sorted(self._evidence.values())
        median_ns = delays[len(delays) // 2]
        near = sum(abs(one - median_ns) <= AGREEMENT_NS for one in delays)
        if near < max(MIN_UTTERANCES, MIN_SHARE * len(delays)):
            return
        self.learnt = True
        small = abs(median_ns - self._configured_ns) <= TOLERANCE_NS
        self.delay_ns = self._configured_ns if small else median_ns
