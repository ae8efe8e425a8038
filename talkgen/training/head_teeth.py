"""Own geometry of teeth: the crown of each source tooth, met by rays from its middle."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkgen.training.head_mesh import Patch

Array = NDArray[Any]

CROWN_CM = 1.4
"""Height that is kept of a tooth, from the biting edge; the rest is inside the gum."""

LEVELS = (0.03, 0.13, 0.34, 0.66, 1.0)
LEVELS_CUSPED = (0.2, 0.3, 0.48, 0.72, 1.0)
"""Rings of points on a crown, shares of its height from the biting edge; for incisors and canines,
and for the teeth behind, whose biting side is no edge."""

AROUND = (14, 14, 12, 10, 10, 10)
"""Points around a ring, tooth by tooth from the middle; no camera sees the last two molars, so they
are left out."""


def tooth_patch(vertices: Array, triangles: Array, *, upper: bool, number: int) -> Patch:
    """Return a crown as a patch; its plane is the polar unit square, biting edge in the middle.

    Rays go out from the middle of horizontal slices, so corners and edges of incisors stay.
    vertices : (N, 3) of the source; triangles : (T, 3) of one tooth; number : 0 is next to the
    mirror plane
    """
    corners = vertices[triangles]
    y = corners[..., 1]
    edge, toward = (y.max(), -1.0) if upper else (y.min(), 1.0)  # y points down
    crown = vertices[np.unique(triangles)]
    crown = crown[(crown[:, 1] - edge) * toward < CROWN_CM]
    along, across = _axes(crown)
    around, levels = AROUND[number], LEVELS if number < 3 else LEVELS_CUSPED
    angle = 2 * np.pi * (np.arange(around) + 0.5) / around
    ids, weights = [], []
    for level in levels:
        height = edge + toward * level * CROWN_CM
        cut = _slice(corners, height)
        a, b = cut @ along, cut @ across
        middle = along * (a.min() + a.max()) / 2 + across * (b.min() + b.max()) / 2
        middle[1] = height
        direction = np.outer(np.cos(angle) * np.ptp(a), along)
        direction += np.outer(np.sin(angle) * np.ptp(b), across)
        if level == levels[0]:
            direction = np.concatenate([[[0, -toward, 0]], direction])  # the pole comes first
        found = hit(middle, direction, corners, triangles)
        ids.append(found[0])
        weights.append(found[1])
    points, shares = np.concatenate(ids), np.concatenate(weights)
    rings = len(levels)
    radius = np.concatenate([[0], np.repeat(np.arange(1, rings + 1) / rings, around)])
    turn = np.concatenate([[0], np.tile(angle, rings)])
    plane = 0.5 + 0.5 * radius[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    faces = polar_faces(around, rings)
    found_at = np.einsum("nk,nkd->nd", shares, vertices[points])
    p, q, r = (found_at[faces[:, k]] for k in range(3))
    outward = (np.cross(q - p, r - p) * ((p + q + r) / 3 - found_at.mean(axis=0))).sum()
    if outward < 0:
        faces = faces[:, ::-1]
    return Patch(points, shares, plane, faces, np.zeros(len(faces), int))


def _slice(corners: Array, height: float) -> Array:
    """Return the points (n, 3) where triangle edges (T, 3, 3) cross a horizontal plane."""
    out = []
    for k in range(3):
        a, b = corners[:, k], corners[:, (k + 1) % 3]
        crosses = (a[:, 1] - height) * (b[:, 1] - height) < 0
        t = (height - a[crosses, 1]) / (b[crosses, 1] - a[crosses, 1])
        out.append(a[crosses] + t[:, None] * (b[crosses] - a[crosses]))
    return np.concatenate(out)


def _axes(crown: Array) -> tuple[Array, Array]:
    """Return the horizontal directions along the dental arch and across it."""
    flat = (crown - crown.mean(axis=0))[:, [0, 2]]
    _, _, v = np.linalg.svd(flat, full_matrices=False)
    return np.array([v[0, 0], 0.0, v[0, 1]]), np.array([v[1, 0], 0.0, v[1, 1]])


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
