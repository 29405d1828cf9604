"""Log-mel spectra of all clips, degraded in many ways, computed once for all training runs.

    python -m emotion_lab train voice-store --out runs/voice-store

Degrading a clip takes longer than training on it, and every run needs the same ones. Babble is
made from voices of the clip's own corpus and fold, so that training knows nobody who is held out.
Each corpus has a folder of its own, so that `--corpora` can make them in several processes.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from emotion_lab.data.microphone import Degradation, degrade
from emotion_lab.data.speech import (
    CORPORA,
    FOLDS,
    SpeechClip,
    read_audio,
    read_corpora,
)
from emotion_lab.data.voice_conditions import CONDITIONS, fold_voices
from emotion_lab.data.voice_spectra import CONDITIONED, FRAMES, INDEX, Spectrum
from emotion_lab.training.outliers import FAMILIES, make_outlier
from emotion_node.backends.voice_features import MELS, log_mel, speech_mean
from emotion_node.datatypes import FloatArray


class Maker:
    """Makes the spectra of single clips and outliers; each depends on its number and seed alone.

    Args:
        clips: recordings of one corpus.
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

    def clip(self, number: int) -> list[Spectrum]:
        """Return the spectra of one clip: under each condition, then degraded."""
        clip, samples = self.clips[number], self.samples[number]
        voices = self.voices[clip.fold]
        spectra = []
        for name, condition in CONDITIONS.items():
            if name == 'clean' or clip.corpus in CONDITIONED:
                spectra.append(_stored(condition.apply(samples, clip.name, voices)))
            else:
                spectra.append(np.zeros((0, MELS), np.float16))
        for variant in range(self.variants):
            rng = np.random.default_rng((self.seed, number, variant))
            spectra.append(_stored(degrade(samples, self.how, voices, rng)))
        return spectra

    def outlier(self, number: int) -> list[Spectrum]:
        """Return the spectrum of one outlier."""
        family = list(FAMILIES)[number % len(FAMILIES)]
        rng = np.random.default_rng((self.seed, number))
        voices = self.voices[int(rng.integers(FOLDS))]
        return [_stored(make_outlier(family, voices, rng))]


def _stored(sound: FloatArray) -> Spectrum:
    return log_mel(sound).astype(np.float16)


def write_store(
    out: Path,
    data: Path | None,
    variants: int,
    outliers: int,
    seed: int,
    corpora: Sequence[str] = tuple(CORPORA),
    each: int = 40,
) -> dict[str, Any]:
    """Write the spectra of all clips, and return their numbers and size.

    Args:
        out: folder to fill.
        data: folder of the data sets, or None for the default.
        variants: number of degraded variants per clip.
        outliers: number of non-speech sounds, from the families in turn, made with RAVDESS and
            EMO-DB.
        seed: of all random draws.
        corpora: those to write.
        each: most clips of a speaker with one label.

    Raises:
        DatasetError: a corpus is missing.
    """
    written: dict[str, Any] = {}
    for corpus in corpora:
        clips = _at_most(each, read_corpora(data, (corpus,)))
        samples = [read_audio(clip.path) for clip in tqdm(clips, f'{corpus}: reading')]
        maker = Maker(clips, samples, variants, seed)
        folder = out / corpus
        folder.mkdir(parents=True, exist_ok=True)
        (folder / INDEX).unlink(missing_ok=True)
        own = outliers // len(CONDITIONED) if corpus in CONDITIONED else 0
        shift = own * CONDITIONED.index(corpus) if own else 0
        with (folder / FRAMES).open('wb') as file:
            made = map(maker.clip, tqdm(range(len(clips)), f'{corpus}: clips'))
            spans, means = _append(file, made)
            numbers = range(shift, shift + own)
            others, _ = _append(
                file, map(maker.outlier, tqdm(numbers, f'{corpus}: outliers')), _end(spans)
            )
        of_clips = np.array(spans).reshape(len(clips), -1, 2)
        of_means = np.array(means, np.float32).reshape(len(clips), -1, MELS)
        count = len(CONDITIONS)
        np.savez(
            folder / INDEX,
            names=[clip.name for clip in clips],
            corpora=[clip.corpus for clip in clips],
            speakers=[clip.speaker for clip in clips],
            labels=np.array([clip.label for clip in clips]),
            folds=np.array([clip.fold for clip in clips]),
            conditions=of_clips[:, :count],
            variants=of_clips[:, count:],
            condition_means=of_means[:, :count],
            variant_means=of_means[:, count:],
            families=np.array(numbers, np.int64) % len(FAMILIES),
            outliers=np.array(others, np.int64).reshape(-1, 2),
        )
        written[corpus] = {
            'clips': len(clips),
            'variants': variants,
            'outliers': own,
            'file_mb': (folder / FRAMES).stat().st_size / 1e6,
        }
    return written


def _at_most(each: int, clips: Sequence[SpeechClip]) -> list[SpeechClip]:
    """Return the first clips of every speaker with each label."""
    counts: Counter[tuple[str, int]] = Counter()
    kept = []
    for clip in clips:
        counts[clip.speaker, clip.label] += 1
        if counts[clip.speaker, clip.label] <= each:
            kept.append(clip)
    return kept


def _append(
    file: Any, made: Iterable[list[Spectrum]], start: int = 0
) -> tuple[list[tuple[int, int]], list[FloatArray]]:
    """Write spectra; return the start and length of each, and its mean."""
    spans: list[tuple[int, int]] = []
    means: list[FloatArray] = []
    for spectra in made:
        for spectrum in spectra:
            file.write(spectrum.tobytes())
            spans.append((start, len(spectrum)))
            means.append(
                speech_mean(spectrum.astype(np.float32))
                if len(spectrum)
                else np.zeros(MELS, np.float32)
            )
            start += len(spectrum)
    return spans, means


def _end(spans: Sequence[tuple[int, int]]) -> int:
    return sum(spans[-1]) if spans else 0


def main(args: Sequence[str] | None = None) -> int:
    """Write the store."""
    parser = argparse.ArgumentParser(
        prog='python -m emotion_lab train voice-store',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--out', type=Path, default=Path('runs/voice-store'))
    parser.add_argument('--data', type=Path, help='folder of the data sets, or EMOTION_DATA')
    parser.add_argument('--variants', type=int, default=2, help='per clip; default %(default)s')
    parser.add_argument('--outliers', type=int, default=1200, help='default %(default)s')
    parser.add_argument(
        '--each',
        type=int,
        default=40,
        help='most clips of a speaker with one label; default %(default)s',
    )
    parser.add_argument('--corpora', nargs='+', choices=list(CORPORA), default=list(CORPORA))
    parser.add_argument('--seed', type=int, default=0)
    given = parser.parse_args(args)
    made = write_store(
        given.out,
        given.data,
        given.variants,
        given.outliers,
        given.seed,
        given.corpora,
        given.each,
    )
    print(json.dumps(made))
    return 0
