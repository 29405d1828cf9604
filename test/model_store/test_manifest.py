"""The manifest finds the models, and no file is used that is not the one it names."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
from support.manifests import WEIGHTS, write_manifest

from emotion_node.cli.main import main
from emotion_node.errors import ModelError
from emotion_node.labels import LABELS
from emotion_node.model_store.manifest import find_model, models_dir, read_manifest
from emotion_node.model_store.verify import verify_models


def test_an_intact_file_is_read(tmp_path: Path) -> None:
    entry = find_model('small', write_manifest(tmp_path))
    assert entry.file('weights').read() == WEIGHTS
    assert (entry.info.name, entry.info.version) == ('small-one', '1.2.3')
    assert [state.problem for state in verify_models(tmp_path)] == ['']


def test_a_damaged_file_is_named_with_both_checksums(tmp_path: Path) -> None:
    file = find_model('small', write_manifest(tmp_path)).file('weights')
    file.path.write_bytes(WEIGHTS[:-1] + b'!')
    found = hashlib.sha256(WEIGHTS[:-1] + b'!').hexdigest()
    expected = hashlib.sha256(WEIGHTS).hexdigest()
    for use in (file.read, file.check):
        with pytest.raises(ModelError, match=rf'model\.onnx is damaged.*{found}.*{expected}'):
            use()
    assert 'damaged' in verify_models(tmp_path, ['small'])[0].problem


def test_files_are_verified_whatever_the_labels_are(tmp_path: Path) -> None:
    folder = write_manifest(tmp_path, (*LABELS, 'contempt'))
    assert [state.problem for state in verify_models(folder, ['small'])] == ['']


def test_verify_names_every_file_of_the_models_that_ship(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(['models', 'verify']) == 0
    printed = capsys.readouterr().out
    for key, entry in read_manifest().items():
        assert printed.count(f'intact  {key} ') == len(entry.files)


def test_a_missing_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = find_model('small', write_manifest(tmp_path)).file('weights')
    file.path.unlink()
    for use in (file.read, file.check):
        with pytest.raises(ModelError, match=r'small/model\.onnx cannot be read \(No such file'):
            use()
    assert main(['models', 'list', '--models-dir', str(tmp_path)]) == 0
    assert re.search('small-one .* missing', capsys.readouterr().out)


def test_a_git_lfs_pointer_is_recognised(tmp_path: Path) -> None:
    file = find_model('small', write_manifest(tmp_path)).file('weights')
    file.path.write_text('version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 24\n')
    with pytest.raises(ModelError, match=r'git-lfs pointer.*git lfs pull'):
        file.read()


@pytest.mark.parametrize(
    'labels',
    [LABELS[:-1], (*LABELS, 'contempt'), tuple(reversed(LABELS))],
    ids=['too few', 'too many', 'other order'],
)
def test_another_label_table_is_refused(tmp_path: Path, labels: tuple[str, ...]) -> None:
    with pytest.raises(ModelError, match=r"'small' has the labels .*; expected neutral, joy"):
        find_model('small', write_manifest(tmp_path, labels))


def test_an_unknown_model_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no model 'large' in .*, which has small"):
        find_model('large', write_manifest(tmp_path))


def test_a_role_that_is_not_there_is_refused(tmp_path: Path) -> None:
    entry = find_model('small', write_manifest(tmp_path))
    with pytest.raises(ModelError, match=r"no file for 'tokenizer'.*names weights"):
        entry.file('tokenizer')


def test_a_bad_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="model 'small' lacks the key 'licence'"):
        read_manifest(write_manifest(tmp_path, drop='licence'))
    with pytest.raises(ModelError, match="lacks the key 'commercial'"):
        read_manifest(write_manifest(tmp_path, drop='commercial'))
    manifest = write_manifest(tmp_path) / 'manifest.toml'
    manifest.write_text(manifest.read_text().replace('commercial = true', "commercial = 'yes'"))
    with pytest.raises(ModelError, match="commercial: expected true or false, got 'yes'"):
        read_manifest(tmp_path)
    with pytest.raises(ModelError, match='cannot be read'):
        read_manifest(write_manifest(tmp_path, extra='not toml'))
    manifest = write_manifest(tmp_path) / 'manifest.toml'
    manifest.write_text("stray = 'outside all tables'\n" + manifest.read_text())
    with pytest.raises(ModelError, match="model 'stray' is malformed"):
        read_manifest(tmp_path)


def test_the_folder_is_the_named_one_then_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named, environment = write_manifest(tmp_path / 'a'), write_manifest(tmp_path / 'b')
    monkeypatch.setenv('EMOTION_MODELS', str(environment))
    assert models_dir(named) == named
    assert models_dir() == environment
    monkeypatch.setenv('EMOTION_MODELS', str(tmp_path / 'nowhere'))
    with pytest.raises(ModelError, match=r'no manifest\.toml in .*nowhere.*EMOTION_MODELS'):
        models_dir()


@pytest.mark.parametrize(
    'library', ['lib/python3.12/site-packages', 'local/lib/python3.12/dist-packages']
)
def test_an_installed_package_finds_the_models_of_its_prefix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    monkeypatch.delenv('EMOTION_MODELS', raising=False)
    prefix = tmp_path / 'install' / 'emotion_node'
    share = write_manifest(prefix / 'share' / 'emotion_node' / 'models')
    package = prefix / library / 'emotion_node'
    assert models_dir(package=package) == share
    with pytest.raises(ModelError, match=r'no manifest\.toml'):
        models_dir(package=tmp_path / 'elsewhere' / 'emotion_node')


def test_the_list_names_every_model_that_ships(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['models', 'list']) == 0
    printed = capsys.readouterr().out
    for entry in read_manifest().values():
        assert re.search(f'{entry.name} .*{entry.version} .* present', printed)


def test_the_shipped_models_are_intact_and_within_their_sizes() -> None:
    limits = {'text': 30e6, 'voice': 5e6, 'face': 5e6}
    assert [state.problem for state in verify_models() if state.problem] == []
    for entry in read_manifest().values():
        assert entry.size <= limits[entry.modality]
        assert entry.labels[: len(LABELS)] == LABELS


def test_a_model_names_the_languages_that_it_knows(tmp_path: Path) -> None:
    assert find_model('text').languages == ('en',)
    assert find_model('small', write_manifest(tmp_path)).languages == ()
    # The last line of the manifest belongs to the same table.
    folder = write_manifest(tmp_path, extra="languages = ['EN', 'de']")
    assert find_model('small', folder).languages == ('en', 'de')
    with pytest.raises(ModelError, match='languages'):
        find_model('small', write_manifest(tmp_path, extra="languages = ['en-GB']"))
