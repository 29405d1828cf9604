"""Loading ONNX models with onnxruntime."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from emotion_node.errors import ModelError
from emotion_node.labels import LABELS
from emotion_node.model_store.manifest import ModelEntry

_ORT_ERRORS: Final = (
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
)


PROCESSOR: Final = ('CPUExecutionProvider',)
_SUFFIX: Final = 'ExecutionProvider'


def choose_providers(wanted: str, log: Callable[[str], None]) -> tuple[str, ...]:
    """Return the execution providers to run models on, best first, the processor last.

    Args:
        wanted: onnxruntime's names with or without "ExecutionProvider", separated by commas;
            "auto" for all that there are, in onnxruntime's order.
        log: told which of them this onnxruntime has not got.

    Raises:
        ModelError: onnxruntime knows no such provider.
    """
    known = {name.removesuffix(_SUFFIX).lower(): name for name in ort.get_all_providers()}
    available = ort.get_available_providers()
    chosen: list[str] = []
    for one in wanted.split(','):
        short = one.strip().lower().removesuffix(_SUFFIX.lower())
        if not short:
            continue
        if short == 'auto':
            chosen += [name for name in available if name != 'AzureExecutionProvider']
            continue
        if short not in known:
            raise ModelError(
                f'inference.providers: onnxruntime knows no {one.strip()!r}; it knows '
                f'{", ".join(sorted(known))}'
            )
        if known[short] in available:
            chosen.append(known[short])
        else:
            here = ', '.join(name.removesuffix(_SUFFIX) for name in available)
            log(
                f'inference.providers asks for {short}, which onnxruntime {ort.__version__} here '
                f'has not got (it has {here}): it is passed over, and the processor does what no '
                'other can. Install the build of onnxruntime that brings it, e.g. onnxruntime-gpu '
                'for cuda'
            )
    others = [name for name in chosen if name not in PROCESSOR]
    return tuple(dict.fromkeys((*others, *PROCESSOR)))


def load_session(
    entry: ModelEntry, threads: int, providers: Sequence[str] = PROCESSOR
) -> ort.InferenceSession:
    """Return a session over the model's file "weights", which is compared with its checksum.

    Args:
        entry: the model.
        threads: of the processor.
        providers: as `choose_providers` returns them.

    Raises:
        ModelError: the file is missing or damaged, or is no ONNX model.
    """
    file = entry.file('weights')
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Spinning threads would take a core from the rest of the node between calls.
    options.add_session_config_entry('session.intra_op.allow_spinning', '0')
    try:
        return ort.InferenceSession(file.read(), options, providers=list(providers))
    except _ORT_ERRORS as error:
        raise ModelError(
            f'{file.path} is no ONNX model that onnxruntime {ort.__version__} can run: {error}'
        ) from error


def check_labels(entry: ModelEntry, labels: tuple[str, ...] = LABELS) -> None:
    """Refuse a model whose label table is not the one that is expected.

    Raises:
        ModelError: it is not.
    """
    if entry.labels != labels:
        raise ModelError(
            f'{entry.file("weights").path} has the labels {", ".join(entry.labels)}; expected '
            f'{", ".join(labels)}'
        )
