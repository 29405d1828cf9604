"""Work on a recording that several threads share, with the results of one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import cache
from typing import Final, TypeVar

from emotion_node.datatypes import VideoFrame
from emotion_node.faces import Image
from emotion_node.recordings.recording import Step

AHEAD: Final = 16
"""Steps of a recording whose frames are decoded ahead: half a second of them."""
THREADS: Final = 2
"""More than two faces at once are rare."""

Item = TypeVar('Item')
Made = TypeVar('Made')


class Helpers:
    """Threads that help where the order of the work makes no difference.

    Args:
        threads: how many; 1 for none.
    """

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, 'annotate') if threads > 1 else None

    def __enter__(self) -> Helpers:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def each(self, function: Callable[[Item], Made], items: Sequence[Item]) -> Iterable[Made]:
        """Apply a function to each of the items, as `map` does."""
        if self._pool is None or len(items) < 2:
            return map(function, items)
        return self._pool.map(function, items)

    def decoded(self, steps: Iterable[Step]) -> Iterator[Step]:
        """Yield the steps; frames are decoded before they are needed."""
        ahead: deque[Step] = deque()
        for step in steps:
            ahead.append(self._decoding(step))
            if len(ahead) > (AHEAD if self._pool else 0):
                yield ahead.popleft()
        yield from ahead

    def _decoding(self, step: Step) -> Step:
        if self._pool is None or not isinstance(step.value, VideoFrame):
            return step
        decode = cache(step.value.decode)

        def try_to() -> None:
            with suppress(Exception):  # raised again where the frame is used
                decode()

        future = self._pool.submit(try_to)

        def wait() -> Image:
            future.result()
            return decode()

        return replace(step, value=replace(step.value, decode=wait))
