"""Input of the text model: the utterance first, then the turns before it, latest first.

    [CLS] A: own words [SEP] B: the turn before [SEP] A: the turn before that [SEP] ...

The utterance's own segment has token type 0, the context has type 1, so that the model can average
over the own tokens alone. Training and the node both build their input here.

Concatenating past turns with speakers follows Kim and Vossen, "EmoBERTa", 2021
(arXiv 2108.12009).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tokenizers import Tokenizer, normalizers

from emotion_node.interfaces import Turn

MAX_TURNS: Final = 2
"""Past turns that are used."""
MAX_TOKENS: Final = 96
"""Length of the whole input."""
MAX_OWN_TOKENS: Final = 64
"""Of the utterance's own segment; more are cut off at its end."""
MAX_TURN_TOKENS: Final = 24
"""Of each past turn; more are cut off at its beginning, which is further away."""

PLAIN: Final = {'‘': "'", '’': "'", '“': '"', '”': '"', '…': '...', '—': '-', '–': '-'}
"""Typographic characters and their plain forms; recognisers and MELD use both kinds."""


@dataclass(frozen=True, slots=True)
class TextInput:
    """One input of the text model.

    Attributes:
        ids: tokens.
        types: 0 for a token of the utterance itself, 1 for one of its context; as long as `ids`.
        words: how many of the tokens are the utterance's words.
    """

    ids: list[int]
    types: list[int]
    words: int


def plain_tokenizer(tokenizer: Tokenizer) -> Tokenizer:
    """Make a tokenizer read typographic characters as plain ones, untruncated, and return it."""
    plain = [normalizers.Replace(old, new) for old, new in PLAIN.items()]
    tokenizer.normalizer = normalizers.Sequence([*plain, tokenizer.normalizer])
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def speaker_letters(speaker_id: str, history: Sequence[Turn]) -> dict[str, str]:
    """Return a letter for each known speaker: A for `speaker_id`, then by first appearance.

    Args:
        speaker_id: who speaks now; empty when unknown.
        history: the turns before, latest first.
    """
    known = [one for one in (speaker_id, *(turn.speaker_id for turn in history)) if one]
    first = 0 if speaker_id else 1
    order = dict.fromkeys(known)
    return {one: chr(ord('A') + min(place, 25)) for place, one in enumerate(order, first)}


class InputBuilder:
    """Builds the model's input from texts.

    It has no state between calls and may be called from several threads.

    Args:
        tokenizer: of the BERT family, with [CLS] and [SEP], or of the RoBERTa family, with <s>
            and </s>; its truncation and padding are switched off.
        turns: past turns that are used.
        own_tokens: maximum length of the utterance's own segment.

    Raises:
        ValueError: the tokenizer has neither pair.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        turns: int = MAX_TURNS,
        own_tokens: int = MAX_OWN_TOKENS,
    ) -> None:
        tokenizer.no_truncation()
        tokenizer.no_padding()
        for first, last in (('[CLS]', '[SEP]'), ('<s>', '</s>')):
            cls, sep = tokenizer.token_to_id(first), tokenizer.token_to_id(last)
            if cls is not None and sep is not None:
                break
        else:
            raise ValueError(
                'the tokenizer has no [CLS] or no [SEP]; expected one of the family of BERT or '
                'RoBERTa'
            )
        self._cls, self._sep = int(cls), int(sep)
        self._tokenizer = tokenizer
        self._turns = turns
        self._own_tokens = own_tokens

    def build(
        self,
        text: str,
        history: Sequence[Turn] = (),
        speaker_id: str = '',
        *,
        names: bool = False,
    ) -> TextInput:
        """Return the input for `text`.

        Args:
            text: the utterance.
            history: the dialogue before it, oldest first; turns without words are left out.
            speaker_id: who speaks it; empty when unknown.
            names: whether the ids are people's names, to be read as such; otherwise letters
                stand for the speakers.
        """
        past = [turn for turn in reversed(history[-4 * MAX_TURNS :]) if turn.text.strip()]
        del past[self._turns :]
        table = {} if names else speaker_letters(speaker_id, past)
        prefix = self._prefix(speaker_id, table)
        words = self._tokens(text)[: self._own_tokens - len(prefix) - 2]
        ids = [self._cls, *prefix, *words, self._sep]
        own = len(ids)
        for turn in past:
            room = min(MAX_TOKENS - len(ids), MAX_TURN_TOKENS) - 1
            prefix = self._prefix(turn.speaker_id, table)
            if room - len(prefix) < 2:
                break
            ids += [*prefix, *self._tokens(turn.text)[-(room - len(prefix)) :], self._sep]
        return TextInput(ids, [0] * own + [1] * (len(ids) - own), len(words))

    def _prefix(self, speaker: str, table: dict[str, str]) -> list[int]:
        # A name may have any length.
        return self._tokens(f'{table.get(speaker, speaker)}:')[-8:] if speaker else []

    def _tokens(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids
