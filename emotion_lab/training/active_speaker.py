"""Fit the constants of `core.vision.active_speaker`, with leave-one-talker-out validation.

The odds of each face, and of no visible face, are a conditional logit (McFadden, 1974) over three
features of each face: the correlation times the seconds of speech, these seconds, and the motion
of the jaw. It is fitted on scenes of `python -m emotion_lab evaluate speaker`, at moments
during the speech and at its end, as the node's hearing finds it.

    python -m emotion_lab train active-speaker

prints the fit on all talkers, and then, for each talker, a fit on the scenes without that talker
and its figures on the scenes with them. Where the learned detector has been fetched, the constants
of both together follow in the same way (`talking_speaker`). How much an utterance inherits of who
spoke the one before is shown with either (`continuing_speaker`).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np

from emotion_lab.data.datasets import data_root
from emotion_lab.data.metrics import Array
from emotion_lab.data.speaker_clips import Talker, make_clips, one_of_each, read_talkers
from emotion_lab.data.speaker_hearing import as_heard
from emotion_lab.data.speaker_scenes import SEED, Clips, Scene, make_scenes
from emotion_lab.training.continuing_speaker import collect_pairs, print_continuity
from emotion_lab.training.talking_speaker import collect_ends, find_jaw, print_choice
from emotion_node.backends.faces_onnx import open_faces
from emotion_node.backends.talking_lr_asd import open_lr_asd
from emotion_node.config import Config, FaceConfig
from emotion_node.core.vision.jaw_sync import MAX_WEIGHT_S, Jaw, measure_sync
from emotion_node.core.vision.speaker_evidence import MARGIN_NS
from emotion_node.core.voice.level import LevelMeter
from emotion_node.factory import load_vad

RIDGE: Final = 1e-4
"""Penalty on squared weights, so that a fit on few talkers is not overconfident."""
FIRST_NS: Final = 150_000_000
EVERY: Final = 4
"""One frame in so many of a scene is used, from `FIRST_NS` after the start of speech."""


@dataclass(frozen=True, slots=True)
class Moment:
    """The features of the faces of a scene at one moment.

    Attributes:
        condition: of the scene.
        names: talkers who are visible or whose voice it is.
        features: (faces + 1, 4): correlation times seconds, minus seconds, motion, and 1 in the
            last row, which stands for a speaker out of view.
        answer: row of the speaker.
        final: whether it is the end of the utterance.
    """

    condition: str
    names: frozenset[str]
    features: Array
    answer: int
    final: bool


def make_moments(talkers: Sequence[Talker], clips: Clips) -> list[Moment]:
    """Return the moments of all scenes in which all faces stay."""
    by_name = {talker.name: talker for talker in talkers}

    @cache
    def jaw(face: tuple[str, str]) -> Jaw:
        return find_jaw(clips[face])

    @cache
    def features(
        name: str, shift_ms: int, face: tuple[str, str], end_ns: int
    ) -> tuple[float, float, float]:
        talker, shift_ns = by_name[name], shift_ms * 1_000_000
        meter = LevelMeter(shift_ns)
        meter.append(talker.samples)
        start_ns = talker.speech[0] + shift_ns - MARGIN_NS
        seen = jaw(face).stamps <= end_ns
        past = Jaw(jaw(face).stamps[seen], jaw(face).drop[seen])
        evidence = measure_sync(meter.level(), past, start_ns, end_ns)
        seconds = min(evidence.seconds, MAX_WEIGHT_S)
        return evidence.correlation * seconds, -seconds, evidence.motion

    moments = []
    for scene in make_scenes(list(by_name)):
        if scene.leaving is not None:
            continue
        for end_ns, final in _times(scene, by_name[scene.voice]):
            rows = [
                (*features(scene.voice, scene.shift_ms, face, end_ns), 0.0) for face in scene.faces
            ]
            moments.append(
                Moment(
                    scene.condition,
                    frozenset({scene.voice, *(name for name, _ in scene.faces)}),
                    np.array([*rows, (0.0, 0.0, 0.0, 1.0)]),
                    int(scene.speaker[1:] or len(rows) + 1) - 1,
                    final,
                )
            )
    return moments


def _times(scene: Scene, talker: Talker) -> Iterable[tuple[int, bool]]:
    start_ns, end_ns = (stamp_ns + scene.shift_ms * 1_000_000 for stamp_ns in talker.speech)
    during = [stamp for stamp in talker.stamps_ns if start_ns + FIRST_NS <= stamp < end_ns]
    return [*((stamp_ns, False) for stamp_ns in during[::EVERY]), (end_ns + MARGIN_NS, True)]


def fit(moments: Sequence[Moment], steps: int = 30) -> Array:
    """Return the (4,) weights that make the answers likeliest, by Newton's method.

    The ends of utterances weigh as much as all moments before them, and scenes whose speaker is
    absent as much as all others.
    """
    kinds = [(moment.final, moment.condition.startswith('absent')) for moment in moments]
    shares = np.array([1 / kinds.count(kind) for kind in kinds]) / len(set(kinds))
    weights = np.zeros(4)
    for _ in range(steps):
        gradient, curvature = 2 * RIDGE * weights, 2 * RIDGE * np.eye(4)
        for moment, share in zip(moments, shares, strict=True):
            likely = _likely(moment, weights)
            mean = likely @ moment.features
            spread = moment.features - mean
            gradient += share * (mean - moment.features[moment.answer])
            curvature += share * (spread.T * likely) @ spread
        weights = weights - np.linalg.solve(curvature, gradient)
    return weights


def _likely(moment: Moment, weights: Array) -> Array:
    evidence = moment.features @ weights
    likely = np.exp(evidence - evidence.max())
    return np.asarray(likely / likely.sum())


def right(moments: Sequence[Moment], weights: Array) -> dict[str, float]:
    """Return the shares of right answers: of frames by condition, and of utterances."""
    shares: dict[str, list[bool]] = {}
    for moment in moments:
        evidence = moment.features @ weights
        if moment.final:
            row = 'absent' if moment.condition.startswith('absent') else 'utterances'
            shares.setdefault(row, []).append(int(np.argmax(evidence)) == moment.answer)
        elif not moment.condition.startswith('absent'):
            best = int(np.argmax(evidence[:-1]))
            shares.setdefault(moment.condition, []).append(best == moment.answer)
    return {row: float(np.mean(values)) for row, values in sorted(shares.items())}


def describe(weights: Array) -> str:
    """Return weights as the constants of `core.vision.active_speaker`."""
    per_s, seconds, motion, off_screen = weights
    return (
        f'WEIGHT_PER_S {per_s:.1f}, NEUTRAL_CORRELATION {seconds / per_s:.2f}, '
        f'MOTION_WEIGHT {motion:.1f}, OFF_SCREEN {off_screen:.1f}'
    )


def main(args: Sequence[str] | None = None) -> int:
    """Print the fits; return the exit status."""
    parser = argparse.ArgumentParser(
        prog='python -m emotion_lab train active-speaker',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--data', type=Path, help='folder of the data sets, or EMOTION_DATA')
    given = parser.parse_args(args)
    root = data_root(given.data)
    talkers = one_of_each(read_talkers(root / 'grid', root / 'grid_more'))
    clips = make_clips(talkers, open_faces(), SEED)
    vad = load_vad(Config())
    talkers = [as_heard(talker, vad) for talker in talkers]
    moments = make_moments(talkers, clips)
    print('all:', describe(fit(moments)))
    held_out = []
    for talker in talkers:
        weights = fit([one for one in moments if talker.name not in one.names])
        held_out.append(right([one for one in moments if talker.name in one.names], weights))
        figures = ', '.join(f'{row} {share:.3f}' for row, share in held_out[-1].items())
        print(f'without {talker.name}: {describe(weights)}\n  {figures}')
    means = {row: np.mean([one[row] for one in held_out]) for row in held_out[0]}
    print('mean:', ', '.join(f'{row} {share:.3f}' for row, share in means.items()))
    print_continuity(collect_pairs(talkers, clips, None))
    detector = open_lr_asd(FaceConfig(), print)
    if detector is not None:
        print('with the learned detector:')
        print_choice(collect_ends(talkers, clips, detector))
        print_continuity(collect_pairs(talkers, clips, detector))
    return 0
