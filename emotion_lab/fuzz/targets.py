"""All fuzz targets, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from emotion_lab.fuzz.messages import MESSAGE_TARGETS
from emotion_lab.fuzz.recordings import RECORDING_TARGETS
from emotion_lab.fuzz.target import Target

TARGETS: Final[Mapping[str, Target]] = {
    one.name: one for one in (*MESSAGE_TARGETS, *RECORDING_TARGETS)
}
