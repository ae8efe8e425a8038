"""Own topology on the left half of a source surface: own points, own triangles, chart by chart.

A chart is a part of the surface that lies flat in its texture plane. Points are spread over it with
a spacing that varies from place to place (a centroidal Voronoi tessellation over dense samples),
joined by a Delaunay triangulation of the plane and then improved by edge flips judged in space.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from talkgen.training.head_triangles import crosses_itself, pairs, triangulate

Array = NDArray[Any]


@dataclass
class Chart:
    """A connected piece of the half surface, flat in its plane.

    triangles : (T, 3) rows of `vertex` and `plane`
    vertex : (P,) source vertex ids; plane : (P, 2) texture coordinates
    label : (T,) any value that a source triangle passes on to the own triangles on it
    """

    triangles: Array
    vertex: Array
    plane: Array
    label: Array
    loops: list[list[int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        a, b, c = (self.plane[self.triangles[:, k]] for k in range(3))
        area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
        self.sign = 1.0 if np.median(area) >= 0 else -1.0
        self.loops = boundary_loops(self.triangles)


@dataclass
class Patch:
    """Own points and triangles of one chart.

    ids, weights : (n, 3) source vertices and their shares; plane : (n, 2); faces : (m, 3);
    label : (m,)
    """

    ids: Array
    weights: Array
    plane: Array
    faces: Array
    label: Array


def make_charts(
    triangles: Array, uv_triangles: Array, uv: Array, label: Array, *, by: Array
) -> list[Chart]:
    """Return the charts of a triangle soup; `by` (T,) keeps unlike triangles apart."""
    key = np.concatenate([triangles.reshape(-1, 1), np.round(uv, 5)[uv_triangles.ravel()]], axis=1)
    key = np.concatenate([key, np.unique(by, return_inverse=True)[1].repeat(3)[:, None]], axis=1)
    _, first, corner = np.unique(key, axis=0, return_index=True, return_inverse=True)
    corner = corner.reshape(-1, 3)
    vertex, plane = triangles.ravel()[first], uv[uv_triangles.ravel()[first]]
    edges = np.concatenate([corner[:, [0, 1]], corner[:, [1, 2]]])
    n = len(first)
    _, piece = connected_components(coo_matrix((np.ones(len(edges)), edges.T), shape=(n, n)))
    charts = []
    for p in np.unique(piece):
        mine = np.flatnonzero(piece[corner[:, 0]] == p)
        used, local = np.unique(corner[mine], return_inverse=True)
        charts.append(Chart(local.reshape(-1, 3), vertex[used], plane[used], label[mine]))
    return charts


def boundary_loops(triangles: Array) -> list[list[int]]:
    """Return the closed loops of edges with one triangle, in the direction of the triangles."""
    edges = np.concatenate([triangles[:, [k, (k + 1) % 3]] for k in range(3)])
    there = {(int(a), int(b)) for a, b in edges}
    after: dict[int, list[int]] = defaultdict(list)
    for a, b in sorted(there):
        if (b, a) not in there:
            after[a].append(b)
    loops = []
    while after:
        start = min(after)
        loop = [start]
        while True:
            options = after[loop[-1]]
            step = options.pop()
            if not options:
                del after[loop[-1]]
            if step == start:
                break
            loop.append(step)
        loops.append(loop)
    return loops


def spread(
    cloud: Array, density: Array, fixed: Array, count: int, rng: np.random.Generator, rounds: int
) -> Array:
    """Return rows of `cloud` that cover it evenly: spacing as density ** -1/2, `fixed` given.

    cloud : (N, D) samples whose own density is even; density : (N,) wanted points per area
    """
    chosen = rng.choice(len(cloud), size=count, replace=False, p=density / density.sum())
    sites = cloud[chosen]
    weight = density**2
    for _ in range(rounds):
        owner = cKDTree(np.concatenate([fixed, sites])).query(cloud)[1] - len(fixed)
        mine = owner >= 0
        mass = np.bincount(owner[mine], weight[mine], minlength=count)
        for d in range(cloud.shape[1]):
            total = np.bincount(owner[mine], (weight * cloud[:, d])[mine], minlength=count)
            sites[:, d] = np.where(mass > 0, total / np.maximum(mass, 1e-12), sites[:, d])
    return np.unique(cKDTree(cloud).query(sites)[1])


class Mesher:
    """Makes patches of charts that share their seams: points on common edges are the same."""

    def __init__(
        self,
        position: Array,
        metric: Array,
        spacing: Array,
        middle: Array,
        *,
        seed: int = 0,
        plane_weight: float = 8.0,
        stops: frozenset[int] = frozenset(),
    ) -> None:
        """position (N, 3) of the source vertices; metric (N, D) in which points are spread;
        spacing (N,) cm; middle (N,) bool: on the mirror plane; stops: source vertices at which a
        border gets a point whatever the spacing."""
        self.position, self.metric, self.spacing = position, metric, spacing
        self.middle, self.seed, self.plane_weight = middle, seed, plane_weight
        self.stops = stops
        self._used: list[frozenset[int]] = []
        self._finer: dict[frozenset[int], int] = {}
        self._segments: dict[tuple[int, ...], list[tuple[int, int, float]]] = {}

    def _segment(self, path: list[int]) -> list[tuple[int, int, float]]:
        """Return points (vertex, vertex, share of the second) along a path of source vertices,
        both ends included, the same for both directions."""
        if tuple(path[::-1]) in self._segments:
            return self._segments[tuple(path[::-1])][::-1]
        if tuple(path) not in self._segments:
            p = self.position[path]
            step = np.linalg.norm(np.diff(p, axis=0), axis=1)
            h = self.spacing[path]
            clock = np.concatenate([[0], np.cumsum(step / ((h[1:] + h[:-1]) / 2))])
            n = max(1, round(clock[-1]))
            points = []
            for t in np.linspace(0, clock[-1], n + 1):
                i = int(np.clip(np.searchsorted(clock, t, side="right") - 1, 0, len(path) - 2))
                share = (t - clock[i]) / max(clock[i + 1] - clock[i], 1e-12)
                points.append((path[i], path[i + 1], float(np.clip(share, 0, 1))))
            points[0] = (path[0], path[1], 0.0)
            points[-1] = (path[-2], path[-1], 1.0)
            share = 0.15 * 0.5 ** self._finer.get(frozenset(path), 0)
            points = self._with_bends(path, points, share)
            self._segments[tuple(path)] = points
        return self._segments[tuple(path)]

    def _with_bends(
        self, path: list[int], points: list[tuple[int, int, float]], share: float
    ) -> list[tuple[int, int, float]]:
        """Return `points` with the path vertices that a straight line would miss by more than
        `share` of the spacing."""
        order = {v: i for i, v in enumerate(path[:-1])}
        clock = [order[a] + t for a, _, t in points[:-1]] + [len(path) - 1.0]
        at = 0
        while at < len(clock) - 1:
            first, last = clock[at], clock[at + 1]
            inner = np.arange(int(np.floor(first)) + 1, int(np.ceil(last)))
            if len(inner):
                ends = np.stack([self._on_path(path, first), self._on_path(path, last)])
                u = ends[1] - ends[0]
                d = self.position[np.array(path)[inner]] - ends[0]
                off = d - np.outer(d @ u / max(u @ u, 1e-12), u)
                miss = np.linalg.norm(off, axis=1) / self.spacing[np.array(path)[inner]]
                if miss.max() > share:
                    clock.insert(at + 1, float(inner[miss.argmax()]))
                    continue
            at += 1
        out = [(path[int(c)], path[int(c) + 1], c - int(c)) for c in clock[:-1]]
        return [*out, points[-1]]

    def _on_path(self, path: list[int], clock: float) -> Array:
        i = min(int(clock), len(path) - 2)
        t = clock - i
        return (1 - t) * self.position[path[i]] + t * self.position[path[i + 1]]

    def border(
        self, chart: Chart, neighbours: Callable[[int, int], frozenset[int]]
    ) -> tuple[Array, Array, Array, list[list[int]]]:
        """Return ids (n, 3), weights (n, 3), plane (n, 2) and loops of the own border points."""
        ids, weights, plane, loops = [], [], [], []
        for loop in chart.loops:
            edges = pairs(loop)
            kinds = [neighbours(*sorted(chart.vertex[list(e)].tolist())) for e in edges]
            corners = [
                i
                for i in range(len(loop))
                if kinds[i] != kinds[i - 1]
                or int(chart.vertex[loop[i]]) in self.stops
                or chart.vertex[loop[i - 1]] == chart.vertex[loop[(i + 1) % len(loop)]]
            ]
            # a loop without a corner starts at its smallest vertex, the same for every chart
            first = int(np.argmin(chart.vertex[loop])) if not corners else corners[0]
            stops = [*(corners or [first]), (corners or [first])[0] + len(loop)]
            own: list[int] = []
            for start, stop in itertools.pairwise(stops):
                run = [loop[i % len(loop)] for i in range(start, stop + 1)]
                pieces = [run]
                if run[0] == run[-1]:  # closed: two halves, so that reversing keeps the key
                    half = len(run) // 2
                    pieces = [run[: half + 1], run[half:]]
                for piece in pieces:
                    self._used.append(frozenset(chart.vertex[piece].tolist()))
                    points = self._segment(chart.vertex[piece].tolist())
                    where = {int(chart.vertex[c]): c for c in piece}
                    for a, b, t in points[:-1]:
                        own.append(len(ids))
                        ids.append((a, b, b))
                        weights.append((1 - t, t, 0.0))
                        plane.append((1 - t) * chart.plane[where[a]] + t * chart.plane[where[b]])
            loops.append(own)
        return np.array(ids), np.array(weights), np.array(plane), loops

    def refine_borders(
        self, charts: list[Chart], neighbours: Callable[[int, int], frozenset[int]]
    ) -> None:
        """Add border points until no border crosses itself in its plane."""
        for _ in range(8):
            clean = True
            for chart in charts:
                self._used = []
                _, _, plane, loops = self.border(chart, neighbours)
                if crosses_itself(plane, loops):
                    clean = False
                    for key in set(self._used):
                        self._finer[key] = self._finer.get(key, 0) + 1
            self._segments.clear()
            if clean:
                return
        raise RuntimeError("a border still crosses itself in its plane")

    def patch(
        self,
        chart: Chart,
        neighbours: Callable[[int, int], frozenset[int]],
        *,
        guides: list[list[int]] | None = None,
        rounds: int = 40,
    ) -> Patch:
        """Return own points and triangles of a chart; `guides` are chart-vertex paths to follow."""
        ids, weights, plane, loops = self.border(chart, neighbours)
        lifted = np.concatenate(
            [self.metric[chart.vertex], chart.plane * self.plane_weight], axis=1
        )
        fixed_ids, fixed_weights, fixed_plane = [ids], [weights], [plane]
        taken = {tuple(np.round(p, 6)): i for i, p in enumerate(plane)}
        lines: list[list[int]] = []
        for guide in guides or []:
            lines.append([])
            points = self._segment(chart.vertex[guide].tolist())
            where = {int(chart.vertex[c]): c for c in guide}
            for a, b, t in points:
                p = (1 - t) * chart.plane[where[a]] + t * chart.plane[where[b]]
                key = tuple(np.round(p, 6))
                lines[-1].append(taken.setdefault(key, len(taken)))
                if lines[-1][-1] == sum(map(len, fixed_ids)):
                    fixed_ids.append(np.array([(a, b, b)]))
                    fixed_weights.append(np.array([(1 - t, t, 0.0)]))
                    fixed_plane.append(p[None])
        ids, weights = np.concatenate(fixed_ids), np.concatenate(fixed_weights)
        plane = np.concatenate(fixed_plane)
        rng = np.random.default_rng(self.seed)
        corners = self.position[chart.vertex[chart.triangles]]
        area = (
            np.linalg.norm(
                np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1
            )
            / 2
        )
        h = self.spacing[chart.vertex[chart.triangles]].mean(axis=1)
        need = float((area / (0.866 * h**2)).sum())
        perimeter = sum(len(loop) for loop in loops)
        count = round(need - perimeter / 2 - (len(ids) - perimeter))
        if count > 0:
            n = int(np.clip(60 * count, 4000, 150_000))
            pick = rng.choice(len(area), size=n, p=area / area.sum())
            r = np.sort(rng.random((n, 2)), axis=1)
            bary = np.stack([r[:, 0], r[:, 1] - r[:, 0], 1 - r[:, 1]], axis=1)
            tri = chart.triangles[pick]
            cloud = np.einsum("nk,nkd->nd", bary, lifted[tri])
            scale = np.einsum("nk,nk->n", bary, self.spacing[chart.vertex[tri]])
            fixed = np.einsum("nk,nkd->nd", weights, self.metric[ids])
            fixed = np.concatenate([fixed, plane * self.plane_weight], axis=1)
            rows = spread(cloud, 1 / scale**2, fixed, count, rng, rounds)
            near = cKDTree(fixed).query(cloud[rows])[0]
            rows = rows[near > 0.45 * scale[rows]]
            ids = np.concatenate([ids, chart.vertex[tri[rows]]])
            weights = np.concatenate([weights, bary[rows]])
            plane = np.concatenate(
                [plane, np.einsum("nk,nkd->nd", bary[rows], chart.plane[tri[rows]])]
            )
        space = np.einsum("nk,nkd->nd", weights, self.metric[ids])
        faces = triangulate(plane, loops, space, chart.sign, lines)
        faces = faces[~self.middle[ids[faces]].all(axis=(1, 2))]
        label = self._labels(chart, plane[faces].mean(axis=1))
        return Patch(ids, weights, plane, faces, label)

    def _labels(self, chart: Chart, points: Array) -> Array:
        """Return the label of the source triangle under each point of the plane."""
        corners = chart.plane[chart.triangles]
        nearest = cKDTree(corners.mean(axis=1)).query(points, k=min(24, len(corners)))[1]
        nearest = nearest.reshape(len(points), -1)
        a, b, c = (corners[nearest, k] for k in range(3))
        p = points[:, None]

        def side(p: Array, q: Array, r: Array) -> Array:
            u, v = q - p, r - p
            return chart.sign * (u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0])

        least = np.minimum(np.minimum(side(a, b, p), side(b, c, p)), side(c, a, p))
        return chart.label[nearest[np.arange(len(points)), least.argmax(axis=1)]]
