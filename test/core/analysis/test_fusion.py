"""Late fusion of whatever is there."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from support.scripted import known, scores

from emotion_node.config import FusionConfig
from emotion_node.core.analysis.fusion import PRIORS, Fusion, LogLinearPool
from emotion_node.datatypes import ModalityEmotion, ModelInfo, Reason
from emotion_node.labels import LABELS, MODALITIES, Modality, valence_arousal


def present(modality: Modality, **shares: float) -> ModalityEmotion:
    return ModalityEmotion.from_scores(modality, scores(**shares), ModelInfo())


def absent(modality: Modality) -> ModalityEmotion:
    return ModalityEmotion.absent(modality, Reason.NO_FACE)


def test_text_outweighs_voice_as_in_the_study() -> None:
    study = FusionConfig(method='linear', text_weight=0.7, voice_weight=0.3, temperature=1.0)
    fused = Fusion(study).fuse(
        present(Modality.TEXT, joy=1.0), present(Modality.VOICE, anger=1.0), absent(Modality.FACE)
    )
    assert fused.label == 'joy'
    assert fused.scores is not None
    assert fused.scores[LABELS.index('joy')] == pytest.approx(0.7)
    assert fused.scores[LABELS.index('anger')] == pytest.approx(0.3)


METHODS = ('robust', 'log_linear', 'linear')


@pytest.mark.parametrize('method', METHODS)
@pytest.mark.parametrize('there', list(itertools.product([True, False], repeat=3)))
def test_any_subset_gives_a_distribution_or_nothing(
    there: tuple[bool, bool, bool], method: str
) -> None:
    text, voice, face = (
        present(modality, fear=0.5) if one else absent(modality)
        for modality, one in zip(MODALITIES, there, strict=True)
    )
    fused = Fusion(FusionConfig(method=method)).fuse(text, voice, face)
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


@pytest.mark.parametrize('method', METHODS)
def test_a_modality_of_weight_zero_is_ignored_even_alone(method: str) -> None:
    fused = Fusion(FusionConfig(method=method, voice_weight=0.0)).fuse(
        absent(Modality.TEXT), present(Modality.VOICE, anger=1.0), absent(Modality.FACE)
    )
    assert fused.scores is None


def test_an_unreliable_modality_counts_less() -> None:
    text, voice = present(Modality.TEXT, joy=1.0), present(Modality.VOICE, anger=1.0)
    doubtful = dataclasses.replace(voice, reliability=0.5)
    fused = Fusion(FusionConfig(method='linear', voice_weight=0.3)).fuse(
        text, doubtful, absent(Modality.FACE)
    )
    assert [one.weight for one in fused.modalities] == pytest.approx([0.7 / 0.85, 0.15 / 0.85, 0])
    unknown = dataclasses.replace(voice, reliability=0.0)
    fused = Fusion(FusionConfig(method='linear', voice_weight=0.3)).fuse(
        absent(Modality.TEXT), unknown, absent(Modality.FACE)
    )
    assert fused.scores is None


def test_each_modality_has_its_own_valence_and_arousal() -> None:
    text = present(Modality.TEXT, neutral=1.0)
    voice = dataclasses.replace(present(Modality.VOICE, neutral=1.0), valence=-0.5, arousal=0.8)
    fused = Fusion(FusionConfig(method='linear', voice_weight=0.3)).fuse(
        text, voice, absent(Modality.FACE)
    )
    assert (fused.valence, fused.arousal) == pytest.approx((-0.15, 0.24))
    alone = Fusion(FusionConfig(method='linear', voice_weight=0.3)).fuse(
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


def drawn(seed: int) -> tuple[ModalityEmotion, ModalityEmotion, ModalityEmotion]:
    """Return three estimates at random."""
    rng = np.random.default_rng(seed)
    text, voice, face = (
        dataclasses.replace(
            ModalityEmotion.from_scores(
                modality, rng.dirichlet(np.full(7, 0.7)).astype(np.float32), ModelInfo()
            ),
            reliability=float(rng.uniform(0.2, 1.0)),
        )
        for modality in MODALITIES
    )
    return text, voice, face


def fused_scores(
    config: FusionConfig, *evidence: ModalityEmotion
) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    scores = Fusion(config).fuse(evidence[0], evidence[1], evidence[2]).scores
    assert scores is not None
    return scores


@pytest.mark.parametrize('method', METHODS)
@pytest.mark.parametrize('place', range(3))
@pytest.mark.parametrize('seed', range(10))
def test_the_scores_of_a_single_modality_stay_as_they_are(
    method: str, place: int, seed: int
) -> None:
    evidence = [absent(modality) for modality in MODALITIES]
    evidence[place] = drawn(seed)[place]
    config = FusionConfig(method=method, temperature=1.7)
    scores = fused_scores(config, *evidence)
    np.testing.assert_allclose(scores, known(evidence[place].scores), rtol=1e-6)


@pytest.mark.parametrize('method', METHODS[:2])
@pytest.mark.parametrize('seed', range(10))
def test_a_modality_whose_scores_are_its_prior_changes_nothing(seed: int, method: str) -> None:
    text, voice, face = drawn(seed)
    nothing = np.array(PRIORS[Modality.VOICE], np.float32)
    empty = dataclasses.replace(voice, scores=nothing / nothing.sum())
    config = FusionConfig(method=method, temperature=1.3)
    np.testing.assert_array_equal(
        fused_scores(config, text, empty, face),
        fused_scores(config, text, absent(Modality.VOICE), face),
    )


@pytest.mark.parametrize('method', METHODS)
@pytest.mark.parametrize('seed', range(10))
def test_an_absent_modality_shifts_nothing_to_neutral(method: str, seed: int) -> None:
    text, voice, _ = drawn(seed)
    both_say = np.argmax(np.minimum(known(text.scores), known(voice.scores)))
    certain = scores(**{LABELS[int(both_say)]: 0.9})
    text, voice = (dataclasses.replace(one, scores=certain) for one in (text, voice))
    config = FusionConfig(method=method)
    with_all = fused_scores(config, text, voice, present(Modality.FACE, neutral=0.9))
    without = fused_scores(config, text, voice, absent(Modality.FACE))
    assert LABELS[int(without.argmax())] == LABELS[int(both_say)]
    if LABELS[int(both_say)] != 'neutral':
        assert without[0] < with_all[0]


@pytest.mark.parametrize('method', METHODS)
def test_two_that_agree_are_more_certain_than_one_where_scores_are_multiplied(method: str) -> None:
    text, voice = present(Modality.TEXT, joy=0.6), present(Modality.VOICE, joy=0.6)
    both = fused_scores(
        FusionConfig(method=method, temperature=1.0), text, voice, absent(Modality.FACE)
    )
    if method == 'linear':
        assert both.max() == pytest.approx(0.6)
    else:
        assert both.max() > 0.65


@pytest.mark.parametrize('robust', [True, False])
def test_the_prior_is_counted_once(robust: bool) -> None:
    """Two modalities whose scores are the prior are fused to the prior."""
    prior = np.array(PRIORS[Modality.TEXT], np.float32)
    text = ModalityEmotion.from_scores(Modality.TEXT, prior / prior.sum(), ModelInfo())
    uniform = np.full(7, 1 / 7, np.float32)
    voice = ModalityEmotion.from_scores(Modality.VOICE, uniform, ModelInfo())
    same = dict.fromkeys(MODALITIES, PRIORS[Modality.TEXT])
    leaning = dataclasses.replace(voice, scores=text.scores)
    fusion = Fusion(FusionConfig(temperature=1.0), LogLinearPool(robust, same))
    for second in (leaning, absent(Modality.VOICE)):
        fused = fusion.fuse(text, second, absent(Modality.FACE))
        np.testing.assert_allclose(known(fused.scores), known(text.scores), rtol=1e-5)


@pytest.mark.parametrize('method', METHODS)
@pytest.mark.parametrize('seed', range(10))
def test_only_the_ratios_of_weights_and_reliabilities_count(seed: int, method: str) -> None:
    evidence = drawn(seed)
    half = [dataclasses.replace(one, reliability=one.reliability / 2) for one in evidence]
    config = FusionConfig(method=method, text_weight=0.8, voice_weight=0.4, face_weight=0.2)
    lighter = FusionConfig(method=method, text_weight=0.4, voice_weight=0.2, face_weight=0.1)
    expected = fused_scores(config, *evidence)
    np.testing.assert_allclose(fused_scores(config, *half), expected, rtol=1e-5)
    np.testing.assert_allclose(fused_scores(lighter, *evidence), expected, rtol=1e-5)


@pytest.mark.parametrize('method', METHODS)
def test_the_less_reliable_a_modality_the_less_it_changes(
    method: str,
) -> None:
    text, voice, _ = drawn(3)
    config = FusionConfig(method=method)
    away = absent(Modality.FACE)
    alone = fused_scores(config, text, absent(Modality.VOICE), away)
    gaps = [
        np.abs(
            fused_scores(config, text, dataclasses.replace(voice, reliability=reliability), away)
            - alone
        ).sum()
        for reliability in (1.0, 0.5, 0.1, 0.01)
    ]
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[-1] < 0.1 * gaps[0]


def test_no_modality_can_rule_a_label_out() -> None:
    never = present(Modality.VOICE, joy=1.0)
    fused = fused_scores(
        FusionConfig(), present(Modality.TEXT, anger=0.999), never, absent(Modality.FACE)
    )
    assert np.isfinite(fused).all()
    assert fused.sum() == pytest.approx(1.0, abs=1e-6)


def test_a_temperature_flattens_pooled_scores_and_changes_no_label() -> None:
    evidence = drawn(5)
    plain = fused_scores(FusionConfig(), *evidence)
    flat = fused_scores(FusionConfig(temperature=2.0), *evidence)
    assert flat.argmax() == plain.argmax()
    assert flat.max() < plain.max()


@pytest.mark.parametrize('method', METHODS)
def test_an_uncertain_emotion_has_no_label_but_keeps_its_scores(method: str) -> None:
    text, away = present(Modality.TEXT, joy=0.4), absent(Modality.VOICE)
    config = FusionConfig(method=method, min_confidence=0.5)
    fused = Fusion(config).fuse(text, away, absent(Modality.FACE))
    assert fused.label == ''
    assert fused.confidence == pytest.approx(0.4)
    assert fused.scores is not None
    sure = Fusion(config).fuse(present(Modality.TEXT, joy=0.6), away, absent(Modality.FACE))
    assert sure.label == 'joy'


def test_a_low_weight_modality_cannot_outvote_a_confident_text() -> None:
    text, face = present(Modality.TEXT, joy=0.9), present(Modality.FACE, anger=0.9999)
    away = absent(Modality.VOICE)
    robust = Fusion(FusionConfig(method='robust')).fuse(text, away, face)
    product = Fusion(FusionConfig(method='log_linear')).fuse(text, away, face)
    assert robust.label == 'joy'
    assert robust.scores is not None
    assert product.scores is not None
    anger = LABELS.index('anger')
    assert robust.scores[anger] < product.scores[anger]
