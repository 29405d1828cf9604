"""Synthetic scenes in which two talkers speak one after the other, or one speaks on.

Both are visible throughout. While one speaks, the other is still, chews, or says other words
without sound.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from emotion_lab.data.speaker_clips import Clip, Talker
from emotion_lab.data.speaker_scenes import Clips
from emotion_node.datatypes import NS_PER_MS, NS_PER_S, SAMPLE_RATE

GAPS_MS: Final = (0, 100, 250)
"""Silence between the turns: less than ends an utterance."""
FRAME_NS: Final = NS_PER_S // 25
LEFT, RIGHT = 'left', 'right'


@dataclass(frozen=True, slots=True)
class Turns:
    """One scene.

    Attributes:
        condition: `other` where the other one takes over, `same` where the speaker goes on, and
            `same_mouthing` where the other one then begins to move the mouth.
        clips: both faces, as `Clip`s of the whole scene.
        voice: what is heard, with the frames of the scene.
        person: who speaks first.
        change_ns: when the second turn begins.
    """

    condition: str
    clips: Clips
    voice: Talker
    person: str
    change_ns: int


def make_turns(talkers: Sequence[Talker], clips: Clips) -> list[Turns]:
    """Return scenes of all pairs of talkers.

    Args:
        talkers: one recording of each person.
        clips: of their faces.
    """
    scenes = []
    for place, first in enumerate(talkers):
        for number, second in enumerate(talkers):
            if number == place:
                continue
            gap_ms = GAPS_MS[(place + number) % len(GAPS_MS)]
            idle = 'still' if (place + number) % 2 else 'chewing'
            quiet = (second, idle), (first, idle)
            scenes += [
                _scene('other', (first, second), quiet, clips, gap_ms),
                _scene('same', (first, first), (quiet[0], quiet[0]), clips, gap_ms),
                _scene(
                    'same_mouthing', (first, first), (quiet[0], (second, 'talking')), clips, gap_ms
                ),
            ]
    return scenes


def _scene(
    condition: str,
    speakers: tuple[Talker, Talker],
    others: tuple[tuple[Talker, str], tuple[Talker, str]],
    clips: Clips,
    gap_ms: int,
) -> Turns:
    gap_ns = gap_ms * NS_PER_MS
    ends = speakers[0].speech[1] + gap_ns // 2, speakers[1].speech[0] - gap_ns // 2
    spans = (0, ends[0] // FRAME_NS), (max(ends[1], 0) // FRAME_NS, 1 << 30)
    rows: dict[str, list[tuple[Clip, int]]] = {LEFT: [], RIGHT: []}
    samples = []
    for turn, (speaker, (other, manner)) in enumerate(zip(speakers, others, strict=True)):
        start, end = spans[turn]
        count = min(end, len(speaker.stamps_ns), len(other.stamps_ns)) - start
        faces = clips[speaker.name, 'talking'], clips[other.name, manner]
        swap = condition == 'other' and turn == 1
        for side, clip in zip((LEFT, RIGHT), faces[::-1] if swap else faces, strict=True):
            rows[side] += [(clip, start + k) for k in range(count)]
        first = start * FRAME_NS * SAMPLE_RATE // NS_PER_S
        length = count * FRAME_NS * SAMPLE_RATE // NS_PER_S
        part = speaker.samples[first : first + length]
        samples.append(np.pad(part, (0, length - len(part))))
    stamps = tuple(k * FRAME_NS for k in range(len(rows[LEFT])))
    change_ns = len(samples[0]) * NS_PER_S // SAMPLE_RATE + gap_ns // 2
    made: Mapping[tuple[str, str], Clip] = {
        (side, condition): Clip(
            side,
            condition,
            stamps,
            tuple(clip.faces[k] for clip, k in row),
            tuple(clip.images[k] for clip, k in row),
        )
        for side, row in rows.items()
    }
    voice = replace(
        speakers[0],
        stamps_ns=stamps,
        images=(),
        samples=np.concatenate(samples),
        speech=(speakers[0].speech[0], stamps[-1]),
    )
    return Turns(condition, made, voice, speakers[0].person, change_ns)
