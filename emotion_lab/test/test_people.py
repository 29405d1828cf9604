"""The table of people: what counts as right, and that nothing is chosen on what is measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from emotion_lab.evaluation.people import find, markdown
from emotion_lab.evaluation.people_fusion import (
    figures_of,
    fuse,
    leave_one_out,
    options,
    people_figures,
)
from emotion_lab.evaluation.people_recordings import Answers, hear_people
from emotion_node.config import Config
from emotion_node.factory import Models, load_vad
from emotion_node.labels import LABELS, MODALITIES, Modality


def answers_of(count: int, seed: int = 0) -> Answers:
    """Return random answers: text right, voice wrong, face absent; each fifth is not heard."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(len(LABELS), size=count)
    scores = np.full((len(MODALITIES), count, len(LABELS)), 0.05)
    scores[0, np.arange(count), truth] = 0.7
    scores[1, np.arange(count), (truth + 1) % len(LABELS)] = 0.7
    reliability = np.tile([[1.0], [1.0], [0.0]], count)
    reliability[:, ::5] = 0.0
    fused = np.where(np.arange(count)[:, None] % 5 == 0, np.nan, scores[0])
    return Answers(
        ('MELD clips',) * count,
        tuple(f'r{n % 4}' for n in range(count)),
        truth.astype(np.int64),
        scores,
        reliability,
        fused,
    )


def test_an_utterance_that_was_not_heard_is_wrong_and_costs_the_log_loss_of_a_guess() -> None:
    answers = answers_of(40)
    figures = figures_of(answers.fused, answers)
    assert figures['right'] == {'MELD clips': 32, 'all': 32}
    assert figures['log_loss'] == pytest.approx(0.8 * -np.log(0.7) + 0.2 * np.log(7))


def test_a_modality_alone_knows_nothing_where_it_is_absent() -> None:
    answers = answers_of(20)
    assert np.isnan(answers.alone(Modality.FACE)).all()
    assert np.isnan(answers.alone(Modality.TEXT)).any(axis=1).tolist() == [
        n % 5 == 0 for n in range(20)
    ]


def test_fused_scores_are_those_of_the_node_where_anything_is_known() -> None:
    answers = answers_of(30)
    fused = fuse(answers, Config().fusion)
    heard = ~np.isnan(answers.fused).any(axis=1)
    assert np.allclose(fused[heard].sum(axis=1), 1)
    assert np.isnan(fused[~heard]).all()


def test_what_is_chosen_for_a_recording_does_not_depend_on_it() -> None:
    rng = np.random.default_rng(1)
    losses = rng.random((6, 12))
    recordings = [f'r{n % 3}' for n in range(12)]
    chosen = leave_one_out(losses, recordings)
    for name in set(recordings):
        inside = np.array([one == name for one in recordings])
        changed = losses.copy()
        changed[:, inside] = rng.random((6, int(inside.sum())))
        again = leave_one_out(changed, recordings)
        assert [again[n] for n in np.flatnonzero(inside)] == [
            chosen[n] for n in np.flatnonzero(inside)
        ]


def test_a_voice_that_is_always_wrong_is_given_no_weight() -> None:
    figures = people_figures(answers_of(40), Config())
    assert figures['chosen']['voice_weight'] == min(
        one.fusion.voice_weight for one in options(Config())
    )
    assert figures['left_out']['right']['all'] == 32
    assert any('40' in line for line in markdown({**figures, 'others': {}}))


def test_figures_of_other_evaluations_are_found_or_left_out() -> None:
    others = {'text': {'ece': 0.03, 'error': 'no data'}, 'face': {'error': 'no data'}}
    assert find(others, ('text', 'ece')) == 0.03
    assert find(others, ('face', 'ferplus_uar')) is None
    lines = markdown({'others': others})
    assert len(lines) == 3
    assert '0.030' in lines[-1]


def test_without_recordings_the_reasons_are_given(tmp_path: Path) -> None:
    heard, skipped = hear_people(Config(), Models(load_vad(Config()), None, None), tmp_path)
    assert heard == []
    assert len(skipped) == 3
