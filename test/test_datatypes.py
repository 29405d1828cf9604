"""The records that the rooms share."""

from __future__ import annotations

import dataclasses

import numpy as np
from support.scripted import utterance

from emotion_node.datatypes import NS_PER_SAMPLE


def test_speech_is_the_samples_without_their_padding() -> None:
    bare = utterance(length_s=0.5)
    before, after = np.full(300, 0.5, np.float32), np.full(200, -0.5, np.float32)
    padded = dataclasses.replace(
        bare,
        samples=np.concatenate([before, bare.samples, after]),
        samples_start_ns=bare.start_ns - len(before) * NS_PER_SAMPLE,
    )
    np.testing.assert_array_equal(padded.speech, bare.samples)
    assert np.shares_memory(padded.speech, padded.samples)
    assert padded.speech_slice == slice(300, 8300)
    np.testing.assert_array_equal(bare.speech, bare.samples)


def test_speech_that_began_before_the_samples_is_what_there_is_of_it() -> None:
    whole = utterance(length_s=0.5)
    late = dataclasses.replace(
        whole,
        samples=whole.samples[1000:],
        samples_start_ns=whole.samples_start_ns + 1000 * NS_PER_SAMPLE,
    )
    np.testing.assert_array_equal(late.speech, late.samples)
    over = dataclasses.replace(late, end_ns=late.samples_start_ns - NS_PER_SAMPLE)
    assert len(over.speech) == 0
