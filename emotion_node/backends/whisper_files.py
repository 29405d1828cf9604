"""Finds the folder of a Whisper model: given by path, fetched, or in the Hugging Face cache."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from emotion_node.errors import ModelError, first_line
from emotion_node.model_store.catalogue import WHISPER, cache_dir, fetch_command, fetchable_models

MODEL_FILES: Final = ('model.bin', 'config.json', 'tokenizer.json')
"""What a folder must contain. Without tokenizer.json, faster-whisper would download one."""

HOW_TO_GET: Final = (
    f'To use Whisper, run "{fetch_command(WHISPER)}" once, pass the folder of a '
    'CTranslate2 Whisper model as transcriber.whisper_model, or set '
    'transcriber.whisper_local_files_only:=false once to let the node download the model from '
    'the hub; transcriber.backend:=pocketsphinx needs no model file.'
)

_PREFIX: Final = 'whisper-'
"""Precedes the size in the names of fetched models, but not in those of faster-whisper."""


def find_whisper_folder(model: str) -> Path | None:
    """Return the folder of a Whisper model on this machine, or None; its files are not read.

    Args:
        model: a folder; or a size name, with or without "whisper-" before it, or a hub id, which
            is searched for among the fetched models and in the Hugging Face cache.
    """
    folder = Path(model).expanduser()
    if folder.is_dir():
        return folder
    if is_path(model):
        return None
    fetched = cache_dir() / _fetchable_name(model)
    if fetched.is_dir():
        return fetched
    try:
        folder = _from_hub(model, local_files_only=True)
    except (OSError, ValueError):
        return None
    return folder if not _missing(folder) else None


def get_whisper_folder(model: str, local_files_only: bool = True) -> Path:
    """Return the folder of a Whisper model, downloaded from the hub where that is allowed.

    Args:
        model: as in `find_whisper_folder`.
        local_files_only: never download anything.

    Raises:
        ModelError: it is not on this machine, cannot be downloaded, or is damaged.
    """
    folder = find_whisper_folder(model)
    if folder is None and not local_files_only and not is_path(model):
        try:
            folder = _from_hub(model, local_files_only=False)
        except (OSError, ValueError) as error:
            raise ModelError(
                f'Whisper model {model!r} cannot be downloaded: {first_line(error)}. {HOW_TO_GET}'
            ) from error
    if folder is None:
        place = (
            f'there is no folder {Path(model).expanduser()}'
            if is_path(model)
            else f'neither a folder {Path(model).absolute()} nor a copy in {cache_dir()} or the '
            'Hugging Face cache'
        )
        raise ModelError(f'no Whisper model {model!r} on this machine: {place}. {HOW_TO_GET}')
    if folder.parent == cache_dir() and (known := fetchable_models().get(folder.name)):
        for file in known.files.values():
            file.check()
    if missing := _missing(folder):
        raise ModelError(
            f'{folder} is no CTranslate2 Whisper model: {", ".join(missing)} missing; expected '
            f'{", ".join(MODEL_FILES)}. {HOW_TO_GET}'
        )
    return folder


def _fetchable_name(model: str) -> str:
    return f'{_PREFIX}{model.removeprefix(_PREFIX)}'


def _from_hub(model: str, local_files_only: bool) -> Path:
    from faster_whisper.utils import download_model

    return Path(download_model(model.removeprefix(_PREFIX), local_files_only=local_files_only))


def is_path(model: str) -> bool:
    """Return whether `model` can only be a folder; a hub id has one slash."""
    return model.startswith(('/', '.', '~')) or model.count('/') > 1 or '\\' in model


def _missing(folder: Path) -> list[str]:
    return [name for name in MODEL_FILES if not (folder / name).is_file()]
