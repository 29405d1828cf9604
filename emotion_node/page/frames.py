"""Where the page gets the frames of the camera from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Encoded:
    """A frame as a browser takes it.

    Attributes:
        data: its bytes.
        media_type: such as "image/jpeg".
    """

    data: bytes
    media_type: str


class FrameSource(Protocol):
    """What the page needs of a camera."""

    def watch(self, watched: bool) -> None:
        """Note whether any page is open; frames are needed only then."""
        ...

    def newest(self) -> int:
        """Return the number of the newest frame, from 1 on; 0 when there is none."""
        ...

    def encoded(self) -> Encoded | None:
        """Return the newest frame for a browser; None when there is none."""
        ...
