"""Variation of the text samples in training: punctuation, word errors, speakers, history."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from emotion_lab.data.noise import corrupt
from emotion_lab.data.samples import PastTurn, Sample
from emotion_lab.training.text_model import TextTraining
from emotion_node.backends.text_input import InputBuilder, TextInput


def vary(
    sample: Sample, config: TextTraining, rng: np.random.Generator, builder: InputBuilder
) -> TextInput:
    """Return the model's input for `sample`, varied at random.

    As transcribed, plain or with word errors; its speakers as names, as letters or unknown; with
    its history or without.
    """
    draws = rng.random(4)
    return _build(_with_errors(sample, draws, config, rng), draws, config, builder)


def vary_twice(
    sample: Sample, config: TextTraining, rng: np.random.Generator, builder: InputBuilder
) -> tuple[TextInput, TextInput]:
    """Return the input of `vary`, and before it the same as transcribed."""
    draws = rng.random(4)
    varied = _with_errors(sample, draws, config, rng)
    return _build(sample, draws, config, builder), _build(varied, draws, config, builder)


def _with_errors(
    sample: Sample, draws: npt.NDArray[np.float64], config: TextTraining, rng: np.random.Generator
) -> Sample:
    plain, noisy, _, _ = draws
    if plain >= config.plain_share:
        return sample
    wer = rng.uniform(0.05, config.max_wer) if noisy < config.noisy_share else 0.0
    text = corrupt(sample.text, wer, rng) or sample.text
    past = tuple(
        PastTurn(turn.speaker_id, corrupt(turn.text, wer, rng)) for turn in sample.history
    )
    return dataclasses.replace(sample, text=text, history=past)


def _build(
    sample: Sample, draws: npt.NDArray[np.float64], config: TextTraining, builder: InputBuilder
) -> TextInput:
    _, _, speakers, alone = draws
    past = () if alone < config.alone_share else sample.history
    if speakers >= config.names_share + config.letters_share:
        return builder.build(sample.text, tuple(PastTurn('', turn.text) for turn in past))
    names = bool(speakers < config.names_share)
    return builder.build(sample.text, past, sample.speaker_id, names=names)
