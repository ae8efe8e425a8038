"""Where each pixel of a frame comes from in the photograph, and layers laid over one another."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from talkgen.raster.bands import over_rows
from talkgen.raster.compiled import kernel
from talkgen.raster.fragments import Fragments

STILL = 1.0 / 64.0
"""Moves below this, in pixels, are below the resolution of sampling: the pixel stays as it is."""

TILE_ROWS = 16


@kernel
def _sheet_map(sheet, weights, faces, nodes, x0, y0, step, first, last, out):  # type: ignore[no-untyped-def]
    """Write the source position of every `step`-th pixel of the relief; identity where empty."""
    one = np.float32(1.0)
    for y in range(first, last):
        for x in range(out.shape[1]):
            f = sheet[y, x]
            if f >= 0:
                a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
                v, w = weights[y, x, 0], weights[y, x, 1]
                u = one - v - w
                out[y, x, 0] = u * nodes[a, 0] + v * nodes[b, 0] + w * nodes[c, 0]
                out[y, x, 1] = u * nodes[a, 1] + v * nodes[b, 1] + w * nodes[c, 1]
            else:
                out[y, x, 0] = np.float32(x * step + x0)
                out[y, x, 1] = np.float32(y * step + y0)


@kernel
def _between(field, row, below, column, beside, k, across, down):  # type: ignore[no-untyped-def]
    upper = field[row, column, k] + across * (field[row, beside, k] - field[row, column, k])
    lower = field[below, column, k] + across * (field[below, beside, k] - field[below, column, k])
    return upper + down * (lower - upper)


@kernel
def _source_map(  # type: ignore[no-untyped-def]
    behind, step, mesh, mesh_weights, mesh_faces, places, alpha, x0, y0, still, first, last,
    out, shown, span,
):  # fmt: skip
    one, part = np.float32(1.0), np.float32(1.0 / step)
    bottom = alpha.shape[0] - 1
    far_x, far_y = np.float32(alpha.shape[1] - 1.01), np.float32(bottom - 0.01)
    for y in range(first, last):
        left, right = out.shape[1], -1
        row = y // step
        below = min(row + 1, behind.shape[0] - 1)
        down = np.float32(y - row * step) * part
        for x in range(out.shape[1]):
            if step == 1:
                sx, sy = behind[y, x, 0], behind[y, x, 1]
            else:
                column = x // step
                beside = min(column + 1, behind.shape[1] - 1)
                tx = np.float32(x - column * step) * part
                sx = _between(behind, row, below, column, beside, 0, tx, down)
                sy = _between(behind, row, below, column, beside, 1, tx, down)
            f = mesh[y, x]
            if f >= 0:
                a, b, c = mesh_faces[f, 0], mesh_faces[f, 1], mesh_faces[f, 2]
                v, w = mesh_weights[y, x, 0], mesh_weights[y, x, 1]
                u = one - v - w
                solid = u * places[a, 2] + v * places[b, 2] + w * places[c, 2]
                mx = u * places[a, 0] + v * places[b, 0] + w * places[c, 0]
                my = u * places[a, 1] + v * places[b, 1] + w * places[c, 1]
                sx += solid * (mx - sx)
                sy += solid * (my - sy)
            if bottom > 0:
                # What the background shows is left where it is; what lay before it is taken away.
                px = min(max(sx, np.float32(0.0)), far_x)
                py = min(max(sy, np.float32(0.0)), far_y)
                ix, iy = np.uint32(px), np.uint32(py)
                jx, jy = ix + np.uint32(1), iy + np.uint32(1)
                a00, a01 = np.int32(alpha[iy, ix]), np.int32(alpha[iy, jx])
                a10, a11 = np.int32(alpha[jy, ix]), np.int32(alpha[jy, jx])
                total = a00 + a01 + a10 + a11
                share = np.int32(0) if total == 0 else np.int32(255)
                if 0 < total < 1020:
                    tx, ty = px - np.float32(ix), py - np.float32(iy)
                    upper = np.float32(a00) + tx * np.float32(a01 - a00)
                    lower = np.float32(a10) + tx * np.float32(a11 - a10)
                    share = np.int32(upper + ty * (lower - upper) + np.float32(0.5))
                if share == 0 and alpha[np.uint32(y + y0), np.uint32(x + x0)] == 0:
                    sx, sy = np.float32(x + x0), np.float32(y + y0)
                    share = np.int32(255)
                shown[y, x] = share
            out[y, x, 0] = sx
            out[y, x, 1] = sy
            if abs(sx - (x + x0)) > still or abs(sy - (y + y0)) > still:
                left = min(left, x)
                right = x
        span[y, 0], span[y, 1] = left, right + 1


def sheet_map(
    sheet: Fragments,
    faces: NDArray[np.int32],
    nodes: NDArray[np.float32],
    origin: tuple[int, int],
    step: int,
    into: NDArray[np.float32],
    threads: int | None = None,
) -> NDArray[np.float32]:
    """Write to `into` (h, w, 2) the source position of every `step`-th pixel and return it.

    sheet, faces, nodes : the relief drawn at 1 / `step` of the size, its (G, 2) source pixels
    origin : (x, y) in the picture of the corner of `into`
    """

    def band(first: int, last: int) -> None:
        _sheet_map(
            sheet.triangle, sheet.weights, faces, nodes, origin[0], origin[1], step, first, last,
            into,
        )  # fmt: skip

    over_rows(band, into.shape[0], threads)
    return into


def source_map(
    behind: NDArray[np.float32],
    step: int,
    mesh: Fragments,
    mesh_faces: NDArray[np.int32],
    places: NDArray[np.float32],
    origin: tuple[int, int],
    into: NDArray[np.float32],
    span: NDArray[np.int32],
    threads: int | None = None,
    alpha: NDArray[np.uint8] | None = None,
    shown: NDArray[np.uint8] | None = None,
) -> NDArray[np.float32]:
    """Write to `into` (h, w, 2) the source position of each pixel and return it.

    behind, step : positions of the relief behind, one for `step` pixels along each axis
    mesh, mesh_faces, places : the head, its (V, 3) source x, y and opacity. Positions are blended,
        not colours, so the edge of the mesh leaves neither seam nor double image.
    origin : (x, y) in the picture of the corner of `into`
    span : (h, 2) is written too: the columns of each row between which something moves
    alpha : (H, W) uint8, where the source shows the person and not the background, which stays
    shown : (h, w) uint8 is written with it: how much of a pixel is the person's now
    """
    if alpha is None or shown is None:
        alpha = shown = np.zeros((1, 1), np.uint8)

    def band(first: int, last: int) -> None:
        _source_map(
            behind, step, mesh.triangle, mesh.weights, mesh_faces, places, alpha,
            origin[0], origin[1], np.float32(STILL), first, last, into, shown, span,
        )  # fmt: skip

    over_rows(band, into.shape[0], threads)
    return into


def sample_moved(
    image: NDArray[np.uint8],
    places: NDArray[np.float32],
    span: NDArray[np.int32],
    into: NDArray[np.uint8],
    threads: int | None = None,
) -> None:
    """Write to the view `into` (h, w, 3) the image at `places`, only where something moves.

    span : (h, 2), the moving columns of each row, as `source_map` gives them
    """

    def band(first: int, last: int) -> None:
        for tile in range(first, last):
            top, end = tile * TILE_ROWS, min((tile + 1) * TILE_ROWS, len(into))
            left, right = int(span[top:end, 0].min()), int(span[top:end, 1].max())
            if left < right:
                into[top:end, left:right] = sample(image, places[top:end, left:right])

    # Whole tiles, so that the frame does not depend on the number of threads.
    over_rows(band, -(-len(into) // TILE_ROWS), threads, least=4)


@kernel
def _reveal(background, places, shown, span, x0, y0, first, last, out):  # type: ignore[no-untyped-def]
    edge, bottom = background.shape[1] - 1, background.shape[0] - 1
    for y in range(first, last):
        for x in range(span[y, 0], span[y, 1]):
            share = shown[y, x]
            if share >= 254:
                continue
            here = background[y + y0, x + x0]
            if share <= 1:
                for k in range(3):
                    out[y, x, k] = here[k]
                continue
            px = min(max(places[y, x, 0], np.float32(0.0)), np.float32(edge))
            py = min(max(places[y, x, 1], np.float32(0.0)), np.float32(bottom))
            ix, iy = min(int(px), edge - 1), min(int(py), bottom - 1)
            fx, fy = px - ix, py - iy
            clear = np.float32(1.0) - share * np.float32(1.0 / 255.0)
            for k in range(3):
                upper = background[iy, ix, k] * (1 - fx) + background[iy, ix + 1, k] * fx
                lower = background[iy + 1, ix, k] * (1 - fx) + background[iy + 1, ix + 1, k] * fx
                there = upper * (1 - fy) + lower * fy
                value = out[y, x, k] + clear * (here[k] - there) + np.float32(0.5)
                out[y, x, k] = np.uint8(min(max(value, np.float32(0.0)), np.float32(255.0)))


def reveal(
    background: NDArray[np.uint8],
    places: NDArray[np.float32],
    shown: NDArray[np.uint8],
    span: NDArray[np.int32],
    origin: tuple[int, int],
    into: NDArray[np.uint8],
    threads: int | None = None,
) -> None:
    """Put the resting background (H, W, 3) where the person has left or only half covers it.

    In a pixel of which the share `a` is the person's, the picture moved from p to x brought the
    background of p along; it gives way to that of x: I(p) + (1 - a) (B(x) - B(p)). Where nothing
    has moved that is the picture itself.
    """

    def band(first: int, last: int) -> None:
        _reveal(background, places, shown, span, origin[0], origin[1], first, last, into)

    over_rows(band, len(into), threads)


def sample(
    image: NDArray[np.uint8], places: NDArray[np.float32], cubic: bool = True
) -> NDArray[np.uint8]:
    """Return the image at (h, w, 2) float32 pixel positions, mirrored beyond its border."""
    how = cv2.INTER_CUBIC if cubic else cv2.INTER_LINEAR
    return cv2.remap(image, places, None, how, borderMode=cv2.BORDER_REFLECT_101)


def sample_float(image: NDArray[np.float32], places: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a float image at (h, w, 2) float32 pixel positions, its edge continued."""
    return cv2.remap(image, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def lay_over(
    frame: NDArray[np.uint8], layer: NDArray[np.float32], share: NDArray[np.float32]
) -> None:
    """Blend float `layer` (h, w, 3) into the uint8 view `frame` by `share` (h, w), in place."""
    mixed = frame + share[..., None] * (layer - frame)
    frame[...] = np.where(share[..., None] > 0, np.clip(mixed + 0.5, 0, 255), frame).astype(
        np.uint8
    )
