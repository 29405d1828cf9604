"""Assignment of rows to columns at the least total cost."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def assign(cost: npt.NDArray[np.floating[Any]], limit: float) -> list[tuple[int, int]]:
    """Return pairs of (row, column), in the order of rows, of least total cost.

    The Hungarian method with potentials (Kuhn, 1955; Jonker and Volgenant, Computing 38, 1987),
    for the few faces of a frame.

    Args:
        cost: (rows, columns), finite.
        limit: cost of leaving a row and a column unpaired: pairs that cost this or more are not
            made.
    """
    rows, columns = cost.shape
    if not rows or not columns:
        return []
    size = rows + columns
    # Each row and column may also stay unpaired, at half of the limit.
    padded = np.full((size, size), limit / 2)
    padded[:rows, :columns] = np.minimum(cost, limit)
    padded[rows:, columns:] = 0.0
    match = _solve(padded)
    return [
        (row, column)
        for column, row in sorted(enumerate(match), key=lambda pair: pair[1])
        if row < rows and column < columns and cost[row, column] < limit
    ]


def _solve(cost: npt.NDArray[np.float64]) -> list[int]:
    """Return the row of each column in the cheapest perfect matching of a square matrix."""
    size = len(cost)
    row_price, column_price = np.zeros(size), np.zeros(size)
    match = np.full(size + 1, -1)  # the last column is where a new row starts from
    for row in range(size):
        match[size] = row
        current = size
        reached = np.zeros(size + 1, bool)
        slack = np.full(size, np.inf)
        came_from = np.zeros(size, np.int64)
        while match[current] >= 0:
            reached[current] = True
            free = ~reached[:size]
            reduced = cost[match[current]] - row_price[match[current]] - column_price
            better = free & (reduced < slack)
            slack[better] = reduced[better]
            came_from[better] = current
            following = int(np.argmin(np.where(free, slack, np.inf)))
            step = slack[following]
            row_price[match[:size][reached[:size]]] += step
            row_price[row] += step
            column_price[reached[:size]] -= step
            slack[free] -= step
            current = following
        while current != size:
            match[current] = match[came_from[current]]
            current = int(came_from[current])
    return [int(row) for row in match[:size]]
