"""What a fit leaves over, spread over the mesh, so that lips, lids and brows sit on the pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

MIN_WEIGHT = 0.5
"""Landmarks with less (the contour slides with the silhouette) say nothing about the surface."""

SMOOTHING_CM = 0.05
"""How far a single landmark may stay off: its own noise."""

REACH_CM = 3.0
"""Away from all landmarks the correction fades over this distance."""

MAX_LIFT = 0.08
"""Longest correction in inter-ocular distances: beyond that the landmark is wrong, not the fit."""

FLAT_LIFT = 0.6
"""The same where no head lies well: the picture is warped to the points then, as a flat one."""


def lifted_residual(
    vertices: NDArray[np.float32],
    points: NDArray[np.float32],
    residual: NDArray[np.float32],
    weight: NDArray[np.float32],
    interocular: float,
    longest: float = MAX_LIFT,
) -> NDArray[np.float32]:
    """Return (V, 2) corrections for `vertices` from those at landmarks, in the residual's unit.

    vertices : (V, 3) cm; points : (L, 3) cm, the landmarks on the mesh
    residual : (L, 2), wanted minus present place; weight : (L,)
    interocular : in the residual's unit; longest : longest correction in these
    """
    use = weight >= MIN_WEIGHT
    points, residual = points[use].astype(np.float64), residual[use].astype(np.float64)
    length = np.linalg.norm(residual, axis=1, keepdims=True)
    residual = residual * np.minimum(1.0, longest * interocular / np.maximum(length, 1e-9))
    mean = np.median(residual, axis=0)
    between = np.linalg.norm(points[:, None] - points[None], axis=2)
    # A linear radial basis is the smoothest that does not overshoot between close lips or lids.
    system = -between + SMOOTHING_CM * np.eye(len(points)) + 2.0 * between.max()
    coefficients = np.linalg.solve(system, residual - mean)
    out = np.empty((len(vertices), 2), np.float32)
    for first in range(0, len(vertices), 2048):
        part = slice(first, first + 2048)
        distance = cdist(vertices[part].astype(np.float64), points)
        field = (2.0 * between.max() - distance) @ coefficients
        fade = np.exp(-((distance.min(axis=1) / REACH_CM) ** 2))
        out[part] = mean + field * fade[:, None]
    return out
