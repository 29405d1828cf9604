"""Tables: who speaks when (RTTM, of NIST's Rich Transcription), and one row per emotion (CSV)."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from emotion_node.annotate.annotation import Annotation
from emotion_node.labels import LABELS, MODALITIES

UNKNOWN: Final = 'unknown'
"""The speaker of utterances whose speaker is not known."""

COLUMNS: Final = (
    'source', 'utterance_id', 'start_s', 'end_s', 'speaker_id', 'person_id', 'text', 'locale',
    'label', 'confidence', 'valence', 'arousal', *(f'score_{label}' for label in LABELS),
    *(f'{modality}_{name}' for modality in MODALITIES
      for name in ('label', 'confidence', 'weight', 'reason')),
    'expression_check', 'shown_expression', 'audible_or_visible', 'end_reason', 'missing_audio',
)  # fmt: skip


def rttm(source: Path, emotions: Sequence[Annotation]) -> str:
    """Return one SPEAKER line per utterance; spaces in the name of the recording become `_`."""
    name = re.sub(r'\s+', '_', source.resolve().stem) or UNKNOWN
    return ''.join(
        f'SPEAKER {name} 1 {one.start_s:.3f} {one.end_s - one.start_s:.3f} <NA> <NA> '
        f'{one.report.speaker_id or UNKNOWN} <NA> <NA>\n'
        for one in emotions
    )


def csv_table(source: Path, emotions: Sequence[Annotation]) -> str:
    """Return one row per utterance, below the names of the columns.

    What is unknown or absent is empty, and `NAME_reason` says why a modality is absent.
    """
    file = io.StringIO()
    writer = csv.writer(file, lineterminator='\n')
    writer.writerow(COLUMNS)
    writer.writerows(list(_row(source, one)) for one in emotions)
    return file.getvalue()


def _row(source: Path, one: Annotation) -> Iterator[object]:
    report, fused = one.report, one.report.fused
    yield from (source.name, report.utterance_id, f'{one.start_s:.3f}', f'{one.end_s:.3f}')
    yield from (report.speaker_id, report.person_id)
    yield from (report.transcript.text, report.transcript.locale)
    known = fused.scores is not None
    numbers = (fused.confidence, fused.valence, fused.arousal)
    yield fused.label
    yield from (f'{number:.4f}' if known else '' for number in numbers)
    scores = [''] * len(LABELS) if fused.scores is None else [f'{s:.4f}' for s in fused.scores]
    yield from scores
    for modality in fused.modalities:
        there = modality.available
        yield modality.label
        yield f'{modality.confidence:.4f}' if there else ''
        yield f'{modality.weight:.4f}' if there else ''
        yield str(modality.reason)
    yield from (str(fused.expression_check), fused.shown_expression)
    yield from (str(fused.audible_or_visible), str(report.end_reason))
    yield f'{report.missing_audio:.4f}'
