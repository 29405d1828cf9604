"""ELAN files (EAF, the EUDICO Annotation Format of the Max Planck Institute)."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from pympi import Elan

from emotion_node.annotate.annotation import Annotation
from emotion_node.datatypes import ModalityEmotion
from emotion_node.display.plain_text import plain
from emotion_node.recordings.bag import is_bag

WORDS: Final = 'words'
CHILDREN: Final = ('emotion', 'confidence', 'text', 'voice', 'face', 'check')
"""Tiers below the words of a speaker: the fused label, its probability, the label of each
modality or why it is absent, and whether the face shows the fused label."""
UNKNOWN: Final = 'unknown'
"""The speaker of utterances whose speaker is not known."""

_CHILD: Final = 'of an utterance'


def eaf(source: Path, emotions: Sequence[Annotation]) -> str:
    """Return an ELAN file with a tier of words per speaker, and tiers of emotions below it.

    Args:
        source: the recording; a media file is linked.
        emotions: final emotions, in order.
    """
    file = Elan.Eaf(author='emotion_node')
    file.add_linguistic_type(WORDS)
    file.add_linguistic_type(_CHILD, 'Symbolic_Association', timealignable=False)
    if not is_bag(source):
        kind = mimetypes.guess_type(source.name)[0] or 'unknown'
        file.add_linked_file(source.absolute().as_uri(), f'./{source.name}', kind)
    ends: dict[str, int] = {}
    for one in emotions:
        speaker = one.report.speaker_id or UNKNOWN
        parent = f'{WORDS}@{speaker}'
        if parent not in file.tiers:
            _add_tiers(file, speaker)
        start_ms = max(round(one.start_s * 1000), ends.get(parent, 0))
        end_ms = max(round(one.end_s * 1000), start_ms + 1)
        ends[parent] = end_ms
        file.add_annotation(parent, start_ms, end_ms, plain(one.report.transcript.text))
        for name, value in zip(CHILDREN, _values(one), strict=True):
            if value:
                middle = (start_ms + end_ms) // 2
                file.add_ref_annotation(f'{name}@{speaker}', parent, middle, value)
    if emotions:
        file.remove_tier('default')
        file.remove_linguistic_type('default-lt')
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + str(Elan.to_string(file))


def _add_tiers(file: Elan.Eaf, speaker: str) -> None:
    parent = f'{WORDS}@{speaker}'
    file.add_tier(parent, WORDS, part=speaker)
    for name in CHILDREN:
        file.add_tier(f'{name}@{speaker}', _CHILD, parent, part=speaker)


def _values(one: Annotation) -> Iterator[str]:
    fused = one.report.fused
    yield fused.label
    yield f'{fused.confidence:.3f}' if fused.label else ''
    yield from map(_answer, fused.modalities)
    yield str(fused.expression_check)


def _answer(one: ModalityEmotion) -> str:
    return one.label if one.available else f'absent: {one.reason}'
