"""How training varies its samples, so that the model serves however text and speakers come."""

from __future__ import annotations

import numpy as np

from emotion_node.backends.text_input import InputBuilder, TextInput
from emotion_node.training.noise import corrupt
from emotion_node.training.samples import PastTurn, Sample
from emotion_node.training.text_model import TextTraining


def vary(
    sample: Sample, config: TextTraining, rng: np.random.Generator, builder: InputBuilder
) -> TextInput:
    """Return the model's input for `sample` as one epoch sees it.

    As transcribed, plain or misheard; its speakers named, lettered or unknown; with its past or
    without.
    """
    plain, noisy, speakers, alone = rng.random(4)
    past = () if alone < config.alone_share else sample.history
    text = sample.text
    if plain < config.plain_share:
        wer = rng.uniform(0.05, config.max_wer) if noisy < config.noisy_share else 0.0
        text = corrupt(text, wer, rng) or text
        past = tuple(PastTurn(turn.speaker_id, corrupt(turn.text, wer, rng)) for turn in past)
    if speakers >= config.names_share + config.letters_share:
        past = tuple(PastTurn('', turn.text) for turn in past)
        return builder.build(text, past)
    return builder.build(text, past, sample.speaker_id, names=speakers < config.names_share)
