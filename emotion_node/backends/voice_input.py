"""What of an utterance a voice model takes."""

from __future__ import annotations

from typing import Final

import numpy as np

from emotion_node.datatypes import NS_PER_S, SAMPLE_RATE, FloatArray, Utterance

MIN_SPEECH_NS: Final = NS_PER_S // 2
"""Minimum duration of the speech."""
MAX_SAMPLES: Final = 15 * SAMPLE_RATE
"""Of longer utterances, the last samples are used."""


def voice_samples(utterance: Utterance) -> FloatArray | None:
    """Return the samples of an utterance that a model takes; None where speech is too short.

    Returns:
        (n,) float32 at `SAMPLE_RATE`.

    Raises:
        ValueError: some of them are not finite.
    """
    if utterance.end_ns - utterance.start_ns < MIN_SPEECH_NS or not len(utterance.samples):
        return None
    samples = utterance.samples[-MAX_SAMPLES:]
    broken = int(np.count_nonzero(~np.isfinite(samples)))
    if broken:
        raise ValueError(
            f'{broken} of {len(samples)} audio samples are not finite; the audio driver or '
            'a filter before the node is broken'
        )
    return samples
