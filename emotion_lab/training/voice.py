"""Train the voice model, on all corpora or without one, with all speakers or without a fold's.

The model is that of `voice_model`. Labels that a corpus lacks are left out of the loss of its
clips. Nothing is chosen on what is held out: the averaged weights at the end of the last epoch
are kept.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from emotion_lab.data.heard_voices import heard_before, nothing_heard
from emotion_lab.data.metrics import (
    accuracy,
    arousal_accuracy,
    arousal_auc,
    confusion,
    expected_calibration_error,
    unweighted_average_recall,
)
from emotion_lab.data.speech import SPOKEN
from emotion_lab.data.voice_spectra import CONDITIONED, VoiceStore, read_store
from emotion_lab.training.recipes import parse_recipe
from emotion_lab.training.run_state import RunState, load_run
from emotion_lab.training.voice_batches import (
    PLACES,
    VoiceBatch,
    class_weights,
    epoch_batches,
    epoch_rows,
    find_prior,
    training_rows,
)
from emotion_lab.training.voice_model import (
    NO_FOLD,
    VoiceNet,
    VoiceOutput,
    VoiceTraining,
    predict_heard,
)

UNKNOWN: Final = -30.0
"""Logit of labels that a corpus lacks."""


class VoiceLoss:
    """The training loss.

    Args:
        config: the recipe.
        weights: (7,) of the classes.
    """

    def __init__(self, config: VoiceTraining, weights: torch.Tensor) -> None:
        self.config = config
        self.weights = weights
        self.places = torch.from_numpy(PLACES)

    def __call__(self, output: VoiceOutput, batch: VoiceBatch) -> torch.Tensor:
        """Return the loss of a batch."""
        config, n = self.config, batch.clips
        logits = output.logits.log_softmax(-1)
        smooth = config.label_smoothing
        known = batch.known.float()
        targets = batch.targets * (1 - smooth) + smooth * known / known.sum(-1, keepdim=True)
        among = output.logits[:n].masked_fill(~batch.known, UNKNOWN).log_softmax(-1)
        loss = -(among * targets * self.weights).sum(-1).mean()
        affect = (output.affect[:n] - batch.targets @ self.places).square()
        loss = loss + config.affect_weight * affect.sum(-1).mean()
        if len(logits) > n:
            loss = loss - config.outlier_weight * logits[n:].mean()
            speech = torch.zeros(len(logits))
            speech[:n] = 1
            familiar = nn.functional.binary_cross_entropy_with_logits(output.familiar, speech)
            loss = loss + config.familiar_weight * familiar
        return loss


class Trainer:
    """One training run and its files.

    Args:
        config: the recipe.
        store: its spectra, if they are open already.
    """

    def __init__(self, config: VoiceTraining, store: VoiceStore | None = None) -> None:
        torch.set_num_threads(config.threads)
        torch.set_flush_denormal(True)
        torch.manual_seed(config.seed)
        self.config = config
        self.store = store or read_store(Path(config.store))
        self.rows = training_rows(self.store, config)
        steps = len(epoch_rows(self.store, config, self.rows, np.random.default_rng(0)))
        weights = class_weights(self.store.labels[self.rows], config.class_balance)
        self.loss = VoiceLoss(config, torch.from_numpy(weights).float())
        self.prior = find_prior(self.store, self.rows)
        self.model = VoiceNet(config).to(memory_format=torch.channels_last)
        if config.start:
            self.model.load_state_dict(load_start(config).state_dict())
        self.model.prior.copy_(torch.from_numpy(self.prior))
        self.state = RunState(
            Path(config.out),
            self.model,
            rate=config.rate,
            weight_decay=config.weight_decay,
            averaging=config.averaging,
            steps=config.epochs * -(-steps // config.batch),
            warmup=config.warmup,
        )

    def run(self) -> dict[str, dict[str, float]]:
        """Train to the last epoch; return the figures on the held-out speakers."""
        state, config = self.state, self.config
        while state.epoch < config.epochs:
            begin = time.monotonic()
            loss = self._train_epoch()
            state.epoch += 1
            state.log({'epoch': state.epoch, 'train_loss': loss}, time.monotonic() - begin)
            state.save()
        state.finish(dataclasses.asdict(config))
        found = held_out_figures(state.average.module, self.store, config)
        state.log(found)
        return found

    def _train_epoch(self) -> float:
        seed = self.config.seed * 1000 + self.state.epoch
        torch.manual_seed(seed)
        self.model.train()
        total, steps = 0.0, 0
        rng = np.random.default_rng((seed, 1))
        batches = epoch_batches(self.store, self.config, self.rows, self.prior, rng)
        title = f'{self.state.out.name} {self.state.epoch + 1}/{self.config.epochs}'
        for batch in tqdm(batches, title, mininterval=5, leave=False):
            with torch.autocast('cpu', torch.bfloat16, enabled=self.config.bfloat16):
                output = self.model(batch.spectra, batch.mask)
            loss = self.loss(VoiceOutput(*(part.float() for part in output)), batch)
            self.state.step(loss)
            total += loss.item()
            steps += 1
        return total / steps


def held_out_figures(
    model: VoiceNet, store: VoiceStore, config: VoiceTraining
) -> dict[str, dict[str, float]]:
    """Return the figures of a model on the clips that it was not trained on, by corpus."""
    unseen = np.setdiff1d(np.arange(len(store.names)), training_rows(store, config))
    found: dict[str, dict[str, float]] = {}
    for corpus in SPOKEN:
        rows = unseen[store.corpora[unseen] == corpus]
        if not len(rows):
            continue
        shared = np.unique(store.labels[store.corpora == corpus])
        truth = store.labels[rows]
        for name, heard in (
            ('', heard_before(store.condition_means[rows, 0], store.speakers[rows])),
            (' cold', nothing_heard(len(rows))),
        ):
            spectra = [store.read(span) for span in store.conditions[rows, 0]]
            output = predict_heard(model, spectra, heard, model.prior)
            logits = torch.full_like(output.logits, -torch.inf)
            logits[:, shared] = output.logits[:, shared]
            scores = logits.softmax(-1).double().numpy()
            counts = confusion(truth, scores.argmax(1))
            arousal = output.affect[:, 1].double().numpy()
            found[f'{corpus}{name}'] = {
                'uar': unweighted_average_recall(counts),
                'accuracy': accuracy(counts),
                'ece': expected_calibration_error(scores, truth),
                'arousal': arousal_accuracy(arousal, truth),
                'arousal_auc': arousal_auc(arousal, truth),
            }
    return found


def load_start(config: VoiceTraining) -> VoiceNet:
    """Return the network that a run starts from.

    Raises:
        FileNotFoundError: its run is not finished.
        ValueError: it was trained on what is left out or held out.
    """
    model, past = load_voice(Path(config.start))
    unknown = set(past.left_out.split(','))
    hidden = set(filter(None, config.left_out.split(',')))
    if config.held_out != NO_FOLD:
        hidden |= set(CONDITIONED)
    if hidden - unknown:
        raise ValueError(
            f'{config.start} was trained on {", ".join(sorted(hidden - unknown))}, some of which '
            f'{config.out} must not know'
        )
    return model


def load_voice(run: Path) -> tuple[VoiceNet, VoiceTraining]:
    """Return the weights and the recipe of a finished run.

    Raises:
        FileNotFoundError: it is not finished.
    """
    return load_run(run, VoiceTraining, VoiceNet)


def main(args: Sequence[str] | None = None) -> int:
    """Train and report the figures."""
    config, resume = parse_recipe(
        VoiceTraining, 'python -m emotion_lab train voice', __doc__ or '', args
    )
    trainer = Trainer(config)
    if resume:
        trainer.state.load()
    for name, figures in trainer.run().items():
        print(name, json.dumps({key: round(value, 4) for key, value in figures.items()}))
    return 0
