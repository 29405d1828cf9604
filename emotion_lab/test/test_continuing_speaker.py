"""How much an utterance inherits of who spoke the one before."""

from __future__ import annotations

from emotion_lab.training.continuing_speaker import Pair, shares
from emotion_node.core.vision.active_speaker import SpeakerDecision


def test_what_goes_on_is_found_more_often_and_what_changes_less_the_more_is_inherited() -> None:
    first = SpeakerDecision({'f1': 0.95, 'f2': 0.01}, 0.04)
    unclear = SpeakerDecision({'f1': 0.3, 'f2': 0.4}, 0.3)
    pairs = [Pair('goes on', first, unclear, 'f1'), Pair('takes over', first, unclear, 'f2')]
    assert shares(pairs, 0.0) == {'goes on': 0.0, 'takes over': 1.0}
    assert shares(pairs, 0.9) == {'goes on': 1.0, 'takes over': 0.0}
