"""Variation of the text samples in training: punctuation, word errors, speakers, history."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from emotion_lab.data.marks import draw_marks
from emotion_lab.data.noise import corrupt, sound_alikes
from emotion_lab.data.samples import PastTurn, Sample
from emotion_lab.data.whisper_errors import write_as_whisper
from emotion_lab.training.text_model import TextTraining
from emotion_node.backends.text_input import InputBuilder, TextInput


def vary(
    sample: Sample, config: TextTraining, rng: np.random.Generator, builder: InputBuilder
) -> TextInput:
    """Return the model's input for `sample`, varied at random.

    As transcribed, with marks at random, as Whisper writes, plain or with word errors; its
    speakers as names, as letters or unknown; with its history or without.
    """
    draws = rng.random(5)
    return _build(_with_errors(sample, draws, config, rng), draws, config, builder)


def vary_twice(
    sample: Sample, config: TextTraining, rng: np.random.Generator, builder: InputBuilder
) -> tuple[TextInput, TextInput]:
    """Return the input of `vary`, and before it the same with punctuation.

    The latter is as transcribed, with marks at random where its corpus' marks are free.
    """
    draws = rng.random(5)
    varied = _with_errors(sample, draws, config, rng)
    first = _with_marks(sample, rng) if _is_free(sample, config) else sample
    return _build(first, draws, config, builder), _build(varied, draws, config, builder)


def _with_errors(
    sample: Sample, draws: npt.NDArray[np.float64], config: TextTraining, rng: np.random.Generator
) -> Sample:
    plain, noisy, _, _, marks = draws
    if plain >= config.plain_share:
        if marks < config.whisper_share:
            return _with_texts(
                sample, lambda text: write_as_whisper(text, sound_alikes(), rng) or text
            )
        if marks < config.whisper_share + config.marks_share or _is_free(sample, config):
            return _with_marks(sample, rng)
        return sample
    wer = rng.uniform(0.05, config.max_wer) if noisy < config.noisy_share else 0.0
    return _with_texts(sample, lambda text: corrupt(text, wer, rng) or text)


def _is_free(sample: Sample, config: TextTraining) -> bool:
    return sample.corpus in config.free_marks.split(',')


def _with_marks(sample: Sample, rng: np.random.Generator) -> Sample:
    return _with_texts(sample, lambda text: draw_marks(text, rng))


def _with_texts(sample: Sample, change: Callable[[str], str]) -> Sample:
    past = tuple(PastTurn(turn.speaker_id, change(turn.text)) for turn in sample.history)
    return dataclasses.replace(sample, text=change(sample.text), history=past)


def _build(
    sample: Sample, draws: npt.NDArray[np.float64], config: TextTraining, builder: InputBuilder
) -> TextInput:
    _, _, speakers, alone, _ = draws
    past = () if alone < config.alone_share else sample.history
    if speakers >= config.names_share + config.letters_share:
        return builder.build(sample.text, tuple(PastTurn('', turn.text) for turn in past))
    names = bool(speakers < config.names_share)
    return builder.build(sample.text, past, sample.speaker_id, names=names)
