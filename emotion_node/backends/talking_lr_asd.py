"""Active speaker detection by LR-ASD, run by onnxruntime.

Liao, Duan, Feng, Zhao, Yang and Chen, "LR-ASD: Lightweight and Robust Network for Active Speaker
Detection", International Journal of Computer Vision, 2025. The weights were trained by its authors
on AVA-ActiveSpeaker (MIT licence); they are read from the authors' own file and never shipped.

The pictures are smaller than in training, 64 pixels instead of 112, with the face as large
relative to them: of the sizes tried on the GRID corpus and MELD's clips, all tell talkers from
others equally well, and this one costs a third.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from emotion_node.backends import lr_asd_graph as graphs
from emotion_node.backends.onnx import open_session
from emotion_node.backends.torch_archive import read_tensors
from emotion_node.config import FaceConfig
from emotion_node.datatypes import NS_PER_S, FloatArray, ModelInfo
from emotion_node.dsp.cepstra import HOP, WINDOW, cepstra
from emotion_node.errors import ModelError
from emotion_node.faces import Box, Image
from emotion_node.model_store.catalogue import (
    TALKING,
    TALKING_WEIGHTS,
    fetch_command,
    find_fetchable,
)

SIDE: Final = 64
"""Of a picture, in pixels."""
FACE_SHARE: Final = 0.8
"""Side of the square that a picture shows, relative to the longer side of the face's box."""
LOWER: Final = 0.2
"""How far its centre is below that of the box, relative to the same: it shows nose to chin."""
GREY: Final = 110
"""Outside the image."""
HOPS: Final = 4
"""Windows of sound per picture."""
MAX_BYTES: Final = 64 << 20


class LrAsd:
    """LR-ASD (a `core.vision.talking_faces.TalkingDetector`).

    Args:
        path: the authors' file of weights, e.g. `pretrain_AVA.model`.
        threads: of the CPU, per call.

    Raises:
        ModelError: it is missing, or has no weights of this network.
    """

    info = ModelInfo('lr-asd', 'AVA')
    period_ns: Final = NS_PER_S // 25
    delay: Final = graphs.DELAY

    def __init__(self, path: Path, threads: int = 1) -> None:
        try:
            if path.stat().st_size > MAX_BYTES:
                raise ModelError(f'{path} is too long to be the weights of LR-ASD')
            weights = read_tensors(path.read_bytes(), path)
        except OSError as error:
            raise ModelError(f'{path} cannot be read: {error.strerror}') from error
        try:
            made = (
                graphs.visual_graph(weights, SIDE),
                graphs.audio_graph(weights),
                graphs.score_graph(weights),
            )
        except (KeyError, ValueError, IndexError) as error:
            raise ModelError(f'{path} has no weights of LR-ASD: {error!r}') from error
        self._visual, self._audio, self._score = (
            open_session(model, path, threads) for model in made
        )
        self.warm_up()

    def warm_up(self) -> None:
        """Run everything once: the first call allocates."""
        sight = self.stream().push(np.zeros((5, SIDE, SIDE), np.uint8))
        self.score(self.hear(np.zeros(5 * HOPS * HOP + WINDOW, np.float32))[:5], sight)

    def crop(self, image: Image, box: Box) -> Image:
        """Return the picture of a face, from the nose to the chin."""
        side = max(box.width, box.height)
        x, y = box.centre
        reach = max(side * FACE_SHARE / 2, 1.0)
        left, right = round(x - reach), round(x + reach)
        top, bottom = round(y + LOWER * side - reach), round(y + LOWER * side + reach)
        height, width = image.shape[:2]
        inside = image[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
        if not inside.size:
            return np.full((SIDE, SIDE), GREY, np.uint8)
        grey = cv2.cvtColor(inside, cv2.COLOR_BGR2GRAY)
        beyond = (max(-top, 0), max(bottom - height, 0), max(-left, 0), max(right - width, 0))
        if any(beyond):
            grey = cv2.copyMakeBorder(grey, *beyond, cv2.BORDER_CONSTANT, value=(GREY,))
        shrinks = len(grey) > SIDE
        smooth = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(grey, (SIDE, SIDE), interpolation=smooth), np.uint8)

    def stream(self) -> LrAsdStream:
        """Return the state of a new face."""
        return LrAsdStream(self)

    def see(
        self, pictures: Image, first: int, states: list[FloatArray]
    ) -> tuple[FloatArray, list[FloatArray]]:
        """Return the vectors of pictures and the states after them.

        Args:
            pictures: (n, SIDE, SIDE) uint8.
            first: number of the first of them, counted from the start of the stream.
            states: those after the picture before.
        """
        numbers = np.arange(first, first + len(pictures), dtype=np.float32)
        inputs = {
            'faces': pictures[:, None].astype(np.float32),
            'numbers': numbers[:, None, None, None],
        }
        inputs |= {f'state{k}': state for k, state in enumerate(states)}
        outputs = ['vectors', *(f'next{k}' for k in range(len(states)))]
        vectors, *after = self._visual.run(outputs, inputs)
        return vectors, after

    def hear(self, samples: FloatArray) -> FloatArray:
        """Return one vector per picture's time for which the sound is complete."""
        rows = cepstra(samples)
        count = len(rows) // HOPS * HOPS
        if not count:
            return np.zeros((0, graphs.EMBEDDING), np.float32)
        planes = np.ascontiguousarray(rows[:count].T)[None, None]
        (vectors,) = self._audio.run(['vectors'], {'cepstra': planes})
        return np.asarray(vectors[0], np.float32)

    def score(self, sound: FloatArray, sight: FloatArray) -> FloatArray:
        """Return the log odds that the face talks with the voice, picture by picture."""
        (scores,) = self._score.run(['scores'], {'sound': sound[None], 'sight': sight[None]})
        return np.asarray(scores, np.float32)


class LrAsdStream:
    """The pictures of one face (a `core.vision.talking_faces.TalkingStream`).

    Args:
        network: it.
    """

    def __init__(self, network: LrAsd) -> None:
        self._network = network
        self._count = 0
        self._states = [np.zeros(shape, np.float32) for shape in graphs.state_shapes(SIDE)]

    def push(self, pictures: Image) -> FloatArray:
        """Take the next pictures and return as many vectors, `delay` pictures late."""
        vectors, self._states = self._network.see(pictures, self._count, self._states)
        self._count += len(pictures)
        return vectors


def open_lr_asd(config: FaceConfig, log: Callable[[str], None]) -> LrAsd | None:
    """Return the network that the parameters ask for; None where it is not wanted, or not there.

    Args:
        config: parameters.
        log: takes a sentence where it would be used, but has not been fetched.

    Raises:
        ModelError: it is asked for and missing, or it is damaged.
    """
    if config.speaker == 'jaw':
        return None
    if config.speaker_model:
        return LrAsd(Path(config.speaker_model).expanduser(), config.threads)
    weights = find_fetchable(TALKING).files[TALKING_WEIGHTS]
    if weights.path.exists():
        weights.check()
        return LrAsd(weights.path, config.threads)
    how = f'"{fetch_command(TALKING)}" fetches it'
    if config.speaker == 'lr-asd':
        raise ModelError(
            f'the learned active speaker detector is not on this machine: {how}; or set '
            'face.speaker_model to the path of its weights, or face.speaker to "jaw"'
        )
    log(f'Active speakers are found by their jaws alone, which misses some of them: {how}')
    return None
