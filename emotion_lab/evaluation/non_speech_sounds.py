"""Sounds without speech, and synthetic voices, to count the false alarms of a voice model on.

All are synthetic and deterministic.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from emotion_lab.data.recordings import read_samples
from emotion_lab.evaluation.non_speech_signals import KINDS
from emotion_node.datatypes import SAMPLE_RATE, FloatArray

CLIPS_PER_KIND: Final = 20
LENGTHS_S: Final = (1.0, 4.0)
"""Range of the lengths."""
LEVELS_DB: Final = (-35.0, -15.0)
"""Range of the levels, in dB of full scale."""
SEED: Final = 20

FLITE_VOICES: Final = ('awb', 'kal', 'kal16', 'rms', 'slt')
FLITE_TEXTS: Final = (
    'The meeting is on the second floor at three.',
    'Please put the box on the table by the window.',
    'There are two trains an hour from here to the airport.',
    'The library opens at nine and closes at six.',
)
FLITE_LAUGHS: Final = ('ha ha ha ha ha.', 'hee hee hee hee.', 'ho ho ho ho ho ho.')

_SILENCE_DB: Final = -85.0


@dataclass(frozen=True, slots=True)
class NonSpeechSound:
    """A sound for the voice model, which should give it no confident emotion.

    Attributes:
        kind: name of the sound.
        samples: (n,) float32 at `SAMPLE_RATE`, -1..1.
    """

    kind: str
    samples: FloatArray


def non_speech_sounds(clips: Sequence[int] = range(CLIPS_PER_KIND)) -> Iterator[NonSpeechSound]:
    """Yield sounds of each kind, quantised to 16 bits as by a microphone.

    Args:
        clips: which of each kind, 0 to `CLIPS_PER_KIND` - 1. A clip depends on no other.
    """
    for number, (kind, make) in enumerate(KINDS.items()):
        for clip in clips:
            rng = np.random.default_rng((SEED, number, clip))
            count = round(rng.uniform(*LENGTHS_S) * SAMPLE_RATE)
            sound = make(count, rng)
            sound = sound / np.sqrt(np.mean(np.square(sound)))
            if kind == 'silence':
                # From the faint noise of a sound card down to zeros.
                sound *= 10 ** ((_SILENCE_DB - 2 * clip) / 20)
            else:
                sound += 10 ** (rng.uniform(-50, -20) / 20) * rng.standard_normal(count)
                sound *= 10 ** (rng.uniform(*LEVELS_DB) / 20)
            pcm = np.clip(np.round(sound * 32768), -32768, 32767)
            yield NonSpeechSound(kind, (pcm / 32768).astype(np.float32))


def flite_sounds() -> Iterator[NonSpeechSound]:
    """Yield neutral sentences and laughs, synthesised by the voices of flite.

    Raises:
        FileNotFoundError: flite is not installed.
    """
    if shutil.which('flite') is None:
        raise FileNotFoundError(
            'flite, which synthesises some of the sounds, is not on the PATH; run: apt-get '
            'install flite'
        )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'speech.wav'
        for kind, texts in (('flite speech', FLITE_TEXTS), ('flite laughter', FLITE_LAUGHS)):
            for voice in FLITE_VOICES:
                for text in texts:
                    command = ['flite', '-voice', voice, '-t', text, '-o', str(path)]
                    subprocess.run(command, check=True, capture_output=True)
                    yield NonSpeechSound(kind, read_samples(path))
