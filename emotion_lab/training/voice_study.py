"""Repeat and measure the voice model of the study that this project grew out of.

185 features per file with librosa, each the mean over time: 128 mel bands (power), 40 MFCCs, 12
chroma bins, zero-crossing rate, spectral roll-off, centroid, bandwidth, and root mean square;
scaled to 0..1 by the range in training. Classified by a linear model (logistic regression) and
a dense network 185-128-64-7; with all training files, and with the most frequent class reduced to
the size of the second. The speakers of each fold are held out in turn (`speech.RAVDESS_FOLDS`,
`speech.EMODB_FOLDS`).
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import librosa
import numpy as np
import torch
from rich.console import Console
from sklearn.linear_model import LogisticRegression
from torch import nn
from tqdm import tqdm

from emotion_lab.data.metrics import (
    IntArray,
    accuracy,
    confusion,
    unweighted_average_recall,
    weighted_f1,
)
from emotion_lab.data.speech import (
    EMODB,
    FOLDS,
    RAVDESS,
    SpeechClip,
    read_audio,
    read_corpora,
)
from emotion_lab.data.tables import confusion_table
from emotion_node.datatypes import SAMPLE_RATE, FloatArray
from emotion_node.labels import LABELS

FEATURES: Final = 185
HIDDEN: Final = (128, 64)
EPOCHS: Final = 100
BATCH: Final = 32
RATE: Final = 1e-3

Classifier = Callable[[FloatArray, IntArray, FloatArray, int], IntArray]
"""(training features, their labels, test features, seed) to test labels."""


def study_features(samples: FloatArray) -> FloatArray:
    """Return the (185,) features of one file at `SAMPLE_RATE`."""
    power = np.abs(librosa.stft(samples)) ** 2
    magnitude = np.sqrt(power)
    mel = librosa.feature.melspectrogram(S=power, sr=SAMPLE_RATE, n_mels=128)
    parts = (
        mel,
        librosa.feature.mfcc(S=librosa.power_to_db(mel), n_mfcc=40),
        librosa.feature.chroma_stft(S=power, sr=SAMPLE_RATE, tuning=0.0),
        librosa.feature.zero_crossing_rate(samples),
        librosa.feature.spectral_rolloff(S=magnitude, sr=SAMPLE_RATE),
        librosa.feature.spectral_centroid(S=magnitude, sr=SAMPLE_RATE),
        librosa.feature.spectral_bandwidth(S=magnitude, sr=SAMPLE_RATE),
        librosa.feature.rms(y=samples),
    )
    return np.asarray(np.concatenate([part.mean(axis=1) for part in parts]), np.float32)


def read_features(clips: Sequence[SpeechClip], cache: Path) -> FloatArray:
    """Return (n, 185) features, from the cache if it has them."""
    names = [clip.name for clip in clips]
    if cache.is_file():
        with np.load(cache) as stored:
            if stored['names'].tolist() == names:
                features: FloatArray = stored['features']
                return features
    features = np.stack(
        [study_features(read_audio(clip.path)) for clip in tqdm(clips, desc='features')]
    )
    cache.parent.mkdir(parents=True, exist_ok=True)
    np.savez(cache, names=names, features=features)
    return features


def linear(train: FloatArray, labels: IntArray, test: FloatArray, seed: int) -> IntArray:
    """Classify `test` by logistic regression."""
    model = LogisticRegression(max_iter=2000, random_state=seed).fit(train, labels)
    predicted: IntArray = model.predict(test)
    return predicted


def dense(train: FloatArray, labels: IntArray, test: FloatArray, seed: int) -> IntArray:
    """Classify `test` by the dense network: ReLU, cross-entropy, Adam."""
    torch.manual_seed(seed)
    widths = (FEATURES, *HIDDEN)
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        layers += [nn.Linear(before, after), nn.ReLU()]
    model = nn.Sequential(*layers, nn.Linear(widths[-1], len(LABELS)))
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    inputs, targets = torch.from_numpy(train), torch.from_numpy(labels)
    for _ in range(EPOCHS):
        for chosen in torch.randperm(len(inputs)).split(BATCH):
            loss = nn.functional.cross_entropy(model(inputs[chosen]), targets[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.inference_mode():
        predicted: IntArray = model(torch.from_numpy(test)).argmax(1).numpy()
    return predicted


CLASSIFIERS: Final[dict[str, Classifier]] = {'linear': linear, 'dense': dense}


def downsample(labels: IntArray, rng: np.random.Generator) -> IntArray:
    """Return indices with the most frequent class reduced to the size of the second."""
    (most, count), (_, limit), *_ = Counter(labels.tolist()).most_common()
    of_most = np.flatnonzero(labels == most)
    dropped = rng.choice(of_most, count - limit, replace=False)
    return np.setdiff1d(np.arange(len(labels)), dropped)


def scale(train: FloatArray, test: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return both, scaled so that each feature of `train` ranges from 0 to 1."""
    low, span = train.min(axis=0), np.ptp(train, axis=0)
    span[span == 0] = 1
    return (train - low) / span, (test - low) / span


def cross_validate(
    clips: Sequence[SpeechClip],
    features: FloatArray,
    classify: Classifier,
    downsampled: bool,
    seed: int,
) -> IntArray:
    """Return the (7, 7) confusion matrix over all folds, speakers held out."""
    labels: IntArray = np.array([clip.label for clip in clips], dtype=np.int64)
    folds = np.array([clip.fold for clip in clips])
    total = np.zeros((len(LABELS), len(LABELS)), np.int64)
    for fold in range(FOLDS):
        chosen = np.flatnonzero(folds != fold)
        held_out = np.flatnonzero(folds == fold)
        if downsampled:
            chosen = chosen[downsample(labels[chosen], np.random.default_rng(seed + fold))]
        train, test = scale(features[chosen], features[held_out])
        predicted = classify(train, labels[chosen], test, seed + fold)
        total += confusion(labels[held_out], predicted)
    return total


def study(data: Path | None, cache: Path, seed: int) -> list[dict[str, Any]]:
    """Return the figures of each corpus, model and sampling.

    Raises:
        DatasetError: a corpus is missing.
    """
    clips = read_corpora(data, (RAVDESS, EMODB))
    features = read_features(clips, cache)
    found = []
    for corpus in (RAVDESS, EMODB):
        rows = [n for n, clip in enumerate(clips) if clip.corpus == corpus]
        chosen = [clips[n] for n in rows]
        for name, classify in CLASSIFIERS.items():
            for downsampled in (False, True):
                counts = cross_validate(chosen, features[rows], classify, downsampled, seed)
                found.append(
                    {
                        'corpus': corpus,
                        'model': name,
                        'downsampled': downsampled,
                        'uar': unweighted_average_recall(counts),
                        'accuracy': accuracy(counts),
                        'weighted_f1': weighted_f1(counts),
                        'confusion': counts.tolist(),
                    }
                )
    return found


def main(args: Sequence[str] | None = None) -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(
        prog='python -m emotion_lab train voice-study',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--data', type=Path, help='folder of the data sets, or EMOTION_DATA')
    parser.add_argument('--cache', type=Path, default=Path('runs/voice_study.npz'))
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--json', action='store_true', help='print JSON')
    given = parser.parse_args(args)
    torch.set_num_threads(given.threads)
    found = study(given.data, given.cache, given.seed)
    if given.json:
        print(json.dumps(found))
        return 0
    console = Console()
    for one in found:
        way = ', most frequent class downsampled' if one['downsampled'] else ''
        title = (
            f'{one["corpus"]}, {one["model"]}{way}: UAR {one["uar"]:.3f}, '
            f'accuracy {one["accuracy"]:.3f}, weighted F1 {one["weighted_f1"]:.3f}'
        )
        console.print(confusion_table(np.array(one['confusion']), title))
    return 0
