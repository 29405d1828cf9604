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
    'face': Command(
        'expressions on FER+ and on neutral people who talk', 'emotion_lab.evaluation.face'
    ),
    'expression': Command(
        'whether expressions in faces of FER+ are recognised as shown',
        'emotion_lab.evaluation.expression',
    ),
    'speaker': Command(
        'active speaker detection, in scenes made of GRID talkers',
        'emotion_lab.evaluation.speaker',
    ),
    'speaker-marks': Command(
        'active speaker detection in real clips, marked by hand',
        'emotion_lab.evaluation.speaker_marks',
    ),
    'sight': Command(
        'time of a frame by number of faces, and which faces are found',
        'emotion_lab.evaluation.sight',
    ),
    'endpointing': Command(
        'latency and errors of endpointing',
        'emotion_lab.evaluation.endpointing',
    ),
    'voices': Command(
        'how well voices tell speakers apart, an experiment',
        'emotion_lab.evaluation.voices',
    ),
    'vad': Command('the voice activity detectors', 'emotion_lab.evaluation.vad'),
    'transcription': Command(
        'speech recognition on labelled speech', 'emotion_lab.evaluation.transcription'
    ),
    'long-speech': Command(
        'a monologue without pauses, numbers, names, laughter, two people at once',
        'emotion_lab.evaluation.long_speech',
    ),
    'confidence': Command(
        'whether the confidence of the words is the share of right words',
        'emotion_lab.evaluation.confidence',
    ),
    'words-right': Command(
        "what the text model's answers are worth where words are wrong",
        'emotion_lab.evaluation.words_right',
    ),
    'languages': Command(
        'the language that Whisper settles on, and its translation of German',
        'emotion_lab.evaluation.languages',
    ),
    'hallucinations': Command(
        'what Whisper transcribes where there is no speech',
        'emotion_lab.evaluation.hallucinations',
    ),
    'fusion': Command(
        'the fusion, on MELD with simulated voices and faces',
        'emotion_lab.evaluation.fusion',
    ),
    'clips': Command(
        'real clips and dialogues end to end, compared with the truth',
        'emotion_lab.evaluation.clips',
    ),
    'people': Command(
        'one table of the node with people: real recordings, and figures of the others',
        'emotion_lab.evaluation.people',
    ),
    'all': Command('all of these for which there are data', 'emotion_lab.evaluation.everything'),
}
