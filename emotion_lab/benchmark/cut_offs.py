"""How often an utterance is cut in two, in dialogues with known pauses."""

from __future__ import annotations

import time
from typing import Final

from emotion_lab.data.datasets import DatasetError
from emotion_lab.evaluation.concatenated import make_dialogues
from emotion_lab.evaluation.endpointing import listening_only, measure
from emotion_node.config import make_config
from emotion_node.factory import load_models

DIALOGUES: Final = 10
"""As many as `evaluate endpointing` hears, which tries other rules on them as well."""


def evaluated_cut_off_rate(dialogues: int = DIALOGUES) -> tuple[float | None, str]:
    """Return the share of pauses inside utterances at which one was ended, and where it is from.

    The rate is None where there are no data, and the text then says what is missing.

    Args:
        dialogues: how many are heard, in line.
    """
    try:
        glued = make_dialogues('test', dialogues, None)
    except DatasetError as error:
        return None, str(error)
    config = listening_only(make_config({'transcriber.backend': 'pocketsphinx'}))
    models = load_models(config, time.perf_counter_ns, lambda text: None)
    figures = measure(glued, config, models)
    return (
        figures['cut_off_rate'],
        f'{figures["pauses"]} pauses inside utterances, in {dialogues} glued dialogues',
    )
