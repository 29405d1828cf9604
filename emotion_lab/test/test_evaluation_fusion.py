"""The measurement of the fusion, on simulated answers of models."""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import json
from pathlib import Path

import numpy as np
import pytest
from support.meld_files import write_meld
from support.scripted import SECOND, scores

from emotion_lab.commands import main
from emotion_lab.data.metrics import Array, IntArray
from emotion_lab.evaluation import everything
from emotion_lab.evaluation.clips import Row, dialogue_rows, speaker_pairs
from emotion_lab.evaluation.commands import EVALUATIONS
from emotion_lab.evaluation.everything import ITSELF, gather, load_evaluation
from emotion_lab.evaluation.fusion_choice import choose
from emotion_lab.evaluation.fusion_dataset import FusionDataset, find_pools, make_dataset
from emotion_lab.evaluation.fusion_figures import (
    coverage_curve,
    fusion_figures,
    fusion_time,
    gain_interval,
)
from emotion_lab.evaluation.interim import Agreement, compare
from emotion_lab.evaluation.meld_dialogues import MeldDialogue, TrueUtterance
from emotion_lab.evaluation.simulation import Pool, pool_of_faces, simulate
from emotion_lab.evaluation.text_answers import CONDITIONS, TextAnswers
from emotion_node.config import Config, FusionConfig
from emotion_node.datatypes import (
    ClockSource,
    EmotionReport,
    EndReason,
    FusedScores,
    ModalityEmotion,
    Reason,
    Transcript,
    Trigger,
)
from emotion_node.labels import MODALITIES, Modality


def make_answers(labels: IntArray, sharpness: float, seed: int) -> Array:
    """Return (n, 7) scores that are more confident and more often right with more sharpness."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1, (len(labels), 7))
    logits[np.arange(len(labels)), labels] += sharpness
    answers = np.exp(sharpness * logits)
    return np.asarray(answers / answers.sum(axis=1, keepdims=True))


def stand_in_pool(seed: int, reliability: float = 1.0, count: int = 700) -> Pool:
    labels = np.random.default_rng(seed).integers(0, 7, count)
    return Pool(make_answers(labels, 2.2, seed), labels, np.full(count, reliability))


def stand_in_text(count: int = 400) -> TextAnswers:
    rng = np.random.default_rng(5)
    truth = rng.choice(7, count, p=[0.46, 0.18, 0.07, 0.11, 0.12, 0.03, 0.03])
    answers = {name: make_answers(truth, 1.6 - 0.3 * n, n) for n, name in enumerate(CONDITIONS)}
    speakers = np.array(['a', 'b'])[rng.integers(0, 2, count)]
    return TextAnswers(answers, truth, np.arange(count) // 10, speakers)


@pytest.fixture(scope='module')
def dataset() -> FusionDataset:
    pools = {Modality.VOICE: stand_in_pool(1, 0.4), Modality.FACE: stand_in_pool(2)}
    return make_dataset(stand_in_text(), pools)


def test_simulated_answers_score_what_they_should(dataset: FusionDataset) -> None:
    assert dataset.others[Modality.VOICE].weighted_f1 == pytest.approx(0.40, abs=0.01)
    assert dataset.others[Modality.FACE].weighted_f1 == pytest.approx(0.35, abs=0.01)
    for one in dataset.others.values():
        assert 0 < one.degraded < 1
        np.testing.assert_allclose(one.scores.sum(axis=1), 1.0)


def test_a_simulation_is_the_same_each_time_and_another_with_another_seed() -> None:
    pool, truth = stand_in_pool(1), stand_in_text().truth
    one, again, other = (simulate(pool, truth, 0.4, seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one.scores, again.scores)
    assert not np.array_equal(one.scores, other.scores)


def test_a_pool_that_is_worse_than_the_target_is_not_degraded() -> None:
    labels = np.random.default_rng(0).integers(0, 7, 300)
    poor = Pool(
        np.full((300, 7), 1 / 7) + make_answers(labels, 0.1, 0) / 100, labels, np.ones(300)
    )
    drawn = simulate(poor, stand_in_text().truth, 0.4)
    assert drawn.degraded == 0.0
    assert drawn.weighted_f1 < 0.4


def test_a_label_that_a_pool_lacks_is_drawn_from_all() -> None:
    labels = np.zeros(50, np.int64)
    pool = Pool(make_answers(labels, 2.0, 0), labels, np.ones(50))
    assert simulate(pool, np.array([6, 0, 6]), 0.0).scores.shape == (3, 7)


def test_faces_lose_contempt_as_in_the_node() -> None:
    answers = np.array([[0.4, 0.1, 0, 0, 0, 0, 0, 0.5], [0, 0, 0, 0, 0, 0, 0, 1], [1, *[0] * 7]])
    pool = pool_of_faces(answers, np.array([0, 7, 0]))
    np.testing.assert_allclose(pool.scores[0, :2], [0.8, 0.2])
    np.testing.assert_allclose(pool.reliability, [0.5, 1.0])
    assert pool.labels.tolist() == [0, 0]


def test_three_modalities_are_better_than_one_and_no_subset_is_worse(
    dataset: FusionDataset,
) -> None:
    figures = fusion_figures(dataset, Config())
    assert figures['gain_gold'] > 0.01
    assert figures['gain_wer35'] > figures['gain_gold'] / 2
    assert figures['worst_subset_loss'] <= 0.01
    low, high = figures['gain_gold_interval']
    assert low < figures['gain_gold'] < high
    table = figures['weighted_f1']
    assert list(table)[:3] == ['text', 'voice', 'face']
    assert figures['wf1_at_80_coverage'] > table['text+voice+face']['gold']


def test_choosing_is_no_worse_than_any_default(dataset: FusionDataset) -> None:
    small = dataclasses.replace(
        dataset,
        text=dataclasses.replace(
            dataset.text,
            scores={name: dataset.text.scores[name][:80] for name in CONDITIONS},
            truth=dataset.text.truth[:80],
            dialogues=dataset.text.dialogues[:80],
            speakers=dataset.text.speakers[:80],
        ),
        others={
            modality: dataclasses.replace(
                one, scores=one.scores[:80], reliability=one.reliability[:80]
            )
            for modality, one in dataset.others.items()
        },
    )
    chosen, tried = choose(small, Config(), np.full(7, 1 / 7))
    assert {one['method'] for one in tried} == {'robust', 'linear', 'log_linear'}
    assert isinstance(chosen, FusionConfig)
    assert chosen.method == max(tried, key=lambda one: one['mean_weighted_f1'])['method']


def test_the_most_confident_answers_come_first() -> None:
    truth = np.array([0, 0, 1, 1])
    answers = np.array([scores(neutral=p) for p in (0.9, 0.8, 0.7, 0.6)], np.float64)
    curve = dict(coverage_curve(answers, truth))
    assert curve[0.5] == 1.0
    assert curve[1.0] < 1.0


def test_identical_answers_have_no_gain() -> None:
    truth = np.arange(20) % 7
    assert gain_interval(np.arange(20) // 5, truth, truth, truth) == (0.0, 0.0)


def test_fusion_takes_little_time() -> None:
    assert 0 < fusion_time(Config(), calls=20)['fusion_ms'] < 50


def test_what_is_missing_is_reported_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / 'manifest.toml').write_text('')
    pools, missing = find_pools(str(tmp_path), tmp_path, None)
    assert not pools
    assert len(missing) == 2
    assert 'voice_held_out.npz' in missing[0]
    assert 'FER+' in missing[1]


def report(label: str, end_s: float, trigger: Trigger, utterance_id: str = 'u1') -> EmotionReport:
    answers = scores(**{label: 0.8}) if label else None
    text, voice, face = (ModalityEmotion.absent(one, Reason.MODEL_OFF) for one in MODALITIES)
    return EmotionReport(
        utterance_id,
        trigger,
        0,
        round(end_s * SECOND),
        Transcript('', 0.0, ''),
        FusedScores(answers, 0.0, 0.0, text, voice, face),
        EndReason.SILENCE,
        ClockSource.HEADER,
    )


def test_only_the_last_second_of_interim_labels_counts() -> None:
    found = compare(
        [
            report('anger', 1.0, Trigger.INTERIM),
            report('neutral', 2.2, Trigger.INTERIM),
            report('joy', 2.8, Trigger.INTERIM),
            report('joy', 3.0, Trigger.FINAL),
            report('joy', 5.0, Trigger.INTERIM, 'u2'),
            report('anger', 5.2, Trigger.FINAL, 'u2'),
            report('anger', 9.0, Trigger.FINAL, 'u3'),
        ]
    )
    assert found == Agreement(2, 1, 3, 1)
    assert found.share == 0.5
    assert Agreement().share is None


def test_a_found_utterance_is_assigned_to_the_true_one_that_it_overlaps_most() -> None:
    true = tuple(
        TrueUtterance('Ross', 1, text, start_s * SECOND, (start_s + 2) * SECOND)
        for text, start_s in (('first', 0), ('second', 3), ('third', 6))
    )
    dialogue = MeldDialogue(0, true, np.zeros(9 * 16_000, np.float32))
    first, third, stray = (
        dataclasses.replace(report(label, end_s, Trigger.FINAL), start_ns=round(start_s * SECOND))
        for label, start_s, end_s in (('joy', 0.5, 3.2), ('anger', 6.0, 8.0), ('fear', 8.5, 9.0))
    )
    rows = dialogue_rows(dialogue, [first, third, stray])
    assert [(row.text, row.label, row.found) for row in rows] == [
        ('first', 'joy', 1),
        ('second', '', 0),
        ('third', 'anger', 1),
    ]
    assert rows[0].modalities == ('(model_off)',) * 3


@pytest.mark.parametrize('command', [name for name in EVALUATIONS if name != ITSELF])
def test_every_evaluation_can_measure_without_arguments(command: str) -> None:
    evaluation = load_evaluation(command)
    parser = argparse.ArgumentParser(command)
    evaluation.add_arguments(parser)
    assert parser.parse_args([]).json is False
    assert list(inspect.signature(evaluation.measure).parameters) == ['args']
    assert list(inspect.signature(evaluation.run).parameters) == ['args']


def test_a_fault_in_one_measurement_is_reported_and_does_not_stop_the_next(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(args: argparse.Namespace) -> None:
        raise ZeroDivisionError('no sounds')

    monkeypatch.setattr(load_evaluation('text'), 'measure', broken)
    monkeypatch.setattr(load_evaluation('vad'), 'measure', lambda args: {'detectors': []})
    assert everything.run(argparse.Namespace(only=['text', 'vad'], json=True)) == 1
    printed = capsys.readouterr()
    figures = json.loads(printed.out)
    assert figures['vad'] == {'detectors': []}
    assert figures['text']['error'].startswith('ZeroDivisionError: no sounds')
    assert 'in broken' in printed.err, 'the traceback is shown'


def test_gathering_continues_where_data_are_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('EMOTION_DATA', str(tmp_path / 'nowhere'))
    begun: list[str] = []
    figures = gather(['text', 'fusion'], begun.append)
    assert begun == ['text', 'fusion']
    for one in figures.values():
        assert 'EMOTION_DATA' in one['error']


def test_pairs_of_speakers_are_counted_within_a_dialogue() -> None:
    rows = [
        Row('dialogue 0, 0', 'Ross', 'joy', '', speaker_id='s1'),
        Row('dialogue 0, 1', 'Ross', 'joy', '', speaker_id='s1'),
        Row('dialogue 0, 2', 'Joey', 'joy', '', speaker_id='s1'),
        Row('dialogue 0, 3', 'Joey', 'joy', ''),
        Row('dialogue 1, 0', 'Ross', 'joy', '', speaker_id='s2'),
    ]
    pairs = speaker_pairs(rows)
    assert (pairs['same_right'], pairs['same_wrong']) == (1, 2)
    assert pairs['different_right'] == 0


def test_the_command_prints_one_object_with_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_meld(tmp_path, dev=14)
    status = main(
        [
            'evaluate',
            'fusion',
            '--split=dev',
            f'--data={data}',
            f'--cache={tmp_path / "cache"}',
            '--no-interim',
            '--json',
        ]
    )
    figures = json.loads(capsys.readouterr().out)
    assert 'SIMULATED' in figures['simulation']
    expected = {
        'gain_gold',
        'gain_wer35',
        'worst_subset_loss',
        'ece',
        'wf1_at_80_coverage',
        'interim_agreement',
        'fusion_ms',
    }
    assert expected <= set(figures)
    assert status == (1 if figures['missing'] else 0)
    if figures['missing']:
        assert figures['gain_gold'] is None
    assert list((tmp_path / 'cache').glob('text-dev-*.npz'))
