"""Fit loops of the landmark network's parts: what `scripts/train_landmarks.py` calls."""

from __future__ import annotations

import copy
import logging
from dataclasses import dataclass, field
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
from talkgen.training import loop
from talkgen.training import perception_views as views
from talkgen.training.perception_rendered import Mixture, RenderedFaces

log = logging.getLogger(__name__)

PARTS = ("coarse", "eye", "mouth", "reader")
"""What is trained by itself; the join comes with the reader."""
CENTRE = LIPS + RIGHT_LIDS + LEFT_LIDS + RIGHT_IRIS + LEFT_IRIS
PROFILE = (1, 2, 4, 5, 6, 19, 94, 168, 195, 197, 148, 152, 175, 199, 200, 377)
"""Nose and chin: what nodding moves against the rest."""
OPENINGS = {
    "coarse": ((13, 14), (81, 178), (311, 402), (159, 145), (386, 374), (158, 153), (385, 380)),
    "eye": ((159, 145), (158, 153), (160, 144), (468, 33), (468, 133), (468, 159), (468, 145)),
    "mouth": ((13, 14), (81, 178), (311, 402), (0, 17), (61, 291)),
}
"""Point pairs whose distance matters more than their place: gaps of lids and lips, the place of the
iris in the eye."""
IRIS_WEIGHT = 6.0
"""Five of 68 points: with a weight of one they stayed where irises are on average."""

EXTENT = 1.87
"""Extent of a face's landmarks in distances of the outer eye corners (median of the train set)."""


RIGHT_WITHIN = 0.08
"""Error, in distances of the outer eye corners, at which a point counts as right by 1/e."""


@dataclass(frozen=True)
class Recipe:
    """What a part learns from, and for how long.

    negatives : share of crops that hold no whole face
    rough : share of crops cut as the detector would; the others as following a face does
    covers : share of faces with something in front of them
    plain : share of crops whose light, colour and sharpness stay as they are
    rendered : share of rendered heads, where there are any
    copies : how often each face is read for the join and the reader
    """

    schedule: loop.Schedule = field(default_factory=loop.Schedule)
    batch: int = 48
    negatives: float = 0.2
    rough: float = 0.3
    covers: float = 0.3
    plain: float = 0.2
    rendered: float = 0.28
    copies: int = 1


PRESETS = {
    "cpu": Recipe(),
    "tiny": Recipe(loop.Schedule(minutes=1.0, steps=4, save_every_s=1e9), batch=4),
}


@dataclass
class Batch:
    """Training crops with labels.

    crops : (B, S, S, 3) uint8; points : (B, N, 3) network units; there : (B,) whether a face is;
    visible : (B, N) whether nothing hides a point; trust : (B, N) worth of its label, 0 to 1
    """

    crops: Any
    points: Any
    there: Any
    visible: Any
    trust: Any


def coarse_batch(faces: Mixture, config: LandmarkConfig, recipe: Recipe, rng: Any) -> Batch:
    """Return a batch of whole faces, and of crops that hold none."""
    rows: list[tuple[Any, ...]] = []
    for _ in range(recipe.batch):
        view, _, _ = faces.draw(rng)
        present = rng.random() >= recipe.negatives
        target, seen = np.zeros((478, 3), np.float32), np.zeros(478, bool)
        if present:
            matrix = views.face_view(view, config.margin, rng, rough_share=recipe.rough)
            crop = view.take(matrix, config.side)
            target, seen = views.inside(view.landmarks, matrix), view.visible
            if rng.random() < recipe.covers and rows:
                seen = views.covered(crop, view, matrix, rows[-1][0], rng)
        else:
            crop = no_face(faces.real, view, config, rng)
        if rng.random() >= recipe.plain:
            crop = views.disturb(crop, rng)
        rows.append((crop, target, present, seen, view.trust))
    return Batch(*(np.stack(column) for column in zip(*rows, strict=True)))


def no_face(faces: views.FaceSet, view: views.View, config: LandmarkConfig, rng: Any) -> Any:
    """Return a crop (side, side, 3) that holds no whole face."""
    kind = rng.random()
    hard = views.mistaken(faces, config.side, rng) if kind > 0.5 else None
    if hard is not None:
        return hard
    if kind < 0.12:
        return views.texture(config.side, rng)
    if kind < 0.2:
        straight = views.face_view(view, config.margin, rng)
        return views.shuffled(view.take(straight, config.side), rng)
    return view.take(views.negative_view(view, config.margin, rng), config.side)


def detail_batch(
    faces: Mixture, config: LandmarkConfig, recipe: Recipe, rng: Any, part: str
) -> Batch:
    """Return a batch of eyes (right ones, and mirrored left ones) or mouths."""
    margin = config.mouth_margin if part == "mouth" else config.eye_margin
    chosen = list(LIPS if part == "mouth" else RIGHT_EYE)
    rows: list[tuple[Any, ...]] = []
    for _ in range(recipe.batch):
        view, _, _ = faces.draw(rng)
        name = "mouth" if part == "mouth" else "right"  # mirrored half of the time: both eyes
        matrix = views.detail_view(view, name, margin, rng, rough_share=recipe.rough)
        crop = view.take(matrix, config.detail_side)
        seen = view.visible
        if rng.random() < 0.5 * recipe.covers and rows:
            seen = views.covered(crop, view, matrix, rows[-1][0], rng)
        if rng.random() >= recipe.plain:
            crop = views.disturb(crop, rng)
        points = views.inside(view.landmarks[chosen], matrix)
        rows.append((crop, points, True, seen[chosen], view.trust[chosen]))
    return Batch(*(np.stack(column) for column in zip(*rows, strict=True)))


class PointLoss(nn.Module):
    """Smooth L1 of points, and of gaps between pairs, in units of the distance of the eyes."""

    def __init__(self, part: str, config: LandmarkConfig) -> None:
        super().__init__()
        order = {"coarse": tuple(range(478)), "eye": RIGHT_EYE, "mouth": LIPS}[part]
        # The detail parts read the centre again: it needs no more weight than what finds it.
        weight = torch.tensor([1.3 if i in CENTRE + PROFILE else 1.0 for i in order])
        if part == "eye":
            weight[[order.index(i) for i in RIGHT_IRIS]] = IRIS_WEIGHT
        self.register_buffer("weight", weight / weight.sum())
        place = {point: at for at, point in enumerate(order)}
        pairs = [(place[a], place[b]) for a, b in OPENINGS[part]]
        self.register_buffer("pairs", torch.tensor(pairs).T)
        self.part = part
        margin = {"eye": config.eye_margin, "mouth": config.mouth_margin}.get(part, 1.0)
        self.unit = 1 / (EXTENT * margin)

    def unit_of(self, target: Tensor) -> Tensor:
        """Return the distance of the eyes (B,) in the units of points (B, N, 3)."""
        if self.part == "coarse":  # the crop's, where the head is turned and they come close
            return (target[:, 33, :2] - target[:, 263, :2]).norm(dim=1).clamp_min(0.25)
        return torch.full((len(target),), self.unit)

    def forward(self, found: Tensor, target: Tensor, trust: Tensor) -> Tensor:
        """Return the loss (B,) of points (B, N, 2 or 3) against (B, N, 3), trusted (B, N)."""
        scale = 1 / self.unit_of(target)[:, None, None]
        target = target[..., : found.shape[2]]
        error = nn.functional.smooth_l1_loss(
            found * scale, target * scale, beta=0.01, reduction="none"
        )
        flat = (error[..., :2].sum(2) * trust) @ self.weight
        if found.shape[2] == 3:
            flat = flat + 0.6 * ((error[..., 2] * trust) @ self.weight)
        a, b = self.pairs
        gap = (found[:, a, :2] - found[:, b, :2]) - (target[:, a, :2] - target[:, b, :2])
        worth = torch.minimum(trust[:, a], trust[:, b])
        size = ((gap * scale).abs().sum(2) * worth).mean(1)
        return flat + 0.3 * size


def start_from_shapes(net: LandmarkNet, part: str, faces: Mixture, rng: Any) -> None:
    """Set the last layer to the mean and main directions of the points, so that learning starts
    from faces."""
    config = net.config
    rows, module = [], getattr(net, part)
    for _ in range(min(2000, 4 * len(faces.real))):
        view, _, _ = faces.draw(rng)
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
    config: LandmarkConfig | None = None, rendered: Path | None = None, restart: bool = False,
    teacher: Path | None = None,
) -> LandmarkNet:  # fmt: skip
    """Return a network whose `part` is trained; continue where `state_path` left off.

    folder : what `scripts/prepare_faces.py` wrote
    rendered : what `scripts/render_heads.py` wrote, where rendered heads teach too
    restart : a new schedule from the averaged weights of the state
    teacher : task file of the Face Landmarker, of which the reader learns how it scores points
    """
    torch.manual_seed(seed)
    net = LandmarkNet(config)
    drawn = RenderedFaces(rendered) if rendered is not None else None
    faces = Mixture(views.FaceSet(folder), drawn, recipe.rendered)
    if part == "reader":
        return fit_last(net, faces, recipe, state_path, seed, teacher)
    if not state_path.exists():
        start_from_shapes(net, part, faces, np.random.default_rng(seed))
    module: nn.Module = getattr(net, part).to(memory_format=torch.channels_last)
    loss_of = PointLoss(part, net.config)

    def loss(moment: loop.Moment) -> Tensor:
        return part_loss(module, loss_of, batch_of(part, faces, net.config, recipe, moment.rng))

    average = loop.fit(
        module, loss, recipe.schedule, state_path, seed=seed, name=part, restart=restart,
        report=lambda weights: evaluate_part(net, part, weights, folder),
    )  # fmt: skip
    return _with(net, part, average)


def fit_last(
    net: LandmarkNet, faces: Mixture, recipe: Recipe, state_path: Path, seed: int,
    teacher: Path | None = None,
) -> LandmarkNet:  # fmt: skip
    """Return a network with the parts that learn from what the others read, in this order: how
    sure the coarse part is, the join (states of their own beside) and the reader."""
    from talkgen.training.perception_join import fit_join
    from talkgen.training.perception_reader import STEPS, fit_reader
    from talkgen.training.perception_readings import readings_of
    from talkgen.training.perception_scorer import TeacherScorer
    from talkgen.training.perception_sure import fit_sure

    folder = state_path.parent
    net = assemble(folder, net.config)
    fit_sure(net, faces, recipe, folder, seed=seed)
    found = readings_of(net, faces, folder, seed=seed, copies=recipe.copies)
    fit_join(net, found, faces.share)
    loop.save_state(
        folder / "join.pt", {"average": net.join.state_dict(), "step": 0, "elapsed": 0.0}
    )
    steps = min(recipe.schedule.steps, STEPS)
    # Only rendered heads know how far they are turned.
    scorer = TeacherScorer(teacher) if teacher is not None else None
    fit_reader(
        net, found, min(1.4 * faces.share, 0.5), state_path, scorer=scorer, steps=steps, seed=seed
    )
    return net.eval()


def load_sure(net: LandmarkNet, weights: loop.Weights) -> None:
    """Set how sure the coarse part is: its presence, sure and confidence layers."""
    net.coarse.load_state_dict(net.coarse.state_dict() | weights)


def batch_of(part: str, faces: Mixture, config: LandmarkConfig, recipe: Recipe, rng: Any) -> Batch:
    """Return a batch for a part."""
    if part == "coarse":
        return coarse_batch(faces, config, recipe, rng)
    return detail_batch(faces, config, recipe, rng, part)


def part_loss(module: nn.Module, loss_of: PointLoss, batch: Batch) -> Tensor:
    """Return the loss of a part on a batch."""
    with torch.autocast("cpu", torch.bfloat16):
        out = module(as_input(batch.crops))
    there = torch.from_numpy(batch.there).float()
    target, trust = torch.from_numpy(batch.points), torch.from_numpy(batch.trust)
    found = out.points.float()
    loss = (loss_of(found, target, trust) * there).sum() / there.sum().clamp_min(1)
    if loss_of.part != "coarse":
        return loss
    return loss + 0.08 * sure_loss(
        out.presence.float(), out.confidence.float(), found, loss_of, batch
    )


def sure_loss(
    presence: Tensor, confidence: Tensor, found: Tensor, loss_of: PointLoss, batch: Batch
) -> Tensor:
    """Return the loss of presence (B,) and confidence (B, 478), logits, beside points found.

    A point is to be as sure as it is right, and nothing hides it.
    """
    there, target = torch.from_numpy(batch.there).float(), torch.from_numpy(batch.points)
    error = (found - target)[..., :2].detach().norm(dim=2) / loss_of.unit_of(target)[:, None]
    right = torch.exp(-((error / RIGHT_WITHIN) ** 2)) * torch.from_numpy(batch.visible)
    entropy = nn.functional.binary_cross_entropy_with_logits
    return entropy(presence, there) + 0.5 * entropy(confidence, right * there[:, None])


def _with(net: LandmarkNet, part: str, average: dict[str, Tensor]) -> LandmarkNet:
    other = copy.deepcopy(net)
    getattr(other, part).load_state_dict(average)
    return other.eval()


def evaluate_part(net: LandmarkNet, part: str, average: Any, folder: Path) -> dict[str, float]:
    """Return mean point errors of a part on the people kept aside, % of the eye distance.

    The views are as disturbed as those that train.
    """
    faces = views.FaceSet(folder, held=True)
    if not len(faces):
        return {}
    module = getattr(_with(net, part, average), part)
    recipe = Recipe(batch=min(256, len(faces)), negatives=0.1)
    mixture = Mixture(faces, None, 0.0)
    batch = batch_of(part, mixture, net.config, recipe, np.random.default_rng(1))
    crops, wanted, there = batch.crops, batch.points, batch.there
    with torch.inference_mode():
        out = [module(as_input(crops[i : i + 32])) for i in range(0, len(crops), 32)]
    result = {}
    if part == "coarse":
        presence = torch.cat([o.presence for o in out]).numpy()
        result["presence"] = float(((presence > 0) == there).mean())
        unit = np.linalg.norm(wanted[:, 33, :2] - wanted[:, 263, :2], axis=1)
        groups = {"lips": LIPS, "eyes": RIGHT_LIDS + LEFT_LIDS}
    else:
        unit = np.full(len(wanted), PointLoss(part, net.config).unit)
        groups = {"lids": range(16), "iris": range(16, 21)} if part == "eye" else {}
    found = torch.cat([o.points for o in out]).numpy()
    gap = np.linalg.norm(found[there, :, :2] - wanted[there, :, :2], axis=2)
    error = 100 * gap / unit[there, None]
    result["mean"] = float(error.mean())
    result |= {name: float(error[:, list(points)].mean()) for name, points in groups.items()}
    return {k: round(v, 3) for k, v in result.items()}


def assemble(states: Path, config: LandmarkConfig | None = None) -> LandmarkNet:
    """Return the network of the averaged weights of the parts whose states lie in `states`."""
    net = LandmarkNet(config)
    for part in (*PARTS, "join"):
        path = states / f"{part}.pt"
        if path.exists():
            state = torch.load(path, weights_only=False)
            getattr(net, part).load_state_dict(state["average"])
            log.info("%s: step %d, %.0f min", part, state["step"],
                     state["elapsed"] / 60)  # fmt: skip
        else:
            log.warning("%s: untrained", part)
    if (states / "sure.pt").exists():
        load_sure(net, torch.load(states / "sure.pt", weights_only=False)["average"])
    return net.eval()
