"""The cells of the study's table: each a classifier, an input length and a sampling of MELD train.

A finished cell is kept in a file whose name contains a digest of all its settings, so that nothing
is computed twice and an interrupted table can be continued.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from emotion_lab.data.datasets import SPLITS
from emotion_lab.data.metrics import IntArray, bootstrap_interval, confusion, summary
from emotion_lab.data.noise import CONDITIONS
from emotion_lab.data.samples import Sample, meld_samples, without_past
from emotion_lab.training.frozen import GRIDS, SEEDED, embed, fit
from emotion_lab.training.run_state import LATEST, LOG
from emotion_lab.training.text import Trainer
from emotion_lab.training.text_batches import fewer_neutral
from emotion_lab.training.text_model import TextTraining, input_builder, predict_logits
from emotion_lab.training.text_runs import load_classifier
from emotion_node.datatypes import FloatArray
from emotion_node.errors import UserError
from emotion_node.labels import LABELS, NEUTRAL

FINETUNED: Final = 'finetuned'
KINDS: Final = (FINETUNED, *GRIDS)

_PLACES: Final = frozenset(('out', 'data', 'threads'))
"""Fields of a recipe that do not change the result."""

Figures = dict[str, Any]


class StudyError(UserError):
    """The table cannot be made as requested."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One classifier with one training setting.

    Attributes:
        classifier: one of `KINDS`.
        tokens: length of the input in word pieces, special tokens included; more are cut.
        neutral_limit: largest number of neutral utterances of MELD train; 0 for all.
        seed: of random draws.
    """

    classifier: str
    tokens: int
    neutral_limit: int
    seed: int

    def __str__(self) -> str:
        train = f'{self.neutral_limit or "all"} neutral'
        return f'{self.classifier}, {self.tokens} tokens, {train}, seed {self.seed}'


class Meld:
    """MELD, one utterance at a time.

    Args:
        data: folder of the data sets, or None for the default.

    Raises:
        DatasetError: the data are missing.
    """

    def __init__(self, data: Path | None) -> None:
        self.samples: dict[str, list[Sample]] = {
            split: [without_past(s) for s in meld_samples(split, CONDITIONS['gold'], data)]
            for split in SPLITS
        }
        self.texts = sorted({s.text for samples in self.samples.values() for s in samples})
        self.digest = _digest([(s.text, s.label) for split in SPLITS for s in self.samples[split]])

    def neutral_limit(self, target: int) -> int:
        """Return how many neutral utterances leave `target` utterances in train.

        Raises:
            StudyError: that is not possible.
        """
        train = self.samples['train']
        neutral = sum(LABELS[sample.label] == NEUTRAL for sample in train)
        left = neutral - (len(train) - target)
        if not 0 < left < neutral:
            raise StudyError(
                f'train has {len(train)} utterances, {neutral} of them neutral: dropping neutral '
                f'ones leaves {len(train) - neutral + 1} to {len(train) - 1}, not {target}'
            )
        return left

    def figures(self, split: str, predicted: IntArray) -> Figures:
        """Return the figures of (n,) answers to a split."""
        samples = self.samples[split]
        truth = labels_of(samples)
        low, high = bootstrap_interval([s.group for s in samples], truth, predicted)
        return {**summary(confusion(truth, predicted)), 'weighted_f1_interval': [low, high]}


def labels_of(samples: Sequence[Sample]) -> IntArray:
    """Return (n,) true labels."""
    return np.array([sample.label for sample in samples], dtype=np.int64)


class Study:
    """Computes cells, or reads those computed before.

    Args:
        meld: the data.
        base: names data, encoder, threads, and how the fine-tuned classifier is trained.
        folder: for finished cells, embeddings and training runs.
    """

    def __init__(self, meld: Meld, base: TextTraining, folder: Path) -> None:
        self.meld = meld
        self.base = base
        self.folder = folder

    def path(self, cell: Cell) -> Path:
        """Return the path of the finished cell."""
        key = _digest(self._settings(cell))
        name = f'{cell.classifier}-{cell.tokens}-{cell.neutral_limit}-{cell.seed}-{key}.json'
        return self.folder / 'cells' / name

    def compute(self, cell: Cell) -> Figures:
        """Return the cell with its figures on dev and test, as stored."""
        path = self.path(cell)
        if path.is_file():
            found: Figures = json.loads(path.read_text(encoding='utf-8'))
            return found
        begin = time.monotonic()
        answer = self._finetuned if cell.classifier == FINETUNED else self._frozen
        chosen, predicted = answer(cell)
        found = {
            **self._settings(cell),
            'train_utterances': len(self._train(cell)),
            'chosen_on_dev': dict(chosen),
            **{split: self.meld.figures(split, predicted[split]) for split in ('dev', 'test')},
            'seconds': round(time.monotonic() - begin, 1),
        }
        _write(path, json.dumps(found, indent=2))
        return self.compute(cell)

    def _recipe(self, cell: Cell) -> TextTraining:
        """Return how a single utterance is read and how the fine-tuned classifier is trained."""
        return dataclasses.replace(
            self.base,
            max_tokens=cell.tokens,
            neutral_limit=cell.neutral_limit,
            seed=cell.seed,
            turns=0,
            alone_share=1.0,
            plain_share=0.0,
            noisy_share=0.0,
            names_share=0.0,
            letters_share=0.0,
        )

    def _settings(self, cell: Cell) -> dict[str, Any]:
        """Return all settings that affect the cell's result."""
        if cell.classifier == FINETUNED:
            recipe = dataclasses.asdict(self._recipe(cell))
            how = {name: value for name, value in recipe.items() if name not in _PLACES}
        else:
            how = {'encoder': self.base.encoder, **GRIDS[cell.classifier]}
        return {**dataclasses.asdict(cell), 'data': self.meld.digest, 'recipe': how}

    def _train(self, cell: Cell) -> list[Sample]:
        return fewer_neutral(self.meld.samples['train'], cell.neutral_limit)

    def _finetuned(self, cell: Cell) -> tuple[Mapping[str, Any], dict[str, IntArray]]:
        out = self.folder / 'finetuned' / self.path(cell).stem
        config = dataclasses.replace(self._recipe(cell), out=str(out))
        trainer = Trainer(config)
        trainer.dev = {'gold': self.meld.samples['dev']}
        if (out / LATEST).is_file():
            trainer.resume()
        trainer.run()
        # Needed for resuming only, and three times the size of the weights.
        (out / LATEST).unlink()
        model, _ = load_classifier(out)
        builder = input_builder(config)
        predicted = {}
        for split in ('dev', 'test'):
            inputs = [builder.build(sample.text) for sample in self.meld.samples[split]]
            predicted[split] = predict_logits(model, inputs).argmax(-1).numpy()
        log = map(json.loads, (out / LOG).read_text(encoding='utf-8').splitlines())
        return {'epoch': [one['epoch'] for one in log if one.get('best')][-1]}, predicted

    def _frozen(self, cell: Cell) -> tuple[Mapping[str, Any], dict[str, IntArray]]:
        embeddings = self._embeddings(cell)
        place = {text: row for row, text in enumerate(self.meld.texts)}

        def read(samples: Sequence[Sample]) -> tuple[FloatArray, IntArray]:
            return embeddings[[place[sample.text] for sample in samples]], labels_of(samples)

        splits = {split: read(self.meld.samples[split]) for split in ('dev', 'test')}
        found = fit(
            cell.classifier, read(self._train(cell)), splits['dev'], cell.seed, self.base.threads
        )
        return found.chosen, {split: found.predict(x) for split, (x, _) in splits.items()}

    def _embeddings(self, cell: Cell) -> FloatArray:
        """Return the embedding of each of MELD's texts, computed once for each length."""
        key = _digest([self.meld.digest, self.base.encoder, cell.tokens])
        path = self.folder / 'embeddings' / f'{cell.tokens}-{key}.npy'
        if not path.is_file():
            torch.set_num_threads(self.base.threads)
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh = path.with_suffix('.part.npy')
            np.save(fresh, embed(self.meld.texts, self._recipe(cell)))
            fresh.replace(path)
        embeddings: FloatArray = np.load(path)
        return embeddings


def cells(
    kinds: Sequence[str], lengths: Sequence[int], limits: Sequence[int], seeds: Sequence[int]
) -> list[Cell]:
    """Return the cells of a table; a deterministic classifier has one seed only."""
    return [
        Cell(kind, tokens, limit, seed)
        for kind in kinds
        for tokens in lengths
        for limit in limits
        for seed in (seeds if kind in (FINETUNED, *SEEDED) else (0,))
    ]


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]


def _write(path: Path, text: str) -> None:
    # Renamed into place, so that an interrupted write leaves nothing that looks finished.
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix('.part')
    fresh.write_text(text, encoding='utf-8')
    fresh.replace(path)
