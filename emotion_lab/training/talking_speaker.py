"""Choose how the learned detector and the jaws decide together, leaving each person out in turn.

The constants of `core.vision.active_speaker` for faces that the learned detector has seen are
chosen from a grid, at the ends of the utterances in scenes of `python -m emotion_lab evaluate
speaker`: first few errors where silent faces keep still or chew, then where the speaker is not
visible, then where others mouth. Of equally good ones, those are chosen with which the right
answers are most probable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np
import numpy.typing as npt

from emotion_lab.data.metrics import Array
from emotion_lab.data.speaker_clips import Clip, Talker
from emotion_lab.data.speaker_scenes import SHIFTS_MS, Clips, make_scenes
from emotion_node.core.vision.active_speaker import TalkingScores
from emotion_node.core.vision.geometry import find_head, jaw_drop
from emotion_node.core.vision.jaw_sync import MAX_WEIGHT_S, Jaw, measure_sync
from emotion_node.core.vision.speaker_evidence import MARGIN_NS
from emotion_node.core.vision.talking_faces import TalkingDetector
from emotion_node.core.voice.level import LevelMeter
from emotion_node.datatypes import NS_PER_MS, NS_PER_S, SAMPLE_RATE, FloatArray

Flags = npt.NDArray[np.bool_]
Constants = tuple[float, float, float, float, float]
"""TALKING_WEIGHT_PER_S, TALKING_NEUTRAL_CORRELATION, TALKING_WEIGHT, upper TALKING_RANGE,
TALKING_OFF_SCREEN."""
GRID: Final = tuple(
    product(
        (8.0, 10.0, 12.0, 15.0),
        (0.40, 0.42, 0.43, 0.44, 0.45, 0.46),
        (0.35, 0.5, 0.7, 1.0),
        (2.0, 3.0, 4.0),
        (0.0, 0.5, 1.0),
    )
)
LOW: Final = -6.0
ENOUGH: Final = {'still': 0.99, 'absent': 0.90, 'mouthing': 0.93}
"""Above these shares of utterances right, a condition counts no more."""
IMPORTANCE: Final = {'still': 4.0, 'absent': 2.0, 'mouthing': 2.0}


@dataclass(frozen=True, slots=True)
class Ends:
    """The ends of the utterances of scenes.

    Attributes:
        features: (n, 3, 3): evidence of up to three faces, correlation, seconds and mean score;
            NaN where there are fewer.
        answers: (n,) the speaker's row; 3 when the speaker is not visible.
        kinds: (n,) key of `ENOUGH`.
        people: who is seen or heard, by scene.
    """

    features: Array
    answers: Array
    kinds: Array
    people: Sequence[frozenset[str]]

    def judge(self, constants: Constants) -> tuple[Flags, Array]:
        """Return (n,) whether each answer is right, and (n,) the logarithm of its probability."""
        per_s, neutral, weight, high, off_screen = constants
        correlation, seconds, talking = np.moveaxis(self.features, -1, 0)
        in_time = per_s * seconds * (correlation - neutral)
        talks = talking > 0
        sole = talks & (talks.sum(axis=1, keepdims=True) == 1)
        in_time = np.where(sole, np.maximum(in_time, 0.0), in_time)
        odds = in_time + weight * np.clip(talking, LOW, high) - off_screen
        odds = np.where(np.isnan(odds), -np.inf, odds)
        odds = np.concatenate([odds, np.zeros((len(odds), 1))], axis=1)
        probable = odds[np.arange(len(odds)), self.answers] - np.logaddexp.reduce(odds, axis=1)
        return np.asarray(odds.argmax(axis=1) == self.answers), np.asarray(probable)

    def shares(self, right: Flags, chosen: Flags) -> dict[str, float]:
        """Return the share of right answers of chosen scenes, by kind."""
        return {kind: float(right[chosen & (self.kinds == kind)].mean()) for kind in ENOUGH}


def worth(shares: Mapping[str, float]) -> float:
    """Return how good shares are."""
    return sum(IMPORTANCE[kind] * min(shares[kind], ENOUGH[kind]) for kind in ENOUGH)


def collect_ends(talkers: Sequence[Talker], clips: Clips, detector: TalkingDetector) -> Ends:
    """Return the ends of the utterances of all scenes in which all faces stay.

    Args:
        talkers: one recording of each person.
        clips: of their faces.
        detector: of talking faces.
    """
    by_name = {talker.name: talker for talker in talkers}
    sights = {key: see(clip, detector) for key, clip in clips.items()}
    jaws = {key: find_jaw(clip) for key, clip in clips.items()}
    heard = {
        (talker.name, shift): hear(talker, shift, detector)
        for talker, shift in product(talkers, SHIFTS_MS)
    }
    features, answers, kinds, people = [], [], [], []
    for scene in make_scenes(list(by_name)):
        if scene.leaving is not None:
            continue
        talker = by_name[scene.voice]
        rows = np.full((3, 3), np.nan)
        for k, face in enumerate(scene.faces):
            meter, sound = heard[scene.voice, scene.shift_ms]
            assert sound is not None
            start_ns, end_ns = (one + scene.shift_ms * NS_PER_MS for one in talker.speech)
            margins = start_ns - MARGIN_NS, end_ns + MARGIN_NS
            sync = measure_sync(meter.level(), jaws[face], *margins)
            first, last = (int(one * 25 // NS_PER_S) for one in (start_ns, end_ns))
            count = min(len(sound), len(sights[face]), last)
            values = detector.score(sound[:count], sights[face][:count])[first:]
            stamps = np.arange(first, count, dtype=np.int64) * detector.period_ns
            voiced = TalkingScores(stamps, values).while_voiced(meter.level())
            seconds = min(sync.seconds, MAX_WEIGHT_S)
            rows[k] = sync.correlation, seconds, float(voiced.mean())
        features.append(rows)
        answers.append(int(scene.speaker[1:]) - 1 if scene.speaker else 3)
        absent, kind = scene.condition.startswith('absent'), scene.condition.split('_')[1]
        kinds.append('absent' if absent else kind)
        names = {scene.voice, *(name for name, _ in scene.faces)}
        people.append(frozenset(by_name[name].person for name in names))
    return Ends(np.array(features), np.array(answers), np.array(kinds), people)


def see(clip: Clip, detector: TalkingDetector) -> FloatArray:
    """Return (n, 128) float32 vectors of the pictures of a clip."""
    pictures, face = [], next(face for face in clip.faces if face is not None)
    for found, grey in zip(clip.faces, clip.images, strict=True):
        face = found or face
        pictures.append(detector.crop(np.repeat(grey[..., None], 3, axis=2), face.box))
    pictures += pictures[-1:] * detector.delay
    return detector.stream().push(np.stack(pictures))[detector.delay :]


def hear(
    talker: Talker, shift_ms: int, detector: TalkingDetector | None
) -> tuple[LevelMeter, FloatArray | None]:
    """Return the level of a voice, and its (n, 128) float32 vectors where there is a detector."""
    silence = np.zeros(shift_ms * SAMPLE_RATE // 1000, np.float32)
    samples = np.concatenate([silence, talker.samples])
    meter = LevelMeter(0)
    meter.append(samples)
    return meter, None if detector is None else detector.hear(samples)


def find_jaw(clip: Clip) -> Jaw:
    """Return how the jaw moves in a clip."""
    heads = [
        (stamp_ns, head)
        for stamp_ns, face in zip(clip.stamps_ns, clip.faces, strict=True)
        if face is not None and (head := find_head(face.mesh.landmarks)) is not None
    ]
    stamps = np.array([stamp_ns for stamp_ns, _ in heads], np.int64)
    return Jaw(stamps, np.array([jaw_drop(head) for _, head in heads], np.float32))


def print_choice(ends: Ends) -> None:
    """Print the best constants, and what those chosen without each person reach with them."""
    judged = [ends.judge(constants) for constants in GRID]
    answers = [right for right, _ in judged]
    everybody = sorted(frozenset().union(*ends.people))

    def choose(chosen: Flags) -> int:
        worths = [worth(ends.shares(right, chosen)) for right in answers]
        equal = np.flatnonzero(np.array(worths) >= max(worths) - 1e-9)
        return int(max(equal, key=lambda place: judged[place][1][chosen].mean()))

    def describe(shares: Mapping[str, float]) -> str:
        return ', '.join(f'{kind} {share:.3f}' for kind, share in shares.items())

    all_of_them = np.full(len(ends.answers), True)
    best = choose(all_of_them)
    print('all:', GRID[best], describe(ends.shares(answers[best], all_of_them)))
    held_out = []
    for person in everybody:
        with_them = np.array([person in names for names in ends.people])
        place = choose(~with_them)
        held_out.append(ends.shares(answers[place], with_them))
        print(f'without {person}:', GRID[place], describe(held_out[-1]))
    drawn = np.random.default_rng(0).integers(len(held_out), size=(2000, len(held_out)))
    for kind in ENOUGH:
        shares = np.array([one[kind] for one in held_out])
        low, high = np.percentile(shares[drawn].mean(axis=1), (2.5, 97.5))
        print(f'{kind}: mean {shares.mean():.3f} (95 % over people {low:.3f} to {high:.3f})')
