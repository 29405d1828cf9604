"""What a speaker usually sounds like."""

from __future__ import annotations

import numpy as np

from emotion_node.core.voice.usual_voice import MAX_AGE_NS, MEMORY, UsualVoice
from emotion_node.datatypes import NS_PER_S, FloatArray


def features(value: float) -> FloatArray:
    return np.array([value, -value], np.float32)


def test_nothing_is_usual_until_something_was_heard() -> None:
    usual = UsualVoice()
    assert usual.of('s1', 0) is None
    usual.add(features(2), 's1', 10)
    heard = usual.of('s1', 20)
    assert heard is not None
    assert (heard.count, heard.mean.tolist()) == (1, [2, -2])
    assert usual.of('s2', 20) is None, 'each speaker has a voice of his own'
    usual.reset()
    assert usual.of('s1', 20) is None


def test_only_recent_utterances_count() -> None:
    usual = UsualVoice()
    for n in range(MEMORY + 5):
        usual.add(features(n), '', n * NS_PER_S)
    heard = usual.of('', MEMORY * NS_PER_S)
    assert heard is not None
    assert heard.count == MEMORY
    assert heard.mean[0] == np.mean(range(5, MEMORY + 5))
    last_ns = (MEMORY + 4) * NS_PER_S
    heard = usual.of('', last_ns + MAX_AGE_NS)
    assert heard is not None
    assert (heard.count, heard.mean[0]) == (1, MEMORY + 4)
    assert usual.of('', last_ns + MAX_AGE_NS + 1) is None
