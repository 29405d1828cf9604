"""The measurement of speech recognition."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from emotion_lab.data.metrics import word_errors
from emotion_lab.evaluation import transcription
from emotion_lab.evaluation.transcription import demo_clips

CONVERSATION = Path(__file__).parents[2] / 'demo' / 'conversation'


@pytest.mark.parametrize(
    ('expected', 'said', 'errors'),
    [
        ('i am so happy', 'i am so happy', 0),
        ('i am so happy', 'i am sad', 2),
        ('i am so happy', '', 4),
        ('', 'uh oh', 2),
        ('one two three', 'two three four', 2),
    ],
)
def test_words_changed_added_or_left_out_are_errors(expected: str, said: str, errors: int) -> None:
    assert word_errors(expected.split(), said.split()) == errors
    assert word_errors(said.split(), expected.split()) == errors


def test_the_conversation_is_cut_into_its_utterances() -> None:
    clips = list(demo_clips(CONVERSATION))
    assert len(clips) == 12
    assert all(1.0 < len(samples) / 16000 < 6.0 for _, samples in clips)
    assert clips[0][0].startswith('Good morning')


def test_missing_data_are_left_out_with_a_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = argparse.ArgumentParser()
    transcription.add_arguments(parser)
    args = parser.parse_args(
        f'pocketsphinx --json --demo {CONVERSATION} --data {tmp_path}'.split()
    )
    assert transcription.run(args) == 0
    out, err = capsys.readouterr()
    (recogniser,) = json.loads(out)['recognisers']
    (figures,) = recogniser['figures']
    assert figures['clips'] == 12
    assert 0.0 <= figures['word_error_rate'] < 0.2
    assert 'RAVDESS (acted) is left out' in ' '.join(err.split())
