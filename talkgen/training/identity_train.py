"""Fit of the identity network: what `scripts/train_identity.py` calls."""

from __future__ import annotations

import dataclasses
import logging
from collections import defaultdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from talkgen.face.identity_net import IdentityConfig, IdentityNet, as_grey, straight
from talkgen.training.identity_measure import rates
from talkgen.training.identity_prepare import person_of
from talkgen.training.loop import Moment, Schedule, Weights, fit, in_batches
from talkgen.training.perception_views import disturb
from talkgen.types import ImageArray

log = logging.getLogger(__name__)

TEMPLATE_PX = 112
"""Pixels of the template within a kept crop of 128."""
DEV_PERCENT = 8
"""Share of the training people with several pictures that the recipe is chosen on."""


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How the network learns: the schedule, pictures in a batch, margin (rad) and scale."""

    schedule: Schedule = dataclasses.field(
        default_factory=lambda: Schedule(minutes=25, rate=2e-3, decay=0.05, average=0.998)
    )
    batch: int = 128
    margin: float = 0.25
    scale: float = 20.0
    contrast: float = 0.5
    drop: float = 0.25


PRESETS = {
    "cpu": Recipe(),
    "tiny": Recipe(schedule=Schedule(steps=3, save_every_s=1e9), batch=8),
}


class People:
    """The aligned crops of some people, photographed and rendered.

    folder : what `scripts/prepare_identity.py` wrote
    part : "train", "dev" (training people that choose the recipe) or "held" (for measuring)
    """

    def __init__(self, folder: Path, part: str) -> None:
        labels = np.load(folder / "labels.npz")
        person, held = labels["person"], labels["held"]
        # Who is kept aside must not train under another source either (a film of the same man).
        aside = {plain_name(p) for p in person[held]}
        known = np.array([plain_name(p) in aside for p in person])
        count = {p: n for p, n in zip(*np.unique(person, return_counts=True), strict=True)}
        names = sorted(p for p in count if count[p] > 1 and p.startswith("expressions/"))
        order = np.random.default_rng(0).permutation(len(names))
        free = set(person[~held])
        dev = {names[i] for i in order[: len(names) * DEV_PERCENT // 100] if names[i] in free}
        is_dev = np.isin(person, list(dev))
        rows = {"train": ~known & ~is_dev, "dev": is_dev, "held": held}[part]
        self.rows = np.flatnonzero(rows)
        self.crops = np.load(folder / "crops.npy", mmap_mode="r")
        self.person, self.source = person[rows], labels["source"][rows]
        self.shape, self.pixels = labels["shape"][rows], labels["pixels"][rows]
        self.landmarks = labels["landmarks"][rows]
        _, self.number = np.unique(self.person, return_inverse=True)
        self.classes = int(self.number.max(initial=-1)) + 1
        self.groups = _groups(self.number)
        self.rendered: Any = None
        path = folder / "rendered_labels.npz"
        if part == "train" and path.exists():
            self.rendered = np.load(folder / "rendered.npy", mmap_mode="r")
            _, number = np.unique(np.load(path)["person"], return_inverse=True)
            self.rendered_groups = [g for g in _groups(number).values() if len(g) > 1]
            self.rendered_first = self.classes
            self.classes += len(self.rendered_groups)

    def __len__(self) -> int:
        return len(self.rows)

    def only(self, index: Any) -> None:
        """Keep some of the rows."""
        self.rows, self.person = self.rows[index], self.person[index]
        self.source = self.source[index]
        self.shape, self.pixels = self.shape[index], self.pixels[index]
        self.landmarks = self.landmarks[index]
        _, self.number = np.unique(self.person, return_inverse=True)
        self.classes, self.groups = int(self.number.max(initial=-1)) + 1, _groups(self.number)

    def crop(self, index: int) -> ImageArray:
        """Return the kept crop (128, 128, 3) of a face."""
        return np.asarray(self.crops[self.rows[index]])

    def several(self) -> list[Any]:
        """Return the rows of each person with more than one picture."""
        return [g for g in self.groups.values() if len(g) > 1]


def plain_name(person: str) -> str:
    """Return "source/name" without the source in one spelling; numbered people keep it."""
    source, name = person.split("/", 1)
    return person_of(name) if source in ("expressions", "clips") else person


def _groups(number: Any) -> dict[int, Any]:
    found: dict[int, list[int]] = defaultdict(list)
    for row, value in enumerate(number):
        found[int(value)].append(row)
    return {k: np.array(v) for k, v in found.items()}


def seen(crop: ImageArray, side: int, rng: np.random.Generator) -> ImageArray:
    """Return a crop as another camera might give it: moved, mirrored, lit, blurred, covered."""
    zoom = np.exp(rng.normal(0, 0.045)) * TEMPLATE_PX / side
    angle = rng.normal(0, 0.06)
    cos, sin = np.cos(angle) * zoom, np.sin(angle) * zoom
    flip = -1.0 if rng.random() < 0.5 else 1.0
    stretch = np.exp(rng.normal(0, 0.03))
    linear = np.array([[cos * flip * stretch, -sin], [sin * flip, cos]])
    middle = (crop.shape[0] - 1) / 2 + rng.normal(0, 1.8, 2)
    shift = middle - linear @ np.full(2, (side - 1) / 2)
    out: Any = cv2.warpAffine(
        crop, np.concatenate([linear, shift[:, None]], 1), (side, side),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    out = disturb(out, rng)
    if rng.random() < 0.35:
        height, width = (int(v) for v in rng.integers(side // 8, side // 2, 2))
        y, x = int(rng.integers(side - height)), int(rng.integers(side - width))
        out[y : y + height, x : x + width] = rng.integers(0, 256)
    moved: ImageArray = out
    return moved


def draw(people: People, count: int, side: int, rng: np.random.Generator) -> Any:
    """Return crops (B, side, side, 3) and classes (B,): pairs of known people first."""
    crops: list[ImageArray] = []
    classes: list[int] = []
    several = people.several()
    weight = np.array([min(len(g), 6) for g in several], float) ** 0.5
    weight /= weight.sum()
    with_rendered = people.rendered is not None
    pairs = int(count * (0.25 if with_rendered else 0.33))
    for at in rng.choice(len(several), min(pairs, len(several)), replace=False, p=weight):
        for row in rng.choice(several[at], 2, replace=False):
            crops.append(seen(people.crop(row), side, rng))
            classes.append(int(people.number[row]))
    if with_rendered:
        chosen = rng.choice(len(people.rendered_groups), count // 8, replace=False)
        for at in chosen:
            for row in rng.choice(people.rendered_groups[at], 2, replace=False):
                crops.append(seen(np.asarray(people.rendered[row]), side, rng))
                classes.append(people.rendered_first + int(at))
    for row in rng.choice(len(people), max(0, count - len(crops))):
        crops.append(seen(people.crop(int(row)), side, rng))
        classes.append(int(people.number[row]))
    return np.stack(crops), torch.tensor(classes)


class Margin(nn.Module):
    """Additive angular margin over classes (ArcFace), and a contrast of pairs within the batch."""

    def __init__(self, dim: int, classes: int, recipe: Recipe) -> None:
        super().__init__()
        self.centers = nn.Parameter(torch.randn(classes, dim) * 0.05)
        self.recipe = recipe

    def forward(self, features: Tensor, classes: Tensor, strength: float) -> Tensor:
        """Return the loss of features (B, dim); `strength` scales the margin, 0 to 1."""
        r = self.recipe
        one = nn.functional.normalize(features, dim=1)
        cosine = (one @ nn.functional.normalize(self.centers, dim=1).T).clamp(-0.9999, 0.9999)
        own = cosine.gather(1, classes[:, None])
        angle = torch.acos(own) + r.margin * strength
        harder = torch.where(angle < torch.pi, torch.cos(angle), own - 0.2)
        logits = cosine.scatter(1, classes[:, None], harder) * r.scale
        loss = nn.functional.cross_entropy(logits, classes, label_smoothing=0.05)
        like = one @ one.T * 12.0
        like = like.masked_fill(torch.eye(len(one), dtype=torch.bool), -1e4)
        same = (classes[:, None] == classes[None]) & ~torch.eye(len(one), dtype=torch.bool)
        with_mate = same.any(1)
        near = torch.log_softmax(like, 1)
        pair = -(near * same).sum(1)[with_mate] / same.sum(1)[with_mate]
        return loss + r.contrast * pair.mean() if with_mate.any() else loss


class _Fitted(nn.Module):
    def __init__(self, net: IdentityNet, head: Margin, drop: float) -> None:
        super().__init__()
        self.net, self.head, self.drop = net, head, nn.Dropout(drop)


def train(
    folder: Path, state_path: Path, recipe: Recipe, *, seed: int = 0,
    config: IdentityConfig | None = None, restart: bool = False,
) -> IdentityNet:  # fmt: skip
    """Return the trained network, whitened, its threshold set; goes on from `state_path`."""
    torch.manual_seed(seed)
    people, dev = People(folder, "train"), People(folder, "dev")
    net = IdentityNet(config)
    log.info("%d faces of %d people train", len(people), people.classes)
    both = _Fitted(net, Margin(net.config.dim, people.classes, recipe), recipe.drop)
    both.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def loss_of(moment: Moment) -> Tensor:
        crops, classes = draw(people, recipe.batch, net.config.side, moment.rng)
        with torch.autocast("cpu", torch.bfloat16):
            hidden = net.trunk(as_grey(crops)).flatten(1)
            features = net.embed(both.drop(hidden))
        features = net.norm(features.float())
        strength = min(1.0, max(0.0, (moment.progress - 0.1) / 0.3))
        loss: Tensor = both.head(features, classes, strength)
        return loss

    def report(average: Weights) -> dict[str, Any]:
        return dev_rates(_of(net, average), dev)

    average = fit(both, loss_of, recipe.schedule, state_path, seed=seed, name="identity",
                  report=report if len(dev) else None, restart=restart)  # fmt: skip
    return whitened(_of(net, average), people, dev)


def _of(net: IdentityNet, average: Weights) -> IdentityNet:
    out = IdentityNet(net.config)
    start = "net."
    out.load_state_dict({k[len(start) :]: v for k, v in average.items() if k.startswith(start)})
    return out.eval()


def embedded(net: IdentityNet, people: People, *, whiten: bool = True) -> Any:
    """Return unit embeddings (N, dim) of all faces: the mean over the mirror image."""
    out = []
    for rows in in_batches(len(people), 64):
        crops = np.stack([straight(people.crop(i), net.config.side)
                          for i in range(rows.start, rows.stop)])  # fmt: skip
        both = as_grey(np.concatenate([crops, crops[:, :, ::-1]]))
        with torch.inference_mode():
            found = net(both) if whiten else nn.functional.normalize(net.features(both), dim=1)
        mean = found[: len(crops)] + found[len(crops) :]
        out.append(nn.functional.normalize(mean, dim=1).numpy())
    return np.concatenate(out) if out else np.zeros((0, net.config.dim), np.float32)


def dev_rates(net: IdentityNet, dev: People) -> dict[str, float]:
    """Return the rates on the people that choose the recipe."""
    found = rates(embedded(net, dev), dev.person)
    return {k: round(found[k], 3) for k in ("tar_at_1", "eer", "auc")}


def whitened(net: IdentityNet, people: People, dev: People) -> IdentityNet:
    """Return the network with within-person variation shrunk (WCCN, Hatch et al. 2006).

    The covariance comes from people with several pictures; how far it is trusted, and the
    threshold, from the people that choose the recipe.
    """
    plain = embedded(net, people, whiten=False)
    center = plain.mean(0)
    groups = people.several()
    rest = np.concatenate([plain[g] - plain[g].mean(0) for g in groups])
    within = rest.T @ rest / max(len(rest) - len(groups), 1)
    scale = np.trace(within) / len(within)
    best, chosen, threshold = -1.0, (np.eye(len(center)), 0.0), 0.5
    for trust in (0.0, 0.3, 0.6, 0.8, 0.9, 0.95):
        mixed = trust * within / scale + (1 - trust) * np.eye(len(within))
        values, axes = np.linalg.eigh(mixed)
        matrix = axes / np.sqrt(values) @ axes.T
        for moved in (0.0, 1.0):
            net.whiten.copy_(torch.from_numpy(matrix).float())
            net.center.copy_(torch.from_numpy(center * moved).float())
            found = rates(embedded(net, dev), dev.person) if len(dev) else {"tar_at_1": 0.0}
            log.info("trust %.2f, centred %.0f: %s", trust, moved, found)
            if found["tar_at_1"] > best:
                best, chosen = found["tar_at_1"], (matrix, moved)
                threshold = float(found.get("threshold", 0.5))
    net.whiten.copy_(torch.from_numpy(chosen[0]).float())
    net.center.copy_(torch.from_numpy(center * chosen[1]).float())
    net.config = dataclasses.replace(net.config, threshold=round(threshold, 4))
    return net
