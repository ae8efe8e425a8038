"""Where the 478 MediaPipe landmarks lie on our head: learned from faces that the head is fitted to.

Rays through landmarks enter the eyes and the mouth, so the rims of lids and lips are placed along
their edge paths by the share of the rim's length at which real faces have them; the other points
are where they fall on the skin of many fitted heads, on average.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree

from talkgen.face.fit import HeadFit
from talkgen.face.head import PARTS, HeadModel
from talkgen.training.head_source import Source
from talkgen.training.head_topology import Topology

Array = NDArray[Any]

CONTOUR = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
CONTOUR_WEIGHT = 0.15

RIMS = {  # ring of the source, side: landmarks from smaller to larger x
    ("lips_outer", 0): (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291),
    ("lips_outer", 1): (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291),
    ("lips", 0): (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308),
    ("lips", 1): (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308),
    ("lid", 0): (362, 398, 384, 385, 386, 387, 388, 466, 263),
    ("lid", 1): (362, 382, 381, 380, 374, 373, 390, 249, 263),
}
IRISES = {-1: (468, 469, 470, 471, 472), 1: (473, 474, 475, 476, 477)}
"""Pupil, then four points of the rim; -1: the right eye (left in the picture)."""

IBUG = (
    162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389,
    71, 63, 105, 66, 107, 336, 296, 334, 293, 301, 168, 197, 5, 4, 75, 97, 2, 326, 305,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87,
)  # fmt: skip
"""MediaPipe's nearest points to the 68-point scheme, to start from."""


@dataclass
class Embedding:
    """Landmarks on the mesh: faces (478, 3) vertex ids, bary (478, 3), weight (478,)."""

    faces: Array
    bary: Array
    weight: Array

    def put(self, head: HeadModel) -> None:
        """Give a head these landmarks."""
        head.landmark_faces = self.faces.astype(np.int32)
        head.landmark_bary = self.bary.astype(np.float32)
        head.landmark_weight = self.weight.astype(np.float32)
        head.__dict__.pop("interocular", None)
        head.__dict__.pop("_fit_problem", None)


def mirror_landmarks(landmarks: Array) -> Array:
    """Return the index (478,) of the landmark on the other side, from faces (n, 478, 3)."""
    mean = np.zeros((478, 2))
    for points in landmarks:
        p = points[:, :2]
        axis = p[263] - p[33]
        turn = np.array([[axis[0], axis[1]], [-axis[1], axis[0]]]) / (axis @ axis)
        mean += (p - (p[33] + p[263]) / 2) @ turn.T / len(landmarks)
    cost = np.linalg.norm(mean[:, None] * [-1, 1] - mean[None], axis=-1)
    cost += 0.2 * ((np.arange(478) >= 468)[:, None] != (np.arange(478) >= 468)[None])
    rows, columns = linear_sum_assignment(cost + cost.T)
    pair = np.arange(478)
    pair[rows] = columns
    if not np.array_equal(pair[pair], np.arange(478)):
        raise RuntimeError("the landmarks have no unique mirror")
    return pair


def first_embedding(source: Source, topology: Topology, head: HeadModel) -> Embedding:
    """Return landmarks known from the 68-point scheme alone (weight 0 for all others)."""
    offset = _origin(source, topology, head)
    near = cKDTree(head.vertices).query(source.vertices[source.landmarks] + offset)[1]
    faces = np.zeros((478, 3), int)
    bary = np.tile([1.0, 0, 0], (478, 1))
    weight = np.zeros(478)
    for number, landmark in enumerate(IBUG):
        faces[landmark] = near[number]
        weight[landmark] = 0.02 if number < 17 else 1.0
    return Embedding(faces, bary, weight)


def _origin(source: Source, topology: Topology, head: HeadModel) -> Array:
    row = int(np.flatnonzero(topology.weights[:, 0] > 0.999)[0])
    return head.vertices[row] - source.vertices[topology.ids[row, 0]]


def rim_vertices(source: Source, topology: Topology, name: str, side: int) -> Array:
    """Return own vertices along a rim, from smaller to larger x (lids: of the left eye)."""
    path = source.ring(name)[side]
    where = {int(v): i for i, v in enumerate(path)}
    found: dict[float, int] = {}
    for row, (ids, weights) in enumerate(zip(topology.ids, topology.weights, strict=True)):
        used = [int(i) for i, w in zip(ids, weights, strict=True) if w > 1e-9]
        if all(i in where for i in used) and not topology.sphere[row].any():
            total = sum(where[int(i)] * w for i, w in zip(ids, weights, strict=True) if w > 1e-9)
            if max(where[i] for i in used) - min(where[i] for i in used) <= 1:
                found.setdefault(round(float(total), 4), row)
    return np.array([found[t] for t in sorted(found)])


def learn_embedding(
    source: Source,
    topology: Topology,
    head: HeadModel,
    landmarks: Array,
    fits: list[HeadFit],
    pair: Array,
) -> Embedding:
    """Return the landmarks' mean places on the mesh, given fits of faces (n, 478, 3)."""
    skin = np.flatnonzero(head.part <= 1)
    sums = np.zeros((478, 3))
    seen = np.zeros(478)
    shares: dict[tuple[str, int], list[Array]] = {key: [] for key in RIMS}
    irises: list[Array] = []
    rims = {key: rim_vertices(source, topology, *key) for key in RIMS}
    for points, fit in zip(landmarks, fits, strict=True):
        posed = fit.project(head.deform(head.neutral(fit.identity), fit.weights))
        triangle, bary = cast(posed, head.faces[skin], points[:, :2])
        hit = triangle >= 0
        places = np.einsum("nk,nkd->nd", bary[hit], head.vertices[head.faces[skin[triangle[hit]]]])
        sums[hit] += places
        seen[hit] += 1
        for key, rim in rims.items():
            shares[key].append(_share(posed[rim, :2], points[list(RIMS[key]), :2]))
        irises.append(_iris_shape(points))
    place = sums / np.maximum(seen, 1)[:, None]
    place[seen < 0.3 * len(fits)] = np.nan
    flip = np.array([-1, 1, 1])
    other = place[pair] * flip
    place = np.where(np.isnan(place), other, np.where(np.isnan(other), place, (place + other) / 2))
    weight = 1.0 - np.isnan(place).any(axis=1)  # rims and irises come below
    faces, bary = nearest_on_mesh(head.vertices, head.faces[skin], np.nan_to_num(place))
    for key, rim in rims.items():
        _put_on_rim(head, rim, RIMS[key], np.mean(shares[key], axis=0), faces, bary)
    _put_irises(head, topology, np.mean(irises, axis=0), faces, bary)
    _mirror_embedding(head, pair, faces, bary)
    weight[[i for group in (*RIMS.values(), *IRISES.values()) for i in group]] = 1
    weight[list(CONTOUR)] = CONTOUR_WEIGHT
    return Embedding(faces, bary, weight)


def cast(points: Array, faces: Array, targets: Array) -> tuple[Array, Array]:
    """Return the nearest outward triangle in front of each target (n, 2), -1 if none, and bary."""
    a, b, c = (points[faces[:, k], :2].astype(np.float64) for k in range(3))
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    front = np.flatnonzero(area < -1e-9)
    a, b, c, area = a[front], b[front], c[front], area[front]
    depth = points[faces[front], 2]
    low, high = np.minimum(np.minimum(a, b), c), np.maximum(np.maximum(a, b), c)
    triangle, bary = np.full(len(targets), -1), np.zeros((len(targets), 3))
    for n, t in enumerate(targets):
        near = np.flatnonzero(((low <= t) & (high >= t)).all(axis=1))
        p, q, r = a[near], b[near], c[near]
        v = (t[0] - p[:, 0]) * (r[:, 1] - p[:, 1]) - (t[1] - p[:, 1]) * (r[:, 0] - p[:, 0])
        w = (q[:, 0] - p[:, 0]) * (t[1] - p[:, 1]) - (q[:, 1] - p[:, 1]) * (t[0] - p[:, 0])
        v, w = v / area[near], w / area[near]
        u = 1 - v - w
        inside = (u >= 0) & (v >= 0) & (w >= 0)
        if inside.any():
            z = u * depth[near, 0] + v * depth[near, 1] + w * depth[near, 2]
            k = int(np.where(inside, z, np.inf).argmin())
            triangle[n], bary[n] = front[near[k]], (u[k], v[k], w[k])
    return triangle, bary


def nearest_on_mesh(vertices: Array, faces: Array, places: Array) -> tuple[Array, Array]:
    """Return vertex ids (n, 3) and barycentrics (n, 3) of the points nearest to `places`."""
    corners = vertices[faces].astype(np.float64)
    candidates = cKDTree(corners.mean(axis=1)).query(places, k=24)[1]
    ids, bary = np.zeros((len(places), 3), int), np.zeros((len(places), 3))
    for n, place in enumerate(places):
        best = np.inf
        for f in candidates[n]:
            w = _closest(place, corners[f])
            d = float(((w @ corners[f] - place) ** 2).sum())
            if d < best:
                best, ids[n], bary[n] = d, faces[f], w
    return ids, bary


def _closest(p: Array, corners: Array) -> Array:
    """Return barycentrics of the point of a triangle that is nearest to `p`."""
    e = corners[1:] - corners[0]
    v, w = np.linalg.lstsq(e.T, p - corners[0], rcond=None)[0]
    out = np.array([1 - v - w, v, w])
    if out.min() >= 0:
        return out
    best, answer = np.inf, out
    for i, j in ((0, 1), (1, 2), (2, 0)):
        d = corners[j] - corners[i]
        t = float(np.clip((p - corners[i]) @ d / max(d @ d, 1e-12), 0, 1))
        gap = float(((corners[i] + t * d - p) ** 2).sum())
        if gap < best:
            best, answer = gap, np.zeros(3)
            answer[i], answer[j] = 1 - t, t
    return answer


def _share(line: Array, points: Array) -> Array:
    """Return the share of the length of `line` (n, 2) at which its points nearest `points` lie.

    The landmarks' own polyline gives the shares: it has the same ends as the rim.
    """
    step = np.linalg.norm(np.diff(points, axis=0), axis=1)
    own = np.concatenate([[0], np.cumsum(step)]) / max(step.sum(), 1e-9)
    length = np.linalg.norm(np.diff(line, axis=0), axis=1)
    along = np.concatenate([[0], np.cumsum(length)]) / max(length.sum(), 1e-9)
    # shares in picture lengths become vertex positions (0 .. n - 1) along the rim
    return np.interp(own, along, np.arange(len(line)))


def _put_on_rim(
    head: HeadModel, rim: Array, landmarks: tuple[int, ...], clock: Array, faces: Array, bary: Array
) -> None:
    for landmark, t in zip(landmarks, clock, strict=True):
        i = int(np.clip(np.floor(t), 0, len(rim) - 2))
        share = float(np.clip(t - i, 0, 1))
        faces[landmark] = (rim[i], rim[i + 1], rim[i + 1])
        bary[landmark] = (1 - share, share, 0)


def _iris_shape(points: Array) -> Array:
    """Return the rims (2, 4, 2) of right and left iris about the pupil, in inter-ocular units."""
    iod = np.linalg.norm(points[33, :2] - points[263, :2])
    rims = [points[list(IRISES[s])[1:], :2] - points[IRISES[s][0], :2] for s in (-1, 1)]
    return np.stack(rims) / iod


def _put_irises(
    head: HeadModel, topology: Topology, shape: Array, faces: Array, bary: Array
) -> None:
    """Put the iris points of the left eye on its ball, looking straight ahead."""
    for side, number in ((1, 1), (-1, 0)):
        part = PARTS.index("eyeball_left" if side > 0 else "eyeball_right")
        ball = head.faces[head.part == part]
        center = head.eye_centers[0 if side > 0 else 1]
        rows = np.unique(ball)
        radius = float(np.linalg.norm(head.vertices[rows] - center, axis=1).mean())
        offsets = np.concatenate([[[0, 0]], shape[number]]) * head.interocular
        length = np.linalg.norm(offsets, axis=1, keepdims=True)
        mean = length[1:].mean()  # the rim is a circle
        offsets[1:] *= mean / length[1:]
        z = -np.sqrt(radius**2 - (offsets**2).sum(axis=1))
        places = center + np.concatenate([offsets, z[:, None]], axis=1)
        ids, weights = nearest_on_mesh(head.vertices, ball, places)
        faces[list(IRISES[side])], bary[list(IRISES[side])] = ids, weights


def _mirror_embedding(head: HeadModel, pair: Array, faces: Array, bary: Array) -> None:
    """Make landmarks of the right side the mirror of those of the left."""
    place = np.einsum("nk,nkd->nd", bary, head.vertices[faces])
    for left in np.flatnonzero((place[:, 0] > 1e-4) & (place[pair, 0] < 0)):
        faces[pair[left]] = head.mirror[faces[left]]
        bary[pair[left]] = bary[left]
    for i in np.flatnonzero(pair == np.arange(len(pair))):
        on_plane = np.abs(head.vertices[faces[i], 0]) < 1e-6
        if on_plane.any():  # x becomes exactly 0
            share = np.where(on_plane, bary[i], 0)
            share = share if share.sum() > 1e-6 else on_plane.astype(float)
            bary[i] = share / share.sum()
