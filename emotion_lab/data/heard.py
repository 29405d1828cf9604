"""Speech whose words are known, as the node hears it: segmented, and transcribed by Whisper."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from rich.console import Console
from rich.progress import track

from emotion_lab.data.datasets import data_root
from emotion_lab.data.decoding import DecodedSegment, Decoder
from emotion_lab.data.speech import read_babble
from emotion_lab.data.splitting import Splitter
from emotion_lab.data.spoken import CONDITIONS, SpokenClip, spoken_clips, with_noise
from emotion_node.datatypes import SAMPLE_RATE

CLIPS: Final = 16
"""Clips of each corpus by default."""
BABBLE_VOICES: Final = 40


@dataclass(frozen=True, slots=True)
class HeardUtterance:
    """One utterance that the node's hearing finds in a clip, and what Whisper writes for it.

    Attributes:
        seconds: duration of its audio.
        segments: Whisper's, before any filter.
    """

    seconds: float
    segments: Sequence[DecodedSegment]


@dataclass(frozen=True, slots=True)
class Heard:
    """A clip under one condition, as the node hears it.

    Attributes:
        clip: it.
        condition: one of `CONDITIONS`.
        utterances: found in it, in order.
    """

    clip: SpokenClip
    condition: str
    utterances: Sequence[HeardUtterance]

    @property
    def text(self) -> str:
        """What Whisper writes, before any filter."""
        return ' '.join(
            segment.text.strip() for one in self.utterances for segment in one.segments
        )


def hear_all(
    decoder: Decoder,
    root: Path | None,
    limit: int,
    conditions: Sequence[str] = CONDITIONS,
    corpora: Sequence[str] = (),
) -> list[Heard]:
    """Return all clips under all conditions, segmented and transcribed.

    Args:
        decoder: Whisper.
        root: as in `data_root`.
        limit: clips of each corpus, as in `spoken_clips`.
        conditions: of `CONDITIONS`.
        corpora: names; empty for all that are there.
    """
    folder = data_root(root)
    splitter = Splitter()
    babble = read_babble(folder / 'emodb', BABBLE_VOICES, np.random.default_rng(0))
    clips = [
        clip
        for corpus, some in spoken_clips(folder, limit).items()
        if not corpora or corpus in corpora
        for clip in some
    ]
    work = [(clip, condition) for condition in conditions for clip in clips]
    return [
        Heard(
            clip,
            condition,
            [
                HeardUtterance(
                    len(samples) / SAMPLE_RATE, decoder.segments(samples, clip.language)
                )
                for samples in splitter.utterances(with_noise(clip, condition, babble))
            ],
        )
        for clip, condition in track(
            work, 'transcribing', console=Console(stderr=True), transient=True
        )
    ]


def add_speech_arguments(parser: argparse.ArgumentParser, clips: int = CLIPS) -> None:
    """Declare the arguments that choose the clips.

    Args:
        parser: of the command.
        clips: default number of clips of each corpus.
    """
    parser.add_argument('--data', type=Path, help='folder of the data sets, or EMOTION_DATA')
    parser.add_argument(
        '--clips', type=int, default=clips, help='of each corpus; default %(default)s'
    )
