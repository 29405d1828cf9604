"""What the models run on: what is asked for where it is there, else the processor, and a word."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnxruntime as ort
import pytest

from emotion_node.backends.asr_whisper import count_cuda_devices
from emotion_node.backends.onnx import CPU, choose_providers
from emotion_node.config import TranscriberConfig, make_config
from emotion_node.errors import ModelError
from emotion_node.factory import load_models, load_transcriber


def test_the_processor_is_always_there_and_last() -> None:
    said: list[str] = []
    for wanted in ('', 'cpu', 'CPUExecutionProvider, cpu'):
        assert choose_providers(wanted, said.append) == CPU
    assert not said


def test_auto_is_all_that_there_is() -> None:
    said: list[str] = []
    found = choose_providers('auto', said.append)
    assert set(found) == set(ort.get_available_providers()) - {'AzureExecutionProvider'}
    assert found[-1:] == CPU
    assert not said


def test_one_that_is_not_there_is_named_and_passed_over() -> None:
    missing = set(ort.get_all_providers()) - set(ort.get_available_providers())
    name = sorted(missing)[0]
    said: list[str] = []
    assert choose_providers(f'{name}, cpu', said.append) == CPU
    (warning,) = said
    assert name.removesuffix('ExecutionProvider').lower() in warning
    assert 'CPU' in warning


def test_one_that_nobody_knows_is_an_error_that_names_those_known() -> None:
    with pytest.raises(ModelError, match=r"knows no 'abacus'; it knows .*cuda"):
        choose_providers('abacus', print)


def test_models_answer_all_the_same_when_the_device_is_missing() -> None:
    said: list[str] = []
    config = make_config(
        {
            'inference.providers': 'tensorrt, cuda',
            'transcriber.backend': 'off',
            'face.backend': 'off',
        }
    )
    models = load_models(config, said.append)
    assert models.text is not None
    assert models.text.estimate('I am so happy').label == 'joy'
    available = ort.get_available_providers()
    asked = ('TensorrtExecutionProvider', 'CUDAExecutionProvider')
    missing = [one for one in asked if one not in available]
    assert len(said) == len(missing)
    assert models.describe()['emotion models run on'].endswith('CPU')


@pytest.mark.skipif(count_cuda_devices() > 0, reason='there is a CUDA device')
def test_whisper_runs_on_the_processor_where_there_is_no_cuda_device(
    tiny_whisper: Callable[..., Path],
) -> None:
    said: list[str] = []
    config = TranscriberConfig(
        backend='whisper',
        whisper_model=str(tiny_whisper('babble')),
        whisper_device='cuda',
        whisper_compute_type='float16',
    )
    transcriber = load_transcriber(config, said.append)
    assert transcriber is not None
    assert transcriber.info.version.startswith('int8')
    assert 'no CUDA device' in said[0]
    assert said[-1].endswith('cpu)')
