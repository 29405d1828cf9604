"""Emotion from how a face moves, by an ONNX model over landmark sequences.

Runs by onnxruntime and NumPy alone. `training.landmarks` makes such models.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import onnxruntime as ort

from emotion_node.backends.onnx import PROCESSOR, check_labels, load_session
from emotion_node.datatypes import (
    NS_PER_S,
    FloatArray,
    ModalityEmotion,
    ModelInfo,
    Reason,
)
from emotion_node.errors import ModelError
from emotion_node.faces import FaceMesh, FaceSequence
from emotion_node.labels import Modality
from emotion_node.model_store.manifest import ModelEntry

INPUTS: Final = ('landmarks', 'quality')
"""(steps, width) float32 and (steps,) float32 as `resample` makes them."""
OUTPUT: Final = 'scores'
"""(7,) probabilities."""

RATE: Final = 15
"""Steps per second, whatever the camera's rate."""
STEP_NS: Final = NS_PER_S // RATE
MAX_GAP_NS: Final = NS_PER_S // 4
"""A face that was not seen for longer is not known in between."""
MAX_STEPS: Final = 30 * RATE
"""Of longer utterances the end is looked at."""
MIN_QUALITY: Final = 0.05
"""An image in which the face shows less counts for nothing."""
MIN_IMAGES: Final = 5
"""Fewer that count say nothing."""


class OnnxLandmarkEmotion:
    """An ONNX model over the landmarks of a face during an utterance (a `FaceEmotion`).

    Holds no state between calls and may be called from several threads.

    Args:
        entry: the model; its file is checked against its checksum.
        read: returns what is kept of a face, or None when the landmarks are no face.
        width: numbers that `read` returns.
        threads: threads per call.
        clock: reads the time in ns, from any origin; measures how long a call takes.

    Raises:
        ModelError: a file is missing or damaged, or its inputs and outputs are not those of a
            landmark model over the seven labels.
    """

    period_ns: Final = 0

    def __init__(
        self,
        entry: ModelEntry,
        read: Callable[[FaceMesh], FloatArray | None],
        width: int,
        threads: int = 1,
        *,
        clock: Callable[[], int],
        providers: Sequence[str] = PROCESSOR,
    ) -> None:
        self.info: ModelInfo = entry.info
        self.width = width
        self._read = read
        self._clock = clock
        self._session = load_session(entry, threads, providers)
        _check_signature(self._session, entry, width)
        # The first call allocates, so it is made here and not while somebody waits.
        self.run(np.zeros((RATE, width), np.float32), np.ones(RATE, np.float32))

    def observe(self, mesh: FaceMesh) -> FloatArray:
        """Return what is kept of one image, (width,); not finite when it shows no face."""
        row = self._read(mesh)
        return np.full(self.width, np.nan, np.float32) if row is None else row

    def estimate(self, seen: FaceSequence) -> ModalityEmotion:
        """Return the emotion that the face expresses.

        It is absent when there is no image (`no_face`), when the face is too far away or turned
        too far in all of them (`low_confidence`), and when it shows in fewer than `MIN_IMAGES`
        (`too_short`). What shows badly is less reliable.

        Raises:
            ValueError: some numbers are not finite.
        """
        if not len(seen.rows):
            return ModalityEmotion.absent(Modality.FACE, Reason.NO_FACE, model=self.info)
        images = count_frames(seen)
        if images < MIN_IMAGES:
            reason = Reason.TOO_SHORT if images else Reason.LOW_CONFIDENCE
            return ModalityEmotion.absent(Modality.FACE, reason, model=self.info)
        begun = self._clock()
        if not np.isfinite(seen.rows).all():
            raise ValueError('some landmarks of the face are not finite')
        scores = self.run(*resample(seen))
        emotion = ModalityEmotion.from_scores(
            Modality.FACE, scores, self.info, self._clock() - begun, images
        )
        return dataclasses.replace(emotion, reliability=float(seen.quality.mean()))

    def run(self, landmarks: FloatArray, quality: FloatArray) -> FloatArray:
        """Return scores (7,) of any sequence.

        Args:
            landmarks: (steps, width), at least one step.
            quality: (steps,) 0..1.
        """
        values = dict(zip(INPUTS, (landmarks, quality), strict=True))
        scores: FloatArray = self._session.run([OUTPUT], values)[0]
        return scores


def count_frames(seen: FaceSequence) -> int:
    """Return in how many images a face shows well enough to count."""
    return int(np.count_nonzero(seen.quality >= MIN_QUALITY))


def resample(seen: FaceSequence) -> tuple[FloatArray, FloatArray]:
    """Return a face at `RATE`, so that how fast the camera is says nothing.

    Images that count for nothing are left out and what is between images is taken to lie on
    straight lines; where the face was not seen for longer than `MAX_GAP_NS`, the quality is 0.

    Args:
        seen: at least one image that counts.

    Returns:
        (steps, width) float32 and (steps,) float32 0..1, of the last `MAX_STEPS` at most.
    """
    counts = seen.quality >= MIN_QUALITY
    # Relative to the first, for float64 does not hold nanoseconds since 1970.
    stamps = seen.stamps_ns[counts]
    times = (stamps - stamps[0]).astype(np.float64)
    rows, quality = seen.rows[counts].astype(np.float64), seen.quality[counts]
    steps = np.arange(int(times[-1] // STEP_NS) + 1)[-MAX_STEPS:] * float(STEP_NS)
    after = np.searchsorted(times, steps, 'left')
    before = np.maximum(after - 1, 0)
    span = np.maximum(times[after] - times[before], 1.0)
    share = np.clip((steps - times[before]) / span, 0, 1)[:, None]
    landmarks = (1 - share) * rows[before] + share * rows[after]
    known = times[after] - times[before] <= MAX_GAP_NS
    exact = times[after] == steps
    between = np.interp(steps, times, quality)
    return landmarks.astype(np.float32), (between * (known | exact)).astype(np.float32)


def _check_signature(session: ort.InferenceSession, entry: ModelEntry, width: int) -> None:
    path = entry.file('weights').path
    inputs = {value.name: value.shape for value in session.get_inputs()}
    ranks = [len(shape) for shape in inputs.values()]
    if tuple(inputs) != INPUTS or ranks != [2, 1] or inputs[INPUTS[0]][1] != width:
        raise ModelError(
            f'{path} takes {inputs}; a landmark model takes {INPUTS[0]} of (steps, {width}) and '
            f'{INPUTS[1]} of (steps)'
        )
    outputs = {value.name: value.shape for value in session.get_outputs()}
    if outputs != {OUTPUT: [len(entry.labels)]}:
        raise ModelError(
            f'{path} gives {outputs} for each utterance; expected {OUTPUT} of '
            f'{[len(entry.labels)]}, those of its label table ({", ".join(entry.labels)}); model '
            'and manifest do not belong together'
        )
    check_labels(entry)
