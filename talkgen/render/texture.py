"""Where on the photograph each point of the head has its colour, and how far to trust it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

from talkgen.render.background import smoothstep
from talkgen.render.interior import INNER_LIPS
from talkgen.render.raster import Fragments, rasterize

FACE_OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152,
    148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip

EDGE_INSIDE = 0.05
EDGE_OUTSIDE = 0.10
"""The mesh fades into the relief behind it over this band about the face oval, in eye distances."""

LIP_REACH_CM = 1.6
"""Hidden vertices this near to the inner lips take the lips' own skin."""


def vertex_normals(
    vertices: NDArray[np.float32], faces: NDArray[np.int32]
) -> NDArray[np.float32]:
    """Return (V, 3) unit normals; vertices without faces get zeros."""
    corners = vertices[faces]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros((len(vertices), 3), np.float64)
    for k in range(3):
        np.add.at(normals, faces[:, k], across)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return (normals / np.maximum(length, 1e-12)).astype(np.float32)


def seen_vertices(
    points: NDArray[np.float32],
    faces: NDArray[np.int32],
    facing: float,
    tolerance: float,
) -> tuple[NDArray[np.bool_], Fragments, tuple[int, int]]:
    """Return which vertices the photograph shows (V,), the fragments and their corner (x, y).

    points : (V, 3) pixels and depth at the source pose; tolerance : pixels of depth
    """
    used = np.unique(faces)
    low = np.floor(points[used, :2].min(axis=0)).astype(int) - 2
    high = np.ceil(points[used, :2].max(axis=0)).astype(int) + 3
    width, height = (high - low).tolist()
    local = points - np.array([low[0], low[1], 0], np.float32)
    fragments = rasterize(local, faces, Fragments.empty(height, width), facing=facing)
    x = np.clip(np.rint(local[:, 0]).astype(int), 1, width - 2)
    y = np.clip(np.rint(local[:, 1]).astype(int), 1, height - 2)
    # The farthest of the nine pixels around: the vertex may lie on an edge of what is in front.
    around = np.full(len(points), -np.inf, np.float32)
    for dx in (-1, 0, 1):
        for dy in (-1, 0, 1):
            around = np.maximum(around, fragments.depth[y + dy, x + dx])
    seen = local[:, 2] <= around + tolerance
    return seen, fragments, (int(low[0]), int(low[1]))


def edge_opacity(
    points: NDArray[np.float32], landmarks: NDArray[np.float32], interocular: float
) -> NDArray[np.float32]:
    """Return (V,) 1 well inside the face oval of (478, 2) landmarks, 0 outside it."""
    oval = landmarks[list(FACE_OVAL)].astype(np.float32)
    distance = np.array(
        [cv2.pointPolygonTest(oval, (float(x), float(y)), True) for x, y in points[:, :2]],
        np.float32,
    )
    return smoothstep(-EDGE_OUTSIDE, EDGE_INSIDE, distance / interocular)


def lip_places(
    places: NDArray[np.float32],
    vertices: NDArray[np.float32],
    faces: NDArray[np.int32],
    seen: NDArray[np.bool_],
    ring: NDArray[np.float32],
    mouth_center: NDArray[np.float32],
    scale: float,
) -> NDArray[np.float32]:
    """Return source places (V, 2) where hidden vertices inside the lips mirror the lip outside.

    vertices : (V, 3) cm; ring : (n, 3) cm, points along the inner lips; scale : pixels a cm
    """
    out = places.copy()
    near = np.flatnonzero(
        np.linalg.norm(vertices[:, None] - ring[None], axis=2).min(axis=1) < LIP_REACH_CM
    )
    near = near[np.isin(near, faces)]
    hidden, shown = near[~seen[near]], near[seen[near]]
    if len(hidden) == 0 or len(shown) == 0:
        return out
    local = np.full(len(vertices), -1)
    local[near] = np.arange(len(near))
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    edges = edges[(local[edges] >= 0).all(axis=1)]
    length = np.linalg.norm(vertices[edges[:, 0]] - vertices[edges[:, 1]], axis=1)
    graph = coo_matrix((length, (local[edges[:, 0]], local[edges[:, 1]])), (len(near),) * 2)
    distance, _, source = dijkstra(
        graph, directed=False, indices=local[shown], min_only=True, return_predecessors=True
    )
    for vertex in hidden:
        row = local[vertex]
        if not np.isfinite(distance[row]) or source[row] < 0:
            continue
        edge = near[source[row]]
        outwards = places[edge] - mouth_center
        outwards = np.array([0.25 * outwards[0], outwards[1]])
        outwards = outwards / max(float(np.linalg.norm(outwards)), 1e-6)
        out[vertex] = places[edge] + outwards * min(float(distance[row]), 0.5) * 0.8 * scale
    return out


__all__ = [
    "FACE_OVAL", "INNER_LIPS", "edge_opacity", "lip_places", "seen_vertices", "vertex_normals",
]  # fmt: skip
