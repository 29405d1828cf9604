"""Transcription by Whisper (Radford et al., 2022), run by faster-whisper on CTranslate2.

Whisper takes windows of 30 s, whatever the length of the utterance, so audio is collected during
the utterance and transcribed on request.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from emotion_node.backends.hallucinations import hallucinated, without_notes
from emotion_node.backends.whisper_confidence import confidence
from emotion_node.backends.whisper_files import HOW_TO_GET, get_whisper_folder, is_path
from emotion_node.backends.whisper_language import SpokenLanguage
from emotion_node.backends.whisper_pass import EncodedSilence, WhisperPass
from emotion_node.datatypes import (
    SAMPLE_RATE,
    FloatArray,
    ModelInfo,
    Reason,
    Transcript,
    primary_language,
)
from emotion_node.errors import ModelError, first_line
from emotion_node.interfaces import always

if TYPE_CHECKING:
    from faster_whisper import WhisperModel
    from faster_whisper.transcribe import Segment

MIN_SAMPLES: Final = SAMPLE_RATE // 10
"""Audio shorter than this, 0.1 s, contains no word."""
MIN_PEAK: Final = 1e-4
"""Audio whose peak is below this, three steps of 16 bit, is a dead line, not a quiet room."""


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
            empty, each stream settles on a language by its first utterances (`SpokenLanguage`).
        threads: of the CPU.
        window: minimum audio window in s; silence fills it (`EncodedSilence`). Whisper was trained
            with 30 s; its cost grows with the window.
        translates: whether words in a language, by its BCP 47 tag, are translated into English
            too. The same encoded audio serves both.

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
        translates: Callable[[str], bool] = lambda tag: False,
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
        self._silence = EncodedSilence(self.model, window)
        self.language = _whisper_language(language)
        if not self.model.model.is_multilingual:
            self.language = self.language or 'en'
        self._translates = translates
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
        self,
        samples: FloatArray,
        final: bool,
        wanted: Callable[[], bool] = always,
        spoken: SpokenLanguage | None = None,
    ) -> Transcript:
        """Return the words of one utterance, and their translation where one is made.

        One pass at temperature 0: the same audio gives the same words, in bounded time. The
        confidence is the share of the words that are right, as expected (`whisper_confidence`).

        Args:
            samples: (n,) float32 at `SAMPLE_RATE`.
            final: search with `FINAL_BEAMS` beams instead of one.
            wanted: asked whether the words are still of use, once the audio is encoded and before
                a second search.
            spoken: chooses the language where none is given; None for that of the audio alone.

        Raises:
            PassAbandoned: they are not.
        """
        if len(samples) < MIN_SAMPLES or float(np.abs(samples).max()) < MIN_PEAK:
            return _nothing(_locale(self.language), final)
        seconds = len(samples) / SAMPLE_RATE
        one_pass = WhisperPass(self.model, samples, self._silence, wanted)
        language = self.language or (spoken or SpokenLanguage()).choose(
            one_pass.languages, seconds
        )
        locale = _locale(language)
        kept = _believed(one_pass.decode(language, 'transcribe', final), seconds)
        if not kept:
            return _nothing(locale, final)
        translation = ''
        if self._translates(locale):
            translation = _text(_believed(one_pass.decode(language, 'translate', final), seconds))
        return Transcript(
            _text(kept), confidence(kept), locale, final=final, translation=translation
        )

    def segments(
        self, samples: FloatArray, final: bool, language: str = '', task: str = 'transcribe'
    ) -> list[Segment]:
        """Return Whisper's segments, hallucinations included.

        Args:
            samples: (n,) float32 at `SAMPLE_RATE`, n at least `MIN_SAMPLES`.
            final: as in `transcribe`.
            language: BCP 47 tag of the language spoken; empty for that of the transcriber, or the
                one that is detected.
            task: "transcribe", or "translate" for English words.
        """
        one_pass = WhisperPass(self.model, samples, self._silence, always)
        code = _whisper_language(language) or self.language
        if not code:
            code = SpokenLanguage().choose(one_pass.languages, len(samples) / SAMPLE_RATE)
        return one_pass.decode(code, task, final)

    def language_probabilities(self, samples: FloatArray) -> dict[str, float]:
        """Return the probability of each language by its BCP 47 tag, from the audio alone.

        Args:
            samples: (n,) float32 at `SAMPLE_RATE`, n at least `MIN_SAMPLES`.
        """
        found = WhisperPass(self.model, samples, self._silence, always).languages()
        return {_locale(code): chance for code, chance in found.items()}


class WhisperStream:
    """Collects the audio of one utterance at a time."""

    def __init__(self, transcriber: WhisperTranscriber) -> None:
        self._transcriber = transcriber
        self._chunks: list[FloatArray] = []
        self._partial: Transcript | None = None
        self._final: Transcript | None = None
        self._spoken = SpokenLanguage()

    def accept(self, samples: FloatArray) -> None:
        """Take the next (n,) float32 samples at `SAMPLE_RATE`."""
        if len(samples):
            self._chunks.append(samples.astype(np.float32))
            self._partial = self._final = None

    def partial(self, wanted: Callable[[], bool] = always) -> Transcript:
        """Return the words so far; computed once for the same audio."""
        if self._partial is None:
            self._partial = self._transcribe(False, wanted)
        return self._partial

    def peek_final(self, wanted: Callable[[], bool] = always) -> Transcript:
        """Return what `finish` returns if no more audio follows."""
        if self._final is None:
            self._final = self._transcribe(True, wanted)
        return self._final

    def finish(self) -> Transcript:
        """Return the words of the utterance, and be ready for the next one."""
        transcript = self.peek_final()
        self._spoken.commit(transcript.confidence)
        self.reset()
        return transcript

    def reset(self) -> None:
        """Discard the current utterance; the language of the earlier ones remains."""
        self._spoken.discard()
        self._chunks = []
        self._partial = self._final = None

    def _transcribe(self, final: bool, wanted: Callable[[], bool]) -> Transcript:
        samples = np.concatenate([np.zeros(0, np.float32), *self._chunks])
        return self._transcriber.transcribe(samples, final, wanted, self._spoken)


def _believed(segments: Sequence[Segment], seconds: float) -> list[Segment]:
    return [segment for segment in segments if not hallucinated(segment, seconds)]


def _text(segments: Sequence[Segment]) -> str:
    return ' '.join(without_notes(segment.text) for segment in segments)


def _nothing(locale: str, final: bool) -> Transcript:
    return Transcript('', 0.0, locale, final=final, reason=Reason.NO_SPEECH_RECOGNISED)


def _whisper_language(tag: str) -> str:
    code = primary_language(tag)
    return 'jw' if code == 'jv' else code


def _locale(code: str) -> str:
    """Whisper calls Javanese "jw"; its other codes are BCP 47 tags."""
    return 'jv' if code == 'jw' else code
