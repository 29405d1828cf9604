"""Average the weights of a run with those that it started with.

    python -m emotion_lab train face-soup --run runs/face/covers --out runs/face/all

As Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022: the average does better
than either. Batch norms get new statistics, and what tells that eyes or mouth are covered is
fitted anew.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import nn

from emotion_lab.data.face_covers import cover_all
from emotion_lab.data.face_variation import FaceVariation, vary_all
from emotion_lab.data.ferplus import FerPlus, read_ferplus
from emotion_lab.training.face import (
    LANDMARKS,
    STARTING,
    figures,
    load_face,
    load_landmarks,
    prior,
)
from emotion_lab.training.face_model import FaceNet, start_from
from emotion_lab.training.run_state import LAST
from emotion_node.backends.face_image import SIDE

FACES: Final = 6000
"""Training faces that batch norms and covers are fitted on."""
STEPS: Final = 400
BATCH: Final = 250


def average(start: FaceNet, trained: FaceNet, share: float) -> FaceNet:
    """Return a network with `share` of the trained weights, and the rest of the starting ones."""
    one, other = start.state_dict(), trained.state_dict()
    mixed = FaceNet(trained.config)
    mixed.load_state_dict(
        {
            name: torch.lerp(one[name], value, share) if value.is_floating_point() else value
            for name, value in other.items()
        }
    )
    return mixed


def renew_norms(net: FaceNet, faces: torch.Tensor) -> None:
    """Give the batch norms the statistics of these faces, (n, side, side)."""
    for norm in net.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.reset_running_stats()
            norm.momentum = None
    net.train()
    with torch.no_grad():
        for some in faces.split(BATCH):
            net(some)
    net.eval()


def fit_cover(net: FaceNet, faces: torch.Tensor, shares: torch.Tensor) -> float:
    """Fit what tells that parts are covered; return its loss.

    Args:
        net: the network; nothing else of it changes.
        faces: (n, side, side).
        shares: (n, 2) how much of each part is covered.
    """
    with torch.no_grad():
        seen = torch.cat([net.halves(net.see(some)) for some in faces.split(BATCH)])
    optimizer = torch.optim.AdamW(net.cover.parameters(), 0.01, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    loss = torch.zeros(())
    for _ in range(STEPS):
        loss = nn.functional.binary_cross_entropy_with_logits(net.cover(seen), shares)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return float(loss)


def covered_faces(faces: FerPlus, run: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """Return varied training faces, half of them covered, and how much of each part is."""
    rng = np.random.default_rng(3)
    landmarks = load_landmarks(run / LANDMARKS, faces)
    found = np.flatnonzero(np.isfinite(landmarks).all((1, 2)))
    rows = rng.permutation(found)[:FACES]
    images, shares = cover_all(faces.images[rows], landmarks[rows], rng)
    plain = rng.random(len(rows)) < 0.5
    images[plain], shares[plain] = faces.images[rows[plain]], 0
    varied = vary_all(images, FaceVariation(), SIDE, rng)
    return torch.from_numpy(varied).float(), torch.from_numpy(shares)


def main(args: Sequence[str] | None = None) -> int:
    """Average, and report the figures on dev."""
    parser = argparse.ArgumentParser(
        prog='python -m emotion_lab train face-soup',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--run', type=Path, default=Path('runs/face/covers'))
    parser.add_argument('--out', type=Path, default=Path('runs/face/all'))
    parser.add_argument('--share', type=float, default=0.3, help='of the trained weights')
    parser.add_argument('--data', type=Path, help='folder of the data sets, or EMOTION_DATA')
    given = parser.parse_args(args)
    torch.set_num_threads(1)
    trained, config = load_face(given.run)
    faces = read_ferplus('train', given.data)
    log_prior = torch.from_numpy(np.log(prior(faces)))
    start = FaceNet(config)
    start_from(start, Path(config.start), faces.images[:STARTING])
    with torch.no_grad():  # the logits of equally frequent classes, as those of the run are
        start.classify[1].bias -= log_prior
    start.cover.load_state_dict(trained.cover.state_dict())
    net = average(start, trained, given.share)
    rows = np.random.default_rng(0).permutation(len(faces))[:1500]
    renew_norms(net, torch.from_numpy(faces.images[rows]).float())
    loss = fit_cover(net, *covered_faces(faces, given.run))
    given.out.mkdir(parents=True, exist_ok=True)
    torch.save({'model': net.state_dict(), 'config': dataclasses.asdict(config)}, given.out / LAST)
    found = figures(net, read_ferplus('dev', given.data), log_prior / 2)
    print(json.dumps({name: round(value, 4) for name, value in found.items()} | {'cover': loss}))
    return 0
