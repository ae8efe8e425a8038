"""Where on the photograph each point of the head has its colour, and how far to trust it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

from talkgen.raster.compiled import kernel
from talkgen.raster.fragments import Fragments, rasterize
from talkgen.render.background import smoothstep
from talkgen.render.rings import FACE_OVAL, INNER_LIPS, LIPS

EDGE_INSIDE = 0.05
EDGE_OUTSIDE = 0.10
"""The mesh fades into the relief behind it over this band about the face oval, in eye distances."""

BACK_FADE_CM = (-6.0, -2.5)
"""Depths in the head frame between which the mesh fades towards the back."""

NOSTRIL_CM = 1.3
"""Reach of a nostril about its landmarks."""

LIP_MARGIN = 0.014
"""Distance from an open mouth, in eye distances, within which pixels are not the lips' alone."""

LIP_DOUBT = 0.035
"""Distance from an open mouth within which a pixel is a lip's only if it has its colour."""

LIP_SHARE = 0.55
"""Share of a lip's height, from its inner edge, that its hidden inside is textured from."""

LIP_REACH_CM = 1.6
"""Hidden vertices this near to the inner lips take the lips' own skin."""


@kernel
def _accumulate(points, faces, out):  # type: ignore[no-untyped-def]
    for v in range(out.shape[0]):
        out[v, 0] = out[v, 1] = out[v, 2] = 0.0
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        ux, uy, uz = (
            points[b, 0] - points[a, 0],
            points[b, 1] - points[a, 1],
            points[b, 2] - points[a, 2],
        )
        wx, wy, wz = (
            points[c, 0] - points[a, 0],
            points[c, 1] - points[a, 1],
            points[c, 2] - points[a, 2],
        )
        nx, ny, nz = uy * wz - uz * wy, uz * wx - ux * wz, ux * wy - uy * wx
        for v in (a, b, c):
            out[v, 0] += nx
            out[v, 1] += ny
            out[v, 2] += nz


def facing_sign(points: NDArray[np.float32], faces: NDArray[np.int32]) -> float:
    """Return the sign of the area that triangles facing the viewer have in the picture."""
    a, b, c = (points[faces[:, k]] for k in range(3))
    u, w = b[:, :2] - a[:, :2], c[:, :2] - a[:, :2]
    area = u[:, 0] * w[:, 1] - u[:, 1] * w[:, 0]
    depth = a[:, 2] + b[:, 2] + c[:, 2]
    nearest = depth < np.percentile(depth, 20)  # the front of the face faces us
    return float(np.sign(area[nearest].sum()))


def toward_viewer(
    points: NDArray[np.float32], faces: NDArray[np.int32], weld: NDArray[np.int32], facing: float
) -> NDArray[np.float32]:
    """Return (V,) the cosine between each vertex normal and the direction to the viewer.

    points : (V, 3) pixels and depth; weld : (V,) first vertex of those that share a place
    facing : sign of the area of triangles that face the viewer
    """
    normals = np.empty((len(points), 3), np.float32)
    _accumulate(points, weld[faces], normals)
    length = np.sqrt(np.einsum("vk,vk->v", normals, normals))
    cosine = facing * normals[:, 2] / np.maximum(length, 1e-9)
    return cosine[weld].astype(np.float32)


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
    points: NDArray[np.float32],
    vertices: NDArray[np.float32],
    toward: NDArray[np.float32],
    landmarks: NDArray[np.float32],
    interocular: float,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return (V,) 1 where the mesh is drawn, 0 where the relief shows; and (V,) 1 near the rim.

    It fades over the rim of the face oval, towards the back of the head (fragments behind jaw and
    ear), and, near the rim, where the surface turns away from the camera.

    points : (V, 3) pixels; vertices : (V, 3) cm; toward : (V,) cosine to the viewer
    """
    oval = landmarks[list(FACE_OVAL)].astype(np.float32)
    distance = np.array(
        [cv2.pointPolygonTest(oval, (float(x), float(y)), True) for x, y in points[:, :2]],
        np.float32,
    )
    distance /= interocular
    rim = smoothstep(-EDGE_OUTSIDE, EDGE_INSIDE, distance)
    deep = 1.0 - smoothstep(*BACK_FADE_CM, vertices[:, 2])
    inner = smoothstep(0.15, 0.3, distance)
    facing = np.maximum(smoothstep(0.05, 0.4, toward), inner)
    return (rim * deep * facing).astype(np.float32), 1.0 - inner


def nostril_opacity(
    vertices: NDArray[np.float32],
    faces: NDArray[np.int32],
    weld: NDArray[np.int32],
    seen: NDArray[np.bool_],
    nostrils: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Return (V,) 0 where the nose folds inwards, so that the relief draws the nostrils.

    vertices : (V, 3) cm; nostrils : (n, 3) cm, points about them
    """
    near = np.linalg.norm(vertices[:, None] - nostrils[None], axis=2).min(axis=1) < NOSTRIL_CM
    folded = near & ~seen
    folded |= folded[weld]
    out = np.ones(len(vertices), np.float32)
    around = faces[folded[faces].any(axis=1)].ravel()
    out[around[near[around]]] = 0.3
    out[folded] = 0.0
    return out


def outside_mouth(
    points: NDArray[np.float32],
    landmarks: NDArray[np.float32],
    interocular: float,
    image: NDArray[np.uint8],
) -> NDArray[np.bool_]:
    """Return which vertices (V,) lie clear of the opening between open lips."""
    if np.linalg.norm(landmarks[13] - landmarks[14]) < 0.02 * interocular:
        return np.ones(len(points), bool)
    ring = landmarks[list(INNER_LIPS)].astype(np.float32)
    distance = np.array(
        [cv2.pointPolygonTest(ring, (float(x), float(y)), True) for x, y in points[:, :2]]
    )
    clear = distance < -max(LIP_MARGIN * interocular, 1.5)
    # Landmarks may lie on the teeth: what looks like them, or like the dark, is no lip.
    near = np.flatnonzero(clear & (distance > -LIP_DOUBT * interocular))
    x, y = np.rint(points[near, :2]).astype(int).T
    x, y = np.clip(x, 0, image.shape[1] - 1), np.clip(y, 0, image.shape[0] - 1)
    color = image[y, x].astype(np.float32)
    sample = landmarks[list(LIPS), :2].round().astype(int)
    lips = image[
        np.clip(sample[:, 1], 0, image.shape[0] - 1), np.clip(sample[:, 0], 0, image.shape[1] - 1)
    ].astype(np.float32)
    light, lip_light = color.mean(axis=1), np.maximum(lips.mean(axis=1), 1.0)
    red = (color[:, 0] - color[:, 2]) / np.maximum(light, 1.0)
    lip_red = float(np.median((lips[:, 0] - lips[:, 2]) / lip_light))
    dark = light < 0.55 * float(np.median(lip_light))
    grey = (red < 0.5 * lip_red) & (light > 0.8 * float(np.median(lip_light)))
    clear[near[dark | grey]] = False
    return clear


@dataclass(frozen=True, eq=False)
class LipWays:
    """Where shut lips hide their inside.

    near : vertices about the inner lips, one of those that share a place
    hidden : (n,) vertices that are not seen; edge : (n,) the seen vertex next to each
    along : (n,) cm from there over the skin; band : (n,) the nearest point of the ring
    """

    near: NDArray[np.int32]
    hidden: NDArray[np.int32]
    edge: NDArray[np.int32]
    along: NDArray[np.float32]
    band: NDArray[np.int32]


def lip_ways(
    vertices: NDArray[np.float32],
    faces: NDArray[np.int32],
    weld: NDArray[np.int32],
    seen: NDArray[np.bool_],
    ring: NDArray[np.float32],
) -> LipWays:
    """Return the hidden vertices inside the lips and the ways that lead to them, see `LipWays`.

    vertices : (V, 3) cm; seen : (V,); ring : (n, 3) cm, points along the inner lips
    """
    near = np.flatnonzero(
        np.linalg.norm(vertices[:, None] - ring[None], axis=2).min(axis=1) < LIP_REACH_CM
    )
    near = near[np.isin(near, faces)]
    near = np.unique(weld[near]).astype(np.int32)
    hidden, shown = near[~seen[near]], near[seen[near]]
    none = np.zeros(0, np.int32)
    if len(hidden) == 0 or len(shown) == 0:
        return LipWays(near, none, none, none.astype(np.float32), none)
    local = np.full(len(vertices), -1)
    local[near] = np.arange(len(near))
    faces = weld[faces]
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    edges = edges[(local[edges] >= 0).all(axis=1)]
    length = np.linalg.norm(vertices[edges[:, 0]] - vertices[edges[:, 1]], axis=1)
    graph = coo_matrix((length, (local[edges[:, 0]], local[edges[:, 1]])), (len(near),) * 2)
    distance, _, source = dijkstra(
        graph, directed=False, indices=local[shown], min_only=True, return_predecessors=True
    )
    rows = local[hidden]
    reached = np.isfinite(distance[rows]) & (source[rows] >= 0)
    hidden, rows = hidden[reached], rows[reached]
    edge = near[source[rows]]
    between = np.linalg.norm(ring[None] - vertices[edge][:, None], axis=2)
    return LipWays(
        near, hidden, edge, distance[rows].astype(np.float32), between.argmin(1).astype(np.int32)
    )


def lip_places(
    places: NDArray[np.float32],
    ways: LipWays,
    weld: NDArray[np.int32],
    bands: NDArray[np.float32],
    scale: float,
) -> NDArray[np.float32]:
    """Return source places (V, 2) where hidden vertices inside the lips mirror the lip outside.

    bands : (n, 2, 2) pixels of the photograph, the lip's inner and outer edge along the ring
    scale : pixels a cm
    """
    out = places.copy()
    if len(ways.hidden) == 0:
        return out
    start, end = bands[ways.band, 0], bands[ways.band, 1]
    thick = np.maximum(np.linalg.norm(end - start, axis=1), 1e-6)
    across = (end - start) / thick[:, None]
    # To and fro within the red: beyond it there is skin.
    own = places[ways.edge]
    most = np.maximum(LIP_SHARE * thick - ((own - start) * across).sum(axis=1), 0.5)
    reach = np.minimum(ways.along, 0.5) * 0.8 * scale % (2.0 * most)
    out[ways.hidden] = own + across * np.minimum(reach, 2.0 * most - reach)[:, None]
    return np.where((weld == np.arange(len(weld)))[:, None], out, out[weld])
