"""Subtitles: WebVTT (W3C) with voice spans, and SubRip (SRT)."""

from __future__ import annotations

import html
import io
from collections.abc import Sequence
from typing import Final

from webvtt import Caption, WebVTT

from emotion_node.annotate.annotation import Annotation
from emotion_node.display.plain_text import plain
from emotion_node.display.words import no_words

_ANGLES: Final = str.maketrans('<>', '()')


def vtt(emotions: Sequence[Annotation]) -> str:
    """Return subtitles in WebVTT: the speaker as a voice span, then emotion and words."""
    cues = []
    for one in emotions:
        text = html.escape(_text(one), quote=False)
        speaker = one.report.speaker_id
        cues.append(_cue(one, f'<v {speaker}>{text}' if speaker else text))
    return _written(cues, 'vtt')


def srt(emotions: Sequence[Annotation]) -> str:
    """Return subtitles in SubRip: speaker, emotion and words. They have no markup."""
    cues = []
    for one in emotions:
        speaker = f'{one.report.speaker_id}: ' if one.report.speaker_id else ''
        cues.append(_cue(one, speaker + _text(one).translate(_ANGLES)))
    return _written(cues, 'srt')


def _text(one: Annotation) -> str:
    fused = one.report.fused
    words = plain(one.report.transcript.text) or f'({no_words(one.report)})'
    return f'[{fused.label} {fused.confidence:.1f}] {words}' if fused.label else words


def _cue(one: Annotation, text: str) -> Caption:
    start_ms = max(round(one.start_s * 1000), 0)
    end_ms = max(round(one.end_s * 1000), start_ms + 1)
    return Caption(_time(start_ms), _time(end_ms), text)


def _time(ms: int) -> str:
    seconds, ms = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f'{hours:02}:{minutes:02}:{seconds:02}.{ms:03}'


def _written(cues: list[Caption], form: str) -> str:
    file = io.StringIO()
    WebVTT(captions=cues).write(file, format=form)
    return file.getvalue().rstrip('\n') + '\n'
