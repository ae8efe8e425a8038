"""Triangles between border loops in a plane: Delaunay, wanted edges kept, flips judged in space."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay

Array = NDArray[Any]
Edge = tuple[int, int]


def triangulate(
    plane: Array, loops: list[list[int]], space: Array, sign: float, guides: list[list[int]]
) -> Array:
    """Return (m, 3) triangles between the loops, in the orientation of the chart.

    The plane's Delaunay triangulation without what lies outside; missing border edges are got back
    and edges are flipped while that makes the triangles in space better.
    """
    scaled = (plane - plane.min(axis=0)) / np.ptp(plane, axis=0).max()
    faces = Delaunay(scaled, qhull_options="QJ Pp").simplices
    a, b, c = (scaled[faces[:, k]] for k in range(3))
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    faces[area < 0] = faces[area < 0][:, ::-1]
    border = {tuple(sorted((x, y))) for loop in loops for x, y in pairs(loop)}
    mesh = FlipMesh(faces, scaled, space, border)
    lines = {tuple(sorted(e)) for g in guides for e in itertools.pairwise(g)}
    for edge in sorted(border):
        mesh.insist(edge)
    mesh.kept = border | lines
    for edge in sorted(lines):
        mesh.insist(edge)
    faces = mesh.faces()
    inside = inside_loops(scaled[faces].mean(axis=1), [scaled[loop] for loop in loops])
    mesh = FlipMesh(faces[inside], scaled, space, border | lines)
    mesh.improve()
    faces = mesh.faces()
    return faces if sign > 0 else faces[:, ::-1]


def inside_loops(points: Array, loops: list[Array]) -> Array:
    """Return which points lie inside an odd number of closed polygons."""
    inside = np.zeros(len(points), bool)
    for loop in loops:
        a, b = loop, np.roll(loop, -1, axis=0)
        for (ax, ay), (bx, by) in zip(a, b, strict=True):
            crosses = (ay > points[:, 1]) != (by > points[:, 1])
            if ay != by:
                crosses &= points[:, 0] < ax + (points[:, 1] - ay) * (bx - ax) / (by - ay)
                inside ^= crosses
    return inside


def crosses_itself(plane: Array, loops: list[list[int]]) -> bool:
    """Return whether two edges of closed polygons cross."""
    edges = np.array([pair for loop in loops for pair in pairs(loop)])
    a, b = plane[edges[:, 0]], plane[edges[:, 1]]

    def side(p: Array, q: Array, r: Array) -> Array:
        return (q[..., 0] - p[..., 0]) * (r[..., 1] - p[..., 1]) - (q[..., 1] - p[..., 1]) * (
            r[..., 0] - p[..., 0]
        )

    one = side(a[:, None], b[:, None], a[None]) * side(a[:, None], b[:, None], b[None]) < 0
    return bool((one & one.T).any())


def pairs(loop: list[int]) -> list[Edge]:
    return list(zip(loop, loop[1:] + loop[:1], strict=True))


class FlipMesh:
    """Triangles whose inner edges can be flipped; `kept` edges stay."""

    def __init__(self, faces: Array, plane: Array, space: Array, kept: set[Edge]) -> None:
        self.plane, self.space, self.kept = plane, space, kept
        self.opposite: dict[Edge, int] = {}
        for face in faces.tolist():
            self._add(*face)

    def _add(self, a: int, b: int, c: int) -> None:
        for x, y, z in ((a, b, c), (b, c, a), (c, a, b)):
            self.opposite[x, y] = z

    def _area(self, a: int, b: int, c: int) -> float:
        p = self.plane
        return float(
            (p[b][0] - p[a][0]) * (p[c][1] - p[a][1]) - (p[b][1] - p[a][1]) * (p[c][0] - p[a][0])
        )

    def _can_flip(self, a: int, b: int) -> tuple[int, int] | None:
        c, d = self.opposite.get((a, b)), self.opposite.get((b, a))
        if c is None or d is None or (min(a, b), max(a, b)) in self.kept:
            return None
        if self._area(c, d, b) <= 1e-12 or self._area(d, c, a) <= 1e-12:
            return None
        if (c, d) in self.opposite or (d, c) in self.opposite:
            return None
        return c, d

    def _flip(self, a: int, b: int, c: int, d: int) -> None:
        del self.opposite[a, b], self.opposite[b, a]
        self._add(c, d, b)
        self._add(d, c, a)

    def _angle(self, a: int, b: int, c: int) -> float:
        """Angle at `c` over edge (a, b) in space."""
        u, v = self.space[a] - self.space[c], self.space[b] - self.space[c]
        size = np.sqrt((u @ u) * (v @ v)) + 1e-12
        return float(np.arccos(np.clip(u @ v / size, -1, 1)))

    def improve(self, rounds: int = 12) -> None:
        """Flip edges whose opposite angles exceed 180 degrees in space."""
        for _ in range(rounds):
            flips = 0
            for a, b in sorted(self.opposite):
                if a > b or (a, b) not in self.opposite:
                    continue
                ends = self._can_flip(a, b)
                if ends is None:
                    continue
                if self._angle(a, b, ends[0]) + self._angle(a, b, ends[1]) > np.pi + 1e-6:
                    self._flip(a, b, *ends)
                    flips += 1
            if not flips:
                return

    def insist(self, edge: Edge, limit: int = 400) -> None:
        """Flip edges that cross `edge` until it is there."""
        a, b = edge
        for _ in range(limit):
            if (a, b) in self.opposite or (b, a) in self.opposite:
                return
            crossing = [
                (x, y)
                for x, y in self.opposite
                if x < y
                and len({x, y, a, b}) == 4
                and self._area(a, b, x) * self._area(a, b, y) < 0
                and self._area(x, y, a) * self._area(x, y, b) < 0
            ]
            done = False
            for x, y in sorted(crossing):
                ends = self._can_flip(x, y)
                if ends is not None:
                    self._flip(x, y, *ends)
                    done = True
                    if set(ends) == {a, b}:
                        return
                    if self._area(a, b, ends[0]) * self._area(a, b, ends[1]) >= 0:
                        break
            if not done:
                raise RuntimeError(f"edge {edge} of the border cannot be recovered")

    def faces(self) -> Array:
        """Return (m, 3) triangles, each once, in a fixed order."""
        out = {min((a, b, c), (b, c, a), (c, a, b)) for (a, b), c in self.opposite.items()}
        return np.array(sorted(out))
