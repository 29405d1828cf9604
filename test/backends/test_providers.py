"""What the models run on: the providers asked for where available, otherwise the CPU."""

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


def test_the_cpu_is_always_the_last_provider() -> None:
    logged: list[str] = []
    for wanted in ('', 'cpu', 'CPUExecutionProvider, cpu'):
        assert choose_providers(wanted, logged.append) == CPU
    assert not logged


def test_auto_is_every_available_provider() -> None:
    logged: list[str] = []
    found = choose_providers('auto', logged.append)
    assert set(found) == set(ort.get_available_providers()) - {'AzureExecutionProvider'}
    assert found[-1:] == CPU
    assert not logged


def test_a_missing_provider_is_named_and_skipped() -> None:
    missing = set(ort.get_all_providers()) - set(ort.get_available_providers())
    name = sorted(missing)[0]
    logged: list[str] = []
    assert choose_providers(f'{name}, cpu', logged.append) == CPU
    (warning,) = logged
    assert name.removesuffix('ExecutionProvider').lower() in warning
    assert 'CPU' in warning


def test_an_unknown_provider_is_an_error_that_names_the_known_ones() -> None:
    with pytest.raises(ModelError, match=r"knows no 'abacus'; it knows .*cuda"):
        choose_providers('abacus', print)


def test_models_run_on_the_cpu_where_the_device_is_missing() -> None:
    logged: list[str] = []
    config = make_config(
        {
            'inference.providers': 'tensorrt, cuda',
            'transcriber.backend': 'off',
            'face.backend': 'off',
        }
    )
    models = load_models(config, logged.append)
    assert models.text is not None
    assert models.text.estimate('I am so happy').label == 'joy'
    available = ort.get_available_providers()
    asked = ('TensorrtExecutionProvider', 'CUDAExecutionProvider')
    missing = [one for one in asked if one not in available]
    assert len(logged) == len(missing)
    assert models.describe()['emotion models run on'].endswith('CPU')


@pytest.mark.skipif(count_cuda_devices() > 0, reason='there is a CUDA device')
def test_whisper_runs_on_the_cpu_where_there_is_no_cuda_device(
    tiny_whisper: Callable[..., Path],
) -> None:
    logged: list[str] = []
    config = TranscriberConfig(
        backend='whisper',
        whisper_model=str(tiny_whisper('babble')),
        whisper_device='cuda',
        whisper_compute_type='float16',
    )
    transcriber = load_transcriber(config, logged.append)
    assert transcriber is not None
    assert transcriber.info.version.startswith('int8')
    assert 'no CUDA device' in logged[0]
    assert logged[-1].endswith('cpu)')
