"""What the face detector learns from, and how: what `scripts/train_detector.py` calls."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from talkgen.face.detector import (
    KEYPOINTS,
    STRIDE,
    DetectorConfig,
    FaceDetector,
    decode,
    distinct_regions,
    iou,
)
from talkgen.face.landmarks import as_input
from talkgen.face.region import Region, cut
from talkgen.training import loop
from talkgen.training.perception_lures import faceless
from talkgen.training.perception_scenes import PictureSet, as_regions, scene
from talkgen.training.perception_views import disturb


@dataclass(frozen=True)
class Recipe:
    """What the detector sees, and how long and how fast it learns.

    batch, side : scenes of a step, and their pixels
    echo : steps that see the same scenes, mirrored every other time
    """

    batch: int = 12
    side: int = 192
    echo: int = 2
    schedule: loop.Schedule = field(
        default_factory=lambda: loop.Schedule(minutes=30.0, rate=1.6e-3, decay=0.01, clip=5.0)
    )


PRESETS = {
    "cpu": Recipe(),
    "tiny": Recipe(batch=2, side=64, schedule=loop.Schedule(steps=3, save_every_s=1e9)),
}


def targets(faces: list[Any], ignored: list[Any], side: int) -> tuple[Tensor, ...]:
    """Return heat (B, h, w), shapes (B, 13, h, w), shape weights and heat weights (B, h, w)."""
    cells = side // STRIDE
    count = len(faces)
    heat = np.zeros((count, cells, cells), np.float32)
    shapes = np.zeros((count, 3 + 2 * len(KEYPOINTS), cells, cells), np.float32)
    weight = np.zeros((count, cells, cells), np.float32)
    counted = np.ones((count, cells, cells), np.float32)
    rows, columns = np.mgrid[:cells, :cells]
    for b in range(count):
        for x, y, size in ignored[b]:
            near = np.hypot((columns + 0.5) * STRIDE - x, (rows + 0.5) * STRIDE - y)
            counted[b][near < max(0.5 * size, STRIDE)] = 0
        for face in faces[b]:
            x, y, size = face[:3]
            column, row = (x + 0.5) / STRIDE - 0.5, (y + 0.5) / STRIDE - 0.5
            away2 = (columns - column) ** 2 + (rows - row) ** 2
            spread = max(0.6, 0.09 * size / STRIDE)
            bump = np.exp(-away2 / (2 * spread**2)).astype(np.float32)
            at = (int(np.clip(round(row), 0, cells - 1)), int(np.clip(round(column), 0, cells - 1)))
            bump[at] = 1.0
            heat[b] = np.maximum(heat[b], bump)
            counted[b][bump > 0.1] = 1
            own = bump > np.maximum(weight[b], 0.3)
            weight[b][own] = bump[own]
            shapes[b, 0][own] = (column - columns)[own]
            shapes[b, 1][own] = (row - rows)[own]
            shapes[b, 2][own] = np.log(size / STRIDE)
            points = face[4:].reshape(-1, 2)
            relative = ((points - face[:2]) / size).ravel()
            shapes[b, 3:, own] = relative
    return tuple(torch.from_numpy(a) for a in (heat, shapes, weight, counted))


def loss_of(logits: Tensor, shapes: Tensor, wanted: tuple[Tensor, ...]) -> Tensor:
    """Return the focal loss of centres plus the L1 loss of shapes there."""
    heat, target, weight, counted = wanted
    score = torch.sigmoid(logits).clamp(1e-4, 1 - 1e-4)
    hit = heat >= 0.999
    positive = -((1 - score) ** 2) * torch.log(score) * hit
    negative = -((1 - heat) ** 4) * score**2 * torch.log(1 - score) * ~hit
    faces = hit.sum().clamp_min(1)
    focal = ((positive + negative) * counted).sum() / faces
    error = (shapes - target).abs()
    parts = error[:, :2].sum(1) * 0.3 + error[:, 2] * 2.0 + error[:, 3:].sum(1)
    return focal + (parts * weight).sum() / weight.sum().clamp_min(1)


def scenes(pictures: PictureSet, count: int, side: int, rng: Any) -> tuple[Any, Any, Any]:
    """Return `count` scenes: pictures (B, side, side, 3), lists of faces, lists of ignored."""
    drawn = [scene(pictures, side, rng) for _ in range(count)]
    return np.stack([d[0] for d in drawn]), [d[1] for d in drawn], [d[2] for d in drawn]


def mirrored(images: Any, faces: Any, ignored: Any) -> tuple[Any, Any, Any]:
    """Return the scenes with left and right exchanged."""
    width = images.shape[2]
    order = np.array([1, 0, 2, 4, 3])  # eyes and corners of the mouth change places
    turned = []
    for rows in faces:
        row = rows.copy()
        row[:, 0] = width - 1 - row[:, 0]
        row[:, 3] *= -1
        points = rows[:, 4:].reshape(-1, len(order), 2)[:, order].copy()
        points[..., 0] = width - 1 - points[..., 0]
        row[:, 4:] = points.reshape(len(rows), 2 * len(order))
        turned.append(row)
    beside = [r * np.array([-1, 1, 1], np.float32) + np.array([width - 1, 0, 0]) for r in ignored]
    return np.ascontiguousarray(images[:, :, ::-1]), turned, beside


def fit(
    folder: Path, state_path: Path, recipe: Recipe, *, rendered: Path | None = None, seed: int = 0,
    restart: bool = False, config: DetectorConfig | None = None,
) -> FaceDetector:  # fmt: skip
    """Return a trained detector; continue where `state_path` left off.

    folder : what `scripts/prepare_faces.py` wrote; rendered : shards of `scripts/render_heads.py`
    restart : take the weights of the state as the start of a schedule of its own
    """
    torch.manual_seed(seed)
    net = FaceDetector(config).to(memory_format=torch.channels_last)
    pictures = PictureSet(folder, rendered=rendered)
    last: list[Any] = []

    def loss(moment: loop.Moment) -> Tensor:
        if moment.step % recipe.echo == 0 or not last:
            last[:] = scenes(pictures, recipe.batch, recipe.side, moment.rng)
        else:
            last[:] = mirrored(*last)
        with torch.autocast("cpu", torch.bfloat16):
            logits, shapes = net(as_input(last[0]))
        return loss_of(logits.float(), shapes.float(), targets(last[1], last[2], recipe.side))

    def report(weights: loop.Weights) -> dict[str, float]:
        return evaluate(averaged(net.config, weights), folder, recipe.side, 48)

    weights = loop.fit(
        net, loss, recipe.schedule, state_path, seed=seed, name="detector", report=report,
        restart=restart,
    )  # fmt: skip
    return averaged(net.config, weights)


def mine(net: FaceDetector, folder: Path, count: int, *, seed: int = 0) -> int:
    """Write `hard.npy`: what the detector takes for faces in backgrounds that hold none.

    The landmark network learns from these crops where no face is. Returns their number.
    """
    pictures = PictureSet(folder)
    rng = np.random.default_rng(seed)
    crops = []
    for _ in range(count):
        background = disturb(np.ascontiguousarray(faceless(*pictures.draw(rng), 256, rng)), rng)
        with torch.inference_mode():
            logits, shapes = net(as_input(background[None]))
        found = decode(logits[0], shapes[0], 0.3, 1.0)
        if not found:  # a piece of it anyhow
            found = [Region(*map(float, rng.uniform(40, 216, 2)), float(rng.uniform(30, 150)))]
        for region in found[:3]:
            crops.append(cut(background, region.scaled(1.9), 144)[0])
    np.save(folder / "hard.npy", np.stack(crops))
    return len(crops)


def averaged(config: DetectorConfig, weights: dict[str, Tensor]) -> FaceDetector:
    """Return a detector with the averaged weights, ready to use."""
    net = FaceDetector(config)
    net.load_state_dict(weights)
    return net.eval()


def evaluate(
    net: FaceDetector, folder: Path, side: int, count: int, *, seed: int = 1
) -> dict[str, float]:
    """Return recall and precision (IoU 0.5) on scenes of the people kept aside."""
    pictures = PictureSet(folder, held=True)
    if not len(pictures):
        return {}
    rng = np.random.default_rng(seed)
    images, truth, ignored = scenes(pictures, count, side, rng)
    hits = wrong = total = 0
    turn: list[float] = []
    for image, faces, skip in zip(images, truth, ignored, strict=True):
        with torch.inference_mode():
            logits, shapes = net(as_input(image[None]))
        found = distinct_regions(decode(logits[0], shapes[0], net.config.threshold, 1.0))
        left = as_regions(faces)
        total += len(left)
        for region in sorted(found, key=lambda r: -r.score):
            best = max(left, key=lambda r: iou(r, region), default=None)
            if best is not None and iou(best, region) >= 0.5:
                hits += 1
                left.remove(best)
                turn.append(abs((best.roll - region.roll + np.pi) % (2 * np.pi) - np.pi))
            elif not any(np.hypot(s[0] - region.x, s[1] - region.y) < 0.6 * s[2] for s in skip):
                wrong += 1
    return {
        "recall": round(hits / max(total, 1), 3),
        "precision": round(hits / max(hits + wrong, 1), 3),
        "roll_deg": round(float(np.degrees(np.mean(turn or [0]))), 2),
        "faces": total,
    }
