"""Tables of figures for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.table import Table
from rich.text import Text

from emotion_lab.data.metrics import IntArray
from emotion_node.labels import LABELS

_SHADES: Final = (236, 238, 60, 62, 63, 69, 75, 81)
"""Colours of the 256-colour palette, from a share of 0 to a share of 1."""


def confusion_table(counts: IntArray, title: str, labels: Sequence[str] = LABELS) -> Table:
    """Return a confusion matrix to print: a row per true label, shaded by its share of the row.

    Args:
        counts: (n, n) rows are true labels, columns predicted ones.
        title: what was measured.
        labels: names of the n classes.
    """
    table = Table(title=title, title_justify='left', pad_edge=False)
    table.add_column('said of')
    for label in labels:
        table.add_column(label[:8], justify='right')
    table.add_column('recall', justify='right')
    for label, row, hits in zip(labels, counts, counts.diagonal(), strict=True):
        total = int(row.sum())
        cells = []
        for count in row:
            shade = _SHADES[round(count / max(total, 1) * (len(_SHADES) - 1))]
            cells.append(Text(f'{count:4d}', f'color(255) on color({shade})'))
        table.add_row(label, *cells, f'{hits / total:.2f}' if total else '-')
    return table
