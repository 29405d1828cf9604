"""Emotion from how a face moves, by an ONNX model over landmark sequences.

Runs by onnxruntime and NumPy alone. `emotion_lab.training.landmarks` makes such models.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from emotion_node.backends.onnx import CPU, LABEL_COUNT, OnnxModel, Signature
from emotion_node.datatypes import (
    NS_PER_S,
    FloatArray,
    ModalityEmotion,
    Reason,
)
from emotion_node.faces import FaceMesh, FaceSequence, KeptFace
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
"""Between two frames further apart, the face is unknown: the quality is 0."""
MAX_STEPS: Final = 30 * RATE
"""Of longer utterances, the last steps are used."""
MIN_QUALITY: Final = 0.05
"""Frames below this quality are left out."""
MIN_FRAMES: Final = 5
"""Fewer frames of this quality give no answer."""


class OnnxLandmarkEmotion(OnnxModel):
    """An ONNX model over the landmarks of a face during an utterance (a `FaceEmotion`).

    Args:
        entry, threads, providers: as for `OnnxModel`.
        read: returns the numbers that are kept of a face, or None when the landmarks are no face.
        width: how many numbers `read` returns.

    Raises:
        ModelError: as for `OnnxModel`.
    """

    period_ns: Final = 0

    def __init__(
        self,
        entry: ModelEntry,
        read: Callable[[FaceMesh], FloatArray | None],
        width: int,
        threads: int = 1,
        providers: Sequence[str] = CPU,
    ) -> None:
        self._read = read
        self.width = width
        inputs = dict(zip(INPUTS, (('steps', width), ('steps',)), strict=True))
        self.signature = Signature('landmark', inputs, {OUTPUT: (LABEL_COUNT,)})
        super().__init__(entry, threads, providers)

    def warm_up(self) -> None:
        """Answer once about a second of a face."""
        self.run(np.zeros((RATE, self.width), np.float32), np.ones(RATE, np.float32))

    def keep(self, mesh: FaceMesh) -> FloatArray:
        """Return the (width,) float32 numbers kept of one frame; NaN when it shows no face."""
        row = self._read(mesh)
        return np.full(self.width, np.nan, np.float32) if row is None else row

    def observe(self, kept: KeptFace) -> FloatArray:
        """Return the same numbers."""
        return kept

    def estimate(self, seen: FaceSequence) -> ModalityEmotion:
        """Return the emotion that the face expresses.

        It is absent when there is no frame (`no_face`), when the face is too far away or turned
        too far in all of them (`low_confidence`), and when it is visible in fewer than
        `MIN_FRAMES` (`too_short`). Its reliability is the mean quality of the frames.

        Raises:
            ValueError: some numbers are not finite.
        """
        if not len(seen.rows):
            return ModalityEmotion.absent(Modality.FACE, Reason.NO_FACE, model=self.info)
        frames = count_frames(seen)
        if frames < MIN_FRAMES:
            reason = Reason.TOO_SHORT if frames else Reason.LOW_CONFIDENCE
            return ModalityEmotion.absent(Modality.FACE, reason, model=self.info)
        if not np.isfinite(seen.rows).all():
            raise ValueError('some landmarks of the face are not finite')
        scores = self.run(*resample(seen))
        emotion = ModalityEmotion.from_scores(Modality.FACE, scores, self.info, frames)
        return dataclasses.replace(emotion, reliability=float(seen.quality.mean()))

    def run(self, landmarks: FloatArray, quality: FloatArray) -> FloatArray:
        """Return the (7,) scores of a sequence of any length.

        Args:
            landmarks: (steps, width), at least one step.
            quality: (steps,) 0..1.
        """
        values = dict(zip(INPUTS, (landmarks, quality), strict=True))
        (scores,) = self._call(values)
        return np.asarray(scores, np.float32)


def count_frames(seen: FaceSequence) -> int:
    """Return in how many frames a face is visible well enough to be used."""
    return int(np.count_nonzero(seen.quality >= MIN_QUALITY))


def resample(seen: FaceSequence) -> tuple[FloatArray, FloatArray]:
    """Return a face resampled to `RATE`, so that the camera's rate makes no difference.

    Frames below `MIN_QUALITY` are left out; between the others, values are interpolated
    linearly. Where two of them are further apart than `MAX_GAP_NS`, the quality is 0.

    Args:
        seen: at least one frame of `MIN_QUALITY`.

    Returns:
        (steps, width) float32 and (steps,) float32 0..1, of the last `MAX_STEPS` at most.
    """
    usable = seen.quality >= MIN_QUALITY
    # Relative to the first, since float64 cannot hold nanoseconds since 1970.
    stamps = seen.stamps_ns[usable]
    times = (stamps - stamps[0]).astype(np.float64)
    rows, quality = seen.rows[usable].astype(np.float64), seen.quality[usable]
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
