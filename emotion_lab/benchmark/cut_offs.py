"""The rate at which utterances are cut in two, in dialogues with known pauses."""

from __future__ import annotations

from typing import Final

from emotion_lab.data.datasets import DatasetError
from emotion_lab.evaluation.concatenated import make_dialogues
from emotion_lab.evaluation.endpointing_figures import endpointing_figures, endpointing_only
from emotion_node.config import Config
from emotion_node.factory import load_models

DIALOGUES: Final = 10
"""As many as `evaluate endpointing` takes by default."""


def evaluated_cut_off_rate(count: int = DIALOGUES) -> tuple[float | None, str]:
    """Return the share of pauses inside utterances at which one was ended, and where it is from.

    The rate is None where there are no data, and the text then says what is missing.

    Args:
        count: number of dialogues, each run through the pipeline offline.
    """
    try:
        dialogues = make_dialogues('test', count, None)
    except DatasetError as error:
        return None, str(error)
    config = endpointing_only(Config())
    models = load_models(config, lambda text: None)
    figures = endpointing_figures(dialogues, config, models)
    return (
        figures['cut_off_rate'],
        f'{figures["pauses"]} pauses inside utterances, in {count} concatenated dialogues',
    )
