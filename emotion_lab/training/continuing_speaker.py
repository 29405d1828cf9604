"""Show how much an utterance should inherit of who spoke the one before.

The sentences of the scenes of `python -m emotion_lab evaluate speaker` are cut into two at their
quietest point near the middle, and the second parts are judged after the first ones, as if 0.4 s
had passed: after those of the same scene, and after those of scenes in which another of the same
faces, or nobody in view, spoke.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Final

import numpy as np

from emotion_lab.data.speaker_clips import Talker
from emotion_lab.data.speaker_scenes import SHIFTS_MS, STILL, Clips, make_scenes
from emotion_lab.training.talking_speaker import find_jaw, hear, see
from emotion_node.core.vision.active_speaker import (
    Candidate,
    SpeakerDecision,
    TalkingScores,
    find_speaker,
)
from emotion_node.core.vision.speaker_continuity import PreviousSpeaker
from emotion_node.core.vision.speaker_evidence import AFTER_NS, BEFORE_NS, MARGIN_NS
from emotion_node.core.vision.talking_faces import TalkingDetector
from emotion_node.core.voice.level import HOP_NS, VoiceLevel
from emotion_node.datatypes import NS_PER_MS

PAUSE_NS: Final = 400 * NS_PER_MS
MIDDLE: Final = (0.4, 0.75)
"""The cut is between these shares of a sentence."""
SMOOTH: Final = np.full(7, 1 / 7)
SAMES: Final = (0.0, 0.25, 0.5, 0.75)

Faces = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two utterances, one after the other.

    Attributes:
        kind: which they are, in words.
        before: who spoke the first one.
        now: who spoke the second one, by itself.
        speaker: the face that did; empty when it is nobody in view.
    """

    kind: str
    before: SpeakerDecision
    now: SpeakerDecision
    speaker: str


def collect_pairs(
    talkers: Sequence[Talker], clips: Clips, detector: TalkingDetector | None
) -> list[Pair]:
    """Return pairs of parts of sentences.

    Args:
        talkers: one recording of each person, with their speech as it is heard.
        clips: of their faces.
        detector: of talking faces; None for the jaws alone.
    """
    spoken = {talker.name: talker.speech for talker in talkers}
    jaws = {key: find_jaw(clip) for key, clip in clips.items()}
    sights = {} if detector is None else {key: see(clip, detector) for key, clip in clips.items()}
    levels = {
        (talker.name, shift): hear(talker, shift, detector)
        for talker, shift in product(talkers, SHIFTS_MS)
    }

    @cache
    def scores(voice: str, shift_ms: int, face: tuple[str, str]) -> TalkingScores:
        sound = levels[voice, shift_ms][1]
        if detector is None or sound is None:
            return TalkingScores()
        count = min(len(sound), len(sights[face]))
        values = detector.score(sound[:count], sights[face][:count])
        return TalkingScores(np.arange(count, dtype=np.int64) * detector.period_ns, values)

    @cache
    def judge(voice: str, shift_ms: int, faces: Faces, part: int) -> SpeakerDecision:
        level = levels[voice, shift_ms][0].level()
        first_ns, last_ns = (one + shift_ms * NS_PER_MS for one in spoken[voice])
        cut_ns = _quietest(level, first_ns, last_ns)
        start_ns, end_ns = ((first_ns, cut_ns), (cut_ns, last_ns))[part]
        candidates = {
            f'f{number}': Candidate(
                jaws[face].between(start_ns - BEFORE_NS, end_ns + AFTER_NS),
                1.0,
                scores(voice, shift_ms, face).between(start_ns, end_ns),
            )
            for number, face in enumerate(faces, 1)
        }
        begin = max(0, (start_ns - BEFORE_NS // 3 - level.first_ns) // HOP_NS)
        heard = VoiceLevel(
            level.first_ns + begin * HOP_NS,
            level.levels[begin : (end_ns + AFTER_NS - level.first_ns) // HOP_NS],
        )
        return find_speaker(heard, candidates, start_ns - MARGIN_NS, end_ns + MARGIN_NS)

    pairs = []
    for scene in make_scenes(list(spoken)):
        if scene.leaving is None:
            parts = [judge(scene.voice, scene.shift_ms, scene.faces, part) for part in (0, 1)]
            absent, manner = scene.condition.split('_')
            kind = 'speaker not visible' if absent == 'absent' else f'goes on, others {manner}'
            pairs.append(Pair(kind, parts[0], parts[1], scene.speaker))
    names = list(spoken)
    for (i, one), (k, other) in product(enumerate(names), repeat=2):
        if i == k:
            continue
        shift_ms, idle = SHIFTS_MS[(i + k) % len(SHIFTS_MS)], STILL[(i + k) % len(STILL)]
        hidden = next(name for name in names[k:] + names if name not in (one, other))
        talks: Faces = ((one, 'talking'), (other, idle))
        answers: Faces = ((one, idle), (other, 'talking'))
        mouths: Faces = ((one, 'talking'), (other, 'talking'))
        quiet: Faces = ((one, STILL[0]), (other, STILL[1]))
        for kind, before, now, speaker in (
            ('another takes over', (one, talks), (other, answers), 'f2'),
            ('another takes over, the first one mouths', (one, talks), (other, mouths), 'f2'),
            ('a visible one answers a hidden one', (hidden, quiet), (other, answers), 'f2'),
            ('a hidden one answers a visible one', (one, talks), (hidden, quiet), ''),
        ):
            decisions = [
                judge(voice, shift_ms, faces, part)
                for part, (voice, faces) in enumerate((before, now))
            ]
            pairs.append(Pair(kind, decisions[0], decisions[1], speaker))
    return pairs


def _quietest(level: VoiceLevel, start_ns: int, end_ns: int) -> int:
    """Return the stamp at which a sentence is quietest near its middle."""
    stamps = level.first_ns + np.arange(len(level.levels)) * HOP_NS
    low, high = (start_ns + share * (end_ns - start_ns) for share in MIDDLE)
    inside = np.flatnonzero((stamps > low) & (stamps < high))
    smooth = np.convolve(level.levels, SMOOTH, 'same')
    return int(stamps[inside[np.argmin(smooth[inside])]])


def shares(pairs: Sequence[Pair], same: float) -> Mapping[str, float]:
    """Return the share of second parts that are right, by kind.

    Args:
        pairs: all of them.
        same: probability that the same one goes on, after no pause.
    """
    right: dict[str, list[bool]] = {}
    for pair in pairs:
        carried = PreviousSpeaker(pair.before, PAUSE_NS).carry(pair.now, same)
        right.setdefault(pair.kind, []).append(carried.face_id == pair.speaker)
    return {kind: float(np.mean(ones)) for kind, ones in right.items()}


def print_continuity(pairs: Sequence[Pair]) -> None:
    """Print the share of second parts that are right, by how much they inherit."""
    rows = {same: shares(pairs, same) for same in SAMES}
    for kind in rows[SAMES[0]]:
        cells = ', '.join(f'{row[kind]:.3f} with {same}' for same, row in rows.items())
        print(f'second part, {kind}: {cells}')
