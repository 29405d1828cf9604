"""The walls between the rooms stand, and bite."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CONTRACTS = tomllib.loads((ROOT / 'pyproject.toml').read_text())['tool']['importlinter'][
    'contracts'
]

PRODUCT_FILES = set((ROOT / 'emotion_node').rglob('*.py'))
PRODUCT = 'The product does not know the laboratory'
ROOMS = 'Rooms of the product: who may import whom'
CORE = 'Rooms of the core: no arrow back'
BACKENDS = 'No backend imports another, but for helpers'
LAB = 'Rooms of the laboratory: evaluation and training meet only in data'
NUMPY = 'The core is NumPy and plain modules'
PLAIN = 'Plain modules stay plain'
ROS = 'Only ros imports ROS'
CLOCKS = 'Only ros and command-line tools read clocks and start threads'
WEB = 'Only the page imports a web server'
TRAINING = 'Only the laboratory imports training libraries'

# (room into which an import is written, what it imports, the contracts that it breaks)
FORBIDDEN = [
    ('emotion_node.ros', 'emotion_lab.data.metrics', {PRODUCT}),
    ('emotion_node.annotate', 'emotion_lab.training.metrics', {PRODUCT}),
    ('emotion_node.core', 'emotion_node.backends.vad_webrtc', {ROOMS, CORE, NUMPY}),
    ('emotion_node.backends', 'emotion_node.core.analysis.fusion', {ROOMS}),
    ('emotion_node.backends', 'emotion_node.backends.asr_whisper', {BACKENDS}),
    ('emotion_node.messages', 'emotion_node.factory', {ROOMS}),
    ('emotion_node.recordings', 'emotion_node.annotate.plan', {ROOMS}),
    ('emotion_node', 'yaml', {ROOMS}),
    ('emotion_node.core.hearing', 'emotion_node.core.analysis.fusion', {CORE}),
    ('emotion_node.core.voice', 'emotion_node.core.vision.tracker', {CORE}),
    ('emotion_node.core.dialogue', 'emotion_node.core.analysis.text', {CORE}),
    ('emotion_node.core.hearing', 'emotion_node.core.voice.prosody', {CORE}),
    ('emotion_lab.evaluation', 'emotion_lab.training.face', {LAB}),
    ('emotion_lab.training', 'emotion_lab.evaluation.text', {LAB}),
    ('emotion_lab.data', 'emotion_lab.evaluation.scoring', {LAB}),
    ('emotion_node.core.vision', 'cv2', {NUMPY}),
    ('emotion_node.core.hearing', 'emotion_node.model_store.manifest', {NUMPY}),
    ('emotion_node.dsp', 'cv2', {PLAIN}),
    ('emotion_node.backends', 'rclpy.node', {ROS}),
    ('emotion_node.recordings', 'sensor_msgs.msg', {ROS}),
    ('emotion_lab.evaluation', 'emotion_msgs.msg', {ROS}),
    ('emotion_lab.training', 'rclpy', {ROS}),
    ('emotion_node.core.hearing', 'threading', {CLOCKS}),  # but for its Lock, see below
    ('emotion_node.core.analysis', 'time', {CLOCKS}),
    ('emotion_node.core.dialogue', 'datetime', {CLOCKS}),
    ('emotion_node.core.vision', 'concurrent.futures', {CLOCKS}),
    ('emotion_node.backends', 'time', {CLOCKS}),
    ('emotion_node.ros.tools', 'nicegui', {WEB}),
    ('emotion_node.backends', 'torch', {TRAINING}),
    ('emotion_node.ros', 'transformers', {TRAINING}),
    ('emotion_lab.evaluation', 'torch', {TRAINING}),
]


def lint(folder: Path) -> tuple[int, str]:
    """Run import-linter over the packages in a folder; return its exit status and output."""
    done = subprocess.run(
        [Path(sys.executable).with_name('lint-imports'), '--no-cache'],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


def broken(output: str) -> dict[str, str]:
    """Return what the linter says of each contract that is broken, by name."""
    _, _, details = output.partition('Broken contracts')
    parts: dict[str, str] = {}
    name = ''
    for line in details.splitlines():
        if line in {contract['name'] for contract in CONTRACTS}:
            name = line
        elif name:
            parts[name] = parts.get(name, '') + line + '\n'
    # Names of modules are broken where lines are full.
    return {name: text.replace('\n', ' ') for name, text in parts.items()}


def test_the_packages_keep_within_their_walls() -> None:
    status, output = lint(ROOT)
    assert status == 0, output


@pytest.fixture(scope='module')
def intruders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the linter says of a copy of the packages with every forbidden import in it."""
    folder = tmp_path_factory.mktemp('walls')
    for part in ('emotion_node', 'emotion_lab', 'tools'):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns('__pycache__'))
    shutil.copy(ROOT / 'pyproject.toml', folder)
    for number, (room, imported, _) in enumerate(FORBIDDEN):
        module = folder / room.replace('.', '/') / f'intruder{number}.py'
        module.write_text(f'import {imported}\n')
    status, output = lint(folder)
    assert status != 0
    return broken(output)


@pytest.mark.parametrize(
    'number', range(len(FORBIDDEN)), ids=[f'{room}-{imported}' for room, imported, _ in FORBIDDEN]
)
def test_a_forbidden_import_is_found(intruders: dict[str, str], number: int) -> None:
    _, _, contracts = FORBIDDEN[number]
    for contract in contracts:
        assert f'intruder{number} ' in intruders[contract]


def test_the_core_may_hold_a_lock() -> None:
    assert next(
        contract['allowed_lines'] for contract in CONTRACTS if contract['name'] == CLOCKS
    ) == ['from threading import Lock']


def test_the_products_tests_do_not_need_the_laboratory() -> None:
    for path in (ROOT / 'test').rglob('*.py'):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Import():
                    modules = [one.name for one in node.names]
                case ast.ImportFrom():
                    modules = [node.module or '']
                case _:
                    continue
            assert not any(one.split('.')[0] == 'emotion_lab' for one in modules), path


def test_no_file_of_the_product_holds_a_second_subject() -> None:
    lists = {ROOT / 'emotion_node' / 'config.py'}
    lines = {path: len(path.read_text().splitlines()) for path in PRODUCT_FILES - lists}
    assert {path: count for path, count in lines.items() if count > 300} == {}


def test_every_contract_is_shown_to_bite() -> None:
    shown = set().union(*(contracts for _, _, contracts in FORBIDDEN))
    assert shown == {contract['name'] for contract in CONTRACTS}
