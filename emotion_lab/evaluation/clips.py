"""Show real recordings end to end, utterance by utterance, compared with the truth.

They are a few clips of MELD with video, and two of its dialogues with audio only: too few to
measure anything. The table shows examples, without any claim of significance. The utterances of a
dialogue are separate files in MELD; here, 0.8 s of near silence lies between them.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from emotion_lab.data.datasets import DatasetError, data_root
from emotion_lab.evaluation.interim import replay, replay_file
from emotion_lab.evaluation.meld_dialogues import MeldDialogue, read_dialogues
from emotion_node.cli import parameter_options as parameters
from emotion_node.config import Config
from emotion_node.datatypes import EmotionReport, Report, Trigger
from emotion_node.factory import Models, load_models
from emotion_node.labels import LABELS

FOLDER: Final = 'meld_clips'
NOTE: Final = 'Too few to measure anything: examples, without any claim of significance.'


@dataclass(frozen=True, slots=True)
class Row:
    """One true utterance and what the node found in its place.

    Attributes:
        recording: which clip or dialogue, and which utterance.
        speaker, emotion, text: as MELD has them.
        found: number of utterances that the node found in its place.
        label, confidence, words: of the longest of these; empty and 0 where there is none.
        speaker_id, face_id: likewise.
        modalities: label of each modality, or in brackets the reason why it is absent.
    """

    recording: str
    speaker: str
    emotion: str
    text: str
    found: int = 0
    label: str = ''
    confidence: float = 0.0
    words: str = ''
    speaker_id: str = ''
    face_id: str = ''
    modalities: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the fields by name."""
        return {name: getattr(self, name) for name in self.__slots__}


def finals(reports: Sequence[Report]) -> list[EmotionReport]:
    """Return the final emotions."""
    return [
        one for one in reports if isinstance(one, EmotionReport) and one.trigger is Trigger.FINAL
    ]


def make_row(
    recording: str, speaker: str, emotion: str, text: str, found: Sequence[EmotionReport]
) -> Row:
    """Return the row of a true utterance and the utterances found in its place."""
    if not found:
        return Row(recording, speaker, emotion, text)
    chosen = max(found, key=lambda one: one.end_ns - one.start_ns)
    return Row(
        recording,
        speaker,
        emotion,
        text,
        len(found),
        chosen.fused.label,
        chosen.fused.confidence,
        chosen.transcript.text,
        chosen.speaker_id,
        chosen.face_id,
        tuple(one.label or f'({one.reason})' for one in chosen.fused.modalities),
    )


def dialogue_rows(dialogue: MeldDialogue, reports: Sequence[Report]) -> list[Row]:
    """Return the rows of a dialogue; each found utterance goes to the one it overlaps most."""
    places: dict[int, list[EmotionReport]] = {}
    for one in finals(reports):
        shared = [
            min(one.end_ns, true.end_ns) - max(one.start_ns, true.start_ns)
            for true in dialogue.utterances
        ]
        place = max(range(len(shared)), key=lambda n: shared[n])
        if shared[place] > 0:
            places.setdefault(place, []).append(one)
    return [
        make_row(
            f'dialogue {dialogue.number}, {n}',
            true.speaker,
            LABELS[true.label],
            true.text,
            places.get(n, []),
        )
        for n, true in enumerate(dialogue.utterances)
    ]


def read_clips(folder: Path) -> list[dict[str, str]]:
    """Return the table of the clips: file, speaker, emotion, text and more of each.

    Raises:
        DatasetError: there are none.
    """
    table = folder / 'manifest.csv'
    if not table.is_file():
        raise DatasetError(f'no clips of MELD with a manifest.csv in {folder}')
    with table.open(encoding='utf-8') as file:
        return list(csv.DictReader(file))


def clip_rows(folder: Path, config: Config, models: Models) -> list[Row]:
    """Return the utterances of the clips, one each.

    Raises:
        DatasetError: there are none.
    """
    rows = []
    for row in read_clips(folder):
        reports = replay_file(folder / row['file'], config, models, time.perf_counter_ns)
        name = Path(row['file']).stem
        found = finals(reports)
        rows.append(make_row(name, row['speaker'], row['emotion'], row['text'], found))
    return rows


def speaker_pairs(rows: Sequence[Row]) -> dict[str, int]:
    """Compare the speakers of pairs of utterances of one dialogue with the truth.

    Returns:
        `same_right`, `same_wrong`, `different_right`, `different_wrong`; utterances with an
        unknown speaker are left out.
    """
    counts = dict.fromkeys(('same_right', 'same_wrong', 'different_right', 'different_wrong'), 0)
    for one, other in itertools.combinations([row for row in rows if row.speaker_id], 2):
        if one.recording.split(',')[0] != other.recording.split(',')[0]:
            continue
        same = one.speaker_id == other.speaker_id
        right = same == (one.speaker == other.speaker)
        key = ('same_' if same else 'different_') + ('right' if right else 'wrong')
        counts[key] += 1
    return counts


def evaluate_clips(config: Config, data: Path | None = None) -> dict[str, Any]:
    """Return the rows, and how many labels are the true ones.

    Returns:
        `rows`, `utterances`, `heard`, `right`, `speakers` as `speaker_pairs`, `note`, and what was
        missing in `skipped`.

    Raises:
        ModelError: a model cannot be used.
    """
    models = load_models(config, lambda text: None)
    rows: list[Row] = []
    skipped = []
    try:
        rows += clip_rows(data_root(data) / FOLDER, config, models)
    except DatasetError as error:
        skipped.append(str(error))
    spoken: list[Row] = []
    try:
        for dialogue in read_dialogues(data):
            reports = replay(dialogue.chunks(), config, models, time.perf_counter_ns)
            spoken += dialogue_rows(dialogue, reports)
    except DatasetError as error:
        skipped.append(str(error))
    rows += spoken
    return {
        'note': NOTE,
        'rows': [row.as_dict() for row in rows],
        'utterances': len(rows),
        'heard': sum(row.found > 0 for row in rows),
        'right': sum(row.label == row.emotion for row in rows),
        'speakers': speaker_pairs(spoken),
        'skipped': skipped,
    }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that `run` takes."""
    parser.add_argument('--data', type=Path, help='folder of the data sets, or EMOTION_DATA')
    parser.add_argument('--json', action='store_true', help='print one JSON object')
    parser.add_argument('--markdown', action='store_true', help='print the table as Markdown')
    parameters.add_arguments(parser)


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Return what `evaluate_clips` does, for these arguments."""
    return evaluate_clips(parameters.read_config(args), args.data)


def run(args: argparse.Namespace) -> int:
    """Print the table; return the exit status."""
    figures = measure(args)
    if args.json:
        print(json.dumps(figures))
        return 0
    columns = ('recording', 'speaker', 'emotion', 'found', 'by', 'text, voice, face', 'words')
    rows = [_cells(row) for row in figures['rows']]
    if args.markdown:
        print(f'| {" | ".join(columns)} |\n|{"---|" * len(columns)}')
        for row in rows:
            print(f'| {" | ".join(row)} |')
    else:
        table = Table(*columns)
        for row in rows:
            table.add_row(*row)
        Console().print(table)
    print(
        "{right} of {utterances} labels are MELD's; {heard} were found. {note}".format(**figures)
    )
    for reason in figures['skipped']:
        print(f'skipped: {reason}')
    return 0


def _cells(row: dict[str, Any]) -> list[str]:
    found = f'{row["label"]} {row["confidence"]:.2f}' if row['found'] else '-'
    parts = ', '.join(row['modalities'])
    who = row['speaker_id'] or row['face_id'] or '-'
    return [row['recording'], row['speaker'], row['emotion'], found, who, parts, row['words']]
