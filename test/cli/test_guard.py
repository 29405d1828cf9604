"""Whatever ends a program early becomes one line and an exit status."""

from __future__ import annotations

from typing import NoReturn

import pytest

from emotion_node.cli.guard import guard
from emotion_node.config import ConfigError
from emotion_node.errors import UserError


class NoMicrophoneError(UserError):
    """Defined outside of the package: what counts is what it is, not where it stands."""


def raising(error: BaseException) -> NoReturn:
    raise error


@pytest.mark.parametrize(
    ('error', 'status', 'line'),
    [
        (NoMicrophoneError('no microphone;\n  plug one in'), 1, 'no microphone; plug one in'),
        (ConfigError('interim.period: expected 0.1 to 10 s'), 2, 'interim.period: expected 0.1'),
        (FileNotFoundError(2, 'No such file', 'talk.wav'), 1, 'talk.wav: No such file'),
        (ModuleNotFoundError('no av', name='av'), 1, 'the Python package av is missing'),
        (ModuleNotFoundError('no rclpy', name='rclpy'), 1, 'source /opt/ros/jazzy/setup.bash'),
        (KeyError('label'), 1, "KeyError: 'label' (a fault of the program; --verbose shows"),
        (ValueError('odd'), 1, 'ValueError: odd (a fault of the program'),
    ],
)
def test_an_error_becomes_one_line_and_a_status(
    error: Exception, status: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert guard(lambda: raising(error), program='some_program') == status
    complaint = capsys.readouterr().err
    assert complaint.startswith('some_program: ')
    assert line in complaint
    assert len(complaint.splitlines()) == 1


def test_an_interrupt_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert guard(lambda: raising(KeyboardInterrupt())) == 130
    assert capsys.readouterr().err == ''


def test_the_traceback_is_shown_on_request(capsys: pytest.CaptureFixture[str]) -> None:
    assert guard(lambda: raising(UserError('broken')), verbose=True) == 1
    assert 'Traceback' in capsys.readouterr().err


def test_the_programs_own_status_is_kept() -> None:
    assert guard(lambda: 3) == 3
