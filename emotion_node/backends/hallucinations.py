"""Rejects words that Whisper writes although nobody said them.

Whisper was trained on captioned videos. On noise, music and silence it writes what captions say
when nobody speaks: thanks for watching, who made the captions, or one phrase repeated (Koenecke
et al., "Careless Whisper", FAccT 2024; Barański et al., "Investigation of Whisper ASR
hallucinations induced by non-speech audio", ICASSP 2025).

The thresholds of evidence were chosen on one half of the people and recordings of `python -m
emotion_lab evaluate hallucinations`, with Whisper base: in noise, music and machines evidence is
seldom above 0.1, where people speak it is seldom below 0.4. What people utter without words
(laughter, sobs, screams) lies between, and Whisper writes it as "Ah!" or "Ha ha": that is no
word either, unless it is very clear. The rules for captions and loops are judgement: none occurred
in the measurements.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from faster_whisper.transcribe import Segment

MAX_CHARACTERS_PER_SECOND: Final = 35.0
"""Fast English has 20 to 25 and other scripts have fewer: more is a loop or a caption."""
MAX_COMPRESSION_RATIO: Final = 2.4
"""Text that zlib compresses more than this is repetitive (Radford et al., 2022, 4.5)."""
MIN_EVIDENCE: Final = 0.2
"""Evidence, 0..1 (see `evidence`), below which any words are rejected."""
STOCK_EVIDENCE: Final = 0.35
"""The same for phrases that Whisper is known to write in noise, and at vocal bursts."""
VOCAL_EVIDENCE: Final = 0.7
"""The same for what people utter without words."""
CREDIT_EVIDENCE: Final = 0.8
"""The same for credits of captions, which nobody says to a robot."""

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
        'hello',
        'hey',
        'hi',
        'no',
        'wow',
        'who',
        'yes',
        'so',
        'yeah',
        'the end',
        'im sorry',
    }
)
"""Phrases that Whisper writes in noise and people also say (Barański et al., ICASSP 2025)."""

VOCAL: Final = re.compile(
    r'((a+h+|a{2,}|(ha+h*)+|hm+|m+h*m+|uh+|u+g+h+|h+u+h+|e+h+|e{2,}|he+h+|o+h{2,}|ooh+|o+w+|(ho+)+|(he){2,}'
    r'|w+oo+(hoo+)?)( |$))+'
)
"""What people utter without words, as `_plain` returns it; it matches the whole text."""

FAREWELLS: Final = re.compile(
    r'(thanks|thank you)( all| guys| very much| so much)? for (watching|listening|viewing)'
    r'( (this|the|my) video)?( and)?'
    r'|(please )?(dont forget to )?(like (and|comment and) )?subscribe( to (my|our|the) channel)?'
    r'|(and )?(ill )?see you (all |guys )?(in the next (video|one|episode)|next time)'
)
"""Farewells of video channels, as `_plain` returns them; they match the whole text."""

CREDITS: Final = re.compile(
    r'.*amara org|(copyright|all rights reserved)'
    r'|(transcribed|transcription|translated|translation|subtitles?|captions?|subtitled|captioned'
    r'|captioning|untertitel|sous titr\w+|sottotitoli|subtitulos|subtitulado|legendas'
    r'|ondertitel\w*)( \w+)? (by|of|from|von|der|im auftrag|par|st|creati|a cura|por|pela|door)\b'
)
"""Credits of captions, as `_plain` returns them; they match the beginning of the text."""

NOTES: Final = re.compile(r'\[[^\]]*\]|\([^)]*\)|\*[^*]*\*|[♩♪♫♬]')
"""Notes in captions, such as [Music]."""


def evidence(segment: Segment) -> float:
    """Return how well the audio supports the words, 0..1.

    The geometric mean probability of the tokens, times the probability that there is speech;
    both are the model's own.
    """
    return float(np.exp(min(segment.avg_logprob, 0.0)) * (1.0 - segment.no_speech_prob))


def is_repetitive(segment: Segment) -> bool:
    """Return whether a segment says one thing over and over again."""
    return bool(segment.compression_ratio > MAX_COMPRESSION_RATIO)


def hallucinated(segment: Segment, seconds: float) -> bool:
    """Return whether the words of a segment are a hallucination.

    They are if there is little evidence for any word, if they are repetitive, if nobody could
    speak so fast, or if they are a stock phrase with little evidence. A "thank you" with high
    probability in what is surely speech is kept; one with low probability in noise is not.

    Args:
        segment: from faster-whisper.
        seconds: duration of the audio behind it.
    """
    words = _plain(without_notes(segment.text))
    if not words:
        return True
    if evidence(segment) < MIN_EVIDENCE:
        return True
    if is_repetitive(segment):
        return True
    if len(words) > MAX_CHARACTERS_PER_SECOND * max(seconds, 0.5):
        return True
    if FAREWELLS.fullmatch(words) or CREDITS.match(words):
        return evidence(segment) < CREDIT_EVIDENCE
    if VOCAL.fullmatch(words):
        return evidence(segment) < VOCAL_EVIDENCE
    if words in STOCK_PHRASES or _repeats(words):
        return evidence(segment) < STOCK_EVIDENCE
    return False


def without_notes(text: str) -> str:
    """Return the words without the notes of captions, single-spaced."""
    return ' '.join(NOTES.sub(' ', text).split())


def _plain(text: str) -> str:
    """Return lower-case letters without accents, digits and single spaces only."""
    spaced = ''.join(
        letter if unicodedata.category(letter)[0] in 'LMN' else ' '
        for letter in unicodedata.normalize('NFKD', re.sub("['’]", '', text)).casefold()
        if unicodedata.category(letter) != 'Mn'
    )
    return ' '.join(spaced.split())


def _repeats(words: str) -> bool:
    """Return whether the text is one phrase, three times or more."""
    return re.fullmatch(r'(.{2,}?)( \1){2,}', words) is not None
