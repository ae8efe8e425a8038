"""The fit of the landmark network's reader: points become expression scores and head rotation."""

from __future__ import annotations

import copy
import logging
from pathlib import Path
from typing import Any

import numpy as np
import torch

from talkgen.face.detector import FaceDetector
from talkgen.face.embedded import EmbeddedBackend
from talkgen.face.landmarks import LandmarkNet, upright
from talkgen.face.points import MIRROR, MIRROR_CHANNELS
from talkgen.face.region import Region, region_of
from talkgen.training.perception_landmarks import PARTS, Recipe, assemble, save_state
from talkgen.training.perception_views import FaceSet

log = logging.getLogger(__name__)


def read_points(net: LandmarkNet, faces: FaceSet, rng: Any) -> Any:
    """Return what the trained parts find on the cached faces: points (N, 478, 3), and the rows.

    The crops are off by what following a face would leave.
    """
    backend = EmbeddedBackend(FaceDetector(), copy.deepcopy(net))
    points, rows = [], []
    for row in range(len(faces)):
        exact = region_of(faces.landmarks[row])
        dx, dy = rng.normal(0, 0.02, 2) * exact.size
        size = exact.size * float(np.exp(rng.normal(0, 0.03)))
        region = Region(exact.x + dx, exact.y + dy, size, exact.roll + rng.normal(0, 0.03))
        face = backend.read(faces.crop(row), region)
        if face is not None:
            points.append(face.landmarks)
            rows.append(row)
        if row % 1000 == 0:
            log.info("read %d of %d", row, len(faces))
    return np.array(points, np.float32).reshape(-1, 478, 3), np.array(rows, int)


def fit_reader(
    net: LandmarkNet, faces: FaceSet, recipe: Recipe, rng: Any, state_path: Path
) -> LandmarkNet:
    """Return a network whose reader is trained on the teacher's points with noise.

    Where the other parts are trained already, on the points that they find too: their errors are
    not like noise, and the reader learns to see through them.
    """
    points, rows = faces.landmarks.astype(np.float32), np.arange(len(faces))
    if all((state_path.parent / f"{part}.pt").exists() for part in PARTS[:3]):
        found, found_rows = read_points(assemble(state_path.parent, net.config), faces, rng)
        points, rows = np.concatenate([points, found]), np.concatenate([rows, found_rows])
    level, roll = upright(torch.from_numpy(points))
    scores = torch.from_numpy(faces.scores[rows].astype(np.float32))
    rotation = torch.from_numpy(faces.rotation[rows].astype(np.float32))
    rotation = rotation - torch.stack([0 * roll, 0 * roll, roll], 1)
    flipped = level[:, MIRROR] * torch.tensor([-1.0, 1.0, 1.0])
    order = torch.from_numpy(MIRROR_CHANNELS)
    level = torch.cat([level, flipped])
    scores = torch.cat([scores, scores[:, order]])
    rotation = torch.cat([rotation, rotation * torch.tensor([1.0, -1.0, -1.0])])
    chance = np.tile(faces.chance[rows], 2)
    chance /= chance.sum()
    reader = net.reader
    reader.usual.copy_(level.mean(0).flatten())
    reader.scale.copy_(1 / (level.std(0).flatten() + 0.01))
    # Channels that hardly move count as much as those that do, within reason.
    weight = 1 / (scores.std(0) + 0.05)
    steps = min(recipe.steps, 6000)
    optimizer = torch.optim.AdamW(reader.parameters(), lr=2e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
    for step in range(steps):
        rows = torch.from_numpy(rng.choice(len(level), 128, p=chance))
        noise = rng.standard_normal((len(rows), *level.shape[1:]), np.float32)
        size = np.abs(rng.normal(0, 0.004, (len(rows), 1, 1))).astype(np.float32)
        moved, turn = upright(level[rows] + torch.from_numpy(noise * size))
        out, angles = reader(moved)
        gap = (out - scores[rows]) * weight
        loss = (gap.square() + 0.2 * gap.abs()).mean()
        wanted = rotation[rows] - torch.stack([0 * turn, 0 * turn, turn], 1)
        loss = loss + 2 * (angles - wanted).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 1000 == 0 or step == steps - 1:
            log.info("reader step %d loss %.5f", step, float(loss.detach()))
    save_state(state_path, {"average": net.reader.state_dict(), "step": steps, "elapsed": 0.0})
    return net.eval()
