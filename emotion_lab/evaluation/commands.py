"""The commands of `python -m emotion_lab evaluate`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from emotion_node.cli.main import Command

EVALUATIONS: Final[Mapping[str, Command]] = {
    'text': Command('text emotion on MELD', 'emotion_lab.evaluation.text'),
    'voice': Command(
        'voice emotion on acted speech and non-speech sounds', 'emotion_lab.evaluation.voice'
    ),
    'face': Command('expressions on FER+ and on people who talk', 'emotion_lab.evaluation.face'),
    'expression': Command(
        'whether faces are said to show what people saw in them',
        'emotion_lab.evaluation.expression',
    ),
    'speaker': Command(
        'who of several faces speaks, in scenes made of GRID talkers',
        'emotion_lab.evaluation.speaker',
    ),
    'endpointing': Command(
        'when the end of an utterance is decided, and how often wrongly',
        'emotion_lab.evaluation.endpointing',
    ),
    'vad': Command('the voice activity detectors', 'emotion_lab.evaluation.vad'),
    'transcription': Command(
        'speech recognition on labelled speech', 'emotion_lab.evaluation.transcription'
    ),
    'hallucinations': Command(
        'what Whisper says where nobody speaks', 'emotion_lab.evaluation.hallucinations'
    ),
    'fusion': Command(
        'the fusion, on MELD with simulated voices and faces',
        'emotion_lab.evaluation.fusion',
    ),
    'clips': Command(
        'real clips and dialogues end to end, beside the truth',
        'emotion_lab.evaluation.clips',
    ),
    'all': Command('all of these, where their data are', 'emotion_lab.evaluation.everything'),
}
