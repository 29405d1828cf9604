"""Log-mel spectra of all clips, degraded in many ways, computed once for all training runs.

    python -m emotion_lab train voice-store --out runs/voice-store

Degrading a clip takes longer than training on it, and every fold needs the same ones. Babble is
made from voices of the clip's own fold, so that training stays speaker-independent.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from emotion_lab.data.datasets import DatasetError
from emotion_lab.data.metrics import IntArray
from emotion_lab.data.microphone import Degradation, degrade
from emotion_lab.data.speech import FOLDS, SpeechClip, read_audio, read_corpora
from emotion_lab.data.voice_conditions import CONDITIONS, fold_voices
from emotion_lab.training.outliers import FAMILIES, make_outlier
from emotion_node.backends.voice_features import MELS, log_mel
from emotion_node.datatypes import FloatArray

FRAMES: Final = 'frames.f16'
INDEX: Final = 'index.npz'


@dataclass(frozen=True, slots=True)
class VoiceStore:
    """The contents of a store, as written by `write_store`.

    Attributes:
        frames: (total, `MELS`) float16 spectra, one after the other, on disk.
        names: (n,) of the clips.
        corpora: (n,) of the clips.
        labels: (n,) of the clips.
        folds: (n,) of the clips.
        conditions: (n, conditions, 2) start and number of frames, in the order of `CONDITIONS`.
        variants: (n, variants, 2) likewise, degraded at random.
        families: (m,) indices into `FAMILIES`.
        outliers: (m, 2) start and number of frames.
    """

    frames: npt.NDArray[np.float16]
    names: npt.NDArray[np.str_]
    corpora: npt.NDArray[np.str_]
    labels: IntArray
    folds: IntArray
    conditions: IntArray
    variants: IntArray
    families: IntArray
    outliers: IntArray

    def read(self, span: Sequence[int]) -> npt.NDArray[np.float16]:
        """Return the (frames, `MELS`) spectra of one entry."""
        return self.frames[span[0] : span[0] + span[1]]


def read_store(folder: Path) -> VoiceStore:
    """Return a store.

    Raises:
        DatasetError: there is none.
    """
    if not (folder / INDEX).is_file():
        raise DatasetError(
            f'no spectra in {folder}; make them with python -m emotion_lab train voice-store'
        )
    with np.load(folder / INDEX) as index:
        fields = dict(index)
    frames = np.memmap(folder / FRAMES, np.float16, 'r').reshape(-1, MELS)
    return VoiceStore(frames, **fields)


class Maker:
    """Makes the spectra of single clips and outliers; each depends on its number and seed alone.

    Args:
        clips: all recordings.
        samples: their sound.
        variants: number of degraded variants per clip.
        seed: of all random draws.
    """

    def __init__(
        self, clips: Sequence[SpeechClip], samples: Sequence[FloatArray], variants: int, seed: int
    ) -> None:
        self.clips = clips
        self.samples = samples
        self.variants = variants
        self.seed = seed
        self.how = Degradation()
        self.voices = [fold_voices(clips, samples, fold) for fold in range(FOLDS)]

    def clip(self, number: int) -> list[npt.NDArray[np.float16]]:
        """Return the spectra of one clip: under each condition, then degraded."""
        clip, samples = self.clips[number], self.samples[number]
        voices = self.voices[clip.fold]
        sounds = [condition.apply(samples, clip.name, voices) for condition in CONDITIONS.values()]
        for variant in range(self.variants):
            rng = np.random.default_rng((self.seed, number, variant))
            sounds.append(degrade(samples, self.how, voices, rng))
        return [log_mel(sound).astype(np.float16) for sound in sounds]

    def outlier(self, number: int) -> list[npt.NDArray[np.float16]]:
        """Return the spectrum of one outlier."""
        family = list(FAMILIES)[number % len(FAMILIES)]
        rng = np.random.default_rng((self.seed, number))
        voices = self.voices[int(rng.integers(FOLDS))]
        return [log_mel(make_outlier(family, voices, rng)).astype(np.float16)]


_maker: Maker  # of this process; forked workers find it without a copy


def _clip(number: int) -> list[npt.NDArray[np.float16]]:
    return _maker.clip(number)


def _outlier(number: int) -> list[npt.NDArray[np.float16]]:
    return _maker.outlier(number)


def write_store(
    out: Path, data: Path | None, variants: int, outliers: int, seed: int, workers: int
) -> dict[str, Any]:
    """Write the spectra of all clips, and return their numbers and size.

    Args:
        out: folder to fill.
        data: folder of the data sets, or None for the default.
        variants: number of degraded variants per clip.
        outliers: number of non-speech sounds, from the families in turn.
        seed: of all random draws.
        workers: number of processes.

    Raises:
        DatasetError: a corpus is missing.
    """
    global _maker
    clips = read_corpora(data)
    samples = [read_audio(clip.path) for clip in tqdm(clips, desc='reading')]
    _maker = Maker(clips, samples, variants, seed)
    out.mkdir(parents=True, exist_ok=True)
    (out / INDEX).unlink(missing_ok=True)
    spans: list[tuple[int, int]] = []

    def append(made: Iterator[list[npt.NDArray[np.float16]]]) -> None:
        start = sum(spans[-1]) if spans else 0
        for spectra in made:
            for spectrum in spectra:
                file.write(spectrum.tobytes())
                spans.append((start, len(spectrum)))
                start += len(spectrum)

    with (
        multiprocessing.get_context('fork').Pool(workers) as pool,
        (out / FRAMES).open('wb') as file,
    ):
        append(tqdm(pool.imap(_clip, range(len(clips)), 4), 'clips', len(clips)))
        append(tqdm(pool.imap(_outlier, range(outliers), 16), 'outliers', outliers))
    every = len(CONDITIONS) + variants
    of_clips = np.array(spans[: len(clips) * every]).reshape(len(clips), every, 2)
    np.savez(
        out / INDEX,
        names=[clip.name for clip in clips],
        corpora=[clip.corpus for clip in clips],
        labels=np.array([clip.label for clip in clips]),
        folds=np.array([clip.fold for clip in clips]),
        conditions=of_clips[:, : len(CONDITIONS)],
        variants=of_clips[:, len(CONDITIONS) :],
        families=np.arange(outliers) % len(FAMILIES),
        outliers=np.array(spans[len(clips) * every :]).reshape(-1, 2),
    )
    return {
        'clips': len(clips),
        'variants': variants,
        'outliers': outliers,
        'frames': sum(spans[-1]),
        'file_mb': (out / FRAMES).stat().st_size / 1e6,
    }


def main(args: Sequence[str] | None = None) -> int:
    """Write the store."""
    parser = argparse.ArgumentParser(
        prog='python -m emotion_lab train voice-store',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--out', type=Path, default=Path('runs/voice-store'))
    parser.add_argument('--data', type=Path, help='folder of the data sets, or EMOTION_DATA')
    parser.add_argument('--variants', type=int, default=16, help='per clip; default %(default)s')
    parser.add_argument('--outliers', type=int, default=2200, help='default %(default)s')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--workers', type=int, default=2)
    given = parser.parse_args(args)
    made = write_store(
        given.out, given.data, given.variants, given.outliers, given.seed, given.workers
    )
    print(json.dumps(made))
    return 0
