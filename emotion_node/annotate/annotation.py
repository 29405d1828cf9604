"""One emotion found in a recording."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from emotion_node.datatypes import NS_PER_S, EmotionReport


@dataclass(frozen=True, slots=True)
class Annotation:
    """An emotion and its position in a recording.

    Attributes:
        source: the recording, as given on the command line.
        origin_ns: stamp of position 0: of the first audio sample of a bag; 0 in a media file.
        report: the emotion.
    """

    source: Path
    origin_ns: int
    report: EmotionReport

    @property
    def start_s(self) -> float:
        """Position of the start of the utterance, in s."""
        return self.position_s(self.report.start_ns)

    @property
    def end_s(self) -> float:
        """Position of the end of the utterance, in s."""
        return self.position_s(self.report.end_ns)

    def position_s(self, stamp_ns: int) -> float:
        """Return the position of a stamp in the recording, in s."""
        return (stamp_ns - self.origin_ns) / NS_PER_S
