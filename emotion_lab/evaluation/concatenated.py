"""Dialogues concatenated from single utterances, so that every pause in them is known.

Speech is RAVDESS, GRID and MELD, each clip trimmed to its speech. Pauses between utterances take
0.3 to 1.5 s. In most utterances the quietest point of the middle is extended to a pause of 0.1 to
0.3 s, which includes the quiet that is there already, as if the speaker searched for a word.
Pauses hold the noise of a quiet sound card.
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
"""Share of the utterances with an inner pause."""
MIDDLE: Final = (0.3, 0.75)
"""Range of an utterance in which its inner pause may lie, as shares of its length."""
CHUNK: Final = SAMPLE_RATE // 10
QUIET_DB: Final = 20.0
"""A clip counts as quiet where it is this much below the mean level of its speech."""
UTTERANCES: Final = 10
"""Number in a dialogue."""
LEVEL_DB: Final = -26.0
"""Level of each utterance's speech, in dB of full scale."""

Span = tuple[int, int]
"""Start and end in ns."""


@dataclass(frozen=True, slots=True)
class ConcatenatedDialogue:
    """A dialogue with known pauses.

    Attributes:
        samples: (n,) float32 at `SAMPLE_RATE`; the first sample has stamp 0.
        utterances: in order.
        pauses: those inside utterances, in order.
    """

    samples: FloatArray
    utterances: tuple[Span, ...]
    pauses: tuple[Span, ...]

    def chunks(self) -> Iterator[AudioChunk]:
        """Yield the dialogue in chunks of `CHUNK` samples, as a microphone does."""
        for first in range(0, len(self.samples), CHUNK):
            part = self.samples[first : first + CHUNK, None]
            yield AudioChunk(first * NS_PER_SAMPLE, part, SAMPLE_RATE, ClockSource.FILE)


def make_dialogues(
    half: str, count: int, data: Path | None = None, seed: int = 0
) -> list[ConcatenatedDialogue]:
    """Return `count` dialogues of one half of the speakers; deterministic for a seed.

    Args:
        half: "dev" or "test": RAVDESS actors 1 to 12 or 13 to 24, and half of the GRID talkers
            and one MELD dialogue each.
        count: number of dialogues, of `UTTERANCES` each.
        data: folder of the data sets, as in `datasets.data_root`.
        seed: of what is drawn.

    Raises:
        DatasetError: RAVDESS or MELD is missing.
    """
    root = data_root(data)
    parity = list(ACTORS).index(half)
    rng = np.random.default_rng(parity + 100 * seed)
    talkers = sorted((root / 'grid').glob('*.mpg'))[parity::2]
    # The dialogue of 14 utterances belongs to the test half.
    meld = next(one for one in read_dialogues(data) if one.number == 1 - parity)
    others = [cut_out(read_samples(path)) for path in talkers]
    others += [
        cut_out(meld.samples[one.start_ns // NS_PER_SAMPLE : one.end_ns // NS_PER_SAMPLE])
        for one in meld.utterances
    ]
    clips = read_clips(root / 'ravdess', ACTORS[half], count * UTTERANCES // 2, rng)
    # As many clips of the other corpora as of RAVDESS, whose actors say only two sentences.
    varied = [clip for clip in others if clip is not None]
    clips += [varied[n % len(varied)] for n in range(count * UTTERANCES - len(clips))]
    order = rng.permutation(len(clips)).reshape(count, UTTERANCES)
    return [_concatenate([clips[n] for n in of_one], rng) for of_one in order]


def _concatenate(clips: list[Clip], rng: np.random.Generator) -> ConcatenatedDialogue:
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
    return ConcatenatedDialogue(np.clip(samples, -1, 1), tuple(utterances), tuple(pauses))


def find_quiet(clip: Clip) -> tuple[int, int, int]:
    """Find the quietest point in the middle of a clip.

    Returns:
        Start of the stretch around it that is more than `QUIET_DB` below the speech, the quietest
        sample, and the end of the stretch; all three the same where nothing is that quiet.
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
