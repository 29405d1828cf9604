"""Tiny classifiers of Hugging Face that always give the same answer; need torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np


def tiny_shape(labels: Sequence[str]) -> dict[str, Any]:
    """Return what the configuration of any small transformer takes, with its labels."""
    return {
        'hidden_size': 16,
        'num_hidden_layers': 1,
        'num_attention_heads': 2,
        'intermediate_size': 16,
        'id2label': dict(enumerate(labels)),
        'label2id': {label: place for place, label in enumerate(labels)},
    }


def save_answering(model: Any, shares: Sequence[float], folder: Path) -> None:
    """Write a model whose `classifier` gives these probabilities, whatever it is given."""
    import torch

    with torch.no_grad():
        model.classifier.weight.zero_()
        model.classifier.bias.copy_(torch.tensor(np.log(shares)))
    model.save_pretrained(folder)
