"""Documents name what exists."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.check_documents import docstring_problems, documents, main, problems

ROOT = Path(__file__).parents[1]


def test_links_paths_modules_and_parameters_in_the_documents_exist(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert ROOT / 'README.md' in documents(ROOT)
    assert main() == 0, capsys.readouterr().err


@pytest.mark.parametrize(
    ('text', 'problem'),
    [
        ('[plan](plan.md)', 'dead link: plan.md'),
        ('![figure](figure.png)', 'dead link: figure.png'),
        ('[top](#the-top)', 'dead anchor: #the-top'),
        ('[elsewhere](../../outside.md)', 'dead link: ../../outside.md'),
        ('as in `emotion_node/factory.py`', 'there is no emotion_node/factory.py'),
        ('as in `core/hearing/ears.py`', 'there is no core/hearing/ears.py'),
        ('a topic of `emotion_msgs/Mood`', 'there is no emotion_msgs/Mood'),
        ('`python -m emotion_lab.train`', 'there is no module or member emotion_lab.train'),
        (
            '`emotion_node.config.Settings`',
            'there is no module or member emotion_node.config.Settings',
        ),
        ('set `segmenter.min_silence`', 'there is no parameter segmenter.min_silence'),
        ('`segmenter.min_silence:=0.3`', 'there is no parameter segmenter.min_silence'),
        ('```sh\nnode -p audio.speed:=2\n```', 'there is no parameter audio.speed'),
    ],
)
def test_what_does_not_exist_is_reported(tmp_path: Path, text: str, problem: str) -> None:
    repository(tmp_path)
    (tmp_path / 'README.md').write_text(f'# Title\n\n{text}\n')
    assert list(problems(tmp_path / 'README.md', tmp_path)) == [problem]


def test_what_exists_or_belongs_elsewhere_is_not_reported(tmp_path: Path) -> None:
    repository(tmp_path)
    (tmp_path / 'README.md').write_text("""# Two of a *kind*: `code`

## Again
## Again

[one](docs/guide.md#first-steps), [two](#two-of-a-kind-code), [again](#again-1),
[site](https://a.org/b.md),
`emotion_node/config.py`, `core/hearing`, `emotion_node.config.Config`, `emotion_msgs/Emotion`,
`emotion_msgs/msg/Emotion`, `segmenter.padding`, `text.py`, `std_msgs/Bool`,
`/opt/ros/jazzy`, `runs/a.pt`, `emotion_node/backends/asr_NAME.py`, `emotion_lab.training.NAME`.
""")
    assert list(problems(tmp_path / 'README.md', tmp_path)) == []


def test_a_changelog_may_name_what_is_gone_but_its_links_work(tmp_path: Path) -> None:
    repository(tmp_path)
    (tmp_path / 'CHANGELOG.md').write_text('`dialogue.same_voice`, [plan](plan.md)\n')
    assert list(problems(tmp_path / 'CHANGELOG.md', tmp_path)) == ['dead link: plan.md']


def test_a_docstring_that_names_no_parameter_is_reported(tmp_path: Path) -> None:
    module = tmp_path / 'module.py'
    module.write_text('X = 1\n"""As `segmenter.padding` and `segmenter.min_silence`."""\n')
    assert list(docstring_problems(module)) == ['there is no parameter segmenter.min_silence']


def repository(root: Path) -> None:
    """Make the files that the documents of these tests may name."""
    for name, text in {
        'docs/guide.md': '# Guide\n\n## First steps\n',
        'emotion_node/__init__.py': '',
        'emotion_node/config.py': 'class Config: ...\n',
        'emotion_node/core/hearing/__init__.py': '',
        'emotion_lab/__init__.py': '',
        'emotion_msgs/msg/Emotion.msg': 'string label\n',
    }.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
