"""Z-buffer rasteriser: triangles in pixels become triangle ids, barycentrics and depth.

A fragment lies at the integer position (x, y) of its pixel; smaller depth is nearer. The camera is
weakly perspective, so attributes interpolate linearly in the picture and no division is needed.
`rasterize_reference` is the plain NumPy statement of what `rasterize` computes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from talkgen.raster.bands import over_rows
from talkgen.raster.compiled import kernel

EMPTY = -1
"""Triangle id where nothing was drawn."""


@dataclass(frozen=True, eq=False)
class Fragments:
    """What is seen at each pixel.

    triangle : (H, W) int32, row of `faces`, `EMPTY` where nothing is
    weights : (H, W, 2) float32, barycentric weights of the second and third corner
    depth : (H, W) float32, infinite where nothing is
    """

    triangle: NDArray[np.int32]
    weights: NDArray[np.float32]
    depth: NDArray[np.float32]

    @classmethod
    def empty(cls, height: int, width: int) -> Fragments:
        """Return cleared buffers of `height` by `width` pixels, to be drawn into repeatedly."""
        return cls(
            np.full((height, width), EMPTY, np.int32),
            np.zeros((height, width, 2), np.float32),
            np.full((height, width), np.inf, np.float32),
        )


@kernel
def _draw(points, faces, facing, first, last, triangle, weights, depth):  # type: ignore[no-untyped-def]
    width = triangle.shape[1]
    for y in range(first, last):
        for x in range(width):
            triangle[y, x] = -1
            depth[y, x] = np.inf
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        ax, ay = points[a, 0], points[a, 1]
        bx, by = points[b, 0], points[b, 1]
        cx, cy = points[c, 0], points[c, 1]
        low = min(ay, by, cy)
        high = max(ay, by, cy)
        if high < first or low > last - 1:
            continue
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area == 0.0 or area * facing < 0.0:
            continue
        y0 = max(first, int(np.ceil(low)))
        y1 = min(last - 1, int(np.floor(high)))
        x0 = max(0, int(np.ceil(min(ax, bx, cx))))
        x1 = min(width - 1, int(np.floor(max(ax, bx, cx))))
        inverse = np.float32(1.0) / area
        az, bz, cz = points[a, 2], points[b, 2], points[c, 2]
        dv, dw = (cy - ay) * inverse, (ay - by) * inverse
        for y in range(y0, y1 + 1):
            # Where the row enters and leaves the triangle, a pixel wider against rounding.
            v0 = (-ax * (cy - ay) - (y - ay) * (cx - ax)) * inverse
            w0 = ((bx - ax) * (y - ay) + (by - ay) * ax) * inverse
            u0, du = np.float32(1.0) - v0 - w0, -dv - dw
            low, high = np.float32(x0), np.float32(x1)
            for start, slope in ((u0, du), (v0, dv), (w0, dw)):
                if slope > 1e-12:
                    low = max(low, -start / slope - np.float32(1.0))
                elif slope < -1e-12:
                    high = min(high, -start / slope + np.float32(1.0))
            for x in range(int(np.ceil(low)), int(np.floor(high)) + 1):
                v = ((x - ax) * (cy - ay) - (y - ay) * (cx - ax)) * inverse
                w = ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) * inverse
                u = np.float32(1.0) - v - w
                if u < -1e-6 or v < -1e-6 or w < -1e-6:
                    continue
                z = u * az + v * bz + w * cz
                if z < depth[y, x]:
                    depth[y, x] = z
                    triangle[y, x] = f
                    weights[y, x, 0] = v
                    weights[y, x, 1] = w


@kernel
def _interpolate(triangle, weights, faces, values, first, last, out):  # type: ignore[no-untyped-def]
    for y in range(first, last):
        for x in range(triangle.shape[1]):
            f = triangle[y, x]
            if f < 0:
                continue
            a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
            v, w = weights[y, x, 0], weights[y, x, 1]
            u = np.float32(1.0) - v - w
            for k in range(values.shape[1]):
                out[y, x, k] = u * values[a, k] + v * values[b, k] + w * values[c, k]


def rasterize(
    points: NDArray[np.float32],
    faces: NDArray[np.int32],
    into: Fragments,
    *,
    facing: float = 0.0,
    threads: int | None = None,
) -> Fragments:
    """Draw triangles into cleared `into` and return it.

    points : (V, 3) float32, pixels and depth
    faces : (F, 3) int32
    facing : keep triangles whose signed area in the picture has this sign; 0 keeps all
    """
    facing = np.float32(facing)

    def band(first: int, last: int) -> None:
        _draw(points, faces, facing, first, last, into.triangle, into.weights, into.depth)

    over_rows(band, into.triangle.shape[0], threads)
    return into


def interpolate(
    fragments: Fragments,
    faces: NDArray[np.int32],
    values: NDArray[np.float32],
    into: NDArray[np.float32],
    *,
    threads: int | None = None,
) -> NDArray[np.float32]:
    """Write (V, K) vertex `values` to the drawn pixels of `into` (H, W, K), leave the others."""

    def band(first: int, last: int) -> None:
        _interpolate(fragments.triangle, fragments.weights, faces, values, first, last, into)

    over_rows(band, fragments.triangle.shape[0], threads)
    return into


@kernel
def _cover(points, faces, facing, hit):  # type: ignore[no-untyped-def]
    """Mark samples inside triangles: `_draw` without what is nearest."""
    height, width = hit.shape
    hit[:] = 0
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        ax, ay = points[a, 0], points[a, 1]
        bx, by = points[b, 0], points[b, 1]
        cx, cy = points[c, 0], points[c, 1]
        low, high = min(ay, by, cy), max(ay, by, cy)
        left, right = min(ax, bx, cx), max(ax, bx, cx)
        if high < 0 or low > height - 1 or right < 0 or left > width - 1:
            continue
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area == 0.0 or area * facing < 0.0:
            continue
        inverse = np.float32(1.0) / area
        x0, x1 = max(0, int(np.ceil(left))), min(width - 1, int(np.floor(right)))
        for y in range(max(0, int(np.ceil(low))), min(height - 1, int(np.floor(high))) + 1):
            for x in range(x0, x1 + 1):
                if hit[y, x]:
                    continue
                v = ((x - ax) * (cy - ay) - (y - ay) * (cx - ax)) * inverse
                w = ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) * inverse
                if v >= -1e-6 and w >= -1e-6 and np.float32(1.0) - v - w >= -1e-6:
                    hit[y, x] = 1


@kernel
def _share(hit, factor, out):  # type: ignore[no-untyped-def]
    """Write the mean of each `factor` x `factor` samples."""
    unit = np.float32(1.0 / (factor * factor))
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            count = 0
            for j in range(factor):
                for i in range(factor):
                    count += hit[y * factor + j, x * factor + i]
            out[y, x] = count * unit


def coverage(
    points: NDArray[np.float32],
    faces: NDArray[np.int32],
    height: int,
    width: int,
    *,
    facing: float = 0.0,
    factor: int = 3,
) -> NDArray[np.float32]:
    """Return (height, width) float32 in [0, 1], the share of each pixel that triangles cover.

    factor : samples along each side of a pixel
    """
    fine = points * np.float32(factor)
    fine[:, :2] += np.float32((factor - 1) / 2)
    hit = np.empty((height * factor, width * factor), np.uint8)
    _cover(fine, faces, np.float32(facing), hit)
    out = np.empty((height, width), np.float32)
    _share(hit, factor, out)
    return out


def rasterize_reference(
    points: NDArray[np.float32],
    faces: NDArray[np.int32],
    height: int,
    width: int,
    *,
    facing: float = 0.0,
) -> Fragments:
    """Return what `rasterize` draws, one triangle at a time in plain NumPy."""
    out = Fragments.empty(height, width)
    ys, xs = np.mgrid[:height, :width].astype(np.float64)
    for index, (a, b, c) in enumerate(points[faces].astype(np.float64)):
        area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        if area == 0 or area * facing < 0:
            continue
        v = ((xs - a[0]) * (c[1] - a[1]) - (ys - a[1]) * (c[0] - a[0])) / area
        w = ((b[0] - a[0]) * (ys - a[1]) - (b[1] - a[1]) * (xs - a[0])) / area
        u = 1 - v - w
        depth = u * a[2] + v * b[2] + w * c[2]
        seen = (np.minimum(np.minimum(u, v), w) >= -1e-6) & (depth < out.depth)
        out.triangle[seen] = index
        out.depth[seen] = depth[seen]
        out.weights[seen] = np.stack([v, w], axis=-1)[seen]
    return out
