"""Recordings spread over processes, or over machines, by Dask distributed."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

from distributed import Client, LocalCluster, as_completed

from emotion_node.annotate.annotator import Options
from emotion_node.annotate.corpus import Done, Task, annotate_one
from emotion_node.errors import UserError, first_line

_CONNECT_S = 20


class SchedulerError(UserError):
    """The scheduler cannot be reached."""


def annotate_over_processes(
    tasks: Sequence[Task], options: Options, processes: int
) -> Iterator[Done]:
    """Yield how each recording went, as they are done by processes of this machine."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix='emotion_node_'))
        cluster = LocalCluster(
            n_workers=min(processes, len(tasks)),
            threads_per_worker=1,
            memory_limit=0,  # by itself it would end processes, and lose their work
            dashboard_address=None,
            local_directory=folder,
            silence_logs=logging.CRITICAL,
        )
        stack.enter_context(cluster)
        yield from _spread(stack.enter_context(Client(cluster)), tasks, options)


def annotate_over_machines(
    tasks: Sequence[Task], options: Options, address: str
) -> Iterator[Done]:
    """Yield how each recording went, as they are done by the workers of a scheduler.

    They need this package, and see inputs and outputs under the same paths.

    Args:
        tasks: the recordings.
        options: for all of them.
        address: of the scheduler, such as "tcp://10.0.0.5:8786".

    Raises:
        SchedulerError: it cannot be reached.
    """
    try:
        client = Client(address, timeout=_CONNECT_S)
    except (OSError, TimeoutError, ValueError) as error:
        raise SchedulerError(
            f'no Dask scheduler at {address} ({first_line(error)}); start one with "dask '
            'scheduler", and workers with "dask worker ADDRESS"'
        ) from error
    with client:
        yield from _spread(client, tasks, options)


def _spread(client: Client, tasks: Sequence[Task], options: Options) -> Iterator[Done]:
    # A recording whose worker dies is given to another one, three times at most.
    futures = client.map(annotate_one, tasks, options=options, pure=False)
    paths = {future.key: task.path for future, task in zip(futures, tasks, strict=True)}
    for future in as_completed(futures):
        path = paths[future.key]
        if future.status == 'finished':
            yield future.result()
        else:
            error = future.exception()
            yield Done(path, failures=(f'{type(error).__name__}: {first_line(error)}',))
        future.release()
