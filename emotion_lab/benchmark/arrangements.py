"""The arrangements that are compared: the node, and the usual sequential one."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from emotion_lab.benchmark.node import BASELINE_THREADS
from emotion_lab.benchmark.play import Arrangement
from emotion_node.cli.processes import ProcessError, ProcessGroup
from emotion_node.config import PARAMETERS

USUAL_SILENCE_S: Final = 0.8
"""Usual end-of-speech silence, in s: the default `pause_threshold` of SpeechRecognition, the most
common Python package for transcribing utterances from a microphone."""

NODE: Final = 'node'
FALLBACK: Final = 'pocketsphinx'
WITHOUT: Final = 'without_transcription'
SAME_SILENCE: Final = 'sequential_same_silence'
SEQUENTIAL: Final = 'sequential'

_BACKEND: Final = 'transcriber.backend'
_SILENCE: Final = 'segmenter.min_silence_duration'
_SWITCHED_OFF: Final = ('interim.enabled', 'speculation.enabled')
_MODEL: Final = 'text-model'


def standing_silence() -> float:
    """Return the end-of-speech silence of the node, in s."""
    return float(str(PARAMETERS[_SILENCE].default))


def node() -> Arrangement:
    """Return the node with Whisper base."""
    return Arrangement('the node', {_BACKEND: 'whisper'})


def fallback() -> Arrangement:
    """Return the node with pocketsphinx, which needs no model file."""
    return Arrangement('the node with pocketsphinx', {_BACKEND: 'pocketsphinx'})


def without_transcription() -> Arrangement:
    """Return the node without a recogniser."""
    return Arrangement('the node without transcription', {_BACKEND: 'off'})


@dataclass(frozen=True, slots=True)
class TorchEnvironment:
    """An environment with torch.

    Attributes:
        variables: environment variables of the processes that need it.
        text_model: folder of the classifier for transformers.
    """

    variables: dict[str, str]
    text_model: Path


def find_torch(environment: Path | None, folder: Path) -> TorchEnvironment:
    """Find torch, and write the text model that the sequential arrangement reads.

    Args:
        environment: virtual environment of training; None for the current one.
        folder: for the model; empty.

    Raises:
        ProcessError: something is missing, or the model cannot be made.
    """
    variables: dict[str, str] = {}
    if environment is not None:
        sites = [str(path.resolve()) for path in environment.glob('lib/python*/site-packages')]
        if not sites:
            raise ProcessError(
                f'{environment} is not a virtual environment; make it with "make train-setup"'
            )
        paths = [path for path in (os.environ.get('PYTHONPATH', ''), *sites) if path]
        variables['PYTHONPATH'] = os.pathsep.join(paths)
    folder.mkdir(parents=True, exist_ok=True)
    group, model = ProcessGroup(folder), folder / _MODEL
    make = ['-m', 'emotion_lab.benchmark.torch_models', str(model)]
    with group.process('export of the text model', make, environment=variables) as maker:
        group.wait(maker, ())
    return TorchEnvironment(variables, model)


def sequential(torch: TorchEnvironment, silence_s: float) -> Arrangement:
    """Return the arrangement in which everything is done after the end of speech.

    While the user speaks, and in pauses, nothing is transcribed, no frame is processed and no
    estimate is made. Text emotion is a classifier of transformers in float32; voice and face are
    networks of torch. Transcription and face landmarks are those of the node.

    Args:
        torch: the environment with torch.
        silence_s: end-of-speech silence.
    """
    off = {name: 'false' for name in _SWITCHED_OFF if name in PARAMETERS}
    return Arrangement(
        f'everything after {silence_s:g} s of silence, with torch',
        {
            _BACKEND: 'whisper',
            **off,
            _SILENCE: float(silence_s),
            'text.backend': 'transformers',
            'text.transformers_model': torch.text_model,
            'text.threads': BASELINE_THREADS,
            'voice.backend': 'off',  # replaced by the networks of torch
            'face.expression': 'off',
        },
        sequential=True,
        environment=torch.variables,
    )
