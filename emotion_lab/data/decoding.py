"""What Whisper writes for a stretch of audio, decoded once and stored.

Decoding takes most of the time of each measurement of the words, and the same audio gives the
same words: the store is keyed by the samples, the model and how it decodes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sqlite3
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from emotion_node.backends.asr_whisper import WhisperTranscriber
from emotion_node.config import TranscriberConfig
from emotion_node.datatypes import FloatArray

VERSION: Final = 3
"""Raised when the fields of a record change, or what Whisper is given."""


@dataclass(frozen=True, slots=True)
class DecodedSegment:
    """One segment of Whisper's, before any filter.

    Attributes:
        text: as Whisper writes it.
        avg_logprob: mean log-probability of the tokens.
        no_speech_prob: probability of no speech, 0..1.
        compression_ratio: of the text, by zlib.
        tokens: of the text.
    """

    text: str
    avg_logprob: float
    no_speech_prob: float
    compression_ratio: float
    tokens: tuple[int, ...]


class Decoder:
    """Whisper as the node runs it, with a store on disk.

    Args:
        model: as in `transcriber.whisper_model`.
        window: as in `transcriber.whisper_window`, in s.
        store: folder of the store.
        threads: of the CPU.
    """

    def __init__(self, model: str, window: float, store: Path, threads: int = 1) -> None:
        store.mkdir(parents=True, exist_ok=True)
        self._base = sqlite3.connect(store / 'whisper.sqlite', timeout=60.0)
        self._base.execute('create table if not exists said (key text primary key, value text)')
        self._model = model
        self._window = window
        self._threads = threads
        self._loaded: WhisperTranscriber | None = None

    def segments(
        self, samples: FloatArray, language: str = 'en', task: str = 'transcribe'
    ) -> list[DecodedSegment]:
        """Return the segments of the final pass.

        Args:
            samples: (n,) float32 at `SAMPLE_RATE`.
            language: BCP 47 tag of the language spoken.
            task: "transcribe", or "translate" for English words.
        """

        def decode() -> list[Any]:
            segments = self._whisper().segments(samples, True, language, task)
            return [
                asdict(
                    DecodedSegment(
                        one.text,
                        one.avg_logprob,
                        one.no_speech_prob,
                        one.compression_ratio,
                        tuple(one.tokens),
                    )
                )
                for one in segments
            ]

        return [
            DecodedSegment(**(one | {'tokens': tuple(one['tokens'])}))
            for one in self._stored(samples, f'{task} {language}', decode)
        ]

    def languages(self, samples: FloatArray) -> dict[str, float]:
        """Return the probability of each language that the model knows, by its tag."""

        def detect() -> dict[str, float]:
            return self._whisper().language_probabilities(samples)

        return dict(self._stored(samples, 'languages', detect))

    def _stored(self, samples: FloatArray, what: str, make: Callable[[], Any]) -> Any:
        digest = hashlib.sha256(np.ascontiguousarray(samples, np.float32).tobytes()).hexdigest()
        key = f'{VERSION} {self._model} {self._window:g} {what} {digest}'
        row = self._base.execute('select value from said where key = ?', (key,)).fetchone()
        if row is not None:
            return json.loads(row[0])
        value = make()
        with self._base:
            self._base.execute(
                'insert or replace into said values (?, ?)', (key, json.dumps(value))
            )
        return value

    def _whisper(self) -> WhisperTranscriber:
        if self._loaded is None:
            self._loaded = WhisperTranscriber(
                self._model, window=self._window, threads=self._threads
            )
        return self._loaded


def add_decoder_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that `load_decoder` takes."""
    config = TranscriberConfig()
    parser.add_argument(
        '--whisper-model',
        default=config.whisper_model,
        help='as transcriber.whisper_model; default %(default)s',
    )
    parser.add_argument(
        '--window',
        type=float,
        default=config.whisper_window,
        help='as transcriber.whisper_window, in s; default %(default)s',
    )
    parser.add_argument(
        '--store',
        type=Path,
        default=_default_store(),
        help="folder where Whisper's words are stored; default %(default)s",
    )


def load_decoder(args: argparse.Namespace) -> Decoder:
    """Return the decoder that the arguments ask for; weights are loaded when they are needed."""
    return Decoder(args.whisper_model, args.window, args.store)


def _default_store() -> Path:
    cache = os.environ.get('XDG_CACHE_HOME', '')
    return (Path(cache) if cache else Path.home() / '.cache') / 'emotion_lab'
