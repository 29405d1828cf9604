"""Training, calibrating and exporting the voice model; needs the training environment."""

from __future__ import annotations

import dataclasses
import itertools
import warnings
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emotion_lab.data import voice_spectra
from emotion_lab.data.datasets import DatasetError
from emotion_lab.data.heard_voices import heard_before, heard_in_order, simulate_dialogues
from emotion_lab.data.speech import (
    ASED_LABELS,
    EMODB_FOLDS,
    EMODB_LABELS,
    EMOGATOR_LABELS,
    FOLDS,
    NEMO_LABELS,
    RAVDESS_FOLDS,
    RAVDESS_LABELS,
    SPOKEN,
)
from emotion_lab.data.voice_conditions import CONDITIONS
from emotion_lab.evaluation.voice_answers import (
    dialogue_figures,
    held_out_figures,
    left_out_figures,
)
from emotion_lab.evaluation.voice_folds import HeldOutAnswers, load_answers
from emotion_node.backends.voice_features import MELS, speech_mean
from emotion_node.backends.voice_onnx import FEATURES, OUTPUTS, OnnxVoiceEmotion
from emotion_node.datatypes import SAMPLE_RATE, HeardVoice
from emotion_node.labels import LABELS
from emotion_node.model_store.manifest import find_model

torch = pytest.importorskip('torch')
training = pytest.importorskip('emotion_lab.training.voice', exc_type=ModuleNotFoundError)
batches = pytest.importorskip('emotion_lab.training.voice_batches', exc_type=ModuleNotFoundError)
calibration = pytest.importorskip(
    'emotion_lab.training.voice_calibration', exc_type=ModuleNotFoundError
)
export = pytest.importorskip('emotion_lab.training.voice_export', exc_type=ModuleNotFoundError)
model = pytest.importorskip('emotion_lab.training.voice_model', exc_type=ModuleNotFoundError)
run_state = pytest.importorskip('emotion_lab.training.run_state', exc_type=ModuleNotFoundError)
stores = pytest.importorskip('emotion_lab.training.voice_store', exc_type=ModuleNotFoundError)

# With four channels, torch 2.13 now and then crashes in the gradient of a convolution.
SMALL = (
    *('--widths', '16,16,16,16', '--hidden', '16', '--embedding', '8', '--threads', '1'),
    '--no-bfloat16',
)
OUTLIERS = 22


def write_speech(path: Path, label: int, speaker: int) -> None:
    """Write a second of a voice whose pitch and pace depend on the emotion."""
    rng = np.random.default_rng((label, speaker))
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    pitch = (100 + 40 * label) * rng.uniform(0.95, 1.05)
    voice = sum(np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, 10))
    voice = voice * (0.6 + 0.4 * np.sin(2 * np.pi * (2 + label) * time))
    path.parent.mkdir(exist_ok=True)
    with wave.open(str(path), 'wb') as file:
        file.setparams((1, 2, SAMPLE_RATE, 0, 'NONE', ''))
        file.writeframes((3000 * voice + rng.standard_normal(SAMPLE_RATE)).astype('<i2').tobytes())


@pytest.fixture(scope='module')
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two speakers of RAVDESS and EMO-DB per fold, five of the others, each emotion once."""
    root = tmp_path_factory.mktemp('data')
    for actors in RAVDESS_FOLDS:
        for actor in actors[:2]:
            for code, label in RAVDESS_LABELS.items():
                path = root / 'ravdess' / f'03-01-{code}-01-01-01-{actor:02d}.wav'
                write_speech(path, LABELS.index(label), actor)
    for pair in EMODB_FOLDS:
        for speaker in pair:
            for code, label in EMODB_LABELS.items():
                path = root / 'emodb' / f'{speaker}a01{code}a.wav'
                write_speech(path, LABELS.index(label), int(speaker))
    for number in range(FOLDS):
        for code, label in NEMO_LABELS.items():
            path = root / 'nemo' / f'AB{number}_{code}_1.wav'
            write_speech(path, LABELS.index(label), 100 + number)
        for code, label in ASED_LABELS.items():
            path = root / 'ased' / f'{code}1-01-01-02-{number:02d}.wav'
            write_speech(path, LABELS.index(label), 200 + number)
        for code, label in EMOGATOR_LABELS.items():
            path = root / 'emogator' / f'{number:06d}-{code}-1.wav'
            write_speech(path, LABELS.index(label), 300 + number)
    return root


@pytest.fixture(scope='module')
def store(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp('store')
    stores.write_store(out, data, variants=2, outliers=OUTLIERS, seed=0)
    return out


def trainer(store: Path, out: Path, *flags: str) -> tuple[Any, bool]:
    given = ('--store', str(store), '--out', str(out), '--epochs', '2', *SMALL, *flags)
    config, resume = training.parse_recipe(model.VoiceTraining, 'train', '', given)
    return training.Trainer(config), resume


CLIPS = 10 * 8 + 10 * 6 + FOLDS * (6 + 5 + 9)


def test_a_store_contains_every_clip_under_every_condition(store: Path, tmp_path: Path) -> None:
    opened = voice_spectra.read_store(store)
    assert opened.variants.shape == (CLIPS, 2, 3)
    assert opened.conditions.shape == (CLIPS, len(CONDITIONS), 3)
    conditioned = np.isin(opened.corpora, voice_spectra.CONDITIONED)
    assert opened.conditions[conditioned, :, 2].all()
    assert not opened.conditions[~conditioned, 1:, 2].any()
    assert len(opened.outliers) == OUTLIERS
    ends = [*opened.conditions.reshape(-1, 3), *opened.variants.reshape(-1, 3), *opened.outliers]
    assert sum(count for _, _, count in ends) == sum(map(len, opened.frames))
    assert all(np.isfinite(frames).all() for frames in opened.frames)
    for row in (0, len(opened.names) - 1):
        spectrum = opened.read(opened.variants[row, 1]).astype(np.float32)
        np.testing.assert_allclose(opened.variant_means[row, 1], speech_mean(spectrum), atol=1e-3)
    with pytest.raises(DatasetError, match='no spectra in'):
        voice_spectra.read_store(tmp_path)


def test_what_is_held_out_is_not_trained_on(store: Path) -> None:
    opened = voice_spectra.read_store(store)
    config = model.VoiceTraining(held_out=1, repeats='emodb=3,nemo=0.5')
    rows = batches.training_rows(opened, config)
    assert 1 not in opened.folds[rows]
    used = batches.epoch_rows(opened, config, rows, np.random.default_rng(0))
    counts = np.bincount(used, minlength=len(opened.names))
    assert not counts[opened.folds == 1].any()
    assert set(counts[(opened.corpora == 'emodb') & (opened.folds != 1)]) <= {2, 3, 4}
    assert counts[(opened.corpora == 'nemo')].sum() == pytest.approx(12, abs=1)
    across = model.VoiceTraining(left_out='ravdess,nemo')
    assert set(opened.corpora[batches.training_rows(opened, across)]) == {
        'emodb',
        'ased',
        'emogator',
    }
    families = [batches.held_out_families(fold) for fold in range(FOLDS)]
    assert sorted(itertools.chain(*families)) == list(range(len(batches.FAMILIES)))
    assert batches.held_out_families(model.NO_FOLD) == []


def test_an_epoch_has_each_clip_once_and_outliers(store: Path) -> None:
    opened = voice_spectra.read_store(store)
    config = model.VoiceTraining(batch=16, mixed_share=1.0, repeats='')
    rows = batches.training_rows(opened, config)
    prior = batches.find_prior(opened, rows)
    made = list(batches.epoch_batches(opened, config, rows, prior, np.random.default_rng(0)))
    assert sum(batch.clips for batch in made) == len(rows) == CLIPS
    for batch in made:
        assert len(batch.spectra) == len(batch.mask)
        assert batch.targets.sum(1).tolist() == pytest.approx([1] * batch.clips)
        # A corpus is never asked for a label that it lacks, not even by a mixture.
        assert not (batch.targets * ~batch.known).any()
        assert torch.isfinite(batch.spectra).all()


def test_labels_that_a_corpus_lacks_do_not_count_against_the_model() -> None:
    loss = training.VoiceLoss(model.VoiceTraining(affect_weight=0), torch.ones(7))
    known = torch.tensor([[True] * 6 + [False]])
    targets = torch.eye(7)[:1]

    def of(last: float) -> float:
        logits = torch.tensor([[1.0, 0, 0, 0, 0, 0, last]])
        output = model.VoiceOutput(logits, torch.zeros(1, 2), torch.zeros(1), torch.zeros(1, 4))
        nothing = torch.zeros(1, 1)
        return float(loss(output, batches.VoiceBatch(nothing, nothing, targets, known, 1)))

    assert of(-3.0) == pytest.approx(of(5.0))


def test_what_was_heard_has_the_colour_of_the_microphone_but_not_of_the_clip(store: Path) -> None:
    opened = voice_spectra.read_store(store)
    config = model.VoiceTraining(cold_share=0, neutral_share=0, mixed_speakers=0)
    rows = batches.training_rows(opened, config)
    prior = batches.find_prior(opened, rows)
    # A microphone that adds 1 to every band, in the variants of one clip.
    coloured = opened.condition_means[:, :1] + np.float32(1)
    changed = dataclasses.replace(opened, variant_means=np.repeat(coloured, 2, axis=1))
    hearing = batches.Hearing(changed, config, rows, prior)
    plain = batches.Hearing(
        dataclasses.replace(opened, variant_means=coloured - 1), config, rows, prior
    )
    drawn = hearing.draw(0, 0, np.random.default_rng(1))
    expected = plain.draw(0, 0, np.random.default_rng(1))
    share = (drawn - expected).mean()
    assert 0.5 <= share < 1  # at least one utterance, against the prior
    cold = batches.Hearing(opened, dataclasses.replace(config, cold_share=1), rows, prior)
    np.testing.assert_array_equal(cold.draw(0, 0, np.random.default_rng(1)), prior)


def test_before_a_clip_only_earlier_ones_are_heard() -> None:
    means = np.eye(64, dtype=np.float32)[:50]
    speakers = np.array(['a'] * 30 + ['b'] * 20)
    heard = heard_before(means, speakers)
    assert sorted(heard.counts[:30]) == [*range(20), *[20] * 10]
    assert sorted(heard.counts[30:]) == list(range(20))
    sources = heard.means > 0
    assert not sources[:30, 30:].any()
    assert not sources[30:, :30].any()
    both = sources[:, :50]
    assert not (both & both.T).any(), 'of two clips only one is heard before the other'
    assert not both.diagonal().any()


def test_dialogues_are_mostly_neutral_or_one_label_in_a_row() -> None:
    labels = np.array([0] * 12 + [1] * 8 + [3] * 30 + [5] * 4)
    speakers = np.array(['a'] * len(labels))
    talk = simulate_dialogues(labels, speakers)
    kinds = [name.split()[0] for name in talk.names]
    assert set(kinds) == {'everyday', 'joy', 'anger'}, 'four clips are no row'
    for name in set(talk.names):
        rows = talk.rows[talk.names == name]
        assert len(set(rows)) == len(rows), 'nothing is said twice'
        said = labels[rows]
        if name.startswith('everyday'):
            assert np.mean(said == 0) == pytest.approx(0.8)
        else:
            assert {LABELS[one] for one in said} == {name.split()[0]}
            assert len(said) == min(10, np.sum(labels == said[0]))
    values = np.arange(len(talk.rows), dtype=np.float32)[:, None]
    heard = heard_in_order(values, talk.names)
    first = np.flatnonzero(heard.counts == 0)
    assert len(first) == len(set(talk.names))
    assert (heard.means[1:3, 0] == [0, 0.5]).all(), 'only what was said before in this dialogue'


def test_variation_stays_within_its_bounds(store: Path) -> None:
    opened = voice_spectra.read_store(store)
    spectrum = opened.read(opened.variants[0, 0])
    config = model.VoiceTraining(max_frames=60)
    rng = np.random.default_rng(0)
    varied = [batches.vary(spectrum, config, rng) for _ in range(20)]
    assert all(one.shape[0] <= 60 and one.shape[1] == spectrum.shape[1] for one in varied)
    still = model.VoiceTraining(warp=0, shift=0, band_masks=0, time_masks=0)
    np.testing.assert_allclose(batches.vary(spectrum, still, rng), spectrum, atol=1e-3)


def test_rare_classes_have_more_weight() -> None:
    labels = np.array([0] * 8 + [1] * 2)
    weights = batches.class_weights(labels, 0.5)
    assert weights[1] / weights[0] == pytest.approx(2)
    assert weights[labels].mean() == pytest.approx(1)
    assert not weights[2:].any()


def test_padding_changes_nothing() -> None:
    torch.manual_seed(0)
    net = model.VoiceNet(model.VoiceTraining(widths='4,4,8,8', hidden=16, embedding=8)).eval()
    rng = np.random.default_rng(0)
    spectra = [rng.standard_normal((frames, 64)).astype(np.float32) for frames in (40, 90, 160)]
    with torch.inference_mode():
        alone = [net(torch.from_numpy(one)[None]).logits[0] for one in spectra]
        together = net(*model.collate(spectra)).logits
    # But for the last frames, whose convolutions see the padding.
    torch.testing.assert_close(together, torch.stack(alone), atol=0.05, rtol=0.05)
    torch.testing.assert_close(together[2], alone[2], atol=1e-4, rtol=1e-3)


def test_a_resumed_run_equals_an_uninterrupted_one(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _ = trainer(store, tmp_path / 'whole', '--held-out', '0')
    figures = whole.run()
    assert set(figures) == {f'{corpus}{how}' for corpus in SPOKEN for how in ('', ' cold')}
    stopped, _ = trainer(store, tmp_path / 'stopped', '--held-out', '0')
    train_epoch = stopped._train_epoch

    def until_the_second() -> Any:
        if stopped.state.epoch == 1:
            raise KeyboardInterrupt
        return train_epoch()

    monkeypatch.setattr(stopped, '_train_epoch', until_the_second)
    with pytest.raises(KeyboardInterrupt):
        stopped.run()
    resumed, resume = trainer(store, tmp_path / 'stopped', '--held-out', '0', '--resume')
    assert resume
    resumed.state.load()
    assert resumed.state.epoch == 1
    assert resumed.run() == figures
    expected = whole.state.average.state_dict()
    for name, weights in resumed.state.average.state_dict().items():
        torch.testing.assert_close(weights, expected[name], rtol=0, atol=0)
    logs = [(tmp_path / run / run_state.LOG).read_text() for run in ('whole', 'stopped')]
    assert logs[0] == logs[1]


def test_it_learns_the_training_data(store: Path, tmp_path: Path) -> None:
    flags = ('--held-out', '0', '--epochs', '25', '--batch', '16', '--averaging', '0.9')
    run, _ = trainer(store, tmp_path / 'run', *flags, '--shift', '0', '--mixup', '0')
    assert run.run()['ravdess']['uar'] > 0.6


class First(torch.nn.Module):  # type: ignore[misc,name-defined]
    """A first network that answers by the mean of the spectra alone."""

    def forward(self, spectra: Any) -> Any:
        mean = spectra.mean((1, 2), keepdim=True)[:, :, 0]
        return (
            torch.cat([mean] + [0 * mean] * 6, 1).softmax(-1),
            torch.tanh(torch.cat([mean, mean], 1)),
            torch.sigmoid(mean[:, 0] + 2),
        )


@pytest.fixture(scope='module')
def exported(
    store: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path, dict[str, Any]]:
    """The joined model of hardly trained networks, the stored answers, and figures of the fit."""
    runs, out = tmp_path_factory.mktemp('runs'), tmp_path_factory.mktemp('models') / 'voice'
    unknown = {'all': ()} | {f'without-{one}': ('--left-out', one) for one in SPOKEN}
    unknown |= {f'fold{fold}': ('--held-out', str(fold)) for fold in range(FOLDS)}
    for name, flags in unknown.items():
        trainer(store, runs / name, '--epochs', '1', '--outlier-share', '0', *flags)[0].run()
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', DeprecationWarning)
        torch.onnx.export(
            First(),
            (torch.randn(2, 100, 64),),
            str(runs / 'first.onnx'),
            input_names=['spectra'],
            output_names=list(OUTPUTS[:3]),
            dynamic_axes={'spectra': {0: 'batch', 1: 'frames'}},
            opset_version=17,
            dynamo=False,
        )
    opened = voice_spectra.read_store(store)
    known = np.isin(opened.corpora, voice_spectra.CONDITIONED)
    scores = np.full((known.sum(), 10), 1 / 7)
    scores[:, 0] += 0.1
    np.savez(
        runs / 'first.npz',
        names=opened.names[known][::-1],
        answers=np.repeat(scores[None], 6, axis=0),
        crossed=scores,
    )
    stored = out.parent / 'held_out.npz'
    figures = export.export(runs / 'first.onnx', runs / 'first.npz', runs, out, stored, store)
    return out, stored, figures


def test_joined_models_run_in_the_node(exported: tuple[Path, Path, dict[str, Any]]) -> None:
    out, stored, measured = exported
    assert measured['onnx_max_difference'] <= export.TOLERANCE
    table = export.manifest_table(out / 'model.onnx', 'voice', 'voice/model.onnx')
    (out.parent / 'manifest.toml').write_text(table)
    entry = find_model('voice', out.parent)
    answers = load_answers(entry, stored)
    assert len(answers.names) == CLIPS - FOLDS * 9
    figures = held_out_figures(answers) | left_out_figures(answers)
    for key in (
        'left_out_uar',
        'left_out_arousal_auc',
        'left_out_reliability_auc',
        'left_out_neutral_alarms',
        'without_nemo_cold_uar',
        'ravdess_uar',
        'emodb_uar',
        'noise10_drop',
        'ece',
    ):
        assert np.isfinite(figures[key])
    voice = OnnxVoiceEmotion(entry)
    spectra = np.random.default_rng(0).standard_normal((90, 64)).astype(np.float32)
    plain = voice.answer(spectra)
    assert plain.features.shape == (FEATURES,)
    for changed in (slice(0, MELS), slice(MELS, MELS + 7), slice(FEATURES - 1, FEATURES)):
        usual = plain.features.copy()
        usual[changed] += np.linspace(0.5, 2, FEATURES, dtype=np.float32)[changed]
        heard = voice.answer(spectra, HeardVoice(usual, 9))
        said = voice.answer(spectra, HeardVoice(plain.features, 9))
        assert (heard.arousal, *heard.scores) != (said.arousal, *said.scores)


def test_figures_of_dialogues_tell_neutral_talk_from_labels_in_a_row() -> None:
    rows = np.array([*[0] * 8, 1, 2, *[3] * 10])
    names = np.array(['ravdess everyday 1'] * 10 + ['ravdess anger 2'] * 10)
    said = np.eye(10, dtype=np.float16)[rows]
    said[0] = np.eye(10)[6]  # a false alarm
    alone = said.copy()
    said[-3:] = 0.3 * np.eye(10)[0]
    clips, nothing = names[:7], np.zeros((0, 10), np.float16)
    answers = HeldOutAnswers(
        names=clips,
        corpora=clips,
        speakers=clips,
        labels=np.arange(7),
        folds=np.arange(7),
        heard=np.arange(7),
        answers=nothing,
        left_out=nothing,
        alone=nothing,
        cold=nothing,
        dialogues=names,
        dialogue_rows=rows,
        dialogue_answers=said,
        dialogue_alone=alone,
        weights=clips,
    )
    figures = dialogue_figures(answers)
    assert figures['everyday_neutral'] == figures['alone_everyday_neutral'] == 7 / 8
    assert figures['everyday_others'] == 1
    assert figures['everyday_alarms'] == 1 / 8
    assert figures['anger_in_a_row_first'] == figures['alone_anger_in_a_row_last'] == 1
    assert figures['anger_in_a_row_last'] == 0
    assert figures['anger_in_a_row_last_neutral'] == 1


def answers_of(reliability: float, labels: Any, rng: np.random.Generator) -> Any:
    """Return answers of two networks that are right the more often the surer they are."""
    sure = rng.uniform(0.2, 1, (len(labels), 1))
    others = rng.integers(7, size=len(labels))
    chosen = np.where(rng.random(len(labels)) < sure[:, 0], labels, others)
    scores = sure * np.eye(7)[chosen] + (1 - sure) / 7
    first = np.column_stack([scores, np.full((len(labels), 3), reliability)])
    logits = 3 * sure * np.eye(7)[chosen]
    parts = (first, logits, np.zeros((len(labels), 2)))
    return calibration.Answers(*(torch.from_numpy(one).float() for one in parts))


def test_a_bias_of_the_networks_to_a_speaker_is_taken_off_as_he_is_heard() -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(7, size=300)
    unbiased = calibration.join(answers_of(0.95, labels, rng))
    known = calibration.known_mean([(unbiased, labels)])
    bias = torch.tensor([0.0, 0, 3, 0, 0, 0, 0])
    biased = dataclasses.replace(unbiased, logs=(unbiased.logs + bias).log_softmax(-1))
    usual = biased.answer.mean(0).expand(300, -1)
    right = []
    for count in (0.0, 5.0, 20.0):
        counts = torch.full((300, 1), count)
        compared = calibration.compare(biased, usual, counts, known)
        right.append(calibration.is_right(compared, labels).mean())
        # A speaker who sounds as known ones do is left as he is.
        same = calibration.compare(unbiased, known.expand(300, -1), counts, known)
        torch.testing.assert_close(same.answer, unbiased.answer)
    assert right[0] == calibration.is_right(biased, labels).mean()
    assert right[0] < right[1] < right[2]
    assert right[2] > right[0] + 0.1


def test_reliability_is_that_of_speech_whose_label_is_likely_right() -> None:
    rng = np.random.default_rng(0)
    labels = [rng.integers(7, size=400) for _ in range(4)]
    corpora = [(calibration.join(answers_of(0.95, one, rng)), one) for one in labels]
    found = calibration.fit_calibration(corpora[:3])
    joint, truth = corpora[3]
    assert calibration.reliability_area(joint, truth, found) > 0.6
    scores, affect, reliability = found.publish(joint)
    torch.testing.assert_close(scores.sum(1), torch.ones(400))
    right = calibration.is_right(joint, truth)
    assert reliability.mean() == pytest.approx(right.mean(), abs=0.1)
    # The first network's reliability tells speech from other sounds.
    sounds = calibration.join(answers_of(0.03, truth, rng))
    assert found.reliability(sounds).max() == 0
    assert abs(affect[:, 0]).max() < abs(affect[:, 1]).max()
