"""What microphone and camera deliver."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import numpy.typing as npt

from emotion_node.datatypes.units import NS_PER_S, FloatArray


class ClockSource(enum.StrEnum):
    """Who stamped an input."""

    HEADER = 'header'
    """The publisher, in the message's header."""
    RECEIPT = 'receipt'
    """No one: it is the time of receipt minus the duration of the chunk."""
    FILE = 'file'
    """Position in a media file."""


@dataclass(frozen=True, slots=True)
class AudioChunk:
    """Audio as a microphone driver delivers it.

    Attributes:
        stamp_ns: acquisition time of the first sample.
        samples: (n, channels) int16 or float32 (full scale at -1..1); not copied, not modified.
        rate: samples per second and channel, 8,000 to 96,000.
        clock_source: who stamped it.
    """

    stamp_ns: int
    samples: npt.NDArray[np.int16] | FloatArray
    rate: int
    clock_source: ClockSource = ClockSource.HEADER

    @property
    def duration_ns(self) -> int:
        """Duration, rounded down to a nanosecond."""
        return len(self.samples) * NS_PER_S // self.rate


@dataclass(frozen=True, slots=True)
class VideoFrame:
    """One frame of a camera, decoded only when it is used.

    Attributes:
        stamp_ns: time of exposure, by the camera's clock.
        decode: returns the image as (height, width, 3) uint8 BGR, not to be changed; raises
            `ValueError` when the data cannot be decoded.
        frame_id: the coordinate frame of the camera; empty when unknown.
        audio_ns: stamp up to which audio had arrived when the frame arrived; None when unknown.
    """

    stamp_ns: int
    decode: Callable[[], npt.NDArray[np.uint8]]
    frame_id: str = ''
    audio_ns: int | None = None

    def turned(self, degrees: int) -> VideoFrame:
        """Return the frame, turned clockwise when it is decoded.

        Args:
            degrees: a multiple of 90.
        """
        turns = -degrees // 90 % 4
        if not turns:
            return self

        def decode() -> npt.NDArray[np.uint8]:
            return np.ascontiguousarray(np.rot90(self.decode(), turns))

        return replace(self, decode=cache(decode))
