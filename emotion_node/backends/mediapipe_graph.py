"""Runs MediaPipe graphs, one image at a time, without what MediaPipe's package imports."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import sys
import types
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from emotion_node.errors import ModelError
from emotion_node.faces import Image

VERSION: Final = '0.10.21'
"""The last release whose wheel contains the models."""


class MissingError(ModelError):
    """MediaPipe is not installed."""


_PARTS: Final = (
    'mediapipe.calculators.core.constant_side_packet_calculator_pb2',
    'mediapipe.framework.formats.classification_pb2',
    'mediapipe.framework.formats.detection_pb2',
    'mediapipe.framework.formats.landmark_pb2',
    'mediapipe.framework.formats.rect_pb2',
    'mediapipe.modules.face_detection.face_detection_pb2',
    'mediapipe.tasks.cc.vision.face_landmarker.proto.face_blendshapes_graph_options_pb2',
    'mediapipe.tasks.cc.vision.face_landmarker.proto.face_landmarks_detector_graph_options_pb2',
)
"""Protobuf messages in graphs and packets: they must be registered before either is parsed."""


def load() -> None:
    """Import what graphs need.

    MediaPipe's own `__init__` imports every solution and task, and with them matplotlib, jax and
    an audio library, which takes seconds and hundreds of megabytes. Graphs need none of that, so
    an empty package takes its place.

    Raises:
        MissingError: MediaPipe is not installed.
        ModelError: another version is installed, or it cannot be loaded.
    """
    if 'mediapipe' not in sys.modules:
        spec = importlib.util.find_spec('mediapipe')
        if spec is None or not spec.submodule_search_locations:
            raise MissingError(
                f'MediaPipe, which finds faces, is not installed; install mediapipe=={VERSION} as '
                'requirements/robot.lock has it, or set face.backend to "off"'
            )
        package = types.ModuleType('mediapipe')
        package.__path__ = list(spec.submodule_search_locations)
        package.__spec__ = spec
        sys.modules['mediapipe'] = package
    try:
        for name in _PARTS:
            importlib.import_module(name)
        resources = importlib.import_module('mediapipe.python._framework_bindings.resource_util')
    except (ImportError, TypeError) as error:  # protobuf raises the latter when it is too new
        sys.modules.pop('mediapipe', None)
        raise ModelError(f'MediaPipe cannot be loaded ({error}); expected {VERSION}') from error
    resources.set_resource_dir(str(Path(sys.modules['mediapipe'].__path__[0]).parent))


@contextlib.contextmanager
def _muted_stderr() -> Iterator[None]:
    """Discard what MediaPipe logs to standard error; it has no setting for that."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with Path(os.devnull).open('w') as null:
            os.dup2(null.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


class Graph:
    """A graph that takes one image and returns its outputs synchronously.

    Args:
        config: a CalculatorGraphConfig in protobuf's text format, with the input stream "image"
            and, where its nodes take a region of interest, "roi".
        size: width and height in pixels of the images.
        outputs: its output streams.
        models: contents of model files, by the number of the node and the name of the options'
            message that contain them.

    Raises:
        ModelError: MediaPipe rejects the graph or its models.
    """

    def __init__(
        self,
        config: str,
        size: int,
        outputs: Sequence[str],
        models: Mapping[tuple[int, str], bytes] | None = None,
    ) -> None:
        load()
        from google.protobuf import symbol_database, text_format
        from mediapipe.framework import calculator_pb2
        from mediapipe.framework.formats import rect_pb2
        from mediapipe.python import packet_creator
        from mediapipe.python._framework_bindings import calculator_graph, image_frame

        self._make_packet = packet_creator.create_image_frame
        self._format = image_frame.ImageFormat.SRGB
        self._whole: Any = None
        self._packets: dict[str, Any] = {}
        self._count = 0
        parsed = text_format.Parse(config, calculator_pb2.CalculatorGraphConfig())
        if 'roi' in parsed.input_stream:
            whole = rect_pb2.NormalizedRect(x_center=0.5, y_center=0.5, width=1, height=1)
            self._whole = packet_creator.create_proto(whole)
        # Runs in the thread that waits for it: another one would have to be woken for every image.
        parsed.executor.add(type='ApplicationThreadExecutor')
        symbols = symbol_database.Default()
        for (node, name), content in (models or {}).items():
            options = parsed.node[node].options.Extensions[symbols.GetSymbol(name).ext]
            options.base_options.model_asset.file_content = content
        try:
            with _muted_stderr():
                self._graph = calculator_graph.CalculatorGraph(graph_config=parsed)
                for stream in outputs:
                    self._graph.observe_output_stream(stream, self._packets.__setitem__)
                self._graph.start_run()
                self.run(np.zeros((size, size, 3), np.uint8))  # the first run allocates
        except (ValueError, RuntimeError) as error:
            raise ModelError(f'MediaPipe rejects a model: {error}') from error

    def run(self, image: Image) -> Mapping[str, Any]:
        """Return the output packets of an image, (height, width, 3) uint8 RGB, by stream."""
        self._packets.clear()
        self._count += 1
        packet = self._make_packet(image_format=self._format, data=image)
        self._graph.add_packet_to_input_stream('image', packet.at(self._count))
        if self._whole is not None:
            self._graph.add_packet_to_input_stream('roi', self._whole.at(self._count))
        self._graph.wait_until_idle()
        return self._packets
