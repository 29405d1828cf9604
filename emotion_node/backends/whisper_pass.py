"""One utterance in Whisper: its audio is encoded once, whatever is asked about it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from emotion_node.backends.hallucinations import is_repetitive
from emotion_node.datatypes import SAMPLE_RATE, FloatArray
from emotion_node.errors import PassAbandoned

if TYPE_CHECKING:
    from faster_whisper import WhisperModel
    from faster_whisper.transcribe import Segment

MAX_WINDOW_S: Final = 30.0
"""The window that Whisper was trained with, and its longest."""
MARGIN_S: Final = 0.5
"""Silence after the audio at least."""
ENCODED_S: Final = 10.0
"""Of a longer window, the encoder gets this much where the audio is shorter. The rest is silence
that was encoded before."""
STATES_PER_S: Final = 50
"""Of the encoder."""

FINAL_BEAMS: Final = 2
"""Hypotheses that the search of a final pass keeps; more take longer and find no better words."""
LOOP_BEAMS: Final = 5
"""The same where those have ended in a loop, as they may in long speech."""
MAX_TOKENS: Final = 440
"""Whisper's decoder ends at 448, prompt included."""
TOKENS_PER_SECOND: Final = 24
"""More than speech needs in any script; a loop ends here and not only at `MAX_TOKENS`."""


class EncodedSilence:
    """Silence as the encoder writes it, which follows the audio in windows that are not full.

    The decoder ends a sentence well where it sees silence after it, and the encoder's cost grows
    with its input; so its output is made longer instead. On a GPU, or where the whole window of
    the training is asked for, nothing is done.

    Args:
        model: the weights.
        window_s: minimum window in s.
    """

    def __init__(self, model: WhisperModel, window_s: float) -> None:
        self.window_s = window_s
        self._states: FloatArray | None = None
        if model.model.device == 'cpu' and ENCODED_S < window_s < MAX_WINDOW_S:
            silence = np.zeros(round(MAX_WINDOW_S * SAMPLE_RATE), np.float32)
            features = model.feature_extractor(silence, padding=0)
            states = model.encode(np.ascontiguousarray(features))
            self._states = np.array(states)[:, : round(window_s * STATES_PER_S)]

    @property
    def encoded_s(self) -> float:
        """How much of the window the encoder gets at least, in s."""
        return self.window_s if self._states is None else ENCODED_S

    def follow(self, encoded: Any) -> Any:
        """Return the output of the encoder with silence up to the end of the window."""
        if self._states is None or encoded.shape[1] >= self._states.shape[1]:
            return encoded
        from ctranslate2 import StorageView

        states = np.concatenate([np.array(encoded), self._states[:, encoded.shape[1] :]], axis=1)
        return StorageView.from_array(np.ascontiguousarray(states))


class WhisperPass:
    """One utterance in one window.

    Args:
        model: the weights.
        samples: (n,) float32 at `SAMPLE_RATE`.
        silence: follows them, up to the window.
        wanted: asked after the encoder, and before a second search; where it returns False,
            `PassAbandoned` is raised.
    """

    def __init__(
        self,
        model: WhisperModel,
        samples: FloatArray,
        silence: EncodedSilence,
        wanted: Callable[[], bool],
    ) -> None:
        self._model = _encoding_once(model, silence, wanted)
        self._wanted = wanted
        self._samples = _with_silence(samples, silence.encoded_s)
        self._tokens = 16 + int(TOKENS_PER_SECOND * len(samples) / SAMPLE_RATE)

    def languages(self) -> dict[str, float]:
        """Return the probability of each language by Whisper's code."""
        from faster_whisper.audio import pad_or_trim

        # The very features that `decode` encodes: without the last frame, at most one window.
        features = self._model.feature_extractor(self._samples)[:, :-1]
        longest = self._model.feature_extractor.nb_max_frames
        encoded = self._model.encode(pad_or_trim(features[:, :longest]))
        (found,) = self._model.model.detect_language(encoded)
        return {token[2:-2]: float(chance) for token, chance in found}

    def decode(self, code: str, task: str, final: bool) -> list[Segment]:
        """Return the segments in a language, by Whisper's code.

        A final pass that says one thing over and over again is searched once more, more widely:
        the audio is encoded already, and the words of a long utterance would be lost otherwise.

        Raises:
            PassAbandoned: the words are no longer of use.
        """
        if not final:
            return self._search(code, task, 1)
        found = self._search(code, task, FINAL_BEAMS)
        if any(map(is_repetitive, found)):
            if not self._wanted():
                raise PassAbandoned
            found = self._search(code, task, LOOP_BEAMS)
        return found

    def _search(self, code: str, task: str, beams: int) -> list[Segment]:
        segments, _ = self._model.transcribe(
            self._samples,
            language=code,
            task=task,
            beam_size=beams,
            temperature=0.0,
            condition_on_previous_text=False,
            suppress_blank=True,
            without_timestamps=True,
            # `hallucinated` rejects segments instead.
            compression_ratio_threshold=None,
            log_prob_threshold=None,
            no_speech_threshold=None,
            max_new_tokens=min(self._tokens, MAX_TOKENS),
        )
        return list(segments)


def _with_silence(samples: FloatArray, window_s: float) -> FloatArray:
    """Return audio with silence up to the window after it, `MARGIN_S` at least.

    Whisper was trained on silence after the words. The zeros that faster-whisper puts after the
    spectrum instead are no silence, and the last words are lost with them where the window is
    short.
    """
    seconds = len(samples) / SAMPLE_RATE
    length = round(min(max(window_s, seconds + MARGIN_S), MAX_WINDOW_S) * SAMPLE_RATE)
    return np.pad(samples, (0, max(0, length - len(samples))))


def _encoding_once(
    model: WhisperModel, silence: EncodedSilence, wanted: Callable[[], bool]
) -> WhisperModel:
    """Return the same weights with an encoder that does no work twice, nor on padding.

    Its cost grows with its input: after the audio there are only zeros, up to 30 s. What it was
    given last it does not encode again.

    Args:
        model: the weights.
        silence: follows what is encoded.
        wanted: asked after the encoder; where it returns False, `PassAbandoned` is raised.
    """
    last: list[tuple[FloatArray, Any]] = []

    def encode(features: FloatArray) -> Any:
        if last and np.array_equal(last[0][0], features):
            return last[0][1]
        given = np.flatnonzero(np.any(features != 0.0, axis=0))  # padding is exactly zero
        encoded = model.encode(features[:, : int(given[-1]) + 1 if len(given) else 1])
        if not wanted():
            raise PassAbandoned
        encoded = silence.follow(encoded)
        last[:] = [(features, encoded)]
        return encoded

    same = copy.copy(model)
    same.encode = encode
    return same
