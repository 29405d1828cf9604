"""When another face takes over within one stretch of speech."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from emotion_node.core.vision.active_speaker import Candidate
from emotion_node.core.vision.jaw_sync import Jaw
from emotion_node.core.vision.speaker_change import SpeakerChange
from emotion_node.core.voice.level import HOP_NS, VoiceLevel
from emotion_node.datatypes import NS_PER_MS, NS_PER_S, FloatArray

FRAME_NS = 40 * NS_PER_MS
LENGTH_NS = 6 * NS_PER_S
CHANGE_NS = 3 * NS_PER_S


def syllables(seed: int) -> FloatArray:
    """Return (n,) how far a mouth is open every 10 ms, 0..1."""
    steps = np.random.default_rng(seed).normal(size=LENGTH_NS // HOP_NS + 200)
    smooth = np.convolve(steps, np.hanning(20), 'same')[100:-100]
    return np.asarray((smooth - smooth.min()) / np.ptp(smooth), np.float32)


def jaw(opened: FloatArray, start_ns: int = 0, end_ns: int = LENGTH_NS) -> Candidate:
    """Return a face that moves as these syllables from one stamp to another, and is then still."""
    stamps = np.arange(0, LENGTH_NS, FRAME_NS)
    moves = (start_ns <= stamps) & (stamps < end_ns)
    jitter = np.random.default_rng(9).normal(0, 0.02, len(stamps))
    drop = 8 + 0.6 * opened[stamps // HOP_NS] * moves + jitter
    return Candidate(Jaw(stamps.astype(np.int64), drop.astype(np.float32)))


def seen(one: Candidate, start_ns: int, end_ns: int) -> Candidate:
    return Candidate(one.jaw.between(start_ns, end_ns))


def watch(
    opened: FloatArray, candidates: Mapping[str, Candidate], shift_ns: int = 0
) -> list[tuple[int, int]]:
    """Return all changes, looking at every frame of a voice of these syllables."""
    level = (-50 + 30 * opened).astype(np.float32)
    changes = SpeakerChange()
    found = []
    for now_ns in range(FRAME_NS, LENGTH_NS, FRAME_NS):
        until = now_ns // HOP_NS
        parts = {
            name: Candidate(
                Jaw(one.jaw.between(0, now_ns).stamps + shift_ns, one.jaw.between(0, now_ns).drop)
            )
            for name, one in candidates.items()
        }
        voice = VoiceLevel(shift_ns, level[:until])
        change = changes.find(voice, parts, shift_ns, now_ns + shift_ns)
        if change is not None:
            found.append((change[0] - shift_ns, change[1] - shift_ns))
    return found


@pytest.mark.parametrize('seed', range(4))
def test_one_change_is_found_once_and_about_where_it_is(seed: int) -> None:
    opened = syllables(seed)
    one = jaw(opened, end_ns=CHANGE_NS)
    other = jaw(opened, start_ns=CHANGE_NS)
    shift_ns = 1_700_000_000 * NS_PER_S
    found = watch(opened, {'f1': one, 'f2': other})
    assert len(found) == 1
    assert found[0][0] <= CHANGE_NS <= found[0][1]
    assert watch(opened, {'f1': one, 'f2': other}, shift_ns) == found


@pytest.mark.parametrize('seed', range(4))
def test_nothing_changes_while_one_speaks_and_another_is_still_or_chews(seed: int) -> None:
    opened = syllables(seed)
    assert watch(opened, {'f1': jaw(opened), 'f2': jaw(opened, LENGTH_NS)}) == []
    chewing = jaw(syllables(seed + 100), CHANGE_NS)
    assert watch(opened, {'f1': jaw(opened), 'f2': chewing}) == []


def test_a_face_that_comes_or_goes_is_no_change() -> None:
    opened = syllables(1)
    goes = seen(jaw(opened, end_ns=CHANGE_NS), 0, CHANGE_NS)
    comes = seen(jaw(opened, start_ns=CHANGE_NS), CHANGE_NS, LENGTH_NS)
    assert watch(opened, {'f1': goes, 'f2': jaw(opened, start_ns=CHANGE_NS)}) == []
    assert watch(opened, {'f1': jaw(opened, end_ns=CHANGE_NS), 'f2': comes}) == []
