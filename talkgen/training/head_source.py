"""The ICT-FaceKit head as the builder of our head reads it, with shut lips and shutting lids.

Everything comes out in the axes of the pictures (x right, y down, z away from the viewer), in
centimetres, exactly symmetric in the neutral and in the identity shapes.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from talkgen.types import MOTION_CHANNELS

Array = NDArray[Any]

FLIP = np.array([1.0, -1.0, -1.0])
"""ICT-FaceKit has y up and z toward the viewer."""

MATERIALS = ("M_Face", "M_BackHead", "M_GumsTongue", "M_Teeth")
"""What the surface is made of; ICT's blend, occlusion, tear, iris and lash meshes stay out."""

SUMMED = {"browInnerUp": ("browInnerUp_L", "browInnerUp_R"),
          "cheekPuff": ("cheekPuff_L", "cheekPuff_R")}  # fmt: skip


@dataclass
class Source:
    """The source head.

    vertices : (N, 3) float64, cm, lips shut
    mirror : (N,) index of the vertex on the other side
    triangles : (T, 3) vertex ids; uv_triangles : (T, 3) ids of `uv`; material : (T,) names
    uv : (M, 2)
    edges : (E, 2) edges of the original quads of the skin; diagonals : (D, 2) across them
    identity : (100, N, 3), symmetric; expression : (52, N, 3), `MOTION_CHANNELS`
    eyeball : vertex ids of the left sclera
    landmarks : (68,) vertex ids of the 68-point scheme
    """

    vertices: Array
    mirror: Array
    triangles: Array
    uv_triangles: Array
    material: Array
    uv: Array
    edges: Array
    diagonals: Array
    identity: Array
    expression: Array
    eyeball: Array
    landmarks: Array

    def path(self, stops: Sequence[int], within: Array, *, across: bool = False) -> Array:
        """Return the vertex ids of the shortest edge path through `stops` that stays `within`;
        `across`: it may cut through quads."""
        edges = np.concatenate([self.edges, self.diagonals]) if across else self.edges
        edges = edges[np.isin(edges, within).all(axis=1)]
        length = np.linalg.norm(np.subtract(*self.vertices[edges.T]), axis=1)
        n = len(self.vertices)
        graph = coo_matrix((length, edges.T), shape=(n, n)).tocsr()
        out = [int(stops[0])]
        for start, stop in itertools.pairwise(stops):
            _, before = dijkstra(graph, directed=False, indices=start, return_predecessors=True)
            part = [int(stop)]
            while part[-1] != start:
                part.append(int(before[part[-1]]))
            out += part[::-1][1:]
        return np.array(out)

    def levels(self, name: str) -> Array:
        """Return (N,) the number of edges to the end of the skin in the "mouth" or the left "eye".

        The skin goes on behind lips and lids; the edge loops around the opening are the levels.
        """
        p = self.vertices
        face = np.unique(self.triangles[self.material == "M_Face"])
        rest = np.unique(self.triangles[self.material == "M_BackHead"])
        seam = np.intersect1d(face, rest)
        if name == "mouth":
            seam = seam[(np.abs(p[seam, 0]) < 4) & (p[seam, 2] < -6) & (p[seam, 1] > 0)]
        else:
            seam = seam[(p[seam, 0] > 1) & (p[seam, 2] < -6) & (np.abs(p[seam, 1] + 3) < 3)]
        edges = self.edges[np.isin(self.edges, face).all(axis=1)]
        n = len(p)
        graph = coo_matrix((np.ones(len(edges)), edges.T), shape=(n, n)).tocsr()
        return np.asarray(dijkstra(graph, directed=False, indices=seam, min_only=True))

    def ring(self, name: str) -> tuple[Array, Array]:
        """Return the upper and lower edge path of "lips", "lips_outer" or "lid" (left).

        Both run from the corner at smaller x to the corner at larger x and follow edge loops.
        """
        upper, lower = {
            "lips": ((60, 61, 62, 63, 64), (60, 67, 66, 65, 64)),
            "lips_outer": ((48, 49, 50, 51, 52, 53, 54), (48, 59, 58, 57, 56, 55, 54)),
            "lid": ((42, 43, 44, 45), (42, 47, 46, 45)),
        }[name]
        level = self.levels("eye" if name == "lid" else "mouth")
        half = []
        for side in (upper, lower):
            stops = list(self.landmarks[list(side)])
            if name == "lid":
                arc = _arc(self, level, side)
                half.append(
                    arc if self.vertices[arc[0], 0] < self.vertices[arc[-1], 0] else arc[::-1]
                )
                continue
            stops = stops[len(stops) // 2 :]  # the left half, mirrored to be exact
            near = (level >= level[stops].min()) & (level <= level[stops].max())
            left = self.path(stops, np.flatnonzero(near), across=name == "lips_outer")
            half.append(np.concatenate([self.mirror[left[::-1]], left[1:]]))
        return half[0], half[1]

    def loop(self, name: str, level: int) -> Array:
        """Return the vertices of an edge loop in order, as far as it goes: around the left eye
        (closed by its first vertex again), or around the left half of the mouth, from the middle of
        the upper lip to that of the lower."""
        mine = np.flatnonzero(self.levels(name) == level)
        edges = self.edges[np.isin(self.edges, mine).all(axis=1)]
        after: dict[int, list[int]] = {}
        for a, b in edges.tolist():
            after.setdefault(a, []).append(b)
            after.setdefault(b, []).append(a)
        mine = np.array([v for v in mine.tolist() if v in after])
        x = self.vertices[:, 0]
        if name == "mouth":
            middle = mine[np.abs(x[mine]) < 1e-6]
            start = int(middle[self.vertices[middle, 1].argmin()])
        else:
            start = int(mine[x[mine].argmax()])  # the outer corner, where the loops are regular
        ways = []
        seen = {start}
        for first in sorted(after[start], key=lambda v: float(self.vertices[v, 1])):
            way = [start]
            step: int | None = first
            while step is not None and step not in seen and x[step] > -1e-6:
                seen.add(step)
                way.append(step)
                step = next((v for v in after[step] if v not in seen), None)
            ways.append(way)
        if name == "mouth":
            return np.array(max(ways, key=len))
        out = ways[1][:0:-1] + ways[0] if len(ways) > 1 else ways[0]
        return np.array([*out, out[0]] if out[0] in after[out[-1]] else out)


def _arc(source: Source, level: Array, side: tuple[int, ...]) -> Array:
    """Return the vertices of the lid's edge loop on one side of the corners."""
    loop = source.loop("eye", int(level[source.landmarks[side[1]]]))[:-1]
    corners = [
        int(np.linalg.norm(source.vertices[loop] - source.vertices[source.landmarks[c]], axis=1)
            .argmin())
        for c in (side[0], side[-1])
    ]  # fmt: skip
    first, last = sorted(corners)
    one = loop[first : last + 1]
    other = np.concatenate([loop[last:], loop[: first + 1]])
    return one if source.landmarks[side[1]] in one else other


def load_source(path: Path) -> Source:
    """Return the source head of an `ict_facekit.npz`."""
    data = np.load(path)
    names = list(data["material_names"])
    quads, quads_uv, material = data["faces"], data["faces_uv"], data["material"]
    keep = np.isin(material, [names.index(n) for n in MATERIALS])
    quads, quads_uv, material = quads[keep], quads_uv[keep], material[keep]
    four = quads[:, 3] >= 0
    vertices = data["vertices"].astype(np.float64) * FLIP
    identity = data["identity"].astype(np.float64) * FLIP
    balls = [names.index(n) for n in ("M_ScleraLeft", "M_ScleraRight")]
    used = np.unique(np.concatenate([quads, data["faces"][np.isin(data["material"], balls)]]))
    mirror = mirror_of(vertices, identity, used[used >= 0])
    vertices = (vertices + vertices[mirror] * [-1, 1, 1]) / 2
    skin = np.isin(material, [names.index("M_Face"), names.index("M_BackHead")])
    q = quads[skin & four]
    t = quads[skin & ~four]
    edges = np.concatenate(
        [q[:, [i, (i + 1) % 4]] for i in range(4)] + [t[:, [i, (i + 1) % 3]] for i in range(3)]
    )
    edges = np.unique(np.sort(edges, axis=1), axis=0)
    diagonals = np.concatenate([q[:, [0, 2]], q[:, [1, 3]]])
    identity = (identity + identity[:, mirror] * [-1, 1, 1]) / 2
    deltas = dict(
        zip(data["expression_names"].tolist(), data["expression"].astype(np.float64) * FLIP,
            strict=True)
    )  # fmt: skip
    eyeball = np.unique(data["faces"][data["material"] == names.index("M_ScleraLeft")])
    source = Source(
        vertices=vertices,
        mirror=mirror,
        triangles=np.concatenate([quads[:, :3], quads[four][:, [0, 2, 3]]]),
        uv_triangles=np.concatenate([quads_uv[:, :3], quads_uv[four][:, [0, 2, 3]]]),
        material=np.array(names)[np.concatenate([material, material[four]])],
        uv=data["uv"].astype(np.float64),
        edges=edges,
        diagonals=diagonals,
        identity=identity,
        expression=np.stack([_channel(name, deltas, mirror) for name in MOTION_CHANNELS]),
        eyeball=eyeball[eyeball >= 0],
        landmarks=data["idx_to_landmark_verts"],
    )
    _shut_lips(source)
    return source


def mirror_of(vertices: Array, identity: Array, used: Array) -> Array:
    """Return for every used vertex the one on the other side, for the others themselves.

    Neighbours that lie closer than the source is symmetric are told apart by how they move.
    """
    place = vertices[used]
    order = np.arange(len(used))
    pair = cKDTree(place).query(place * [-1, 1, 1])[1]
    open_ = np.flatnonzero(pair[pair] != order)
    moves = identity[:20, used[open_]].transpose(1, 0, 2)
    here = np.concatenate([place[open_], 3 * moves.reshape(len(open_), -1)], axis=1)
    there = np.concatenate(
        [place[open_] * [-1, 1, 1], 3 * (moves * [-1, 1, 1]).reshape(len(open_), -1)], axis=1
    )
    cost = cdist(here, there)
    rows, columns = linear_sum_assignment(cost + cost.T)
    pair[open_[rows]] = open_[columns]
    if not np.array_equal(pair[pair], order):
        raise RuntimeError("the source head has no unique mirror")
    mirror = np.arange(len(vertices))
    mirror[used] = used[pair]
    return mirror


def _channel(name: str, deltas: dict[str, Array], mirror: Array) -> Array:
    """Return the displacement of one motion channel, made symmetric with its partner."""
    if name == "tongueOut":
        return np.zeros_like(deltas["jawOpen"])
    if name in SUMMED:
        delta = sum(deltas[part] for part in SUMMED[name])
        return (delta + delta[mirror] * [-1, 1, 1]) / 2
    if name in deltas and name not in ("jawLeft", "jawRight", "mouthLeft", "mouthRight"):
        return (deltas[name] + deltas[name][mirror] * [-1, 1, 1]) / 2
    for side, other in (("Left", "Right"), ("Right", "Left")):
        if name.endswith(side):
            stem = name.removesuffix(side)
            mine, partner = (
                (stem + side, stem + other)
                if stem in ("jaw", "mouth")
                else (f"{stem}_{side[0]}", f"{stem}_{other[0]}")
            )
            return (deltas[mine] + deltas[partner][mirror] * [-1, 1, 1]) / 2
    raise KeyError(name)


def sides_of_slit(source: Source, upper: Array, lower: Array, reach: float) -> tuple[Array, Array]:
    """Return for every vertex its closeness (0 to 1) to the upper and to the lower edge path.

    Closeness falls with the distance along the surface, so the lips do not feel each other across
    the slit; it is 1 on the path and about 0.02 at `reach` cm.
    """
    length = np.linalg.norm(np.subtract(*source.vertices[source.edges.T]), axis=1)
    n = len(source.vertices)
    graph = coo_matrix((length, source.edges.T), shape=(n, n)).tocsr()
    out = []
    for edge in (upper, lower):
        d = dijkstra(graph, directed=False, indices=edge, min_only=True, limit=2 * reach)
        out.append(np.exp(-((np.minimum(d, 1e6) / (reach / 2)) ** 2)))
    return out[0], out[1]


def closing(source: Source, pose: Array, ring: str, share: float, reach: float) -> Array:
    """Return the (N, 3) displacement that makes the two edges of a slit meet in `pose`.

    share : how much of the way the upper edge goes (the lower edge goes the rest)
    """
    upper, lower = source.ring(ring)
    near_upper, near_lower = sides_of_slit(source, upper, lower, reach)
    x_up, x_low = pose[upper, 0], pose[lower, 0]
    grid = np.linspace(max(x_up.min(), x_low.min()), min(x_up.max(), x_low.max()), 64)

    def at(path: Array) -> Array:
        order = np.argsort(pose[path, 0])
        return np.stack(
            [np.interp(grid, pose[path, 0][order], pose[path, k][order]) for k in (1, 2)], axis=1
        )

    gap = at(lower) - at(upper)
    gap[[0, -1]] = 0
    need = np.stack([np.interp(pose[:, 0], grid, gap[:, k]) for k in (0, 1)], axis=1)
    move = np.zeros_like(pose)
    total = np.maximum(near_upper + near_lower, 1.0)
    move[:, 1:] = need * ((share * near_upper - (1 - share) * near_lower) / total)[:, None]
    return move


def _shut_lips(source: Source) -> None:
    """Let the lips of the neutral meet (ICT's stand half a millimetre open)."""
    for _ in range(3):
        move = closing(source, source.vertices, "lips", share=0.35, reach=0.8)
        source.vertices += (move + move[source.mirror] * [-1, 1, 1]) / 2
