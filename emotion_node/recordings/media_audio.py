"""Converting decoded audio to one rate and one set of channels."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from fractions import Fraction
from types import FrameType

import av
import numpy as np

from emotion_node.datatypes import NS_PER_S, AudioChunk, ClockSource
from emotion_node.recordings.media_container import position
from emotion_node.recordings.media_positions import Track


class Mixer:
    """Converts audio frames, whatever their rates and channels.

    Args:
        rate: of what comes out.
        layout: of its channels.
    """

    def __init__(self, rate: int, layout: str) -> None:
        self._rate = rate
        self._layout = layout
        self._setup: object = None
        self._resampler: av.AudioResampler | None = None
        self._origin = Fraction(0)
        self._offset_ns = 0

    def mix(self, frame: av.AudioFrame, track: Track, origin: Fraction) -> list[AudioChunk]:
        """Return the chunks that a frame completes.

        Args:
            frame: decoded.
            track: places it on the timeline.
            origin: the container's own time at position 0, in s.
        """
        duration_ns = frame.samples * NS_PER_S // frame.sample_rate
        position_ns = position(frame, origin)
        stamp_ns = track.place(position_ns, duration_ns)
        setup = (frame.format.name, frame.layout.name, frame.sample_rate, track.parts)
        chunks: list[AudioChunk] = []
        if setup != self._setup:
            chunks = self.flush()
            self._resampler = av.AudioResampler(format='s16', layout=self._layout, rate=self._rate)
            self._setup = setup
        if position_ns is None:
            at = Fraction(stamp_ns - track.offset_ns, NS_PER_S) + origin
            frame.time_base = Fraction(1, frame.sample_rate)
            frame.pts = round(at * frame.sample_rate)
        self._origin, self._offset_ns = origin, track.offset_ns
        assert self._resampler is not None
        with interrupts_deferred():
            mixed = self._resampler.resample(frame)
        return chunks + [self._chunk(one) for one in mixed]

    def flush(self) -> list[AudioChunk]:
        """Return what is left."""
        if self._resampler is None:
            return []
        resampler, self._resampler, self._setup = self._resampler, None, None
        return [self._chunk(one) for one in resampler.resample(None)]

    def _chunk(self, frame: av.AudioFrame) -> AudioChunk:
        assert frame.pts is not None
        assert frame.time_base is not None
        samples = np.ascontiguousarray(frame.to_ndarray().reshape(frame.samples, -1), np.int16)
        position_ns = round((frame.pts * frame.time_base - self._origin) * NS_PER_S)
        return AudioChunk(position_ns + self._offset_ns, samples, self._rate, ClockSource.FILE)


@contextlib.contextmanager
def interrupts_deferred() -> Iterator[None]:
    """Defer an interrupt (Ctrl-C) until after the block.

    PyAV's resampler raises and catches an exception within every call; an interrupt at that
    moment would be lost.
    """
    handler = signal.getsignal(signal.SIGINT)
    if not callable(handler) or threading.current_thread() is not threading.main_thread():
        yield
        return
    deferred: list[FrameType | None] = []
    signal.signal(signal.SIGINT, lambda _, frame: deferred.append(frame))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
    if deferred:
        handler(signal.SIGINT, deferred[0])
