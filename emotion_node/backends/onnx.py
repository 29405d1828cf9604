"""Loading ONNX models with onnxruntime."""

from __future__ import annotations

from typing import Final

import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from emotion_node.interfaces import ModelError
from emotion_node.labels import LABELS
from emotion_node.models import ModelEntry

_ORT_ERRORS: Final = (
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
)


def load_session(entry: ModelEntry, threads: int) -> ort.InferenceSession:
    """Return a session over the model's file "weights", which is compared with its checksum.

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
        return ort.InferenceSession(file.read(), options, providers=['CPUExecutionProvider'])
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
