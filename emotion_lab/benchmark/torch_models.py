"""Models of torch for the benchmark's sequential arrangement, for their time, not their answers.

Voice and face have the architectures of the shipped models with random weights; the text model is
the published encoder with a random head, as a sequence classifier of transformers.

python -m emotion_lab.benchmark.torch_models FOLDER    # writes the text model
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from transformers import AutoTokenizer, BertForSequenceClassification

from emotion_lab.training.face_model import FaceNet, FaceTraining
from emotion_lab.training.text_model import TextTraining
from emotion_lab.training.voice_model import PacedVoice, VoiceNet, VoiceTraining
from emotion_node.backends.face_image import SIDE, face_image
from emotion_node.backends.face_onnx import EXPRESSIONS, PERIOD_NS
from emotion_node.backends.face_pooling import FLOOR, MIN_FRAMES, pool_expressions
from emotion_node.backends.voice_features import log_mel
from emotion_node.backends.voice_input import MAX_SAMPLES, MIN_SPEECH_NS
from emotion_node.datatypes import (
    SAMPLE_RATE,
    FloatArray,
    HeardVoice,
    ModalityEmotion,
    ModelInfo,
    Reason,
    Utterance,
    VoiceEstimate,
)
from emotion_node.faces import FaceMesh, FaceSequence, KeptFace
from emotion_node.labels import LABELS, Modality

VERSION = 'torch, random weights'


def write_text_model(folder: Path) -> None:
    """Write a float32 classifier: the encoder of the shipped text model with a random head."""
    torch.manual_seed(0)
    encoder = TextTraining().encoder_folder
    names = dict(enumerate(LABELS))
    model = BertForSequenceClassification.from_pretrained(
        encoder,
        num_labels=len(LABELS),
        id2label=names,
        label2id={name: place for place, name in names.items()},
    )
    model.float().save_pretrained(folder)
    AutoTokenizer.from_pretrained(encoder).save_pretrained(folder)


class TorchVoice:
    """The voice model's network, run by torch in float32 (an `interfaces.VoiceEmotion`).

    Args:
        threads: threads of torch in this process.
    """

    def __init__(self, threads: int) -> None:
        torch.set_num_threads(threads)
        torch.manual_seed(0)
        self.info = ModelInfo('voicenet', VERSION)
        self._net = PacedVoice(VoiceNet(VoiceTraining())).eval()
        self._run(np.zeros(SAMPLE_RATE, np.float32))

    def estimate(self, utterance: Utterance, heard: HeardVoice | None = None) -> VoiceEstimate:
        """Return scores of random weights; absent where the input is too short."""
        if utterance.end_ns - utterance.start_ns < MIN_SPEECH_NS or not len(utterance.samples):
            return VoiceEstimate.absent(Reason.TOO_SHORT, self.info)
        samples = utterance.samples[-MAX_SAMPLES:]
        scores = self._run(samples)
        return VoiceEstimate(
            ModalityEmotion.from_scores(Modality.VOICE, scores, self.info, len(samples))
        )

    def _run(self, samples: FloatArray) -> FloatArray:
        with torch.inference_mode():
            output = self._net(torch.from_numpy(log_mel(samples)[None]))
        scores: FloatArray = output.logits[0].softmax(-1).numpy()
        return scores


class TorchFace:
    """The face model's network, run by torch in float32 (an `interfaces.FaceEmotion`).

    Args:
        threads: threads of torch in this process.
    """

    def __init__(self, threads: int) -> None:
        torch.set_num_threads(threads)
        torch.manual_seed(0)
        self.info = ModelInfo('facenet', VERSION)
        self.width = len(EXPRESSIONS)
        self.period_ns = PERIOD_NS
        self._net = FaceNet(FaceTraining()).eval()
        self._run(np.zeros((SIDE, SIDE), np.float32))

    def keep(self, mesh: FaceMesh) -> KeptFace:
        """Return the face as `face_image` does."""
        return face_image(mesh)

    def observe(self, kept: KeptFace) -> FloatArray:
        """Return (8,) logarithms of probabilities."""
        scores = np.maximum(self._run(kept.astype(np.float32)), FLOOR)
        return np.asarray(np.log(scores), np.float32)

    def estimate(self, seen: FaceSequence) -> ModalityEmotion:
        """Return scores of random weights; absent where the input is too short."""
        if len(seen.rows) < MIN_FRAMES:
            return ModalityEmotion.absent(Modality.FACE, Reason.TOO_SHORT, model=self.info)
        shown = pool_expressions(seen)
        return ModalityEmotion.from_scores(
            Modality.FACE,
            shown[:-1] / (1 - shown[-1]),
            self.info,
            len(seen.rows),
        )

    def _run(self, image: FloatArray) -> FloatArray:
        with torch.inference_mode():
            logits, _ = self._net(torch.from_numpy(image[None]))
        scores: FloatArray = logits[0].softmax(-1).numpy()
        return scores


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the text model."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n', 1)[0])
    parser.add_argument('folder', type=Path)
    write_text_model(parser.parse_args(arguments).folder)
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
