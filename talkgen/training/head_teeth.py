"""Own geometry of teeth: the crown of each source tooth, met by rays from its middle."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkgen.training.head_mesh import Patch

Array = NDArray[Any]

CROWN_CM = 1.45
"""Height that is kept of a tooth, from the biting edge; the rest is inside the gum."""

GRIDS = ((14, 6), (14, 6), (12, 6), (10, 5), (10, 5), (10, 5))
"""Points around and rings from the biting edge down, tooth by tooth from the middle; no camera
sees the last two molars, so they are left out."""


def tooth_patch(
    vertices: Array, triangles: Array, *, upper: bool, around: int, rings: int
) -> Patch:
    """Return a crown as a patch; its plane is the polar unit square, biting edge in the middle.

    vertices : (N, 3) of the source; triangles : (T, 3) of one tooth
    """
    corners = vertices[triangles]
    y = corners[..., 1]
    edge, toward = (y.max(), -1.0) if upper else (y.min(), 1.0)  # y points down
    crown = vertices[np.unique(triangles)]
    depth = (crown[:, 1] - edge) * toward
    crown = crown[depth < CROWN_CM]
    low, high = crown.min(axis=0), crown.max(axis=0)
    middle = (low + high) / 2
    middle[1] = edge + toward * 0.55 * CROWN_CM
    axes = _axes(crown, toward)
    half = np.abs((crown - middle) @ axes.T).max(axis=0)
    polar = np.deg2rad(np.linspace(0, 128, rings + 1))[1:]
    angle = 2 * np.pi * (np.arange(around) + 0.5) / around
    s, c = np.sin(polar)[:, None], np.cos(polar)[:, None] + 0 * angle
    grid = np.stack([s * np.cos(angle), c, s * np.sin(angle)], axis=-1).reshape(-1, 3)
    direction = np.concatenate([[[0, 1.0, 0]], grid]) * half @ axes
    ids, weights = hit(middle, direction, corners, triangles)
    radius = np.concatenate([[0], np.repeat(np.arange(1, rings + 1) / rings, around)])
    turn = np.concatenate([[0], np.tile(angle, rings)])
    plane = 0.5 + 0.5 * radius[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    faces = polar_faces(around, rings)
    found = np.einsum("nk,nkd->nd", weights, vertices[ids])
    a, b, c_ = (found[faces[:, k]] for k in range(3))
    normal = np.cross(b - a, c_ - a)
    if (normal * ((a + b + c_) / 3 - middle)).sum() < 0:
        faces = faces[:, ::-1]
    return Patch(ids, weights, plane, faces, np.zeros(len(faces), int))


def _axes(crown: Array, toward: float) -> Array:
    """Return rows: along the dental arch, to the biting edge, across the arch."""
    flat = (crown - crown.mean(axis=0))[:, [0, 2]]
    _, _, v = np.linalg.svd(flat, full_matrices=False)
    along = np.array([v[0, 0], 0.0, v[0, 1]])
    across = np.array([v[1, 0], 0.0, v[1, 1]])
    return np.stack([along, [0, -toward, 0], across])


def polar_faces(around: int, rings: int) -> Array:
    """Return triangles of a pole (vertex 0) and `rings` closed rings of `around` vertices."""
    faces = [(0, 1 + (i + 1) % around, 1 + i) for i in range(around)]
    for r in range(rings - 1):
        for i in range(around):
            a, b = 1 + r * around + i, 1 + r * around + (i + 1) % around
            faces += [(a, b, a + around), (b, b + around, a + around)]
    return np.array(faces)


def hit(origin: Array, direction: Array, corners: Array, triangles: Array) -> tuple[Array, Array]:
    """Return the triangle corners (n, 3) and weights (n, 3) where rays leave a closed surface."""
    e1, e2 = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    t0 = origin - corners[:, 0]
    q = np.cross(t0, e1)
    ids, weights = [], []
    for d in direction:
        p = np.cross(d, e2)
        det = (e1 * p).sum(axis=1)
        det = np.where(np.abs(det) < 1e-12, 1e-12, det)
        u, v = (t0 * p).sum(axis=1) / det, (q @ d) / det
        t = (e2 * q).sum(axis=1) / det
        inside = (u > -1e-6) & (v > -1e-6) & (u + v < 1 + 1e-6) & (t > 0)
        if not inside.any():  # an open root: the nearest corner of the surface stands in
            ray = corners - origin
            cosine = (ray @ d) / (np.linalg.norm(ray, axis=-1) * np.linalg.norm(d))
            face, corner = np.unravel_index(cosine.argmax(), cosine.shape)
            ids.append(triangles[face])
            weights.append(np.eye(3)[corner])
            continue
        face = int(np.where(inside, t, -1).argmax())
        ids.append(triangles[face])
        weights.append(np.clip([1 - u[face] - v[face], u[face], v[face]], 0, 1))
    return np.array(ids), np.array(weights) / np.sum(weights, axis=1, keepdims=True)
