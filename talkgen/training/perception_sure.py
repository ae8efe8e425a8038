"""How sure the coarse part is, learned last, on heavily covered faces, with all else frozen.

While points are learned the loss of confidence is a small one, and it trails behind.
"""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from talkgen.face.landmarks import LandmarkNet, as_input
from talkgen.training import loop
from talkgen.training.perception_landmarks import (
    Batch,
    PointLoss,
    Recipe,
    coarse_batch,
    load_sure,
    sure_loss,
)
from talkgen.training.perception_rendered import Mixture

log = logging.getLogger(__name__)

BATCHES = 220
STEPS = 3000


def fit_sure(
    net: LandmarkNet, faces: Mixture, recipe: Recipe, folder: Path, *, seed: int = 0,
    batches: int = BATCHES,
) -> None:  # fmt: skip
    """Train presence and confidence of `net.coarse`, from `folder`/sure.pt where they lie."""
    state_path = folder / "sure.pt"
    coarse = net.coarse.eval()
    if not state_path.exists():
        rng = np.random.default_rng(seed + 1)
        hard = dataclasses.replace(recipe, covers=0.55, negatives=0.3)
        count = min(batches, max(1, recipe.schedule.steps))
        seen = [_seen(net, coarse_batch(faces, net.config, hard, rng)) for _ in range(count)]
        log.info("%d views", sum(len(b.there) for b, *_ in seen))
        heads = nn.ModuleDict(
            {name: getattr(coarse, name) for name in ("presence", "sure", "confidence")}
        )
        loss_of = PointLoss("coarse", net.config)

        def loss(moment: loop.Moment) -> Tensor:
            batch, cells, hidden, points = seen[int(moment.rng.integers(len(seen)))]
            keep = moment.rng.permutation(len(batch.there))[: max(2, len(batch.there) * 2 // 3)]
            batch = Batch(*(getattr(batch, f.name)[keep] for f in dataclasses.fields(Batch)))
            rows = torch.from_numpy(keep)
            presence = heads["presence"](hidden[rows])[:, 0]
            cell = nn.functional.dropout(cells[rows].float(), 0.1)
            confidence = heads["confidence"](torch.relu(heads["sure"](cell)))
            return sure_loss(presence, confidence, points[rows], loss_of, batch)

        schedule = loop.Schedule(
            minutes=1e6, steps=min(STEPS, 10 * recipe.schedule.steps), rate=1e-3, decay=0.05,
            average=0.995,
        )  # fmt: skip
        loop.fit(heads, loss, schedule, state_path, seed=seed, name="sure")
    load_sure(net, torch.load(state_path, weights_only=False)["average"])


@torch.no_grad()
def _seen(net: LandmarkNet, batch: Batch) -> tuple[Batch, Any, Any, Any]:
    """Return a batch without its pictures, and what the frozen layers make of these."""
    cells = net.coarse.trunk(as_input(batch.crops)).flatten(1)
    hidden = torch.relu(net.coarse.squeeze(cells))
    points = net.coarse.points(hidden).unflatten(1, (-1, 3))
    there = batch.there
    small = dataclasses.replace(batch, crops=there, points=batch.points.astype(np.float32))
    return small, cells.half().clone(), hidden.clone(), points.clone()
