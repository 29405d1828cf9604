"""Transcription by Whisper (Radford et al., 2022), run by faster-whisper on CTranslate2.

Whisper takes windows of 30 s, whatever the length of the utterance, so audio is collected during
the utterance and transcribed on request.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from emotion_node.backends.hallucinations import evidence, hallucinated, without_notes
from emotion_node.backends.whisper_files import HOW_TO_GET, get_whisper_folder, is_path
from emotion_node.datatypes import SAMPLE_RATE, FloatArray, ModelInfo, Reason, Transcript
from emotion_node.errors import ModelError, PassAbandoned, first_line
from emotion_node.interfaces import always

if TYPE_CHECKING:
    from faster_whisper import WhisperModel
    from faster_whisper.transcribe import Segment

MIN_SAMPLES: Final = SAMPLE_RATE // 10
"""Audio shorter than this, 0.1 s, contains no word."""
MIN_PEAK: Final = 1e-4
"""Audio whose peak is below this, three steps of 16 bit, is a dead line, not a quiet room."""

INTERIM_WINDOW_S: Final = 10.0
"""With a much shorter window, Whisper writes everything twice."""
MAX_WINDOW_S: Final = 30.0
"""The window that Whisper was trained with, and its longest."""
MARGIN_S: Final = 0.5
"""Silence after the audio at least."""

MAX_TOKENS: Final = 440
"""Whisper's decoder ends at 448, prompt included."""
TOKENS_PER_SECOND: Final = 24
"""More than speech needs in any script; a loop ends here and not only at `MAX_TOKENS`."""


def count_cuda_devices() -> int:
    """Return how many CUDA devices CTranslate2 can use."""
    import ctranslate2

    return int(ctranslate2.get_cuda_device_count())


def choose_device(device: str, compute_type: str, log: Callable[[str], None]) -> tuple[str, str]:
    """Return the device and the compute type to run on: int8 on the CPU where CUDA is missing.

    Args:
        device: "cpu", "cuda" or "auto".
        compute_type: CTranslate2's, e.g. "float16".
        log: takes a sentence about it where the device is not the one that was asked for.
    """
    if device != 'cuda' or count_cuda_devices():
        return device, compute_type
    log(
        'transcriber.whisper_device is cuda, but CTranslate2 finds no CUDA device here (it needs '
        'the driver, CUDA 12 and cuDNN 9): Whisper runs on the CPU, in int8'
    )
    return 'cpu', 'int8'


class WhisperTranscriber:
    """A Whisper model, shareable between streams.

    Args:
        model: as in `whisper_files.find_whisper_folder`.
        local_files_only: never download anything.
        compute_type: CTranslate2's, e.g. "int8".
        device: "cpu", "cuda" or "auto".
        language: BCP 47 tag of the language spoken, of which only the first part is used; if
            empty, Whisper detects the language, which takes a second pass over every utterance.
        threads: of the CPU.
        window: minimum audio window of the final pass in s; silence fills it. Whisper was trained
            with 30 s; its cost grows with the window. Interim passes use `INTERIM_WINDOW_S`.

    Raises:
        ModelError: the model is missing or cannot be used, or does not know the language.
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
        window: float = 15.0,
    ) -> None:
        folder = get_whisper_folder(model, local_files_only)
        from faster_whisper import WhisperModel

        try:
            self.model: WhisperModel = WhisperModel(
                str(folder), device=device, compute_type=compute_type, cpu_threads=threads
            )
        except Exception as error:  # tokenizers raises bare Exception
            raise ModelError(
                f'Whisper model in {folder} cannot be used (device {device}, compute type '
                f'{compute_type}): {first_line(error)}. {HOW_TO_GET}'
            ) from error
        self._window_s = window
        self.language = _whisper_language(language)
        if self.language and self.language not in self.model.supported_languages:
            raise ModelError(
                f'Whisper model {model!r} does not know language {language!r}; it knows: '
                f'{", ".join(self.model.supported_languages)}'
            )
        name = Path(model).name if is_path(model) else model.rsplit('/', 1)[-1]
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

    def transcribe(
        self, samples: FloatArray, final: bool, wanted: Callable[[], bool] = always
    ) -> Transcript:
        """Return the words of one utterance.

        One pass at temperature 0: the same audio gives the same words, in bounded time. The
        confidence is the segments' `evidence`, weighted by their numbers of tokens.

        Args:
            samples: (n,) float32 at `SAMPLE_RATE`.
            final: search with five beams instead of one.
            wanted: asked whether the words are still of use, once the audio is encoded.

        Raises:
            PassAbandoned: they are not.
        """
        if len(samples) < MIN_SAMPLES or float(np.abs(samples).max()) < MIN_PEAK:
            return _nothing(_locale(self.language), final)
        found, locale = self.segments(samples, final, wanted)
        seconds = len(samples) / SAMPLE_RATE
        kept = [segment for segment in found if not hallucinated(segment, seconds)]
        if not kept:
            return _nothing(locale, final)
        return Transcript(
            ' '.join(without_notes(segment.text) for segment in kept),
            confidence=_confidence(kept),
            locale=locale,
            final=final,
        )

    def segments(
        self,
        samples: FloatArray,
        final: bool,
        wanted: Callable[[], bool] = always,
        task: str = 'transcribe',
    ) -> tuple[list[Segment], str]:
        """Return Whisper's segments, hallucinations included, and the tag of the language.

        Args:
            samples: (n,) float32 at `SAMPLE_RATE`, n at least `MIN_SAMPLES`.
            final: as in `transcribe`.
            wanted: likewise.
            task: "transcribe", or "translate" for English words.
        """
        seconds = len(samples) / SAMPLE_RATE
        window_s = self._window_s if final else INTERIM_WINDOW_S
        found, about = _encoding_sound_alone(self.model, wanted).transcribe(
            _with_silence(samples, window_s),
            language=self.language or None,
            task=task,
            beam_size=5 if final else 1,
            temperature=0.0,
            condition_on_previous_text=False,
            suppress_blank=True,
            without_timestamps=True,
            # `hallucinated` rejects segments instead.
            compression_ratio_threshold=None,
            log_prob_threshold=None,
            no_speech_threshold=None,
            max_new_tokens=min(16 + int(TOKENS_PER_SECOND * seconds), MAX_TOKENS),
        )
        return list(found), _locale(about.language)


def _with_silence(samples: FloatArray, window_s: float) -> FloatArray:
    """Return audio with silence up to the window after it, `MARGIN_S` at least.

    Whisper was trained on silence after the words. The zeros that faster-whisper puts after the
    spectrum instead are no silence, and the last words are lost with them where the window is
    short.
    """
    seconds = len(samples) / SAMPLE_RATE
    length = round(min(max(window_s, seconds + MARGIN_S), MAX_WINDOW_S) * SAMPLE_RATE)
    return np.pad(samples, (0, max(0, length - len(samples))))


def _encoding_sound_alone(model: WhisperModel, wanted: Callable[[], bool]) -> WhisperModel:
    """Return the same weights with an encoder that takes less than 30 s where audio is shorter.

    The encoder's cost grows with its input, and after the audio there is only padding.

    Args:
        model: the weights.
        wanted: asked after the encoder; where it returns False, `PassAbandoned` is raised.
    """

    def encode(features: FloatArray) -> Any:
        given = np.flatnonzero(np.any(features != 0.0, axis=0))  # padding is exactly zero
        encoded = model.encode(features[:, : int(given[-1]) + 1 if len(given) else 1])
        if not wanted():
            raise PassAbandoned
        return encoded

    same = copy.copy(model)
    same.encode = encode
    return same


class WhisperStream:
    """Collects the audio of one utterance at a time."""

    def __init__(self, transcriber: WhisperTranscriber) -> None:
        self._transcriber = transcriber
        self._chunks: list[FloatArray] = []
        self._partial: Transcript | None = None
        self._final: Transcript | None = None

    def accept(self, samples: FloatArray) -> None:
        """Take the next (n,) float32 samples at `SAMPLE_RATE`."""
        if len(samples):
            self._chunks.append(samples.astype(np.float32))
            self._partial = self._final = None

    def partial(self, wanted: Callable[[], bool] = always) -> Transcript:
        """Return the words so far; computed once for the same audio."""
        if self._partial is None:
            self._partial = self._transcriber.transcribe(self._samples(), False, wanted)
        return self._partial

    def peek_final(self, wanted: Callable[[], bool] = always) -> Transcript:
        """Return what `finish` returns if no more audio follows."""
        if self._final is None:
            self._final = self._transcriber.transcribe(self._samples(), True, wanted)
        return self._final

    def finish(self) -> Transcript:
        """Return the words of the utterance, and be ready for the next one."""
        transcript = self.peek_final()
        self.reset()
        return transcript

    def reset(self) -> None:
        """Discard the current utterance."""
        self._chunks = []
        self._partial = self._final = None

    def _samples(self) -> FloatArray:
        return np.concatenate([np.zeros(0, np.float32), *self._chunks])


def _confidence(segments: Sequence[Segment]) -> float:
    tokens = np.array([max(len(segment.tokens), 1) for segment in segments], np.float64)
    supported = np.array([evidence(segment) for segment in segments])
    return float(np.clip(tokens @ supported / tokens.sum(), 0.0, 1.0))


def _nothing(locale: str, final: bool) -> Transcript:
    return Transcript('', 0.0, locale, final=final, reason=Reason.NO_SPEECH_RECOGNISED)


def _whisper_language(tag: str) -> str:
    code = re.split('[-_]', tag.strip())[0].lower()
    return 'jw' if code == 'jv' else code


def _locale(code: str) -> str:
    """Whisper calls Javanese "jw"; its other codes are BCP 47 tags."""
    return 'jv' if code == 'jw' else code
