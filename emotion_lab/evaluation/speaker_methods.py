"""The ways to find the active speaker that are compared."""

from __future__ import annotations

from typing import Final

from emotion_node.backends.talking_lr_asd import open_lr_asd
from emotion_node.config import FaceConfig
from emotion_node.core.vision.talking_faces import TalkingDetector
from emotion_node.model_store.catalogue import TALKING, fetch_command

JAWS: Final = 'jaws alone'
LEARNED: Final = 'with the learned detector'
HOW: Final = f'not on this machine; "{fetch_command(TALKING)}" fetches it'


def methods() -> dict[str, TalkingDetector | None]:
    """Return the learned detector of each method by name; the second one where it was fetched."""
    detector = open_lr_asd(FaceConfig(), lambda text: None)
    return {JAWS: None} | ({LEARNED: detector} if detector is not None else {})
