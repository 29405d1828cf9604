"""The language of one microphone, settled by its first utterances.

Whisper gives a probability for each language, from the audio alone. A short utterance says little
about its language, and one that is taken for another language has wrong words. So the
probabilities of the first utterances are added up, weighted by their lengths, until one language
has most of them; then Whisper is not asked any more. When several utterances in a row have words
of low confidence, the question is open again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import Final

from emotion_node.datatypes import is_known, primary_language

SETTLE_SHARE: Final = 0.8
"""Share of the probability, weighted by seconds, with which a language is settled."""
SETTLE_S: Final = 4.0
"""Speech that is heard before a language is settled, in s."""
POOR_CONFIDENCE: Final = 0.4
"""Confidence of the words below which an utterance speaks against the language."""
POOR_UTTERANCES: Final = 3
"""So many of them in a row open the question again."""
KEPT_S: Final = 1.0
"""Weight, in s, that the language so far keeps when the question is opened again."""

Probabilities = Mapping[str, float]
"""Probability of each language by its code; the sum is 1."""


TRANSLATED: Final = 'en'
"""The language that Whisper translates into."""


def translation_rule(emotion_text: str, languages: Collection[str]) -> Callable[[str], bool]:
    """Return whether words are translated for the text model, by the BCP 47 tag of their language.

    Args:
        emotion_text: as `transcriber.emotion_text`: "original", "translate", or "auto", where
            only the model's languages decide.
        languages: that the text model knows; empty for all.
    """
    if emotion_text == 'translate':
        return lambda tag: primary_language(tag) != TRANSLATED
    if emotion_text == 'original' or not is_known(TRANSLATED, languages):
        return lambda tag: False
    return lambda tag: not is_known(tag, languages)


class SpokenLanguage:
    """Chooses the language of each utterance of one microphone.

    `choose` may be called several times during an utterance, with more audio each time; `commit`
    once at its end.
    """

    def __init__(self) -> None:
        self._seconds: Counter[str] = Counter()
        self._pending: Counter[str] = Counter()
        self._poor = 0
        self.settled = ''

    def choose(self, detect: Callable[[], Probabilities], seconds: float) -> str:
        """Return the language to recognise an utterance in, or what there is of it so far.

        Args:
            detect: returns the probabilities; called only while no language is settled.
            seconds: duration of the audio.
        """
        if self.settled:
            return self.settled
        self._pending = Counter(
            {code: seconds * chance for code, chance in detect().items() if chance > 0}
        )
        ((best, _),) = (self._seconds + self._pending).most_common(1)
        return best

    def commit(self, confidence: float) -> None:
        """End an utterance.

        Args:
            confidence: of its words, 0..1; 0 where there were none.
        """
        self._seconds += self._pending
        self._pending = Counter()
        if not self.settled:
            total = self._seconds.total()
            for best, weight in self._seconds.most_common(1):
                if total >= SETTLE_S and weight >= SETTLE_SHARE * total:
                    self.settled = best
                    self._poor = 0
            return
        self._poor = self._poor + 1 if confidence < POOR_CONFIDENCE else 0
        if self._poor >= POOR_UTTERANCES:
            self._seconds = Counter({self.settled: KEPT_S})
            self.settled = ''

    def discard(self) -> None:
        """Forget the utterance under way."""
        self._pending = Counter()
