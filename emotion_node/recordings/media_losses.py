"""What could not be read of a media file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from emotion_node.datatypes import NS_PER_S
from emotion_node.recordings.media_positions import Timeline

_MISSING_END_NS: Final = NS_PER_S // 2
"""An end that is missing for longer than this is reported."""


@dataclass(slots=True)
class MediaLosses:
    """What could not be read of a file, so far.

    Attributes:
        audio: length of the audio that could not be decoded, in s.
        audio_packets: number of its packets; the length of some is unknown.
        frames: number of video frames that could not be decoded.
        unplaced: number of video frames without a position.
        fault: why reading ended early; empty when it did not.
        stated_ns: length that the file states; 0 when it does not.
        reached_ns: position that was reached.
        missing_ns: length of the gaps in the audio.
        timeline: where positions started again.
    """

    audio: Fraction = Fraction(0)
    audio_packets: int = 0
    frames: int = 0
    unplaced: int = 0
    fault: str = ''
    stated_ns: int = 0
    reached_ns: int = 0
    missing_ns: int = 0
    timeline: Timeline = field(default_factory=Timeline)

    def losses(self) -> Iterator[str]:
        """Yield a description of each loss."""
        if self.audio_packets:
            yield f'{float(self.audio):.1f} s of audio could not be decoded'
        if self.frames:
            yield f'{self.frames} video frames could not be decoded'
        if self.unplaced:
            yield f'{self.unplaced} video frames have no position and were left out'
        ends_early = self.reached_ns < self.stated_ns - _MISSING_END_NS
        if self.fault or ends_early:
            reason = f' ({self.fault})' if self.fault else ''
            of = f' of {self.stated_ns / NS_PER_S:.1f}' if ends_early else ''
            yield f'it ends at {self.reached_ns / NS_PER_S:.1f}{of} s{reason}'

    def remarks(self) -> Iterator[str]:
        """Yield what else the user should know."""
        if self.missing_ns:
            yield f'{self.missing_ns / NS_PER_S:.2f} s of audio are missing between its packets'
        places = [f'{place / NS_PER_S:.1f}' for place in self.timeline.restarts_ns]
        if places:
            more = ', …' if len(places) > 3 else ''
            yield f'positions start again or jump at {", ".join(places[:3])}{more} s'
