"""Measure active speaker detection, in scenes whose speaker is known.

Scenes are made of GRID talkers (see `speaker_clips`), two or three side by side, with the voice of
one of them or of a person who is not in the image, and run through the node's hearing and vision.
The silent faces are still or chew ("still"), or say other words without sound ("mouthing"). The
voice comes up to 0.2 s later than the image.

A frame is right when the speaker has the highest speaking score as published at that moment;
frames count from the detected start of speech to its true end. An utterance is right when it is
published with the speaker's face. There are few talkers, and the method's constants were chosen on
the same ones: `python -m emotion_lab train active-speaker` leaves each out in turn.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from emotion_lab.data.datasets import data_root
from emotion_lab.data.speaker_clips import make_clips, read_talkers
from emotion_lab.data.speaker_scenes import SEED
from emotion_lab.evaluation.speaker_demo import TRUTH, demo_figures
from emotion_lab.evaluation.speaker_figures import Score, score_scenes, speaker_figures
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


def _evaluate(args: argparse.Namespace) -> tuple[dict[str, Score], dict[str, Any]]:
    finder = open_faces(args.landmarker)
    talkers = read_talkers(data_root(args.data) / 'grid')
    clips = make_clips(talkers, finder, SEED)
    vad = load_vad(Config())
    scores = score_scenes(talkers, clips, vad)
    figures = speaker_figures(scores)
    if (args.demo / TRUTH).is_file():
        figures |= demo_figures(args.demo, finder, vad)
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


def markdown(scores: Mapping[str, Score], result: Mapping[str, Any]) -> str:
    """Return the figures as a Markdown table."""
    lines = [
        '| scenes | | frames right | utterances right |',
        '|---|--:|--:|--:|',
    ]
    for row, words in ROWS.items():
        live = f'{result[row]:.3f}' if row in result else ''
        lines.append(
            f'| {words} | {scores[row].scenes} | {live} | {result[f"{row}_utterances"]:.3f} |'
        )
    if 'demo_utterances' in result:
        frames, utterances = result['demo_frames'], result['demo_utterances']
        lines.append(f'| the recorded conversation | 1 | {frames:.3f} | {utterances:.3f} |')
    return '\n'.join(lines)
