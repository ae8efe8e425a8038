"""The fit of the landmark network's join: weighted ridge regression, cut to a low rank."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import torch

from talkgen.face.landmarks import Frame, LandmarkNet
from talkgen.face.points import LEFT_IRIS, LEFT_LIDS, LIPS, RIGHT_IRIS, RIGHT_LIDS
from talkgen.training.perception_readings import Readings

log = logging.getLogger(__name__)

RIDGE = 0.5
"""Weight of the penalty beside inputs of unit variance (chosen on people left out of the fit)."""
DETAILS = LIPS + RIGHT_LIDS + LEFT_LIDS + RIGHT_IRIS + LEFT_IRIS
STAY = tuple(3 * i + axis for i in DETAILS for axis in (0, 1))
"""What stays as the detail parts read it: a join that may move these takes the lips of new people
back to the usual, and lids to where rendered heads have theirs."""


def fit_join(net: LandmarkNet, found: Readings, rendered: float) -> None:
    """Set `net.join` to the map that brings the readings nearest to their labels.

    rendered : share that rendered heads have
    Where a label is not trusted, what the real faces alone teach stands in for it.
    """
    part = net.join
    points, first, wanted = (
        torch.from_numpy(np.asarray(a, np.float32)) for a in (found.points, found.first,
                                                              found.wanted)
    )  # fmt: skip
    frame = Frame.of(points)
    level = frame.level(points)
    inputs = part.inputs(frame.level(first), level, torch.from_numpy(found.hidden))
    gap = frame.level(wanted) - level
    gap[..., 2] -= gap[..., 2].mean(1, keepdim=True)
    x = inputs.double().numpy()
    part.usual.copy_(torch.from_numpy(x.mean(0)))
    part.scale.copy_(torch.from_numpy(1 / (x.std(0) + 0.02)))
    x = (x - part.usual.double().numpy()) * part.scale.double().numpy()
    y = gap.flatten(1).double().numpy()
    trust = np.repeat(found.trust, 3, axis=1)
    real = found.exact < 0.5
    weight = found.shares(rendered) * len(x)
    weight[real] *= found.trust[real].mean(1)
    own, bias = _ridge(x[real], y[real], weight[real])
    y = trust * y + (1 - trust) * (x @ own + bias)
    y[real] = gap.flatten(1).double().numpy()[real]  # their rows weigh less already
    full, bias = _ridge(x, y, weight)
    # The directions that matter most on these readings, not the largest numbers of the map.
    rank = net.config.join_rank
    _, _, basis = np.linalg.svd(x[:4000] @ full, full_matrices=False)
    basis = np.concatenate([basis, np.zeros((max(0, rank - len(basis)), basis.shape[1]))])[:rank]
    with torch.no_grad():
        wide = torch.from_numpy(basis.T)
        wide[list(STAY)] = 0
        bias[list(STAY)] = 0
        part.narrow.weight.copy_(torch.from_numpy((full @ basis.T).T))
        part.wide.weight.copy_(wide)
        part.wide.bias.copy_(torch.from_numpy(bias))
        after = part(frame.level(first), level, torch.from_numpy(found.hidden))
    for name, rows in (("real", real), ("rendered", ~real)):
        if rows.any():
            before, now = (_error(level + gap, p)[rows].mean() for p in (level, after))
            log.info("join: %s faces %.3f -> %.3f %% of the eye distance", name, before, now)


def _ridge(x: Any, y: Any, weight: Any) -> tuple[Any, Any]:
    """Return the map (N, M) and bias (M,) of inputs (R, N) to targets (R, M), rows weighed (R,)."""
    total = max(weight.sum(), 1e-12)
    mx, my = weight @ x / total, weight @ y / total
    a = (x - mx) * weight[:, None]
    square = a.T @ (x - mx) / total
    found = np.linalg.solve(square + RIDGE * np.eye(len(square)), a.T @ (y - my) / total)
    return found, my - mx @ found


def _error(wanted: torch.Tensor, points: torch.Tensor) -> Any:
    return 100 * (wanted - points)[..., :2].norm(dim=2).mean(1).numpy()
