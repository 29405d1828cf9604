"""Transcription by pocketsphinx, offline, with the US English model inside its package.

Words are decoded during the utterance. The decoder also needs the mean of the cepstrum, which
depends on the loudness and on the spectrum of microphone and voice (cepstral mean normalisation).
Its own live estimate starts from a constant and adapts over several utterances; here the mean is
measured in each utterance alone, over its first `HOLD_S`, before decoding begins. So the same
utterance gives the same words whatever came before, and a new voice costs fewer word errors than
with the live estimate. The mean over the whole utterance is no better and comes too late. The
second pass (fwdflat) is off: it improved nothing on human speech, and takes several times as long
after the last sample as everything else. `python -m emotion_lab evaluate transcription` measures
word errors and time.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt
import pocketsphinx

from emotion_node.datatypes import (
    SAMPLE_RATE,
    FloatArray,
    ModelInfo,
    Reason,
    Transcript,
    primary_language,
)
from emotion_node.errors import ModelError
from emotion_node.interfaces import always

LOCALE: Final = 'en'

BLOCK: Final = SAMPLE_RATE // 20
"""Samples decoded at a time: 50 ms. The decoder holds Python's lock meanwhile, about 8 ms."""
HOLD_S: Final = 0.7
HOLD: Final = int(HOLD_S * SAMPLE_RATE)
TYPICAL_MEAN: Final = np.array([40.0, 3.0, -1.0] + [0.0] * 10)
"""Cepstral mean that pocketsphinx assumes before any audio."""
TYPICAL_FRAMES: Final = 20
"""Its weight beside the measured mean, in frames of 10 ms: the first sounds are a small sample."""

SEARCH: Final = {
    'fwdflat': False,
    'wbeam': 1e-22,
}
"""No second pass at the end of the utterance, and fewer word ends in the lattice."""

_MEASURE: Final = 'measure'
"""Name of a dummy search that is active while the mean is measured."""
_MEAN_FRAMES: Final = 500
"""Weight, in frames, that pocketsphinx gives to a mean that it is set to (CMN_WIN)."""
_COUNTER: Final = 1e6


class PocketsphinxTranscriber:
    """The English model of pocketsphinx.

    Args:
        language: BCP 47 tag of the language spoken: English, or empty.

    Raises:
        ModelError: another language, or the model in the package cannot be read.
    """

    def __init__(self, language: str = LOCALE) -> None:
        if primary_language(language) not in ('', LOCALE):
            raise ModelError(
                f'pocketsphinx supports English only, not {language!r}: set '
                'transcriber.backend to whisper or off'
            )
        self._loaded = [_load()]

    @property
    def info(self) -> ModelInfo:
        """Name of the model."""
        return ModelInfo('pocketsphinx', 'en-us')

    def stream(self) -> PocketsphinxStream:
        """Return a new stream. Each has its own decoder; that of the first is loaded already."""
        return PocketsphinxStream(self._loaded.pop() if self._loaded else _load())


def _load() -> pocketsphinx.Decoder:
    try:
        decoder = pocketsphinx.Decoder(samprate=SAMPLE_RATE, loglevel='FATAL', **SEARCH)
        decoder.add_keyphrase(_MEASURE, 'hello')
    except (RuntimeError, ValueError) as error:
        raise ModelError(
            f'the model in {pocketsphinx.get_model_path()} cannot be read ({error}): '
            'install pocketsphinx again'
        ) from error
    return decoder


class PocketsphinxStream:
    """Decodes the words of one utterance at a time.

    Args:
        decoder: used by this stream alone.
    """

    def __init__(self, decoder: pocketsphinx.Decoder) -> None:
        self._decoder = decoder
        self._search = decoder.current_search()
        self._waiting = np.zeros(0, np.int16)
        self._searching = False

    def accept(self, samples: FloatArray) -> None:
        """Take the next (n,) float32 samples at `SAMPLE_RATE`, -1..1."""
        pcm = np.clip(np.rint(samples * 32768.0), -32768, 32767).astype(np.int16)
        self._waiting = np.concatenate([self._waiting, pcm])
        if not self._searching and len(self._waiting) >= HOLD:
            self._begin()
        if self._searching:
            self._take_blocks()

    def partial(self, wanted: Callable[[], bool] = always) -> Transcript:
        """Return the words so far, at most one block behind.

        Posteriors are not known before the end, so the confidence is 0.
        """
        words = self._words() if self._searching else []
        return _transcript([word for word, _ in words], 0.0, final=False)

    def peek_final(self, wanted: Callable[[], bool] = always) -> Transcript:
        """Return the words so far: a decoder cannot continue after an end."""
        return self.partial()

    def finish(self) -> Transcript:
        """Return the words of the utterance, and be ready for the next one.

        The confidence is the mean posterior of the words in the word lattice, without pauses
        and noises. It is close to the share of correct words, but too high on television, with
        its music and laughter.
        """
        if len(self._waiting) and not self._searching:
            self._begin()
        if not self._searching:
            return _transcript([], 0.0, final=True)
        self._take_blocks()
        if len(self._waiting):  # the decoder refuses an empty block
            self._decoder.process_raw(self._waiting.tobytes())
        self._end()
        words = self._words()
        confidence = float(np.mean([posterior for _, posterior in words])) if words else 0.0
        return _transcript([word for word, _ in words], min(confidence, 1.0), final=True)

    def reset(self) -> None:
        """Discard the current utterance."""
        if self._searching:
            self._end()
        self._waiting = self._waiting[:0]

    def _begin(self) -> None:
        mean = self._cepstral_mean(self._waiting[:HOLD])
        self._start(self._search, mean)
        self._searching = True

    def _take_blocks(self) -> None:
        while len(self._waiting) >= BLOCK:
            self._decoder.process_raw(self._waiting[:BLOCK].tobytes())
            self._waiting = self._waiting[BLOCK:]

    def _end(self) -> None:
        self._decoder.end_utt()
        self._searching = False
        self._waiting = self._waiting[:0]

    def _start(self, search: str, mean: npt.NDArray[np.float64]) -> None:
        self._decoder.activate_search(search)
        self._decoder.reinit_feat()  # resets the estimate of the noise, too
        self._decoder.set_cmn(','.join(f'{value:.6g}' for value in mean))
        self._decoder.start_utt()

    def _cepstral_mean(self, pcm: npt.NDArray[np.int16]) -> npt.NDArray[np.float64]:
        """Return the mean of the (13,) cepstral coefficients, shrunk towards the typical mean.

        pocketsphinx gives no sums, but the mean over the frames of the audio and over
        `_MEAN_FRAMES` frames of the mean that it was set to. From a huge last coefficient in
        the latter, the number of audio frames follows, which is lower in digital silence; that
        coefficient itself is taken from the typical mean.
        """
        initial = np.zeros(13)
        initial[12] = _COUNTER
        self._start(_MEASURE, initial)
        self._decoder.process_raw(pcm.tobytes(), no_search=True)
        mixed = np.array([float(value) for value in self._decoder.get_cmn(True).split(',')])
        self._decoder.end_utt()
        frames = max(_MEAN_FRAMES * (_COUNTER / mixed[12] - 1.0), 0.0)
        total = mixed * (_MEAN_FRAMES + frames)
        total[12] = 0.0
        mean: npt.NDArray[np.float64] = (TYPICAL_FRAMES * TYPICAL_MEAN + total) / (
            TYPICAL_FRAMES + frames
        )
        return mean

    def _words(self) -> list[tuple[str, float]]:
        """Return words and posteriors; alternative pronunciations lose their number."""
        return [
            (re.sub(r'\(\d+\)$', '', segment.word), float(segment.prob))
            for segment in self._decoder.seg() or ()
            if segment.word[0] not in '<[+'  # pauses, noises
        ]


def _transcript(words: list[str], confidence: float, final: bool) -> Transcript:
    return Transcript(
        ' '.join(words),
        confidence,
        LOCALE,
        final=final,
        reason=Reason.NONE if words else Reason.NO_SPEECH_RECOGNISED,
    )
