"""Late fusion of whatever is there."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from scripted import scores

from emotion_node.config import FusionConfig
from emotion_node.core.fusion import LinearFusion
from emotion_node.datatypes import ModalityEmotion, ModelInfo, Reason
from emotion_node.labels import LABELS, MODALITIES, Modality, valence_arousal


def present(modality: Modality, **shares: float) -> ModalityEmotion:
    return ModalityEmotion.from_scores(modality, scores(**shares), ModelInfo())


def absent(modality: Modality) -> ModalityEmotion:
    return ModalityEmotion.absent(modality, Reason.NO_FACE)


def test_text_outweighs_voice_as_in_the_study() -> None:
    fused = LinearFusion(FusionConfig()).fuse(
        present(Modality.TEXT, joy=1.0), present(Modality.VOICE, anger=1.0), absent(Modality.FACE)
    )
    assert fused.label == 'joy'
    assert fused.scores is not None
    assert fused.scores[LABELS.index('joy')] == pytest.approx(0.7)
    assert fused.scores[LABELS.index('anger')] == pytest.approx(0.3)


@pytest.mark.parametrize('there', list(itertools.product([True, False], repeat=3)))
def test_any_subset_gives_a_distribution_or_nothing(there: tuple[bool, bool, bool]) -> None:
    text, voice, face = (
        present(modality, fear=0.5) if one else absent(modality)
        for modality, one in zip(MODALITIES, there, strict=True)
    )
    fused = LinearFusion(FusionConfig()).fuse(text, voice, face)
    weights = [one.weight for one in fused.modalities]
    if not any(there):
        assert fused.scores is None
        assert (fused.label, fused.confidence) == ('', 0.0)
        assert weights == [0.0, 0.0, 0.0]
        return
    assert fused.scores is not None
    assert fused.scores.sum() == pytest.approx(1.0, abs=1e-6)
    assert fused.scores.dtype == np.float32
    assert sum(weights) == pytest.approx(1.0)
    assert [weight > 0 for weight in weights] == list(there)
    assert [one.modality for one in fused.modalities] == list(MODALITIES)


def test_a_modality_of_weight_zero_has_no_say_even_alone() -> None:
    fused = LinearFusion(FusionConfig(voice_weight=0.0)).fuse(
        absent(Modality.TEXT), present(Modality.VOICE, anger=1.0), absent(Modality.FACE)
    )
    assert fused.scores is None


def test_a_doubtful_modality_counts_for_less() -> None:
    text, voice = present(Modality.TEXT, joy=1.0), present(Modality.VOICE, anger=1.0)
    doubtful = dataclasses.replace(voice, reliability=0.5)
    fused = LinearFusion(FusionConfig()).fuse(text, doubtful, absent(Modality.FACE))
    assert [one.weight for one in fused.modalities] == pytest.approx([0.7 / 0.85, 0.15 / 0.85, 0])
    unknown = dataclasses.replace(voice, reliability=0.0)
    fused = LinearFusion(FusionConfig()).fuse(
        absent(Modality.TEXT), unknown, absent(Modality.FACE)
    )
    assert fused.scores is None


def test_each_modality_tells_valence_and_arousal_itself() -> None:
    text = present(Modality.TEXT, neutral=1.0)
    voice = dataclasses.replace(present(Modality.VOICE, neutral=1.0), valence=-0.5, arousal=0.8)
    fused = LinearFusion(FusionConfig()).fuse(text, voice, absent(Modality.FACE))
    assert (fused.valence, fused.arousal) == pytest.approx((-0.15, 0.24))
    alone = LinearFusion(FusionConfig()).fuse(
        present(Modality.TEXT, joy=0.6), absent(Modality.VOICE), absent(Modality.FACE)
    )
    assert alone.scores is not None
    assert (alone.valence, alone.arousal) == pytest.approx(valence_arousal(alone.scores))


def test_valence_and_arousal_follow_the_scores() -> None:
    valence, arousal = valence_arousal(scores(joy=1.0))
    assert valence > 0.5
    assert arousal > 0.3
    valence, arousal = valence_arousal(scores(sadness=1.0))
    assert valence < -0.5
    assert arousal < 0.0
    assert valence_arousal(scores(neutral=1.0)) == (0.0, 0.0)
