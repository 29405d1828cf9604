"""Installs the package where ROS 2 looks for it."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree

from setuptools import find_packages, setup

NAME = 'emotion_node'


def version() -> str:
    """Return the version, which `package.xml` alone states."""
    return ElementTree.parse('package.xml').getroot().findtext('version', '').strip()


def share(*folders: str) -> list[tuple[str, list[str]]]:
    """Return the files below the folders, each to be installed at its place in share/."""
    by_folder: defaultdict[str, list[str]] = defaultdict(list)
    for folder in folders:
        for path in sorted(Path(folder).rglob('*')):
            if path.is_file() and '__pycache__' not in path.parts:
                by_folder[f'share/{NAME}/{path.parent}'].append(str(path))
    return list(by_folder.items())


EXTRAS = ('corpora', 'emissor', 'export', 'page', 'pocketsphinx')
"""What a user may add, each as requirements/NAME.in says."""


def requirements(name: str) -> list[str]:
    """Return the packages that requirements/NAME.in asks for, with their ranges."""
    # colcon runs a link to this file, in a folder without the requirements.
    file = Path(__file__).resolve().parent / 'requirements' / f'{name}.in'
    lines = file.read_text(encoding='utf-8').splitlines()
    packages = (line.partition('#')[0].strip() for line in lines)
    return [package for package in packages if package]


setup(
    name=NAME,
    version=version(),
    description="Perceives the emotion of a robot's partner: one fused emotion per utterance.",
    maintainer='emotion_node maintainers',
    maintainer_email='maintainers@example.org',
    license='Apache-2.0',
    python_requires='>=3.11',
    install_requires=requirements('robot'),
    packages=find_packages(include=[NAME, f'{NAME}.*']),
    package_data={NAME: ['page/*.css']},
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{NAME}']),
        (f'share/{NAME}', ['package.xml', 'LICENSE']),
        *share('config', 'demo/conversation', 'launch', 'models'),
    ],
    extras_require={name: requirements(name) for name in EXTRAS},
    zip_safe=False,
    entry_points={
        'console_scripts': [
            'camera_node = emotion_node.ros.entry_points:camera_node',
            'emotion_node = emotion_node.ros.entry_points:emotion_node',
            'microphone_node = emotion_node.ros.entry_points:microphone_node',
            'replay = emotion_node.ros.entry_points:replay',
            'view = emotion_node.ros.entry_points:view',
        ],
    },
)
