"""Measure active speaker detection, in scenes whose speaker is known.

Scenes are made of GRID talkers (see `speaker_clips`), two or three side by side, with the voice of
one of them or of a person who is not in the image, and run through the node's hearing and vision.
The silent faces are still or chew ("still"), or say other words without sound ("mouthing"). The
voice comes up to 0.2 s later than the image.

A frame is right when the speaker has the highest speaking score as published at that moment;
frames count from the detected start of speech to its true end. An utterance is right when it is
published with the speaker's face. In further scenes two people speak one after the other without
a pause, and an utterance is to be cut where the speaker changes. All is measured by the jaws alone
and, where it has been fetched, with the learned detector. Intervals are bootstraps over the people
heard.

There are nine people, and the constants were chosen on the same ones: `python -m emotion_lab train
active-speaker` chooses them again without each person in turn, and prints those figures.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from emotion_lab.data.datasets import data_root
from emotion_lab.data.speaker_clips import make_clips, one_of_each, read_talkers
from emotion_lab.data.speaker_scenes import SEED
from emotion_lab.evaluation.speaker_demo import TRUTH, demo_figures
from emotion_lab.evaluation.speaker_figures import (
    Scores,
    pooled,
    score_scenes,
    speaker_figures,
)
from emotion_lab.evaluation.speaker_methods import HOW, LEARNED, methods
from emotion_lab.evaluation.speaker_turns import turn_figures
from emotion_node.backends.faces_onnx import open_faces
from emotion_node.config import Config
from emotion_node.factory import load_vad


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that `run` takes."""
    parser.add_argument(
        '--demo',
        type=Path,
        default=Path('demo/conversation'),
        help='a bag with its truth file; default %(default)s',
    )
    parser.add_argument('--landmarker', default='', help='a face_landmarker.task file')
    parser.add_argument('--data', type=Path, help='folder of the data sets, or EMOTION_DATA')
    parser.add_argument('--json', action='store_true', help='print one JSON object')


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Return `speaker_figures`, and `demo_figures` where the demo conversation is there."""
    return _evaluate(args)[1]


def run(args: argparse.Namespace) -> int:
    """Print the figures; return the exit status."""
    scores, figures = _evaluate(args)
    print(json.dumps(figures) if args.json else markdown(scores, figures))
    return 0


def _evaluate(args: argparse.Namespace) -> tuple[Scores, dict[str, Any]]:
    """Return the scores by the jaws, and all figures by method."""
    finder = open_faces(args.landmarker)
    root = data_root(args.data)
    talkers = one_of_each(read_talkers(root / 'grid', root / 'grid_more'))
    clips = make_clips(talkers, finder, SEED)
    vad = load_vad(Config())
    scores: Scores = {}
    figures: dict[str, Any] = {}
    for method, detector in methods().items():
        found = score_scenes(talkers, clips, vad, detector)
        scores = scores or found
        figures[method] = speaker_figures(found)
        figures[method]['turns'] = turn_figures(talkers, clips, vad, detector)
        if (args.demo / TRUTH).is_file():
            figures[method] |= demo_figures(args.demo, finder, vad, detector)
    if LEARNED not in figures:
        print(f'skipped: {LEARNED}: {HOW}', file=sys.stderr)
    return scores, figures


ROWS: Final = {
    'two_still': 'two faces, the silent one still or chewing',
    'two_mouthing': 'two faces, the silent one mouthing other words',
    'two_leaving': 'two faces, one of them leaves',
    'three_still': 'three faces, one silent one still, one chewing',
    'three_mouthing': 'three faces, the silent ones mouthing other words',
    'absent_still': 'the speaker is not visible; one face still, one chewing',
    'absent_mouthing': 'the speaker is not visible; two faces mouthing',
    'two_late_0_ms': 'two faces, voice in time',
    'two_late_100_ms': 'two faces, voice late by 100 ms',
    'two_late_200_ms': 'two faces, voice late by 200 ms',
}
"""Conditions in order of display, with their text."""
TURNS: Final = {
    'other': 'the other one takes over',
    'same': 'the same one goes on, the other one is still or chews',
    'same_mouthing': 'the same one goes on, the other one begins to mouth other words',
}
"""Conditions of the scenes with two turns, with their text."""
SUMS: Final = {
    'still': 'silent faces still or chewing, together',
    'mouthing': 'silent faces mouthing, together',
    'absent': 'speaker not visible, together',
}


def markdown(scores: Scores, result: Mapping[str, Any]) -> str:
    """Return the figures as a Markdown table."""
    names = list(result)
    heads = [f'frames right, {name} | utterances right, {name}' for name in names]
    lines = [f'| scenes | | {" | ".join(heads)} |', f'|---|--:|{"--:|" * 2 * len(names)}']
    for row, words in ROWS.items():
        cells = []
        for one in result.values():
            live = f'{one[row]:.3f}' if row in one else ''
            cells += [live, f'{one[f"{row}_utterances"]:.3f}']
        lines.append(f'| {words} | {pooled(scores[row]).scenes} | {" | ".join(cells)} |')
    for group, words in SUMS.items():
        cells = []
        for one in result.values():
            low, high = one[f'{group}_interval']
            cells += ['', f'{one[f"{group}_utterances"]:.3f} ({low:.2f} to {high:.2f})']
        lines.append(f'| {words} | | {" | ".join(cells)} |')
    if all('demo_utterances' in one for one in result.values()):
        cells = [
            f'{one[key]:.3f}'
            for one in result.values()
            for key in ('demo_frames', 'demo_utterances')
        ]
        lines.append(f'| the recorded conversation | 1 | {" | ".join(cells)} |')
    lines += [
        '',
        '| two faces, two turns without a pause | | scenes | cut at the change | cuts elsewhere |',
        '|---|---|--:|--:|--:|',
    ]
    for name, one in result.items():
        for condition, words in TURNS.items():
            counts = one['turns'][condition]
            split = counts['split'] if condition == 'other' else ''
            counted = f'{counts["scenes"]} | {split} | {counts["wrong"]}'
            lines.append(f'| {words} | {name} | {counted} |')
    return '\n'.join(lines)
