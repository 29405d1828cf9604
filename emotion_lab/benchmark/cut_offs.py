"""The rate at which utterances are cut in two, in dialogues with known pauses."""

from __future__ import annotations

from typing import Final

from emotion_lab.benchmark.figures import Figures
from emotion_lab.data.datasets import DatasetError
from emotion_lab.evaluation.concatenated import make_dialogues
from emotion_lab.evaluation.endpointing_figures import endpointing_figures, endpointing_only
from emotion_node.config import Config
from emotion_node.factory import load_models

DIALOGUES: Final = 10
"""As many as `evaluate endpointing` takes by default."""


def cut_off_figures(count: int = DIALOGUES) -> tuple[Figures | None, str]:
    """Return how often an utterance was ended in a pause inside it, and where that is from.

    The figures are `cut_off_rate`, the share of such pauses, and `cut_off_delay_ms_mean`, from
    the true end of an utterance to the decision. They are None where there are no data, and the
    text then says what is missing.

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
        {
            'cut_off_rate': figures['cut_off_rate'],
            'cut_off_delay_ms_mean': figures['delay_ms_mean'],
        },
        f'{figures["pauses"]} pauses inside utterances, in {count} concatenated dialogues',
    )
