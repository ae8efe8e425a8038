"""The linear readers of the expression critic: logistic regression on features of many views."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from talkgen.critic.expression_net import ExpressionNet
from talkgen.training.expression_views import Viewed
from talkgen.training.loop import in_batches
from talkgen.types import EMOTIONS

VIEWS = 3
"""Random views of each face beside the plain one."""
DECAY = 0.02
"""Of the squared weights (inputs of spread 1), chosen on three of the folds out of two."""
SMOOTHING = 0.1
DRAWN = 0.1
"""Weight of drawn faces beside real ones. More names drawn faces better and real ones worse (on
three folds: 0 names 33 % of drawn faces and .646 of real ones, 0.1 56 % and .634, 1 68 % and .621);
the other reader is good at drawn ones."""
RARE = 0.1
"""Weight of real faces of the classes with few, doubtful pictures: drawn ones teach those."""
FEW = 30


class Features(NamedTuple):
    """Features (V, N, D) of V views of N faces."""

    does: Tensor
    geometry: Tensor


@torch.no_grad()
def features(net: ExpressionNet, faces: Viewed, rows: Any, *, seed: int = 0) -> Features:
    """Return what the first trunk and geometry say of faces, plain and in random views."""
    net.eval()
    rng = np.random.default_rng(seed)
    seen: list[tuple[Tensor, Tensor]] = []
    for view in range(1 + VIEWS):
        one, other = [], []
        for part in in_batches(len(rows), 128):
            if view:
                batch = faces.views(rows[part], rng)
                crops, points, scores = batch.crops, batch.points, batch.scores
            else:
                crops, points, scores = faces.plain(rows[part])
            one.append(net.does(crops))
            other.append(net.geometry(points, scores))
        seen.append((torch.cat(one), torch.cat(other)))
    return Features(torch.stack([a for a, _ in seen]), torch.stack([b for _, b in seen]))


def weights_of(label: Any, person: Any, *, drawn: bool) -> Any:
    """Return how much each face (N,) counts: classes equally, people of many faces little."""
    counts = np.bincount(label, minlength=len(EMOTIONS))
    weight = 1.0 / np.maximum(counts, 1)[label]
    _, inverse, many = np.unique(person, return_inverse=True, return_counts=True)
    own = many[inverse] ** -0.5
    total = np.bincount(label, weight * own, minlength=len(EMOTIONS))
    weight = weight * own / np.maximum(total, 1e-9)[label]
    if drawn:
        return DRAWN * weight
    return np.where(counts[label] < FEW, RARE, 1.0) * weight


def read_linearly(net: ExpressionNet, sets: Mapping[str, tuple[Features, Any, Any, bool]]) -> None:
    """Fit `reading` and `geometry_reading` of a network.

    sets : features, labels (N,), people (N,) and whether the faces are drawn
    """
    label = np.concatenate([np.tile(y, 1 + VIEWS) for _, y, _, _ in sets.values()])
    weight = np.concatenate([
        np.tile(weights_of(y, person, drawn=drawn), 1 + VIEWS) for _, y, person, drawn
        in sets.values()
    ])  # fmt: skip
    geometry = torch.cat([f.geometry.flatten(0, 1) for f, *_ in sets.values()])
    does = torch.cat([f.does.flatten(0, 1) for f, *_ in sets.values()])
    fit_linear(net.reading, torch.cat([does, geometry], 1), label, weight)
    fit_linear(net.geometry_reading, geometry, label, weight)


def fit_linear(linear: nn.Linear, inputs: Tensor, label: Any, weight: Any) -> None:
    """Set a layer to the logistic regression of labels (N,) on inputs (N, D)."""
    middle, scale = inputs.mean(0), 1 / (inputs.std(0) + 0.02)
    rows, wanted = (inputs - middle) * scale, torch.from_numpy(np.asarray(label, np.int64))
    share = torch.from_numpy(np.asarray(weight / weight.sum(), np.float32))
    slopes = torch.zeros(inputs.shape[1], len(EMOTIONS), requires_grad=True)
    bias = torch.zeros(len(EMOTIONS), requires_grad=True)
    solver = torch.optim.LBFGS([slopes, bias], max_iter=60)

    def closure() -> Tensor:
        solver.zero_grad()
        losses = nn.functional.cross_entropy(
            rows @ slopes + bias, wanted, reduction="none", label_smoothing=SMOOTHING
        )
        loss = (losses * share).sum() + DECAY * slopes.square().sum()
        loss.backward()
        return loss

    solver.step(closure)
    with torch.no_grad():
        own = slopes.T * scale
        linear.weight.copy_(own)
        linear.bias.copy_(bias - own @ middle)
