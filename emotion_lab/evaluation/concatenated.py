"""Dialogues glued together from single utterances, so that every pause in them is known.

Speech is RAVDESS, GRID and MELD, each clip cut to its speech. Between utterances lie pauses of
0.3 to 1.5 s. In most utterances the quietest point of their middle is made a pause of 0.1 to
0.3 s, what is quiet there by itself included, as if the speaker searched for a word. Pauses hold
the noise of a quiet sound card.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from emotion_lab.data.datasets import data_root
from emotion_lab.data.recordings import read_samples
from emotion_lab.data.sounds import scaled
from emotion_lab.evaluation.meld_dialogues import read_dialogues
from emotion_lab.evaluation.mixtures import FLOOR_DB, Clip, cut_out, read_clips
from emotion_lab.evaluation.vad import ACTORS
from emotion_node.datatypes import (
    NS_PER_SAMPLE,
    SAMPLE_RATE,
    AudioChunk,
    ClockSource,
    FloatArray,
)

BETWEEN_S: Final = (0.3, 1.5)
INSIDE_S: Final = (0.1, 0.3)
INSIDE_SHARE: Final = 0.7
"""Share of the utterances with a pause inside."""
MIDDLE: Final = (0.3, 0.75)
"""Part of an utterance within which its pause is made."""
CHUNK: Final = SAMPLE_RATE // 10
QUIET_DB: Final = 20.0
"""Below the mean level of its speech, a clip counts as quiet."""
UTTERANCES: Final = 10
"""In a dialogue."""
LEVEL_DB: Final = -26.0
"""Of each utterance's speech, in dB of full scale."""

Span = tuple[int, int]
"""Start and end in ns."""


@dataclass(frozen=True, slots=True)
class GluedDialogue:
    """A dialogue whose pauses are known.

    Attributes:
        samples: (n,) float32 at `SAMPLE_RATE`; the first has stamp 0.
        utterances: in the order of speaking.
        pauses: those inside utterances.
    """

    samples: FloatArray
    utterances: tuple[Span, ...]
    pauses: tuple[Span, ...]

    def chunks(self) -> Iterator[AudioChunk]:
        """Yield it as a microphone does."""
        for first in range(0, len(self.samples), CHUNK):
            part = self.samples[first : first + CHUNK, None]
            yield AudioChunk(first * NS_PER_SAMPLE, part, SAMPLE_RATE, ClockSource.FILE)


def make_dialogues(
    half: str, count: int, data: Path | None = None, seed: int = 0
) -> list[GluedDialogue]:
    """Return `count` dialogues of one half of the speakers, the same each time for a seed.

    Args:
        half: "dev" or "test": RAVDESS actors 1 to 12 or 13 to 24, GRID talkers and a MELD
            dialogue each.
        count: of dialogues of `UTTERANCES` each.
        data: folder of the data sets, as in `datasets.data_root`.
        seed: of what is drawn.

    Raises:
        DatasetError: RAVDESS or MELD is missing.
    """
    root = data_root(data)
    parity = list(ACTORS).index(half)
    rng = np.random.default_rng(parity + 100 * seed)
    talkers = sorted((root / 'grid').glob('*.mpg'))[parity::2]
    # The dialogue of 14 utterances is the one to test with.
    meld = next(one for one in read_dialogues(data) if one.number == 1 - parity)
    others = [cut_out(read_samples(path)) for path in talkers]
    others += [
        cut_out(meld.samples[one.start_ns // NS_PER_SAMPLE : one.end_ns // NS_PER_SAMPLE])
        for one in meld.utterances
    ]
    clips = read_clips(root / 'ravdess', ACTORS[half], count * UTTERANCES // 2, rng)
    # As many of the others as of RAVDESS, whose actors say two sentences only.
    varied = [clip for clip in others if clip is not None]
    clips += [varied[n % len(varied)] for n in range(count * UTTERANCES - len(clips))]
    order = rng.permutation(len(clips)).reshape(count, UTTERANCES)
    return [_glue([clips[n] for n in of_one], rng) for of_one in order]


def _glue(clips: list[Clip], rng: np.random.Generator) -> GluedDialogue:
    parts: list[FloatArray] = [_silence(1.0)]
    utterances: list[Span] = []
    pauses: list[Span] = []
    for clip in clips:
        gain = np.float32(10 ** (LEVEL_DB / 20) / max(clip.level, 1e-9))
        begin = sum(len(part) for part in parts)
        speech = [gain * clip.samples]
        end = begin + clip.end
        if rng.random() < INSIDE_SHARE:
            first, at, last = find_quiet(clip)
            missing = max(rng.uniform(*INSIDE_S) - (last - first) / SAMPLE_RATE, 0.0)
            pause = _silence(missing)
            speech = [speech[0][:at], pause, speech[0][at:]]
            pauses.append(_span(begin + first, begin + last + len(pause)))
            end += len(pause)
        utterances.append(_span(begin + clip.start, end))
        parts += [*speech, _silence(rng.uniform(*BETWEEN_S))]
    parts.append(_silence(1.0))
    samples = np.concatenate(parts)
    samples += scaled(rng.standard_normal(len(samples)), FLOOR_DB)
    return GluedDialogue(np.clip(samples, -1, 1), tuple(utterances), tuple(pauses))


def find_quiet(clip: Clip) -> tuple[int, int, int]:
    """Return the quietest point in the middle of a clip, between the ends of the quiet there.

    Returns:
        Start of what is more than `QUIET_DB` below the speech, quietest sample, end: all the same
        where nothing is so quiet.
    """
    first, last = (round(clip.start + share * (clip.end - clip.start)) for share in MIDDLE)
    window = SAMPLE_RATE // 50
    power = np.convolve(np.square(clip.samples, dtype=np.float64), np.ones(window), 'same')
    at = first + int(np.argmin(power[first:last]))
    sounding = np.flatnonzero(power > window * clip.level**2 * 10 ** (-QUIET_DB / 10))
    before, after = sounding[sounding <= at], sounding[sounding > at]
    begin = int(before[-1]) + 1 if len(before) else at
    return min(begin, at), at, max(int(after[0]) if len(after) else at, at)


def _silence(seconds: float) -> FloatArray:
    return np.zeros(round(seconds * SAMPLE_RATE), np.float32)


def _span(start: int, end: int) -> Span:
    return start * NS_PER_SAMPLE, end * NS_PER_SAMPLE
