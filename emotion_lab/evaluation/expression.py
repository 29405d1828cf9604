"""Measure the expression check: are the expressions of FER+ recognised as shown?

Faces of FER+ dev on whose emotion at least seven of ten people agreed are compared, as single
images, with an average neutral face. For each emotion: how often the check says that it is shown
or partly shown, in faces with that label and in neutral ones. The thresholds were chosen on FER+
train. In the node, a face is compared with the person's own neutral face, over an utterance.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from emotion_lab.data.face_landmarks import fit_small_face
from emotion_lab.data.ferplus import read_ferplus
from emotion_node.backends.faces_onnx import open_faces
from emotion_node.core.vision.expression_check import check
from emotion_node.core.vision.facial_cues import NeutralFace, read_cues
from emotion_node.core.vision.facial_cues import measure as measure_face
from emotion_node.core.vision.geometry import find_head
from emotion_node.datatypes import ExpressionCheck, FacialCue
from emotion_node.faces import Image
from emotion_node.interfaces import FaceFinder
from emotion_node.labels import LABELS, NEUTRAL

AGREED: Final = 7
"""Votes, of ten, from which on a face counts."""
MAX_FACES: Final = 150
"""Per label."""


def cues_of(image: Image, finder: FaceFinder) -> tuple[FacialCue, ...]:
    """Return the facial cues of a grey face of (side, side); empty where none is found."""
    mesh = fit_small_face(image, finder)
    head = None if mesh is None else find_head(mesh.best)
    if mesh is None or head is None:
        return ()
    measures = measure_face(head.landmarks, mesh.blendshapes)
    return read_cues(measures[None], NeutralFace().measures)


def expression_figures(finder: FaceFinder, data: Path | None) -> dict[str, Any]:
    """Return by emotion the shares of faces in which it is shown or partly shown.

    Args:
        finder: of landmarks.
        data: folder of the data sets, as in `datasets.data_root`.

    Returns:
        By label except neutral: number of `faces`, share `shown` in these, and share
        `shown_in_neutral` in neutral faces; None where there are no faces.

    Raises:
        DatasetError: FER+ is missing.
    """
    faces = read_ferplus('dev', data)
    rng = np.random.default_rng(0)
    cues: dict[str, list[tuple[FacialCue, ...]]] = {}
    console = Console(stderr=True)
    for place, label in enumerate(LABELS):
        chosen = rng.permutation(np.flatnonzero(faces.votes[:, place] >= AGREED))[:MAX_FACES]
        rows = track(chosen, label, console=console, transient=True)
        found = [cues_of(faces.images[row], finder) for row in rows]
        cues[label] = [one for one in found if one]
    return {
        label: {
            'faces': len(cues[label]),
            'shown': _share(label, cues[label]),
            'shown_in_neutral': _share(label, cues[NEUTRAL]),
        }
        for label in LABELS
        if label != NEUTRAL
    }


def _share(label: str, faces: list[tuple[FacialCue, ...]]) -> float | None:
    shown = (ExpressionCheck.SHOWN, ExpressionCheck.PARTLY_SHOWN)
    found = [check(label, cues).result in shown for cues in faces]
    return float(np.mean(found)) if found else None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that `run` takes."""
    parser.add_argument('--landmarker', default='', help='a face_landmarker.task file')
    parser.add_argument('--data', type=Path, help='folder of the data sets, or EMOTION_DATA')
    parser.add_argument('--json', action='store_true', help='print one JSON object')


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Return what `expression_figures` does, for these arguments."""
    return expression_figures(open_faces(args.landmarker), args.data)


def run(args: argparse.Namespace) -> int:
    """Print the figures; return the exit status."""
    figures = measure(args)
    if args.json:
        print(json.dumps(figures))
        return 0
    table = Table('emotion', 'faces', 'shown in these', 'shown in neutral faces')
    for label, row in figures.items():
        shares = [
            '-' if row[key] is None else f'{row[key]:.2f}' for key in ('shown', 'shown_in_neutral')
        ]
        table.add_row(label, str(row['faces']), *shares)
    Console().print(table)
    return 0
