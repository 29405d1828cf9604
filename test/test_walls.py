"""The walls between the layers stand, and bite."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# (module to be written, what it imports, what the linter has to say of it)
FORBIDDEN = [
    ('core', 'threading', 'emotion_node.core.intruder0 (line 1) imports threading'),
    ('core', 'time', 'emotion_node.core.intruder1 (line 1) imports time'),
    ('core', 'datetime', 'emotion_node.core.intruder2 (line 1) imports datetime'),
    ('core', 'concurrent.futures', 'emotion_node.core.intruder3 (line 1) imports concurrent'),
    ('core', 'cv2', 'emotion_node.core.intruder4 (line 1) imports cv2'),
    ('core', 'emotion_node.models', 'emotion_node.core.intruder5 (line 1) imports '),
    (
        'core',
        'emotion_node.backends.vad_webrtc',
        'core.intruder6 -> emotion_node.backends.vad_webrtc',
    ),
    ('backends', 'emotion_node.core.fusion', 'backends.intruder7 -> emotion_node.core.fusion'),
    ('backends', 'time', 'emotion_node.backends.intruder8 (line 1) imports time'),
    ('backends', 'rclpy.node', 'emotion_node.backends.intruder9 (line 1) imports rclpy'),
    ('backends', 'torch', 'emotion_node.backends.intruder10 (line 1) imports torch'),
    ('offline', 'sensor_msgs.msg', 'emotion_node.offline.intruder11 (line 1) imports sensor_msgs'),
    ('evaluation', 'emotion_msgs.msg', 'emotion_node.evaluation.intruder12 (line 1) imports emot'),
    ('training', 'rclpy', 'emotion_node.training.intruder13 (line 1) imports rclpy'),
    ('ros', 'transformers', 'emotion_node.ros.intruder14 (line 1) imports transformers'),
    ('ros', 'emotion_node.training.metrics', 'ros.intruder15 -> emotion_node.training.metrics'),
    ('', 'yaml', '- emotion_node.intruder16'),
]


def lint(folder: Path) -> tuple[int, str]:
    """Run import-linter over the package in a folder; return its exit status and what it said."""
    done = subprocess.run(
        [Path(sys.executable).with_name('lint-imports'), '--no-cache'],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


def copy_of_the_package(folder: Path) -> Path:
    for part in ('emotion_node', 'tools'):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns('__pycache__'))
    shutil.copy(ROOT / 'pyproject.toml', folder)
    return folder


def test_the_package_keeps_within_its_walls() -> None:
    status, said = lint(ROOT)
    assert status == 0, said


@pytest.fixture(scope='module')
def said_of_intruders(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the linter says of a copy of the package into which every intruder was put."""
    folder = copy_of_the_package(tmp_path_factory.mktemp('walls'))
    for number, (layer, imported, _) in enumerate(FORBIDDEN):
        intruder = folder / 'emotion_node' / layer / f'intruder{number}.py'
        intruder.write_text(f'import {imported}\n')
    status, said = lint(folder)
    assert status != 0
    return said


@pytest.mark.parametrize(
    ('layer', 'imported', 'complaint'), FORBIDDEN, ids=[f'{a or "."}-{b}' for a, b, _ in FORBIDDEN]
)
def test_a_forbidden_import_is_found(
    said_of_intruders: str, layer: str, imported: str, complaint: str
) -> None:
    assert complaint in said_of_intruders


def test_a_plain_module_stays_plain(tmp_path: Path) -> None:
    folder = copy_of_the_package(tmp_path)
    labels = folder / 'emotion_node' / 'labels.py'
    labels.write_text(labels.read_text() + '\nimport cv2\nimport emotion_node.core.fusion\n')
    status, said = lint(folder)
    assert status != 0
    assert 'imports cv2' in said
    assert 'imports emotion_node.core.fusion' in said
