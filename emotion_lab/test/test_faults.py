"""docs/faults.md says what happens; a few of its rows are checked here, fast."""

from __future__ import annotations

from pathlib import Path

import pytest

from emotion_lab.benchmark.fault_stories import STORIES, Chunk, Item, read_items
from emotion_lab.benchmark.faults import GENERATED, measure, table
from emotion_lab.commands import main
from emotion_node.cli.demo import find_bag
from emotion_node.config import make_config
from emotion_node.factory import load_models

DOCUMENT = Path(__file__).parents[2] / 'docs' / 'faults.md'
OFF = {f'{part}.backend': 'off' for part in ('transcriber', 'text', 'voice', 'face')}
CHECKED = (
    'stamps in steps of 100 ms',
    'stamps that jitter by ±200 ms',
    'chunks out of order in fours',
    'clock set back by a day',
    '5 % of the chunks lost',
    'NaN in every hundredth chunk',
    'robot_speaking true for ever',
)
"""Faults of every kind that need no camera."""


def documented() -> dict[str, list[str]]:
    """Return the cells of the document after the first, by fault."""
    rows = [
        [cell.strip() for cell in line.strip('|').split(' | ')]
        for line in DOCUMENT.read_text(encoding='utf-8').splitlines()
        if line.startswith('| ')
    ]
    return {row[0]: row[1:] for row in rows[1:]}


def test_the_document_has_all_faults_and_is_marked_as_generated() -> None:
    assert DOCUMENT.read_text(encoding='utf-8').startswith(GENERATED)
    assert list(documented()) == [one.name for one in STORIES]


def test_a_fault_does_what_the_document_says() -> None:
    """Without words and emotions, which take time: their columns are left out."""
    config = make_config(OFF)
    stories = [one for one in STORIES if one.name in CHECKED]
    assert len(stories) == len(CHECKED)
    models = load_models(config, lambda text: None)
    for row in measure(stories, find_bag(), config, models):
        published, missing, diagnostics, annotate, _ = documented()[row.fault]
        assert row.published.split(',')[0] == published.split(',')[0], row.fault
        assert (row.missing, row.diagnostics, row.annotate) == (missing, diagnostics, annotate)
        assert any(row.fault in line for line in table([row]))


def contents(items: list[Item]) -> list[tuple[int, int, int, bytes]]:
    """Return what can be compared of messages of audio."""
    return [
        (one.time_ns, one.stamp_ns, one.rate, one.samples.tobytes())
        for one in items
        if isinstance(one, Chunk)
    ]


def test_faults_are_in_the_messages_and_wrong_stamps_leave_the_samples() -> None:
    items = read_items(find_bag(), images=False)
    before = contents(items)
    for story in STORIES:
        if story.images or story.name == 'none' or 'robot' in story.name:
            continue
        after = contents(story.disturb(items))
        assert after != before, story.name
        if 'stamp' in story.name or 'clock' in story.name:
            assert [one[2:] for one in after] == [one[2:] for one in before], story.name


def test_an_unknown_fault_is_answered_with_their_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['faults', '--only', 'earthquake']) == 1
    assert 'stamps that stand still' in capsys.readouterr().err
