"""What is known of the frames of a camera besides the faces in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

MIN_SILENT: Final = 5
"""Utterances in a row without a speaking face that are a problem."""
MAX_AHEAD_S: Final = 1.0
MAX_LATE_S: Final = 0.6
"""Images further ahead of the audio that arrives with them, or behind it, are a problem."""


@dataclass(frozen=True, slots=True)
class VisionHealth:
    """How far the frames of a camera can be used.

    Attributes:
        frames: number of frames processed.
        undecodable: number of these that could not be decoded.
        undecodable_in_a_row: number of the latest frames that could not be decoded.
        decoding_error: why the last of these could not be decoded.
        frozen_s: for how long the camera has delivered the same image; 0 while the image changes.
        frozen_longest_s: longest time for which it has delivered the same image.
        clock_offset_s: by how much the clock of the images is ahead of that of the audio; 0 when
            it is the same clock.
        delay_s: how late images are stamped, as configured or as learnt; it is corrected.
        delay_learnt: whether `delay_s` was learnt.
        ahead_s: by how much images are ahead of the audio that arrives at the same time, after
            the correction.
        silent_utterances: number of the latest utterances in a row during which faces were seen
            and none of them spoke.
    """

    frames: int = 0
    undecodable: int = 0
    undecodable_in_a_row: int = 0
    decoding_error: str = ''
    frozen_s: float = 0.0
    frozen_longest_s: float = 0.0
    clock_offset_s: float = 0.0
    delay_s: float = 0.0
    delay_learnt: bool = False
    ahead_s: float = 0.0
    silent_utterances: int = 0

    def problems(self) -> Iterator[str]:
        """Yield what is wrong now, with numbers and what to do."""
        if self.undecodable_in_a_row:
            yield (
                f'the last {self.undecodable_in_a_row} images could not be decoded: '
                f'{self.decoding_error}'
            )
        if self.frozen_s:
            yield (
                f'the camera has delivered the same image for {self.frozen_s:.1f} s: it is '
                'frozen; start its driver again'
            )
        yield from self._problems_of_time()
        if self.silent_utterances >= MIN_SILENT:
            yield (
                f'faces were seen during the last {self.silent_utterances} utterances, and none '
                'of them spoke: the speaker is out of view, the camera or the microphone is the '
                'wrong one, or the stamps of images and audio do not fit (image.delay)'
            )

    def notes(self) -> Iterator[str]:
        """Yield what is worth knowing and no problem."""
        if self.delay_s:
            side = 'late' if self.delay_s > 0 else 'early'
            how = 'corrected' if self.delay_learnt else 'as image.delay says'
            yield f'images are {abs(self.delay_s) * 1000:.0f} ms {side}, {how}'

    def _problems_of_time(self) -> Iterator[str]:
        if self.clock_offset_s:
            side = 'ahead of' if self.clock_offset_s > 0 else 'behind'
            yield (
                f'the stamps of images are {_duration(abs(self.clock_offset_s))} {side} those of '
                'the audio, which is corrected: synchronise the clocks, or make both drivers use '
                'the same one'
            )
        elif self.ahead_s > MAX_AHEAD_S:
            yield (
                f'the stamps of images are {_duration(self.ahead_s)} ahead of those of the audio: '
                'synchronise the clocks, or set image.delay_auto'
            )
        elif -self.ahead_s > MAX_LATE_S:
            yield (
                f'images arrive {_duration(-self.ahead_s)} after the audio of the same time: they '
                'miss the utterance that they belong to, or are stamped by another clock'
            )

    def past_problems(self) -> Iterator[str]:
        """Yield what was wrong at any time, with numbers."""
        if self.undecodable:
            yield (
                f'{self.undecodable} of {self.frames} images could not be decoded: '
                f'{self.decoding_error}'
            )
        if self.frozen_longest_s:
            yield f'the camera delivered the same image for up to {self.frozen_longest_s:.1f} s'
        yield from self._problems_of_time()
        if self.silent_utterances >= MIN_SILENT:
            yield (
                f'faces were seen during the last {self.silent_utterances} utterances, and none '
                'of them spoke: the speaker is out of view, or the stamps of images and audio do '
                'not fit (-p image.delay:=SECONDS)'
            )
        yield from self.notes()


def _duration(seconds: float) -> str:
    if seconds < 1000.0:
        return f'{seconds:.1f} s'
    return f'{seconds / 3600:.1f} h' if seconds < 200_000.0 else f'{seconds / 86_400:.0f} days'
