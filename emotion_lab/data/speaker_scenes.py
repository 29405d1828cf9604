"""Synthetic scenes of talkers side by side, with the voice of one or of one out of view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, cycle
from typing import Final

import numpy as np

from emotion_lab.data.speaker_clips import Clip

SHIFTS_MS: Final = (0, 100, 200)
STILL: Final = ('still', 'chewing')
SEED: Final = 1
PAIRS: Final = 3

Clips = Mapping[tuple[str, str], Clip]


@dataclass(frozen=True, slots=True)
class Scene:
    """Who is visible, and whose voice it is.

    Attributes:
        condition: name of the row of the table it belongs to.
        voice: name of the talker whose voice it is.
        shift_ms: delay of the voice.
        faces: name and manner of the visible talkers, from left to right.
        leaving: index of the talker who leaves; None when all stay.
    """

    condition: str
    voice: str
    shift_ms: int
    faces: tuple[tuple[str, str], ...]
    leaving: int | None = None

    @property
    def speaker(self) -> str:
        """Id of the speaker's face; empty when the speaker is not visible."""
        speakers = [k for k, (name, _) in enumerate(self.faces) if name == self.voice]
        return f'f{speakers[0] + 1}' if speakers else ''


def make_scenes(names: Sequence[str], seed: int = SEED) -> list[Scene]:
    """Return scenes of these talkers, each of another person; each is heard equally often.

    Of the pairs of others in scenes of three, `PAIRS` are drawn for each talker.
    """
    scenes = []
    late = cycle(SHIFTS_MS)
    rng = np.random.default_rng(seed)
    for name in names:
        others = [other for other in names if other != name]
        speaker = (name, 'talking')
        for other in others:
            scenes.append(Scene('two_mouthing', name, next(late), (speaker, (other, 'talking'))))
            scenes += [
                Scene('two_still', name, next(late), ((other, manner), speaker))
                for manner in STILL
            ]
            faces = (speaker, (other, 'talking'))
            scenes.append(Scene('two_leaving', name, next(late), faces, len(scenes) % 2))
        pairs = list(combinations(others, 2))
        for k in sorted(rng.permutation(len(pairs))[:PAIRS]):
            one, other = pairs[k]
            mouthing = (one, 'talking'), (other, 'talking')
            scenes.append(
                Scene('three_mouthing', name, next(late), (mouthing[0], speaker, mouthing[1]))
            )
            scenes.append(Scene('absent_mouthing', name, next(late), mouthing))
            for manners in (STILL, STILL[::-1]):
                still = (one, manners[0]), (other, manners[1])
                scenes.append(Scene('three_still', name, next(late), (*still, speaker)))
                scenes.append(Scene('absent_still', name, next(late), still))
    return scenes
