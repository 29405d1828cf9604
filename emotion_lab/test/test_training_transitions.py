"""How the transitions between emotions are counted."""

from __future__ import annotations

from emotion_lab.data.datasets import MeldUtterance
from emotion_lab.training.transitions import as_toml, count_transitions
from emotion_node.labels import LABELS


def test_transitions_are_counted_within_dialogues_and_by_speaker() -> None:
    joy, anger = LABELS.index('joy'), LABELS.index('anger')

    def said(dialogue: int, number: int, speaker: str, label: int) -> MeldUtterance:
        return MeldUtterance('train', dialogue, number, speaker, 'words', label, None)

    shares, own, other = count_transitions(
        [
            said(0, 0, 'Ross', joy),
            said(0, 1, 'Joey', anger),
            said(0, 2, 'Ross', joy),
            said(1, 0, 'Ross', anger),
        ]
    )
    assert shares.sum() == 4
    assert (own.sum(), own[joy, joy]) == (1, 1)
    assert (other.sum(), other[joy, anger], other[anger, joy]) == (2, 1, 1)
    assert 'own = [' in as_toml(shares, own, other)
