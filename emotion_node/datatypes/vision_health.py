"""What is known of the frames of a camera besides the faces in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


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
    """

    frames: int = 0
    undecodable: int = 0
    undecodable_in_a_row: int = 0
    decoding_error: str = ''
    frozen_s: float = 0.0
    frozen_longest_s: float = 0.0

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

    def past_problems(self) -> Iterator[str]:
        """Yield what was wrong at any time, with numbers."""
        if self.undecodable:
            yield (
                f'{self.undecodable} of {self.frames} images could not be decoded: '
                f'{self.decoding_error}'
            )
        if self.frozen_longest_s:
            yield f'the camera delivered the same image for up to {self.frozen_longest_s:.1f} s'
