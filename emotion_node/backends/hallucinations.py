"""What Whisper says that nobody said.

Whisper learnt from films with captions to always say something. On noise, music and silence it
says what stands under silent images: thanks for watching, who made the captions, or one
phrase over and over (Koenecke et al., "Careless Whisper", FAccT 2024; Barański et al.,
"Investigation of Whisper ASR hallucinations induced by non-speech audio", ICASSP 2025).

`python -m emotion_lab evaluate hallucinations` measures what is said here of evidence, with
Whisper base: in silence, noise, hum, knocks, music and laughter it never rises above 0.1, in the
lines of a television series it is 0.2 and more, and around 0.85 where people speak clearly. What
is said of captions and loops is judgement: none came up.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from faster_whisper.transcribe import Segment

MAX_CHARACTERS_PER_SECOND: Final = 35.0
"""Fast English has 20 to 25, other scripts fewer: more is a loop or a caption."""
MAX_COMPRESSION_RATIO: Final = 2.4
"""Text that zlib shortens more than this repeats itself (Radford et al., 2022, 4.5)."""
MIN_EVIDENCE: Final = 0.13
"""Evidence, 0..1 (see `evidence`), below which no words are believed."""
STOCK_EVIDENCE: Final = 0.2
"""The same for what Whisper is known to hear in noise."""
CREDIT_EVIDENCE: Final = 0.8
"""The same for captions, which nobody says to a robot."""

STOCK_PHRASES: Final = frozenset(
    {
        'you',
        'thank you',
        'thank you very much',
        'thank you so much',
        'thanks',
        'bye',
        'bye bye',
        'okay',
        'oh',
        'so',
        'yeah',
        'the end',
        'im sorry',
    }
)
"""What Whisper hears in noise and people also say (Barański et al., ICASSP 2025)."""

FAREWELLS: Final = re.compile(
    r'(thanks|thank you)( all| guys| very much| so much)? for (watching|listening|viewing)'
    r'( (this|the|my) video)?( and)?'
    r'|(please )?(dont forget to )?(like (and|comment and) )?subscribe( to (my|our|the) channel)?'
    r'|(and )?(ill )?see you (all |guys )?(in the next (video|one|episode)|next time)'
)
"""How video channels end, in the form of `_plain`; the whole text."""

CREDITS: Final = re.compile(
    r'.*amara org|(copyright|all rights reserved)'
    r'|(transcribed|transcription|translated|translation|subtitles?|captions?|subtitled|captioned'
    r'|captioning|untertitel|sous titr\w+|sottotitoli|subtitulos|subtitulado|legendas'
    r'|ondertitel\w*)( \w+)? (by|of|from|von|der|im auftrag|par|st|creati|a cura|por|pela|door)\b'
)
"""Who made the captions, in the form of `_plain`; the beginning of the text."""

NOTES: Final = re.compile(r'\[[^\]]*\]|\([^)]*\)|\*[^*]*\*|[♩♪♫♬]')
"""Notes for the deaf, such as [Music]."""


def evidence(segment: Segment) -> float:
    """Return how well the sound supports the words, 0..1.

    The (geometric) mean probability of the tokens, times the probability that anybody spoke;
    both are the model's own.
    """
    return float(np.exp(min(segment.avg_logprob, 0.0)) * (1.0 - segment.no_speech_prob))


def hallucinated(segment: Segment, seconds: float) -> bool:
    """Return whether the words of a segment are Whisper's invention.

    They are when there is little evidence for any word, when they repeat themselves, when
    nobody could speak so fast, or when they are a stock phrase and the sound hardly supports
    it. So a "thank you" that Whisper is sure to have heard, in what it is sure to be speech,
    survives; the one it mumbles in noise does not.

    Args:
        segment: from faster-whisper.
        seconds: duration of the audio behind it.
    """
    words = _plain(without_notes(segment.text))
    if not words:
        return True
    if evidence(segment) < MIN_EVIDENCE:
        return True
    if segment.compression_ratio > MAX_COMPRESSION_RATIO:
        return True
    if len(words) > MAX_CHARACTERS_PER_SECOND * max(seconds, 0.5):
        return True
    if FAREWELLS.fullmatch(words) or CREDITS.match(words):
        return evidence(segment) < CREDIT_EVIDENCE
    if words in STOCK_PHRASES or _repeats(words):
        return evidence(segment) < STOCK_EVIDENCE
    return False


def without_notes(text: str) -> str:
    """Return the words without notes for the deaf, single-spaced."""
    return ' '.join(NOTES.sub(' ', text).split())


def _plain(text: str) -> str:
    """Lower case, letters without accents and digits only, single spaces."""
    spaced = ''.join(
        letter if unicodedata.category(letter)[0] in 'LMN' else ' '
        for letter in unicodedata.normalize('NFKD', re.sub("['’]", '', text)).casefold()
        if unicodedata.category(letter) != 'Mn'
    )
    return ' '.join(spaced.split())


def _repeats(words: str) -> bool:
    """Return whether the text is one phrase, three times or more."""
    return re.fullmatch(r'(.{2,}?)( \1){2,}', words) is not None
