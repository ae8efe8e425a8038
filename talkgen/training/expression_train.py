"""The fit of the expression network: first what faces do, then what that means.

First a trunk learns landmark shapes, channel weights and action units from faces without emotion
labels (of all that was tried the largest gain, `FINDINGS.md`). Then a second one, which begins as
the first, learns emotions from real labelled faces, posed portraits, rendered heads and speaking
people, each set with its own share of classes taken out of the logits (logit adjustment, Menon et
al. 2021), so that what comes out is as if all classes were equally common. Doubtful labels:
smoothing, mixup, little weight for disgust.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from talkgen.critic.expression_net import ExpressionNet
from talkgen.training import loop
from talkgen.training.expression_views import Batch, Viewed, known_labels
from talkgen.types import EMOTIONS

log = logging.getLogger(__name__)

SMOOTHING = 0.1
MIXUP = 0.2
COMMON = 0.4
"""A class is drawn by its number to this power."""
ASKED = 0.15
"""Weight of emotions that drawn faces were asked to show, beside what faces do."""
DOUBTED = {"disgust": 0.35}
"""Weight of a real face with this label: three of four are wrong by eye."""


class Part(NamedTuple):
    """A set of faces, and how many of a batch come from it."""

    faces: Viewed
    count: int


def start_geometry(net: ExpressionNet, sets: Mapping[str, Viewed]) -> None:
    """Set the directions and scales of the geometric reader from faces (principal components)."""
    rng = np.random.default_rng(0)
    picked = [(s, rng.permutation(len(s))[:4000]) for s in sets.values()]
    points = np.concatenate([s.points[r] for s, r in picked]).reshape(-1, net.usual.numel())
    scores = np.concatenate([s.scores[r] for s, r in picked])
    usual = points.mean(0)
    _, _, rows = np.linalg.svd(points - usual, full_matrices=False)
    net.usual.copy_(torch.from_numpy(usual))
    net.basis.copy_(torch.from_numpy(rows[: net.config.shapes]))
    net.middle.zero_()
    net.scale.fill_(1.0)
    with torch.no_grad():
        found = net.geometry(
            torch.from_numpy(points).unflatten(1, (-1, 3)), torch.from_numpy(scores)
        )
    net.middle.copy_(found.mean(0))
    net.scale.copy_(1 / (found.std(0) + 0.02))


def teach(
    net: ExpressionNet, sets: Mapping[str, Part], state: Path, *, minutes: float, seed: int = 0,
    rate: float = 2e-3,
) -> None:  # fmt: skip
    """Train the first trunk on what faces do, and on what drawn faces were asked to show.

    sets : faces; the labels of those whose weights are known exactly count
    """
    learned = [net.does, net.scores, net.shapes, net.units, net.feelings]
    only(net, learned)

    def loss_of(moment: loop.Moment) -> Tensor:
        batch = joined([
            part.faces.views(moment.rng.integers(0, len(part.faces), part.count), moment.rng)
            for part in sets.values()
        ])  # fmt: skip
        with torch.autocast("cpu", torch.bfloat16):
            hidden = net.does(batch.crops)
            out = does(net, hidden, batch)
        loss = does_loss(net, batch, *out)
        asked = (batch.label >= 0) & (batch.units_known == 1).all(1)
        if asked.any():
            loss = loss + ASKED * nn.functional.cross_entropy(
                net.feelings(hidden.float()[asked]), batch.label[asked], label_smoothing=SMOOTHING
            )
        return loss

    schedule = loop.Schedule(minutes=minutes, rate=rate, average=0.997, decay=0.05)
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    net.load_state_dict(loop.fit(net, loss_of, schedule, state, seed=seed, name="teach"))
    net.feels.load_state_dict(net.does.state_dict())


def only(net: ExpressionNet, parts: list[nn.Module]) -> None:
    """Let only some parts of a network learn."""
    net.requires_grad_(False)
    for part in parts:
        part.requires_grad_(True)


def does(net: ExpressionNet, hidden: Tensor, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """Return channel and unit logits and shapes of a trunk's features."""
    shape = net.geometry(batch.points, batch.scores)
    out = net.scores(hidden), net.shapes(hidden), net.units(torch.cat([hidden, shape], 1))
    return out[0].float(), out[1].float(), out[2].float()


def does_loss(
    net: ExpressionNet, batch: Batch, scores: Tensor, shapes: Tensor, units: Tensor
) -> Tensor:
    """Return how far channel weights, shapes and units are off what is known."""
    gap = (torch.sigmoid(scores) - batch.channels).square() * batch.channels_known
    apart = (torch.sigmoid(units) - batch.units).square() * batch.units_known
    with torch.no_grad():
        wanted = net.geometry(batch.points, batch.scores)[:, : net.config.shapes]
    off = nn.functional.smooth_l1_loss(shapes, wanted, reduction="none").mean()
    return 10 * gap.mean() + 10 * apart.mean() + 0.3 * off


class Labels:
    """Draws faces of a set by emotion: classes by their number to the power `COMMON`, people of
    many pictures seldom.

    rows : which may be drawn; real : labels may be doubtful
    """

    def __init__(self, faces: Viewed, rows: Any, *, real: bool) -> None:
        self.faces, self.rows = faces, rows
        label, person = faces.label[rows], faces.person[rows]
        counts = np.bincount(label, minlength=len(EMOTIONS)).astype(float)
        share = counts**COMMON * (counts > 0)
        self.prior = torch.from_numpy(share / share.sum()).float().clamp_min(1e-3).log()
        _, inverse, many = np.unique(person, return_inverse=True, return_counts=True)
        own = many[inverse] ** -0.5
        total = np.bincount(label, own, minlength=len(EMOTIONS))
        chance = own / total[label] * share[label]
        self.ends = np.cumsum(chance / chance.sum())
        self.worth = torch.ones(len(EMOTIONS))
        if real:
            for name, worth in DOUBTED.items():
                self.worth[EMOTIONS.index(name)] = worth

    def draw(self, count: int, rng: np.random.Generator) -> Batch:
        """Return views of so many faces."""
        picked = np.searchsorted(self.ends, rng.random(count) * self.ends[-1])
        return self.faces.views(self.rows[np.minimum(picked, len(self.rows) - 1)], rng)


def learn(
    net: ExpressionNet, labels: Mapping[str, tuple[Labels, int]], others: Mapping[str, Part],
    state: Path, *, minutes: float, seed: int = 0, rate: float = 5e-4,
) -> None:  # fmt: skip
    """Train the second trunk on emotions; it goes on with what the first was taught.

    labels : sets with emotions and how many of a batch come from each; others : as of `teach`
    """
    only(net, [net.feels, net.feelings])
    counts = [count for _, count in labels.values()]
    prior = torch.cat([s.prior.expand(n, -1) for s, n in labels.values()])
    possible = (prior > np.log(2e-3)).float()
    known = sum(counts)
    starts = np.cumsum([0, *counts[:-1]])

    def loss_of(moment: loop.Moment) -> Tensor:
        rng = moment.rng
        parts = [s.draw(n, rng) for s, n in labels.values()]
        rest = [p.faces.views(rng.integers(0, len(p.faces), p.count), rng) for p in others.values()]
        batch = joined([*parts, *rest])
        worth = torch.cat([
            labels[name][0].worth[part.label] for name, part in zip(labels, parts, strict=True)
        ])  # fmt: skip
        share = float(rng.beta(MIXUP, MIXUP))
        share = max(share, 1 - share)
        order = torch.cat([
            torch.from_numpy(rng.permutation(n)) + int(start)
            for n, start in zip(counts, starts, strict=True)
        ])  # fmt: skip
        crops = batch.crops.clone()
        crops[:known] = share * crops[:known] + (1 - share) * crops[order]
        target = nn.functional.one_hot(batch.label[:known], len(EMOTIONS)).float()
        target = share * target + (1 - share) * target[order]
        # what a set never shows is not smoothed towards
        target = (1 - SMOOTHING) * target + SMOOTHING * possible / possible.sum(1, keepdim=True)
        with torch.autocast("cpu", torch.bfloat16):
            hidden = net.feels(crops)
            said = net.feelings(nn.functional.dropout(hidden[:known], 0.3)).float()
            out = does(net, hidden, batch)
        losses = -(target * (said + prior).log_softmax(1)).sum(1)
        weight = worth * (share + (1 - share) * worth[order])
        kept = Batch(*(getattr(batch, n)[known:] for n in Batch.__dataclass_fields__))
        also = does_loss(net, kept, out[0][known:], out[1][known:], out[2][known:])
        return (weight * losses).sum() / weight.sum() + 0.5 * also

    schedule = loop.Schedule(minutes=minutes, rate=rate, average=0.995, decay=0.1)
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    net.load_state_dict(loop.fit(net, loss_of, schedule, state, seed=seed, name="learn"))


def joined(batches: list[Batch]) -> Batch:
    """Return one batch of several."""
    return Batch(*(torch.cat([getattr(b, n) for b in batches])
                   for n in Batch.__dataclass_fields__))  # fmt: skip


@torch.no_grad()
def readings(net: ExpressionNet, faces: Viewed, rows: Any) -> dict[str, Any]:
    """Return what the network says of faces as they are: `picture`, `reading`, `geometry`,
    `logits` (N, 8) and `units` (N, U)."""
    net.eval()
    found: dict[str, list[Tensor]] = {
        n: [] for n in ("picture", "reading", "geometry", "logits", "units")
    }
    for part in loop.in_batches(len(rows), 128):
        crops, points, scores = faces.plain(rows[part])
        seen = net(crops, points, scores)
        alone = net.geometry_reading(net.geometry(points, scores))
        values = (seen.by_picture, seen.by_reading, alone, seen.logits, seen.units)
        for name, value in zip(found, values, strict=True):
            found[name].append(value)
    return {name: torch.cat(values).numpy() for name, values in found.items()}


__all__ = ["Labels", "Part", "joined", "known_labels", "learn", "readings", "start_geometry",
           "teach"]  # fmt: skip
