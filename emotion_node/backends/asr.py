"""Which speech recogniser the node uses."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from emotion_node.backends.asr_whisper import (
    WhisperTranscriber,
    cuda_devices,
    find_model,
    locate_model,
)
from emotion_node.config import TranscriberConfig
from emotion_node.errors import ModelError
from emotion_node.interfaces import Transcriber


def choose_transcriber(
    config: TranscriberConfig, log: Callable[[str], None]
) -> Transcriber | None:
    """Return the speech recogniser that the configuration asks for, loaded.

    "auto" is Whisper when its model is on this machine (or may be fetched and can be), else
    pocketsphinx. A Whisper model that is there but damaged is an error, not a reason to do with
    less.

    Args:
        config: of the transcriber.
        log: takes one sentence about what was chosen and what would be better.

    Returns:
        None where no recogniser runs in this process: "topic" and "off".

    Raises:
        ModelError: the recogniser's model is missing, damaged, or of another language.
    """
    match config.backend:
        case 'topic' | 'off':
            return None
        case 'whisper':
            return _whisper(config, log)
        case 'pocketsphinx':
            return _pocketsphinx(config)
    if find_model(config.whisper_model) is not None:
        return _whisper(config, log)
    try:
        locate_model(config.whisper_model, config.whisper_local_files_only)
    except ModelError as error:
        return _fall_back(config, log, error)
    return _whisper(config, log)


def _fall_back(
    config: TranscriberConfig, log: Callable[[str], None], why: ModelError
) -> Transcriber:
    try:
        transcriber = _pocketsphinx(config)
    except ModelError as error:
        raise ModelError(f'{error}. Whisper would do: {why}') from error
    log(f'Speech recognition by pocketsphinx, which gets many words wrong: {why}')
    return transcriber


def _pocketsphinx(config: TranscriberConfig) -> Transcriber:
    # the package is optional where Whisper does the work
    try:
        from emotion_node.backends.asr_pocketsphinx import PocketsphinxTranscriber
    except ModuleNotFoundError as error:
        raise ModelError(
            'pocketsphinx is not installed: pip install pocketsphinx, or set '
            'transcriber.backend to whisper or off'
        ) from error
    return PocketsphinxTranscriber(config.language)


def _whisper(config: TranscriberConfig, log: Callable[[str], None]) -> Transcriber:
    if config.whisper_device == 'cuda' and not cuda_devices():
        log(
            'transcriber.whisper_device is cuda, but CTranslate2 finds no CUDA device here (its '
            'driver, CUDA 12 and cuDNN 9 are needed): Whisper runs on the processor, in int8'
        )
        config = dataclasses.replace(config, whisper_device='cpu', whisper_compute_type='int8')
    transcriber = WhisperTranscriber(
        config.whisper_model,
        local_files_only=config.whisper_local_files_only,
        compute_type=config.whisper_compute_type,
        device=config.whisper_device,
        language=config.language,
        threads=config.threads,
        window=config.whisper_window,
    )
    info = transcriber.info
    log(f'Speech recognition by {info.name} ({info.version}, {config.whisper_device})')
    return transcriber
