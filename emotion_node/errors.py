"""Errors that the user can fix."""

from __future__ import annotations

from typing import ClassVar


class UserError(Exception):
    """Something that the user can fix, as opposed to a fault of the program.

    The text says what was found, what was expected and what to do. It is shown as one line,
    without a traceback.

    Attributes:
        exit_status: status with which a program ends after this error.
    """

    exit_status: ClassVar[int] = 1


class ModelError(UserError):
    """A model cannot be used: the file is missing, damaged or of the wrong shape."""


class MissingError(ModelError):
    """A model is not on this machine."""


class PassAbandoned(Exception):  # noqa: N818  no fault
    """A pass of a recogniser was ended early, since its words are of no use any more."""


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text without its full stop, or the error's type."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip('.')
