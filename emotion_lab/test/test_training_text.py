"""Training the text model; needs the training environment."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.meld_files import write_meld

from emotion_lab.data.samples import PastTurn, Sample
from emotion_lab.training import teaching
from emotion_node.labels import LABELS

training = pytest.importorskip('emotion_lab.training.text', exc_type=ModuleNotFoundError)
batches = pytest.importorskip('emotion_lab.training.text_batches', exc_type=ModuleNotFoundError)
tokenizers = pytest.importorskip('tokenizers')
torch = pytest.importorskip('torch')
transformers = pytest.importorskip('transformers')
choice = pytest.importorskip('emotion_lab.training.text_choice', exc_type=ModuleNotFoundError)
teach = pytest.importorskip('emotion_lab.training.text_teach', exc_type=ModuleNotFoundError)
variation = pytest.importorskip('emotion_lab.training.variation', exc_type=ModuleNotFoundError)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write_meld(tmp_path, train=24, dev=7)
    (tmp_path / 'goemotions_ekman').mkdir()
    (tmp_path / 'goemotions_ekman' / 'labels.txt').write_text('\n'.join(LABELS))
    (tmp_path / 'goemotions_ekman' / 'train.tsv').write_text(
        ''.join(f'[NAME] is {n}\t{n % 2}\tid{n}\n' for n in range(9)) + 'both\t0,1\tid\n'
    )
    return tmp_path


def trainer(data: Path, out: Path, *flags: str) -> tuple[Any, bool]:
    flags = ('--data', str(data), '--out', str(out), '--batch', '8', '--epochs', '2', *flags)
    config, resume = training.parse_config((*flags, '--threads', '1'))
    return training.Trainer(config), resume


def test_a_resumed_run_equals_an_uninterrupted_one(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _ = trainer(data, tmp_path / 'whole')
    whole.run()

    stopped, _ = trainer(data, tmp_path / 'stopped')
    train_epoch = stopped._train_epoch

    def until_the_second() -> Any:
        if stopped.epoch == 1:
            raise KeyboardInterrupt
        return train_epoch()

    monkeypatch.setattr(stopped, '_train_epoch', until_the_second)
    with pytest.raises(KeyboardInterrupt):
        stopped.run()

    resumed, resume = trainer(data, tmp_path / 'stopped', '--resume')
    assert resume
    resumed.resume()
    assert resumed.epoch == 1
    assert resumed.run() == whole.best
    expected = whole.model.state_dict()
    for name, weights in resumed.model.state_dict().items():
        torch.testing.assert_close(weights, expected[name], rtol=0, atol=0)
    logs = [(tmp_path / run / training.LOG).read_text() for run in ('whole', 'stopped')]
    assert logs[0] == logs[1]


def test_flags_override_the_file_and_the_file_overrides_defaults(tmp_path: Path) -> None:
    recipe = tmp_path / 'recipe.toml'
    recipe.write_text('batch = 16\nseed = 3\n')
    config, resume = training.parse_config(('--config', str(recipe), '--seed', '4'))
    assert (config.batch, config.seed, config.epochs, resume) == (16, 4, 4, False)


def test_unknown_keys_of_the_file_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / 'recipe.toml'
    recipe.write_text('bacth = 16\n')
    with pytest.raises(SystemExit):
        training.parse_config(('--config', str(recipe)))
    assert 'has unknown keys: bacth' in capsys.readouterr().err


def test_a_run_starts_from_the_weights_of_another(data: Path, tmp_path: Path) -> None:
    first, _ = trainer(data, tmp_path / 'first', '--corpus', 'goemotions', '--epochs', '1')
    first.run()
    start = tmp_path / 'first' / training.BEST
    second, _ = trainer(data, tmp_path / 'second', '--start', str(start))
    for name, weights in torch.load(start, weights_only=True)['model'].items():
        torch.testing.assert_close(second.model.state_dict()[name], weights, rtol=0, atol=0)


def test_classes_are_drawn_anew_up_to_their_limit(data: Path, tmp_path: Path) -> None:
    flags = ('--corpus', 'goemotions', '--per-class', '3')
    run, _ = trainer(data, tmp_path / 'run', *flags)
    draws = [
        batches.draw_samples(run.train, run.config, np.random.default_rng(seed))
        for seed in range(5)
    ]
    drawn = [[run.train[i] for i in one] for one in draws]
    assert all(Counter(sample.label for sample in one) == {0: 3, 1: 3} for one in drawn)
    assert len({sample.text for one in drawn for sample in one}) == 9
    assert all(sample.text.startswith('Alex is') for sample in drawn[0])


def test_samples_vary_as_in_the_recipe(data: Path, tmp_path: Path) -> None:
    run, _ = trainer(data, tmp_path / 'run', '--plain-share', '0', '--names-share', '1')
    builder, rng = run.builder, np.random.default_rng(0)
    sample = Sample('No!', 0, 'Ross', (PastTurn('Joey', 'Yes!'),))

    def seen(**recipe: Any) -> set[tuple[int, ...]]:
        config = dataclasses.replace(run.config, **recipe)
        return {tuple(variation.vary(sample, config, rng, builder).ids) for _ in range(20)}

    def built(*args: Any, **names: bool) -> tuple[int, ...]:
        return tuple(builder.build(*args, **names).ids)

    past = sample.history
    assert seen(alone_share=0) == {built('No!', past, 'Ross', names=True)}
    assert seen(alone_share=1) == {built('No!', (), 'Ross', names=True)}
    letters: dict[str, Any] = {'alone_share': 0.0, 'names_share': 0.0, 'letters_share': 1.0}
    assert seen(**letters) == {built('No!', past, 'Ross')}
    unknown: dict[str, Any] = {'alone_share': 0.0, 'names_share': 0.0, 'letters_share': 0.0}
    assert seen(**unknown) == {built('No!', (PastTurn('', 'Yes!'),))}
    plain = {**unknown, 'plain_share': 1.0, 'noisy_share': 0.0}
    assert seen(**plain) == {built('no', (PastTurn('', 'yes'),))}
    assert len(seen(**{**plain, 'noisy_share': 1.0, 'max_wer': 0.9})) > 1
    marked = {
        built(text, (PastTurn('', past),))
        for text in ('No', 'No.', 'No!')
        for past in ('Yes', 'Yes.', 'Yes!')
    }
    assert seen(**unknown, marks_share=1.0) <= marked
    # The marks of a corpus named there are free, those of another are not.
    assert len(seen(**unknown, free_marks='meld')) > 1
    assert len(seen(**unknown, free_marks='goemotions')) == 1
    # Whisper always writes a full stop or more.
    assert len(seen(**unknown, whisper_share=1.0)) > 1


def test_corpora_are_mixed_and_a_fold_of_meld_is_kept_to_choose_by(
    data: Path, tmp_path: Path
) -> None:
    flags = ('--corpus', 'meld,goemotions,written', '--per-class', '3', '--meld-fold', '2')
    run, _ = trainer(data, tmp_path / 'run', *flags, '--written-per-class', '5')
    drawn = batches.draw_samples(run.train, run.config, np.random.default_rng(0))
    counts = Counter((run.train[i].corpus, run.train[i].label) for i in drawn)
    assert counts['goemotions', 0] == counts['goemotions', 1] == 3
    assert counts['written', 0] == 10
    assert {counts['written', label] for label in range(1, len(LABELS))} == {5}
    groups = {sample.group % 2 for sample in run.train if sample.corpus == 'meld'}
    assert groups == {1}
    kept = {sample.text for sample in run.dev['meld gold']}
    assert not kept & {sample.text for sample in run.train}
    assert len(kept) > 7


def test_merit_counts_television_dialogues_and_sentences_alike() -> None:
    def merit(meld: float, dialogues: float, sentences: float) -> float:
        names = {
            'meld gold': meld,
            'meld plain': meld,
            'meld wer35': 0.0,
            'dailydialog gold': dialogues,
            'sentences plain': sentences,
            'exclaimed': 0.0,
        }
        keys = ('accuracy', 'weighted_f1', 'macro_f1')
        found: float = choice.merit({name: dict.fromkeys(keys, x) for name, x in names.items()})
        return found

    assert merit(0.6, 0.3, 0.9) == pytest.approx(0.6)
    gains = [merit(*row) for row in ((0.9, 0.3, 0.3), (0.3, 0.9, 0.3), (0.3, 0.3, 0.9))]
    assert gains == pytest.approx([0.5] * 3)


def test_consistency_shows_a_sample_as_transcribed_and_as_it_would_be_varied(
    data: Path, tmp_path: Path
) -> None:
    run, _ = trainer(data, tmp_path / 'run', '--plain-share', '1', '--consistency', '1')
    sample = Sample('Oh my God! Really?', 0, 'Ross', (PastTurn('Joey', "It's cold, Ross!"),))
    for seed in range(5):
        transcribed, varied = variation.vary_twice(
            sample, run.config, np.random.default_rng(seed), run.builder
        )
        assert varied == variation.vary(
            sample, run.config, np.random.default_rng(seed), run.builder
        )
        unvaried = dataclasses.replace(run.config, plain_share=0.0)
        assert transcribed == variation.vary(
            sample, unvaried, np.random.default_rng(seed), run.builder
        )
        assert transcribed != varied


def test_consistency_pulls_both_readings_of_a_sample_together(data: Path, tmp_path: Path) -> None:
    def apart(weight: str) -> float:
        run, _ = trainer(
            data, tmp_path / weight, '--plain-share', '1', '--consistency', weight, '--seed', '1'
        )
        run.run()
        rng = np.random.default_rng(5)
        batch = batches.epoch_batches(run.train, run.config, run.builder, rng)[0]
        with torch.inference_mode():
            logits = run.model.eval()(*training.collate([given for given, _ in batch]))
        found: float = training.divergence(logits[0::2], logits[1::2]).item()
        return found

    assert apart('50') < apart('0.01')


def test_the_same_neutral_samples_are_dropped_each_time() -> None:
    samples = [Sample(str(n), n % 2) for n in range(20)]
    few = batches.fewer_neutral(samples, 3)
    assert Counter(sample.label for sample in few) == {0: 3, 1: 10}
    assert batches.fewer_neutral(samples, 3) == few
    assert batches.fewer_neutral(samples, 0) == samples
    assert few == [sample for sample in samples if sample in few]


def test_a_teacher_changes_the_targets(data: Path, tmp_path: Path) -> None:
    run, _ = trainer(data, tmp_path / 'run')
    scores = np.full((24, 7), 1 / 7, dtype=np.float32)
    teaching.write_teaching(tmp_path / 'teacher.npz', scores, run.train)

    flags = ('--teacher', str(tmp_path / 'teacher.npz'), '--teacher-weight', '0.7')
    taught, _ = trainer(data, tmp_path / 'taught', *flags)
    torch.testing.assert_close(taught.targets, 0.3 * run.targets + 0.1)
    taught.run()

    more, _ = trainer(data, tmp_path / 'more', '--neutral-limit', '2')
    with pytest.raises(ValueError, match='made for other data'):
        teaching.read_teaching(tmp_path / 'teacher.npz', more.train)


def test_the_mean_scores_of_runs_are_written(data: Path, tmp_path: Path) -> None:
    for seed in ('0', '1'):
        run, _ = trainer(data, tmp_path / seed, '--seed', seed)
        run.run()
    out = tmp_path / 'teacher.npz'
    folders = [str(tmp_path / seed) for seed in ('0', '1')]
    assert teach.main([*folders, '--out', str(out), '--data', str(data), '--threads', '1']) == 0
    scores = teaching.read_teaching(out, run.train)
    alone = [
        teach.teacher_scores(tmp_path / seed, run.train, bfloat16=True) for seed in ('0', '1')
    ]
    np.testing.assert_allclose(scores, (alone[0] + alone[1]) / 2, rtol=1e-5)
    np.testing.assert_allclose(scores.sum(1), 1, rtol=1e-5)


def test_other_encoders_are_trained_the_same_way(data: Path, tmp_path: Path) -> None:
    words = ['<s>', '<pad>', '</s>', '<unk>', 'this', 'is', ':', '!', ',', *LABELS]
    tokenizer = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({word: n for n, word in enumerate(words)}, '<unk>')
    )
    tokenizer.normalizer = tokenizers.normalizers.Lowercase()
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    folder = tmp_path / 'encoder'
    shape = {'hidden_size': 8, 'num_hidden_layers': 1, 'num_attention_heads': 2}
    transformers.MPNetModel(
        transformers.MPNetConfig(vocab_size=len(words), intermediate_size=8, **shape)
    ).save_pretrained(folder)
    tokenizer.save(str(folder / 'tokenizer.json'))
    run, _ = trainer(data, tmp_path / 'run', '--encoder', str(folder), '--plain-share', '0')
    assert not any(name.endswith(('plain', 'wer35')) for name in run.dev if 'meld' in name)
    run.run()
    scores = teach.teacher_scores(tmp_path / 'run', run.train, bfloat16=False)
    assert scores.shape == (24, 7)
    np.testing.assert_allclose(scores.sum(1), 1, rtol=1e-5)
