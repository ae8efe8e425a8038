"""Shapes of our head: identity and expression carried over from the source, and mended."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from talkgen.face.head import PARTS
from talkgen.training.head_source import Source, closing
from talkgen.training.head_topology import Topology, left_charts
from talkgen.types import MOTION_CHANNELS

Array = NDArray[Any]

EAR_CANAL = np.array([7.35, -0.62, -0.35])
"""Left ear canal of the source's mean head; the origin is midway between the two."""

JAW_OPEN = MOTION_CHANNELS.index("jawOpen")


def fit_sphere(points: Array) -> tuple[Array, float]:
    """Return centre and radius of the least-squares sphere."""
    a = np.concatenate([2 * points, np.ones((len(points), 1))], axis=1)
    x = np.linalg.lstsq(a, (points**2).sum(axis=1), rcond=None)[0]
    return x[:3], float(np.sqrt(x[3] + x[:3] @ x[:3]))


def mend_expressions(source: Source) -> None:
    """Make blinks close over the eyeball, and make a tongue that comes out."""
    center, radius = eyeball_of(source)
    _shut_lids(source, center, radius)
    shut = MOTION_CHANNELS.index("mouthClose")  # with jawOpen at 1 it brings the lips together
    for _ in range(3):
        pose = source.vertices + source.expression[JAW_OPEN] + source.expression[shut]
        move = closing(source, pose, "lips", share=0.5, reach=0.8)
        source.expression[shut] += (move + move[source.mirror] * [-1, 1, 1]) / 2
    source.expression[MOTION_CHANNELS.index("tongueOut")] = _tongue_out(source)


def eyeball_of(source: Source) -> tuple[Array, float]:
    """Return centre and radius of our left eyeball: a sphere through the front of the source's."""
    ball = source.vertices[source.eyeball]
    front = ball[(ball[:, 2] < np.quantile(ball[:, 2], 0.55))]
    return fit_sphere(front)


def _shut_lids(source: Source, center: Array, radius: float) -> None:
    left = MOTION_CHANNELS.index("eyeBlinkLeft")
    delta = source.expression[left]
    skin = np.unique(source.triangles[source.material == "M_Face"])
    for _ in range(4):
        pose = source.vertices + delta
        delta += closing(source, pose, "lid", share=0.9, reach=0.35)
        pose = source.vertices + delta
        out = pose[skin] - center
        distance = np.linalg.norm(out, axis=1)
        near = (distance < radius + 0.04) & (pose[skin, 2] < center[2])
        push = (radius + 0.04 - distance) / distance
        delta[skin[near]] += out[near] * push[near, None]
    right = MOTION_CHANNELS.index("eyeBlinkRight")
    source.expression[right] = delta[source.mirror] * [-1, 1, 1]


def _tongue_out(source: Source) -> Array:
    """Return the displacement of tongueOut: jaw a little open, tongue over the lower lip."""
    delta = 0.24 * source.expression[JAW_OPEN]
    charts = [chart.vertex for part, _, chart in left_charts(source) if part == "tongue"]
    rows = np.unique(np.concatenate(charts))
    rows = np.union1d(rows, source.mirror[rows])
    p = source.vertices[rows]
    front = np.clip((-4.0 - p[:, 2]) / 5.7, 0, 1)  # 0 at the root, 1 at the tip
    height = np.clip((5.0 - p[:, 1]) / 1.1, 0, 1)
    free = height**2 * (3 - 2 * height)  # what hangs on the floor of the mouth stays
    delta[rows, 2] -= 3.5 * front**1.3 * free
    delta[rows, 1] += (-0.75 * np.sin(np.pi * front**0.8) + 0.55 * front**3) * free
    middle = 3.9
    delta[rows, 1] -= 0.3 * (p[:, 1] - middle) * front**2 * free
    delta[rows, 0] -= 0.2 * p[:, 0] * front * free
    return delta


def carry(topology: Topology, field: Array) -> Array:
    """Return a field (..., N, 3) of source vertices on the own vertices (..., V, 3)."""
    out = np.zeros((*field.shape[:-2], len(topology.ids), 3))
    for k in range(3):
        out += field[..., topology.ids[:, k], :] * topology.weights[:, k, None]
    return out


def geometry(source: Source, topology: Topology) -> Array:
    """Return the neutral vertices (V, 3) of our head, origin between the ear canals."""
    vertices = carry(topology, source.vertices)
    center, radius = eyeball_of(source)
    _place_eyes(topology, vertices, center, radius)
    return vertices - [0, EAR_CANAL[1], EAR_CANAL[2]]


def _place_eyes(topology: Topology, vertices: Array, center: Array, radius: float) -> None:
    for side in (1, -1):
        mine = eye_rows(topology, side)
        vertices[mine] = center * [side, 1, 1] + radius * topology.sphere[mine]


def eye_rows(topology: Topology, side: int) -> Array:
    """Return the vertices of the left (1) or right (-1) eyeball."""
    name = "eyeball_left" if side > 0 else "eyeball_right"
    return np.unique(topology.faces[topology.part == PARTS.index(name)])


def identity_modes(
    source: Source, topology: Topology, count: int, vertices: Array
) -> tuple[Array, Array]:
    """Return principal identity modes (count, V, 3) of unit variance and the variance share each.

    The source's modes have unit-variance coefficients; the modes here are the principal axes of
    what they do to our vertices, seen with a weight that favours the face over the skull.
    """
    modes = carry(topology, source.identity)
    center, radius = eyeball_of(source)
    ball = source.vertices[source.eyeball] - center
    design = np.zeros((ball.size, 4))
    design[:, :3] = np.tile(np.eye(3), (len(ball), 1))
    design[:, 3] = ball.ravel()
    moved = source.identity[:, source.eyeball].reshape(len(modes), -1)
    shift = np.linalg.lstsq(design, moved.T, rcond=None)[0].T  # translation and growth per mode
    for side in (1, -1):
        mine = eye_rows(topology, side)
        step = shift[:, None, :3] * [side, 1, 1]
        modes[:, mine] = step + shift[:, None, 3:] * radius * topology.sphere[mine]
    # the head turns about its origin: what moves the whole head is no identity
    rigid = np.unique(topology.faces[topology.part == PARTS.index("skin")])
    modes -= modes[:, rigid].mean(axis=1, keepdims=True) * [1, 1, 1]
    weight = np.sqrt(vertex_area(vertices, topology.faces) * _face_weight(vertices))
    flat = (modes * weight[:, None]).reshape(len(modes), -1)
    values, vectors = np.linalg.eigh(flat @ flat.T)
    order = np.argsort(values)[::-1][:count]
    axes = vectors[:, order]
    axes *= np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(count)])
    return np.einsum("ms,mvd->svd", axes, modes), values[order] / values.sum()


def _face_weight(vertices: Array) -> Array:
    front = np.clip(-vertices[:, 2] / 4, 0, 1) * np.clip((11.5 - vertices[:, 1]) / 3, 0, 1)
    return 0.03 + front


def vertex_area(vertices: Array, faces: Array) -> Array:
    """Return the area (V,) around each vertex, cm2."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 6
    return sum(np.bincount(faces[:, k], area, minlength=len(vertices)) for k in range(3))


def weld(vertices: Array, topology: Topology) -> Array:
    """Return for every vertex the first one at the same place (seams)."""
    groups = cKDTree(vertices).query_ball_point(vertices, 1e-6)
    eyes = np.abs(topology.sphere).sum(axis=1) > 0
    return np.array([i if eyes[i] else min(g) for i, g in enumerate(groups)])
