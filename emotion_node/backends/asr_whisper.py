"""Transcription by Whisper (Radford et al., 2022), run by faster-whisper on CTranslate2.

Whisper hears 30 s at a time, whatever the length of the utterance, so audio is collected while
it is spoken and understood when asked for.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from emotion_node.backends.hallucinations import evidence, hallucinated, without_notes
from emotion_node.datatypes import SAMPLE_RATE, FloatArray, ModelInfo, Reason, Transcript
from emotion_node.errors import ModelError
from emotion_node.model_store.catalogue import WHISPER, cache_dir, fetch_command, fetchable_models

if TYPE_CHECKING:
    from faster_whisper import WhisperModel
    from faster_whisper.transcribe import Segment

MODEL_FILES: Final = ('model.bin', 'config.json', 'tokenizer.json')
"""What a folder must hold. Without tokenizer.json, faster-whisper would fetch one."""

HOW_TO_GET: Final = (
    f'To use Whisper, run "{fetch_command(WHISPER)}" once, pass the folder of a '
    'CTranslate2 Whisper model as transcriber.whisper_model, or set '
    'transcriber.whisper_local_files_only:=false once to let the node fetch the model from the '
    'hub; transcriber.backend:=pocketsphinx needs no model file.'
)

_PREFIX: Final = 'whisper-'
"""Stands before the size in the names of fetched models, not in those of faster-whisper."""

MIN_SAMPLES: Final = SAMPLE_RATE // 10
"""Audio shorter than this, 0.1 s, holds no word."""
MIN_PEAK: Final = 1e-4
"""Audio that stays below this, three steps of 16 bit, is a dead line, not a quiet room."""

INTERIM_WINDOW_S: Final = 10.0
"""With much less than this, Whisper says everything twice."""
FRAMES_PER_SECOND: Final = 100
MARGIN_FRAMES: Final = 50

MAX_TOKENS: Final = 440
"""Whisper's decoder ends at 448, prompt included."""
TOKENS_PER_SECOND: Final = 24
"""Nobody needs more, in any script; a loop is cut off here and not at `MAX_TOKENS`."""


def find_model(model: str) -> Path | None:
    """Return the folder of a Whisper model on this machine, without reading it.

    Args:
        model: a folder; or a size name, with or without "whisper-" before it, or a hub id, to
            be looked up among the fetched models and in the Hugging Face cache.
    """
    folder = Path(model).expanduser()
    if folder.is_dir():
        return folder
    if _is_path(model):
        return None
    fetched = cache_dir() / _fetchable_name(model)
    if fetched.is_dir():
        return fetched
    try:
        folder = _from_hub(model, local_files_only=True)
    except (OSError, ValueError):
        return None
    return folder if not _missing(folder) else None


def locate_model(model: str, local_files_only: bool = True) -> Path:
    """Return the folder of a Whisper model, fetching it from the hub when that is allowed.

    Raises:
        ModelError: not on this machine, or not to be had from the hub, or damaged.
    """
    folder = find_model(model)
    if folder is None and not local_files_only and not _is_path(model):
        try:
            folder = _from_hub(model, local_files_only=False)
        except (OSError, ValueError) as error:
            raise ModelError(
                f'Whisper model {model!r} could not be fetched: {_first_line(error)}. {HOW_TO_GET}'
            ) from error
    if folder is None:
        place = (
            f'there is no folder {Path(model).expanduser()}'
            if _is_path(model)
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


def _is_path(model: str) -> bool:
    """Return whether `model` can only be meant as a folder; a hub id has one slash."""
    return model.startswith(('/', '.', '~')) or model.count('/') > 1 or '\\' in model


def _missing(folder: Path) -> list[str]:
    return [name for name in MODEL_FILES if not (folder / name).is_file()]


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip('.')


def cuda_devices() -> int:
    """Return how many CUDA devices CTranslate2 can use."""
    import ctranslate2

    return int(ctranslate2.get_cuda_device_count())


class WhisperTranscriber:
    """A Whisper model, shareable between streams.

    Args:
        model: as in `find_model`.
        local_files_only: never fetch anything.
        compute_type: CTranslate2's, e.g. "int8".
        device: "cpu", "cuda" or "auto".
        language: BCP 47 tag of the language spoken, of which the first part counts; empty lets
            Whisper find out, which costs it a second look at every utterance.
        threads: of the processor.
        window: s of sound that the encoder is given at least for the final words, padding
            included; 30 is what Whisper learnt with, and its cost grows with it. For the words
            so far it is `INTERIM_WINDOW_S`.

    Raises:
        ModelError: the model is not there or cannot be used, or does not know the language.
    """

    def __init__(
        self,
        model: str = 'base',
        *,
        local_files_only: bool = True,
        compute_type: str = 'int8',
        device: str = 'cpu',
        language: str = 'en',
        threads: int = 2,
        window: float = 30.0,
    ) -> None:
        folder = locate_model(model, local_files_only)
        from faster_whisper import WhisperModel

        try:
            self.model: WhisperModel = WhisperModel(
                str(folder), device=device, compute_type=compute_type, cpu_threads=threads
            )
        except Exception as error:  # tokenizers raises bare Exception
            raise ModelError(
                f'Whisper model in {folder} cannot be used (device {device}, compute type '
                f'{compute_type}): {_first_line(error)}. {HOW_TO_GET}'
            ) from error
        self._final = _with_window(self.model, window)
        self._interim = _with_window(self.model, INTERIM_WINDOW_S)
        self.language = _whisper_language(language)
        if self.language and self.language not in self.model.supported_languages:
            raise ModelError(
                f'Whisper model {model!r} does not know language {language!r}; it knows: '
                f'{", ".join(self.model.supported_languages)}'
            )
        name = Path(model).name if _is_path(model) else model.rsplit('/', 1)[-1]
        self._info = ModelInfo(
            name=name if 'whisper' in name else f'whisper-{name}',
            version=self.model.model.compute_type,
        )

    @property
    def info(self) -> ModelInfo:
        """Name of the model; its version is the compute type in use."""
        return self._info

    def stream(self) -> WhisperStream:
        """Return a new stream."""
        return WhisperStream(self)

    def transcribe(self, samples: FloatArray, final: bool) -> Transcript:
        """Return what is said in one utterance.

        One pass at temperature 0: the same sound gives the same words, within a bounded time.
        Confidence is the segments' `evidence`, weighted by their numbers of tokens.

        Args:
            samples: (n,) float32 at `SAMPLE_RATE`.
            final: search with five beams; else with one.
        """
        if len(samples) < MIN_SAMPLES or float(np.abs(samples).max()) < MIN_PEAK:
            return _nothing(_locale(self.language), final)
        found, locale = self.segments(samples, final)
        seconds = len(samples) / SAMPLE_RATE
        believed = [segment for segment in found if not hallucinated(segment, seconds)]
        if not believed:
            return _nothing(locale, final)
        return Transcript(
            ' '.join(without_notes(segment.text) for segment in believed),
            confidence=_confidence(believed),
            locale=locale,
            final=final,
        )

    def segments(self, samples: FloatArray, final: bool) -> tuple[list[Segment], str]:
        """Return what Whisper says, inventions and all, and the tag of the language.

        Args:
            samples: (n,) float32 at `SAMPLE_RATE`, n at least `MIN_SAMPLES`.
            final: as in `transcribe`.
        """
        seconds = len(samples) / SAMPLE_RATE
        found, about = (self._final if final else self._interim).transcribe(
            samples,
            language=self.language or None,
            beam_size=5 if final else 1,
            temperature=0.0,
            condition_on_previous_text=False,
            suppress_blank=True,
            without_timestamps=True,
            # What is not to be believed is sorted out by `hallucinated`.
            compression_ratio_threshold=None,
            log_prob_threshold=None,
            no_speech_threshold=None,
            max_new_tokens=min(16 + int(TOKENS_PER_SECOND * seconds), MAX_TOKENS),
        )
        return list(found), _locale(about.language)


def _with_window(model: WhisperModel, seconds: float) -> WhisperModel:
    """Return the same weights, whose encoder is given less than 30 s where there is less sound.

    Its cost grows with what it is given, and what follows an utterance is nothing but padding.
    """
    frames = round(seconds * FRAMES_PER_SECOND)

    def encode(features: FloatArray) -> Any:
        sounding = np.flatnonzero(np.any(features != 0.0, axis=0))  # padding is exactly zero
        needed = int(sounding[-1]) + 1 + MARGIN_FRAMES if len(sounding) else 0
        return model.encode(features[:, : max(frames, needed)])

    same = copy.copy(model)
    same.encode = encode
    return same


class WhisperStream:
    """Collects the audio of one utterance at a time."""

    def __init__(self, transcriber: WhisperTranscriber) -> None:
        self._transcriber = transcriber
        self._chunks: list[FloatArray] = []
        self._partial: Transcript | None = None
        self._foreseen: Transcript | None = None

    def accept(self, samples: FloatArray) -> None:
        """Take the next (n,) float32 samples at `SAMPLE_RATE`."""
        if len(samples):
            self._chunks.append(samples.astype(np.float32))
            self._partial = self._foreseen = None

    def partial(self) -> Transcript:
        """Return what has been understood so far; computed once per new audio."""
        if self._partial is None:
            self._partial = self._transcriber.transcribe(self._samples(), final=False)
        return self._partial

    def peek_final(self) -> Transcript:
        """Return what `finish` will say if nothing more comes."""
        if self._foreseen is None:
            self._foreseen = self._transcriber.transcribe(self._samples(), final=True)
        return self._foreseen

    def finish(self) -> Transcript:
        """Return what was said, and be ready for the next utterance."""
        transcript = self.peek_final()
        self.reset()
        return transcript

    def reset(self) -> None:
        """Drop the utterance under way."""
        self._chunks = []
        self._partial = self._foreseen = None

    def _samples(self) -> FloatArray:
        return np.concatenate([np.zeros(0, np.float32), *self._chunks])


def _confidence(segments: Sequence[Segment]) -> float:
    tokens = np.array([max(len(segment.tokens), 1) for segment in segments], np.float64)
    believed = np.array([evidence(segment) for segment in segments])
    return float(np.clip(tokens @ believed / tokens.sum(), 0.0, 1.0))


def _nothing(locale: str, final: bool) -> Transcript:
    return Transcript('', 0.0, locale, final=final, reason=Reason.NO_SPEECH_RECOGNISED)


def _whisper_language(tag: str) -> str:
    code = re.split('[-_]', tag.strip())[0].lower()
    return 'jw' if code == 'jv' else code


def _locale(code: str) -> str:
    """Whisper calls Javanese "jw"; its other codes are BCP 47 tags."""
    return 'jv' if code == 'jw' else code
