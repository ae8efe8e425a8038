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
def _source_map(  # type: ignore[no-untyped-def]
    behind, step, mesh, mesh_weights, mesh_faces, places, x0, y0, still, first, last, out, span,
):  # fmt: skip
    one = np.float32(1.0)
    for y in range(first, last):
        left, right = out.shape[1], -1
        row = y // step
        below = min(row + 1, behind.shape[0] - 1)
        ty = np.float32(y - row * step) / np.float32(step)
        for x in range(out.shape[1]):
            if step == 1:
                sx, sy = behind[y, x, 0], behind[y, x, 1]
            else:
                column = x // step
                beside = min(column + 1, behind.shape[1] - 1)
                tx = np.float32(x - column * step) / np.float32(step)
                upper = behind[row, column, 0] + tx * (
                    behind[row, beside, 0] - behind[row, column, 0]
                )
                lower = behind[below, column, 0] + tx * (
                    behind[below, beside, 0] - behind[below, column, 0]
                )
                sx = upper + ty * (lower - upper)
                upper = behind[row, column, 1] + tx * (
                    behind[row, beside, 1] - behind[row, column, 1]
                )
                lower = behind[below, column, 1] + tx * (
                    behind[below, beside, 1] - behind[below, column, 1]
                )
                sy = upper + ty * (lower - upper)
            f = mesh[y, x]
            if f >= 0:
                a, b, c = mesh_faces[f, 0], mesh_faces[f, 1], mesh_faces[f, 2]
                v, w = mesh_weights[y, x, 0], mesh_weights[y, x, 1]
                u = one - v - w
                alpha = u * places[a, 2] + v * places[b, 2] + w * places[c, 2]
                mx = u * places[a, 0] + v * places[b, 0] + w * places[c, 0]
                my = u * places[a, 1] + v * places[b, 1] + w * places[c, 1]
                sx += alpha * (mx - sx)
                sy += alpha * (my - sy)
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
) -> NDArray[np.float32]:
    """Write to `into` (h, w, 2) the source position of each pixel and return it.

    behind, step : positions of the relief behind, one for `step` pixels along each axis
    mesh, mesh_faces, places : the head, its (V, 3) source x, y and opacity. Positions are blended,
        not colours, so the edge of the mesh leaves neither seam nor double image.
    origin : (x, y) in the picture of the corner of `into`
    span : (h, 2) is written too: the columns of each row between which something moves
    """

    def band(first: int, last: int) -> None:
        _source_map(
            behind, step, mesh.triangle, mesh.weights, mesh_faces, places,
            origin[0], origin[1], np.float32(STILL), first, last, into, span,
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
