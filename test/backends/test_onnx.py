"""A model serves only what it was made for: inputs, outputs and labels must fit."""

from __future__ import annotations

import dataclasses

import pytest

from emotion_node.backends.face_onnx import EXPRESSIONS, SIGNATURE
from emotion_node.backends.onnx import Signature, open_session
from emotion_node.errors import ModelError
from emotion_node.model_store.manifest import ModelEntry, find_model

OUTPUTS = SIGNATURE.outputs


@pytest.fixture(scope='module')
def entry() -> ModelEntry:
    return find_model('face', labels=EXPRESSIONS)


def check(entry: ModelEntry, signature: Signature) -> None:
    file = entry.file('weights')
    signature.check(open_session(file.read(), file.path, 1), entry)


def test_a_size_that_varies_may_have_any_name(entry: ModelEntry) -> None:
    check(entry, SIGNATURE)
    check(entry, dataclasses.replace(SIGNATURE, inputs={'faces': ('n', 'height', 48)}))


@pytest.mark.parametrize(
    ('changes', 'complaint'),
    [
        (
            {'inputs': {'faces': ('batch', 64, 64)}},
            r'takes faces of \(.*, 48, 48\); a face model takes faces of \(batch, 64, 64\)',
        ),
        ({'inputs': {'faces': ('batch', 48)}}, 'a face model takes'),
        ({'inputs': {'images': ('batch', 48, 48)}}, 'a face model takes images of'),
        (
            {'inputs': {**SIGNATURE.inputs, 'landmarks': ('batch',)}},
            r'a face model takes faces of .*, landmarks of \(batch\)',
        ),
        (
            {'outputs': {**OUTPUTS, 'affect': ('batch', 2)}},
            r'returns .*scores of \(.*8\).*; .* affect of \(batch, 2\) was expected',
        ),
        (
            {'outputs': {**OUTPUTS, 'scores': ('batch', 9)}},
            r'scores of \(batch, 9\), .* was expected',
        ),
        ({'labels': EXPRESSIONS[::-1]}, 'has the labels neutral, .*; expected contempt, disgust'),
    ],
    ids=[
        'size', 'rank', 'name', 'an input more', 'an output more', 'size of an output', 'labels',
    ],
)  # fmt: skip
def test_a_model_of_another_signature_is_refused(
    entry: ModelEntry, changes: dict[str, object], complaint: str
) -> None:
    signature = dataclasses.replace(SIGNATURE, **changes)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match=complaint):
        check(entry, signature)
