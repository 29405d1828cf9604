"""What every evaluation command is: a module that measures, and a command that prints."""

from __future__ import annotations

import argparse
from typing import Any, Protocol


class Evaluation(Protocol):
    """A module behind one command of `commands.EVALUATIONS`."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the arguments that `measure` and `run` take.

        Every argument has a default, and `--json` is among them.
        """

    def measure(self, args: argparse.Namespace) -> Any:
        """Return the figures in a form that JSON can hold: what `--json` prints.

        Raises:
            UserError: data or a model that the measurement needs is missing.
        """

    def run(self, args: argparse.Namespace) -> int:
        """Print what `measure` returns, as tables or with `--json`; return the exit status."""
