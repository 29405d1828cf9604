"""What set-up promises: locked packages, declared dependencies, an installed package."""

from __future__ import annotations

import ast
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest
from catkin_pkg.package import parse_package
from packaging.markers import Marker
from packaging.requirements import Requirement

import emotion_node
from tools.patch_ros_cmake import patch

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / 'emotion_node'
SOURCES = {
    'config', 'demo', 'docs', 'emotion_lab', 'emotion_node', 'launch', 'models', 'requirements',
    'resource', 'test',
}  # fmt: skip
TABLES = ('*.css', '*.json', '*.npz', '*.toml', '*.tsv')
CACHES = shutil.ignore_patterns('__pycache__')
SHELLS = [shell for shell in ('sh', 'bash', 'zsh') if shutil.which(shell)]


ROBOTS = [(python, machine) for python in ('3.11', '3.12') for machine in ('x86_64', 'aarch64')]
"""Pythons and processors of robots with a ROS whose messages are built for NumPy 1."""


def locked(name: str, python: str = '', machine: str = 'x86_64') -> dict[str, str]:
    """Return the version of each package in requirements/NAME.lock; every line has to pin one.

    Args:
        name: of the lock.
        python: version of Python, as 3.12; this one by default.
        machine: its processor.
    """
    environment = {'platform_machine': machine}
    if python:
        environment |= {'python_version': python, 'python_full_version': f'{python}.0'}
    return {
        package: version
        for package, version, marker, _ in _pins(name)
        if not marker or Marker(marker).evaluate(environment)
    }


def _pins(name: str) -> Iterator[tuple[str, str, str, list[str]]]:
    """Yield package, version, marker, and the sha256 of its files, in hexadecimal, of each pin."""
    text = (ROOT / 'requirements' / f'{name}.lock').read_text().replace('\\\n', ' ')
    for line in text.splitlines():
        if not line.startswith('#'):
            found = re.fullmatch(
                r'([a-z0-9-]+)==([^\s;]+)(?: ; (.*?))?((?:\s+--hash=sha256:[0-9a-f]{64})*)', line
            )
            assert found, f'{name}.lock: {line!r} does not pin a version'
            yield found[1], found[2], found[3] or '', re.findall(r'sha256:(\w+)', found[4])


OPTIONAL = {*(PACKAGE / 'backends').glob('*transformers*.py')}
"""Modules that are imported only when somebody asks for them."""


def imports(*parts: Path) -> set[str]:
    """Return the top-level packages that these modules, and those in these folders, import."""
    return {
        name.split('.')[0]
        for part in parts
        for path in (part.rglob('*.py') if part.is_dir() else [part])
        for node in ast.walk(ast.parse(path.read_text()))
        for name in _imported(node)
    }


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        yield node.module


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=ROOT, env=environment or None, capture_output=True, text=True
    )


def script_path(folder: Path, *commands: str) -> str:
    """Return a PATH on which nothing is found but these commands."""
    folder.mkdir()
    for command in commands:
        found = shutil.which(command)
        assert found, command
        (folder / command).symlink_to(found)
    return str(folder)


@pytest.mark.parametrize('name', ['robot', 'offline', 'runtime', 'dev', 'demo', 'docs', 'train'])
def test_a_lock_pins_every_package_and_names_no_registry(name: str) -> None:
    assert locked(name)
    assert '://' not in (ROOT / 'requirements' / f'{name}.lock').read_text()


@pytest.mark.parametrize('name', ['robot', 'offline', 'runtime', 'dev', 'demo', 'docs'])
def test_a_lock_accepts_only_the_files_that_were_there_when_it_was_written(name: str) -> None:
    assert [package for package, _, _, hashes in _pins(name) if not hashes] == []


def test_every_machine_finds_its_own_file_of_a_locked_package() -> None:
    hashes = {package: len(files) for package, _, _, files in _pins('robot')}
    for compiled in ('numpy', 'onnxruntime', 'opencv-python-headless', 'pyyaml', 'tokenizers'):
        assert hashes[compiled] > 2, 'for several versions of Python, and for arm64'
    for python in ('3.11', '3.12', '3.13', '3.14'):
        for machine in ('x86_64', 'aarch64'):
            names = set(locked('robot', python, machine))
            needed = {Requirement(line).name for line in ranges('robot')}
            assert needed <= names, (python, machine)


def test_pip_checks_what_it_installs_from_a_lock_with_hashes() -> None:
    makefile = (ROOT / 'Makefile').read_text().replace('\\\n', ' ')
    installs = re.findall(r'pip install (.*)-r requirements/(\w+)\.lock', makefile)
    assert {name for _, name in installs} == {'runtime', 'dev', 'offline', 'demo', 'docs', 'train'}
    unchecked = {name for options, name in installs if '--require-hashes' not in options}
    assert unchecked == {'train'}, 'torch chooses its CUDA packages itself'


def test_a_package_with_another_content_is_refused(tmp_path: Path) -> None:
    wheel = tmp_path / 'mdurl-0.1.2-py3-none-any.whl'
    with ZipFile(wheel, 'w') as archive:
        archive.writestr('mdurl/__init__.py', 'print("not what was locked")')
        archive.writestr('mdurl-0.1.2.dist-info/METADATA', 'Name: mdurl\nVersion: 0.1.2\n')
        archive.writestr('mdurl-0.1.2.dist-info/WHEEL', 'Wheel-Version: 1.0\nTag: py3-none-any\n')
        archive.writestr('mdurl-0.1.2.dist-info/RECORD', '')
    (hashes,) = (files for package, _, _, files in _pins('robot') if package == 'mdurl')
    wanted = tmp_path / 'wanted.lock'
    wanted.write_text(' '.join(['mdurl==0.1.2', *(f'--hash=sha256:{one}' for one in hashes)]))
    pip = [sys.executable, '-m', 'pip', 'install', '--no-deps', '--require-hashes', '--no-index']
    pip += ['--find-links', str(tmp_path), '--target', str(tmp_path / 'site'), '-r', str(wanted)]
    environment = {**os.environ, 'PIP_CONFIG_FILE': os.devnull, 'PIP_FIND_LINKS': str(tmp_path)}
    done = subprocess.run(pip, env=environment, capture_output=True, text=True)
    assert done.returncode != 0
    assert 'DO NOT MATCH THE HASHES' in done.stderr
    assert not (tmp_path / 'site').exists()


def test_run_time_needs_neither_torch_nor_cuda() -> None:
    everything = locked('robot') | locked('runtime') | locked('dev') | locked('demo')
    assert [name for name in everything if re.match('torch|nvidia|cuda|triton', name)] == []


def test_the_locks_agree_with_each_other() -> None:
    for python in ('3.11', '3.12'):
        runtime = locked('runtime', python)
        assert locked('robot', python).items() <= runtime.items()
        for name in ('dev', 'demo'):
            other = locked(name, python)
            shared = runtime.keys() & other.keys()
            assert {key: other[key] for key in shared} == {key: runtime[key] for key in shared}


def test_what_goes_beside_a_system_ros_brings_no_ros_and_no_build_tools() -> None:
    for python, machine in ROBOTS:
        robot = locked('robot', python, machine)
        assert [name for name in robot if name.startswith(('ros-', 'colcon', 'cmake'))] == []
        assert robot['numpy'].startswith('1.26.')  # what Ubuntu 24.04 and its cv_bridge have
    assert locked('robot', '3.14')['numpy'].startswith('2.')  # and Ubuntu 26.04


def test_without_ros_the_product_is_tested_with_numpy_2() -> None:
    for python in ('3.11', '3.12', '3.13', '3.14'):
        assert locked('offline', python)['numpy'].startswith('2.')


def ranges(name: str) -> list[str]:
    """Return the lines of requirements/NAME.in that ask for a package."""
    lines = (ROOT / 'requirements' / f'{name}.in').read_text().splitlines()
    found = (line.partition('#')[0].strip() for line in lines)
    return [line for line in found if line]


def test_the_package_asks_for_ranges_and_pins_nothing() -> None:
    asked = importlib.metadata.requires('emotion_node') or []
    needed = {one.name: one for one in map(Requirement, asked) if 'extra ==' not in str(one)}
    assert needed == {one.name: one for one in map(Requirement, ranges('robot'))}
    assert not any('==' in str(one.specifier) for one in needed.values())
    assert needed['numpy'].specifier.contains('1.26.4')
    assert needed['numpy'].specifier.contains('2.5.5')
    assert 'protobuf' not in needed
    extras = {line.partition(';')[0] for line in asked if 'extra == "pocketsphinx"' in line}
    assert len(extras) == 2, asked


def test_the_environment_holds_the_locked_versions() -> None:
    if 'ROS_DISTRO' in os.environ:
        pytest.skip('with a ROS of the system, the packages are those of the system')
    expected = locked('runtime') | locked('dev')
    found = {name: importlib.metadata.version(name) for name in expected}
    assert found == expected


def test_every_package_from_pypi_that_the_nodes_import_is_locked_for_robots() -> None:
    declared = '\n'.join([*ranges('robot'), *ranges('pocketsphinx')])
    providers = importlib.metadata.packages_distributions()
    extras = {
        PACKAGE / 'page',
        PACKAGE / 'annotate' / 'exports',
        PACKAGE / 'annotate' / 'cluster.py',
    }
    whole = {PACKAGE / 'backends', PACKAGE / 'annotate'}
    parts = {*PACKAGE.iterdir(), *(PACKAGE / 'annotate').iterdir()} - extras - whole
    backends = [part for part in (PACKAGE / 'backends').iterdir() if part not in OPTIONAL]
    used = imports(*parts, *backends)
    for name in sorted(used - {'emotion_node', 'emotion_msgs'} - set(sys.stdlib_module_names)):
        packages = [re.sub('[-_.]+', '-', p).lower() for p in providers.get(name, ())]
        if any(p.startswith('ros-') for p in packages):
            continue
        assert any(re.search(rf'^{p}\b', declared, re.MULTILINE) for p in packages), (
            f'emotion_node imports {name} (of {packages or "no package here"}): '
            'name its package in requirements/robot.in and run `make lock`'
        )


def test_every_ros_package_that_the_nodes_import_is_declared() -> None:
    package = parse_package(str(ROOT))
    declared = {dependency.name for dependency in package.exec_depends}
    providers = importlib.metadata.packages_distributions()
    used = {
        name
        for name in imports(PACKAGE / 'ros', ROOT / 'launch')
        if name.startswith(('launch', 'emotion_msgs', 'ament_'))
        or any(p.startswith('ros-') for p in providers.get(name, ()))
    }
    assert used <= declared


def test_both_packages_have_one_version_and_python_knows_it() -> None:
    product, messages = (parse_package(str(path)) for path in (ROOT, ROOT / 'emotion_msgs'))
    assert product.version == messages.version
    assert emotion_node.__version__ == product.version, 'run `make build`'


@pytest.fixture(scope='module')
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel built from a copy of the sources; building in place would leave files."""
    folder = tmp_path_factory.mktemp('wheel')
    for path in ROOT.iterdir():
        if path.is_file():
            shutil.copy(path, folder)
        elif path.name in SOURCES:
            shutil.copytree(path, folder / path.name, ignore=CACHES)
    pip = [sys.executable, '-m', 'pip', 'wheel', '--quiet', '--no-deps', '--no-build-isolation']
    built = subprocess.run(
        [*pip, '--wheel-dir', 'wheels', '.'], cwd=folder, capture_output=True, text=True
    )
    assert built.returncode == 0, built.stderr
    (path,) = (folder / 'wheels').iterdir()
    return path


def test_a_wheel_holds_the_product_and_nothing_of_the_laboratory(wheel: Path) -> None:
    version = parse_package(str(ROOT)).version
    assert wheel.name == f'emotion_node-{version}-py3-none-any.whl'
    names = [name for name in ZipFile(wheel).namelist() if '.dist-info/' not in name]
    data = f'emotion_node-{version}.data/data/share/'
    in_share = [name.removeprefix(data) for name in names if name.startswith(data)]
    in_site = [name for name in names if not name.startswith(data)]
    assert {name.split('/')[0] for name in in_share} == {'ament_index', 'emotion_node'}
    modules = {path.relative_to(ROOT).as_posix() for path in PACKAGE.rglob('*.py')}
    assert {name for name in in_site if name.endswith('.py')} == modules
    rooms = {part for name in in_site + in_share for part in Path(name).parts[:-1]}
    assert not rooms & {'emotion_lab', 'benchmark', 'evaluation', 'test', 'training'}
    tables = {path.name for ending in TABLES for path in (ROOT / 'emotion_lab').rglob(ending)}
    assert tables, 'the laboratory has tables of its own'
    assert not tables & {Path(name).name for name in names}


def test_a_wheel_holds_the_tables_that_the_product_reads(wheel: Path) -> None:
    tables = {
        path.relative_to(ROOT).as_posix() for ending in TABLES for path in PACKAGE.rglob(ending)
    }
    assert tables
    assert tables <= set(ZipFile(wheel).namelist())


def test_ros_finds_the_installed_package_with_its_files() -> None:
    from ament_index_python.packages import get_package_share_path

    share = get_package_share_path('emotion_node')
    sources = [
        path
        for folder in ('config', 'launch', 'models')
        for path in (ROOT / folder).rglob('*')
        if path.is_file() and '__pycache__' not in path.parts
    ]
    missing = [path for path in sources if not (share / path.relative_to(ROOT)).is_file()]
    assert missing == [], 'run `make build`'
    assert (share / 'package.xml').is_file()


def test_every_command_of_the_package_has_its_function() -> None:
    scripts = importlib.metadata.distribution('emotion_node').entry_points
    assert {script.name for script in scripts} == {
        'camera_node', 'emotion_node', 'microphone_node', 'replay', 'view'
    }  # fmt: skip
    for script in scripts:
        assert callable(script.load())


def test_messages_go_over_the_wire_and_back() -> None:
    from rclpy.serialization import deserialize_message, serialize_message

    from emotion_msgs.msg import AudioChunk, Emotion, EmotionScore

    chunk = AudioChunk(sample_rate=16_000, channels=1, data=[1, -2, 3])
    assert deserialize_message(serialize_message(chunk), AudioChunk) == chunk
    emotion = Emotion(label='joy', scores=[EmotionScore(label='joy', score=0.5)])
    assert deserialize_message(serialize_message(emotion), Emotion) == emotion


def test_colcon_finds_both_packages_in_a_workspace(tmp_path: Path) -> None:
    (tmp_path / 'src').mkdir()
    (tmp_path / 'src' / 'emotion_node').symlink_to(ROOT)
    paths = ['--base-paths', 'src', 'src/emotion_node/emotion_msgs']
    found = subprocess.run(
        [sys.executable, '-m', 'colcon', '--log-base', os.devnull, 'list', '--names-only', *paths],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert found.stdout.split() == ['emotion_msgs', 'emotion_node'], found.stderr


def test_the_paths_of_the_machine_that_built_the_wheels_are_replaced_once(tmp_path: Path) -> None:
    built = '/opt/python/cp312-cp312'
    cmake = tmp_path / 'std_msgs' / 'cmake' / 'export.cmake'
    cmake.parent.mkdir(parents=True)
    cmake.write_text(
        f'"{built}/include/python3.12;{built}/lib/python3.12/site-packages/numpy/_core/include"'
    )
    assert patch(tmp_path, '/usr/include/python3.12', '/venv/numpy/core/include') == 1
    assert cmake.read_text() == '"/usr/include/python3.12;/venv/numpy/core/include"'
    assert patch(tmp_path, '/usr/include/python3.12', '/venv/numpy/core/include') == 0


def test_a_python_that_is_on_the_path_but_does_not_run_is_passed_over(tmp_path: Path) -> None:
    path = script_path(tmp_path / 'bin', 'sh')
    shim = Path(path) / 'python3.12'
    shim.write_text('#!/bin/sh\necho "python3.12: command not found" >&2\nexit 127\n')
    shim.chmod(0o755)
    (Path(path) / 'python3').symlink_to(sys.executable)
    found = run(ROOT / 'tools' / 'find_python.sh', PATH=path)
    assert found.stdout.strip() == f'{path}/python3', found.stderr


def test_without_a_python_that_runs_the_message_says_which_is_needed(tmp_path: Path) -> None:
    found = run(ROOT / 'tools' / 'find_python.sh', PATH=script_path(tmp_path / 'bin', 'sh'))
    assert found.returncode == 1
    assert 'Python 3.12 or 3.11 is needed' in found.stderr
    assert 'make PYTHON=' in found.stderr


def test_debian_packages_that_cannot_be_installed_are_named(tmp_path: Path) -> None:
    path = script_path(tmp_path / 'bin', 'sh')  # no compiler, no apt-get
    found = run(ROOT / 'tools' / 'debian_packages.sh', os.devnull, sys.executable, PATH=path)
    assert found.returncode == 1
    assert re.search(r'sudo apt-get install g\+\+', found.stderr)


def test_a_step_that_fails_shows_its_log_and_fails(tmp_path: Path) -> None:
    log = tmp_path / 'step.log'
    done = run(ROOT / 'tools' / 'quietly.sh', log, 'Trying', 'sh', '-c', 'echo why; exit 3')
    assert done.returncode == 3
    assert 'Trying ... failed' in done.stdout
    assert 'why' in done.stdout
    assert log.read_text() == 'why\n'


@pytest.mark.parametrize('shell', SHELLS)
def test_the_environment_is_found_by_every_shell(shell: str) -> None:
    command = '. ./env.sh && python -c "import emotion_msgs.msg, sys; print(sys.prefix)"'
    done = run(shell, '-c', f'{command} && command -v emotion_node', PATH=os.environ['PATH'])
    prefix, script = done.stdout.split()
    assert prefix == str(ROOT / '.venv'), done.stderr
    assert Path(script).is_relative_to(ROOT / 'install')


@pytest.mark.parametrize('shell', SHELLS)
def test_the_environment_does_not_mix_with_a_ros_that_is_sourced(shell: str) -> None:
    done = run(shell, '-c', '. ./env.sh', PATH=os.environ['PATH'], ROS_DISTRO='jazzy')
    assert done.returncode != 0
    assert 'ROS 2 jazzy is sourced in this shell' in done.stderr


def test_the_environment_says_so_when_nothing_is_built(tmp_path: Path) -> None:
    shutil.copy(ROOT / 'env.sh', tmp_path)
    done = run('bash', '-c', f'. {tmp_path}/env.sh', PATH=os.environ['PATH'])
    assert done.returncode != 0
    assert 'make setup' in done.stderr
