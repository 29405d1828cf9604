"""Conditions under which voice models are measured; each clip has the same ones each time."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from emotion_lab.data.microphone import (
    NORMAL_DB,
    add_noise,
    cut_out,
    mu_law,
    reverberate,
)
from emotion_lab.data.sounds import NOISES, scaled
from emotion_lab.data.speech import SpeechClip
from emotion_node.datatypes import FloatArray

VOICES_PER_FOLD: Final = 40
"""Recordings of each fold's speakers that the babble is made from."""

MARGIN_S: Final = 0.2
"""Sound before and after the speech, as with the segmenter's default padding."""


@dataclass(frozen=True, slots=True)
class Condition:
    """How clips reach the model.

    Attributes:
        description: for tables.
        snr_db: ratio of speech to noise, of one of `NOISES` in turn; None for no noise.
        room: whether in a room, of 0.15 to 0.8 s reverberation time.
        telephone: whether coded by G.711 at 8 kHz.
    """

    description: str
    snr_db: float | None = None
    room: bool = False
    telephone: bool = False

    def apply(self, samples: FloatArray, name: str, voices: Sequence[FloatArray]) -> FloatArray:
        """Return the recording's speech under this condition.

        Args:
            samples: (n,) a studio recording.
            name: of the clip; seeds all random draws.
            voices: speech for the babble.
        """
        seed = zlib.crc32(name.encode())
        speech = scaled(cut_out(samples, MARGIN_S, MARGIN_S), NORMAL_DB)
        if self.room:
            reverberant = reverberate(speech, np.random.default_rng(seed))
            speech = np.asarray(reverberant, np.float32)
        if self.snr_db is not None:
            kind = NOISES[seed % len(NOISES)]
            speech = add_noise(speech, kind, self.snr_db, voices, seed)
        if self.telephone:
            speech = np.asarray(mu_law(speech), np.float32)
        return speech


CONDITIONS: Final = {
    'clean': Condition('in the studio'),
    'noise10': Condition('10 dB above noise', snr_db=10.0),
    'room': Condition('in a reverberant room', room=True),
    'telephone': Condition('over the telephone', telephone=True),
}


def fold_voices(
    clips: Sequence[SpeechClip], samples: Sequence[FloatArray], fold: int
) -> list[FloatArray]:
    """Return speech of the fold's speakers, all at the same level."""
    members = [n for n, clip in enumerate(clips) if clip.fold == fold]
    chosen = np.random.default_rng(fold).permutation(members)[:VOICES_PER_FOLD]
    return [scaled(cut_out(samples[n], 0.0, 0.0), NORMAL_DB) for n in chosen]
