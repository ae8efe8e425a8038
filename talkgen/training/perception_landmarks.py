"""Fit loops of the landmark network's parts: what `scripts/train_landmarks.py` calls."""

from __future__ import annotations

import copy
import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from talkgen.face.landmarks import LandmarkConfig, LandmarkNet, as_input
from talkgen.face.points import (
    LEFT_IRIS,
    LEFT_LIDS,
    LIPS,
    RIGHT_EYE,
    RIGHT_IRIS,
    RIGHT_LIDS,
)
from talkgen.training import perception_views as views

log = logging.getLogger(__name__)

PARTS = ("coarse", "eye", "mouth", "reader")
INNER = LIPS + RIGHT_LIDS + LEFT_LIDS + RIGHT_IRIS + LEFT_IRIS
PROFILE = (1, 2, 4, 5, 6, 19, 94, 168, 195, 197, 148, 152, 175, 199, 200, 377)
"""Nose and chin: what nodding moves against the rest."""
OPENINGS = {
    "coarse": ((13, 14), (81, 178), (311, 402), (159, 145), (386, 374), (158, 153), (385, 380)),
    "eye": ((159, 145), (158, 153), (160, 144)),
    "mouth": ((13, 14), (81, 178), (311, 402), (0, 17), (61, 291)),
}
"""Point pairs whose distance matters more than their place: gaps of lids and lips."""

EXTENT = 1.87
"""Extent of a face's landmarks in distances of the outer eye corners (median of the train set)."""


@dataclass(frozen=True)
class Recipe:
    """How long (minutes of processor time) and how fast a part learns."""

    minutes: float = 30.0
    steps: int = 1_000_000
    batch: int = 48
    rate: float = 2e-3
    decay: float = 0.02
    warmup: float = 0.02
    average: float = 0.998
    save_every_s: float = 120.0
    negatives: float = 0.2


PRESETS = {
    "cpu": Recipe(),
    "tiny": Recipe(minutes=1.0, steps=4, batch=4, save_every_s=1e9),
}


def coarse_batch(faces: views.FaceSet, config: LandmarkConfig, recipe: Recipe, rng: Any) -> Any:
    """Return crops (B, side, side, 3), points (B, 478, 3) and whether a face is there (B,)."""
    crops, points, there = [], [], []
    for index in rng.choice(len(faces), recipe.batch, p=faces.chance):
        view = views.random_view(faces, int(index), rng)
        present = rng.random() >= recipe.negatives
        target = np.zeros((478, 3), np.float32)
        if present:
            matrix = views.face_view(view, config.margin, rng)
            crop = view.take(matrix, config.side)
            target = views.inside(view.landmarks, matrix)
            if rng.random() < 0.2 and crops:
                views.occlude(crop, crops[-1], rng)
        else:
            kind = rng.random()
            hard = views.mistaken(faces, config.side, rng) if kind > 0.5 else None
            if hard is not None:
                crop = hard
            elif kind < 0.12:
                crop = views.texture(config.side, rng)
            elif kind < 0.2:
                straight = views.face_view(view, config.margin, rng)
                crop = views.shuffled(view.take(straight, config.side), rng)
            else:
                crop = view.take(views.negative_view(view, config.margin, rng), config.side)
        crops.append(views.disturb(crop, rng))
        points.append(target)
        there.append(present)
    return np.stack(crops), np.stack(points), np.array(there)


def detail_batch(
    faces: views.FaceSet, config: LandmarkConfig, recipe: Recipe, rng: Any, part: str
) -> Any:
    """Return crops (B, S, S, 3), points (B, count, 3) and ones (B,) of eyes or mouths."""
    margin = config.mouth_margin if part == "mouth" else config.eye_margin
    crops, points = [], []
    for index in rng.choice(len(faces), recipe.batch, p=faces.chance):
        view = views.random_view(faces, int(index), rng)
        name = "mouth" if part == "mouth" else "right"  # mirrored half of the time: both eyes
        matrix = views.detail_view(view, name, margin, rng)
        crop = view.take(matrix, config.detail_side)
        chosen = LIPS if part == "mouth" else RIGHT_EYE
        points.append(views.inside(view.landmarks[list(chosen)], matrix))
        if rng.random() < 0.1 and crops:
            views.occlude(crop, crops[-1], rng)
        crops.append(views.disturb(crop, rng))
    return np.stack(crops), np.stack(points), np.ones(len(crops), bool)


class PointLoss(nn.Module):
    """Smooth L1 of points, and of gaps between pairs, in units of the distance of the eyes."""

    def __init__(self, part: str, config: LandmarkConfig) -> None:
        super().__init__()
        order = {"coarse": tuple(range(478)), "eye": RIGHT_EYE, "mouth": LIPS}[part]
        weight = torch.tensor([3.0 if i in INNER + PROFILE else 1.0 for i in order])
        self.register_buffer("weight", weight / weight.sum())
        place = {point: at for at, point in enumerate(order)}
        pairs = [(place[a], place[b]) for a, b in OPENINGS[part]]
        self.register_buffer("pairs", torch.tensor(pairs).T)
        self.part = part
        margin = {"eye": config.eye_margin, "mouth": config.mouth_margin}.get(part, 1.0)
        self.unit = 1 / (EXTENT * margin)

    def forward(self, found: Tensor, target: Tensor) -> Tensor:
        """Return the loss (B,) of points (B, N, 2 or 3) against (B, N, 3)."""
        if self.part == "coarse":
            unit = (target[:, 33, :2] - target[:, 263, :2]).norm(dim=1).clamp_min(1e-3)
        else:
            unit = torch.full((len(found),), self.unit)
        scale = 1 / unit[:, None, None]
        target = target[..., : found.shape[2]]
        error = nn.functional.smooth_l1_loss(
            found * scale, target * scale, beta=0.01, reduction="none"
        )
        flat = error[..., :2].sum(2) @ self.weight
        if found.shape[2] == 3:
            flat = flat + 0.6 * (error[..., 2] @ self.weight)
        a, b = self.pairs
        gap = (found[:, a, :2] - found[:, b, :2]) - (target[:, a, :2] - target[:, b, :2])
        size = (gap * scale).abs().sum(2).mean(1)
        return flat + 0.3 * size


def start_from_shapes(net: LandmarkNet, part: str, faces: views.FaceSet, rng: Any) -> None:
    """Set the last layer to the mean and main directions of the points, so that learning starts
    from faces."""
    config = net.config
    rows, module = [], getattr(net, part)
    for index in rng.choice(len(faces), min(2000, 4 * len(faces))):
        view = views.random_view(faces, int(index), rng)
        if part == "coarse":
            matrix = views.face_view(view, config.margin, rng)
            rows.append(views.inside(view.landmarks, matrix).ravel())
        else:
            name, margin = ("mouth", config.mouth_margin) if part == "mouth" else (
                "right", config.eye_margin)  # fmt: skip
            matrix = views.detail_view(view, name, margin, rng)
            chosen = list(LIPS if part == "mouth" else RIGHT_EYE)
            rows.append(views.inside(view.landmarks[chosen], matrix)[:, :2].ravel())
    shapes = np.stack(rows).astype(np.float64)
    mean = shapes.mean(0)
    _, values, basis = np.linalg.svd(shapes - mean, full_matrices=False)
    count = min(module.points.in_features // 2, len(basis), 100)
    spread = values[:count] / np.sqrt(len(shapes))
    with torch.no_grad():
        module.points.bias.copy_(torch.from_numpy(mean).float())
        module.points.weight.mul_(0.02)
        directions = torch.from_numpy(basis[:count].T * spread).float()
        module.points.weight[:, :count] += directions  # hidden units push and pull in pairs
        module.points.weight[:, -count:] -= directions


def fit(
    part: str, folder: Path, state_path: Path, recipe: Recipe, *, seed: int = 0,
    config: LandmarkConfig | None = None,
) -> LandmarkNet:  # fmt: skip
    """Return a network whose `part` is trained; continue where `state_path` left off."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net = LandmarkNet(config)
    faces = views.FaceSet(folder)
    if part == "reader":
        from talkgen.training.perception_reader import fit_reader

        return fit_reader(net, faces, recipe, rng, state_path)
    if not state_path.exists():
        start_from_shapes(net, part, faces, rng)
    module: nn.Module = getattr(net, part).to(memory_format=torch.channels_last)
    loss_of = PointLoss(part, net.config)
    optimizer = _optimizer(module, recipe)
    average = {k: v.clone() for k, v in module.state_dict().items()}
    step, elapsed = 0, 0.0
    if state_path.exists():
        state = torch.load(state_path, weights_only=False)
        module.load_state_dict(state["module"])
        optimizer.load_state_dict(state["optimizer"])
        average, step, elapsed = state["average"], state["step"], state["elapsed"]
        rng = np.random.default_rng(seed + step)
        log.info("%s: continuing at step %d, %.1f min", part, step, elapsed / 60)
    started, saved = time.process_time() - elapsed, time.monotonic()
    running: list[float] = []
    while True:
        elapsed = time.process_time() - started
        progress = max(elapsed / (60 * recipe.minutes), step / recipe.steps)
        if progress >= 1 or time.monotonic() - saved > recipe.save_every_s:
            saved = time.monotonic()
            save_state(state_path, {
                "module": module.state_dict(), "optimizer": optimizer.state_dict(),
                "average": average, "step": step, "elapsed": elapsed,
            })  # fmt: skip
            report = evaluate_part(net, part, average, folder)
            log.info("%s step %d %.0f%% loss %.4f held %s", part, step, 100 * progress,
                     float(np.mean(running[-200:] or [0])), report)  # fmt: skip
        if progress >= 1:
            return _with(net, part, average)
        rate = recipe.rate * min(1.0, (progress + 1e-4) / recipe.warmup)
        for group in optimizer.param_groups:
            group["lr"] = rate * (0.5 * (1 + np.cos(np.pi * progress)) * 0.99 + 0.01)
        module.train()
        loss = _loss(module, part, loss_of, batch_of(part, faces, net.config, recipe, rng))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimizer.step()
        step += 1
        running.append(float(loss.detach()))
        blend(average, module, min(recipe.average, step / (step + 10)))


def batch_of(
    part: str, faces: views.FaceSet, config: LandmarkConfig, recipe: Recipe, rng: Any
) -> Any:
    """Return crops (B, S, S, 3) uint8, points (B, N, 3) and whether a face is there (B,)."""
    if part == "coarse":
        return coarse_batch(faces, config, recipe, rng)
    return detail_batch(faces, config, recipe, rng, part)


def blend(average: dict[str, Tensor], module: nn.Module, keep: float) -> None:
    """Move a running average of weights towards a module's, in place."""
    with torch.no_grad():
        for key, value in module.state_dict().items():
            if value.dtype.is_floating_point:
                average[key].lerp_(value, 1 - keep)
            else:
                average[key].copy_(value)


def _optimizer(module: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    flat = [p for p in module.parameters() if p.ndim < 2]
    deep = [p for p in module.parameters() if p.ndim >= 2]
    return torch.optim.AdamW(
        [{"params": deep, "weight_decay": recipe.decay}, {"params": flat, "weight_decay": 0.0}],
        lr=recipe.rate,
    )


def _loss(module: nn.Module, part: str, loss_of: PointLoss, batch: Any) -> Tensor:
    crops, points, there = batch
    with torch.autocast("cpu", torch.bfloat16):
        out = module(as_input(crops))
    found, presence = out if part == "coarse" else (out, None)
    mask = torch.from_numpy(there).float()
    loss = (loss_of(found.float(), torch.from_numpy(points)) * mask).sum() / mask.sum().clamp_min(1)
    if presence is not None:
        loss = loss + 0.08 * nn.functional.binary_cross_entropy_with_logits(presence.float(), mask)
    return loss


def _with(net: LandmarkNet, part: str, average: dict[str, Tensor]) -> LandmarkNet:
    other = copy.deepcopy(net)
    getattr(other, part).load_state_dict(average)
    return other.eval()


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write a state whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(state, path.with_suffix(".part"))
    path.with_suffix(".part").replace(path)


def evaluate_part(net: LandmarkNet, part: str, average: Any, folder: Path) -> dict[str, float]:
    """Return mean point errors of a part on the people kept aside, % of the eye distance.

    The views are as disturbed as those that train.
    """
    faces = views.FaceSet(folder, held=True)
    if not len(faces):
        return {}
    module = getattr(_with(net, part, average), part)
    recipe = Recipe(batch=min(256, len(faces)), negatives=0.1)
    crops, wanted, there = batch_of(part, faces, net.config, recipe, np.random.default_rng(1))
    with torch.inference_mode():
        out = [module(as_input(crops[i : i + 32])) for i in range(0, len(crops), 32)]
    result = {}
    if part == "coarse":
        presence = torch.cat([o[1] for o in out]).numpy()
        result["presence"] = float(((presence > 0) == there).mean())
        unit = np.linalg.norm(wanted[:, 33, :2] - wanted[:, 263, :2], axis=1)
        groups = {"lips": LIPS, "eyes": RIGHT_LIDS + LEFT_LIDS}
        out = [o[0] for o in out]
    else:
        unit = np.full(len(wanted), PointLoss(part, net.config).unit)
        groups = {"lids": range(16), "iris": range(16, 21)} if part == "eye" else {}
    found = torch.cat(out).numpy()
    gap = np.linalg.norm(found[there, :, :2] - wanted[there, :, :2], axis=2)
    error = 100 * gap / unit[there, None]
    result["mean"] = float(error.mean())
    result |= {name: float(error[:, list(points)].mean()) for name, points in groups.items()}
    return {k: round(v, 3) for k, v in result.items()}


def assemble(states: Path, config: LandmarkConfig | None = None) -> LandmarkNet:
    """Return the network of the averaged weights of the parts whose states lie in `states`."""
    net = LandmarkNet(config)
    for part in PARTS:
        path = states / f"{part}.pt"
        if path.exists():
            state = torch.load(path, weights_only=False)
            getattr(net, part).load_state_dict(state["average"])
            log.info("%s: step %d, %.0f min", part, state["step"], state["elapsed"] / 60)
        else:
            log.warning("%s: untrained", part)
    return net.eval()
