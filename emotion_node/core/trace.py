"""Rows of measurements, addressed by time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from emotion_node.datatypes import FloatArray

Stamps = npt.NDArray[np.int64]


class Trace:
    """A ring buffer of rows of measurements with their stamps.

    Args:
        width: measurements in a row.
        capacity: at least this many of the latest rows are held.
    """

    def __init__(self, width: int, capacity: int) -> None:
        # Twice the space: the latest half moves to the front when the end is reached.
        self._stamps = np.zeros(2 * capacity, np.int64)
        self._rows = np.zeros((2 * capacity, width), np.float32)
        self._capacity = capacity
        self._size = 0

    def append(self, stamp_ns: int, row: FloatArray) -> None:
        """Add a row of (width,) measurements, later than those before."""
        if self._size == len(self._stamps):
            keep = self._capacity
            self._stamps[:keep] = self._stamps[-keep:]
            self._rows[:keep] = self._rows[-keep:]
            self._size = keep
        self._stamps[self._size] = stamp_ns
        self._rows[self._size] = row
        self._size += 1

    def fill(self, stamp_ns: int, first: int, values: FloatArray) -> None:
        """Write values into the row of a stamp, from column `first` on, if it is still held."""
        k = int(np.searchsorted(self._stamps[: self._size], stamp_ns, 'left'))
        if k < self._size and self._stamps[k] == stamp_ns:
            self._rows[k, first : first + len(values)] = values

    def between(self, start_ns: int, end_ns: int) -> tuple[Stamps, FloatArray]:
        """Return copies of the stamps, (n,), and rows, (n, width), in [start_ns, end_ns]."""
        stamps = self._stamps[: self._size]
        first = int(np.searchsorted(stamps, start_ns, 'left'))
        last = int(np.searchsorted(stamps, end_ns, 'right'))
        return stamps[first:last].copy(), self._rows[first:last].copy()

    @property
    def last_ns(self) -> int | None:
        """Stamp of the latest row; None while there are no rows."""
        return int(self._stamps[self._size - 1]) if self._size else None
