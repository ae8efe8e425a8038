"""Where each pixel of a frame comes from in the photograph, and layers laid over one another."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from talkgen.raster.bands import over_rows
from talkgen.raster.compiled import kernel
from talkgen.raster.fragments import Fragments


@kernel
def _source_map(  # type: ignore[no-untyped-def]
    sheet, sheet_weights, sheet_faces, nodes,
    mesh, mesh_weights, mesh_faces, places, x0, y0, first, last, out,
):  # fmt: skip
    one = np.float32(1.0)
    for y in range(first, last):
        for x in range(out.shape[1]):
            sx, sy = np.float32(x + x0), np.float32(y + y0)
            f = sheet[y, x]
            if f >= 0:
                a, b, c = sheet_faces[f, 0], sheet_faces[f, 1], sheet_faces[f, 2]
                v, w = sheet_weights[y, x, 0], sheet_weights[y, x, 1]
                u = one - v - w
                sx = u * nodes[a, 0] + v * nodes[b, 0] + w * nodes[c, 0]
                sy = u * nodes[a, 1] + v * nodes[b, 1] + w * nodes[c, 1]
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


def source_map(
    sheet: Fragments,
    sheet_faces: NDArray[np.int32],
    nodes: NDArray[np.float32],
    mesh: Fragments,
    mesh_faces: NDArray[np.int32],
    places: NDArray[np.float32],
    origin: tuple[int, int],
    into: NDArray[np.float32],
    threads: int | None = None,
) -> NDArray[np.float32]:
    """Write to `into` (h, w, 2) the source position of each pixel and return it.

    sheet, sheet_faces, nodes : the relief behind, its (G, 2) source pixels; identity where empty
    mesh, mesh_faces, places : the head, its (V, 3) source x, y and opacity. Positions are blended,
        not colours, so the edge of the mesh leaves neither seam nor double image.
    origin : (x, y) in the picture of the corner of `into`
    """

    def band(first: int, last: int) -> None:
        _source_map(
            sheet.triangle, sheet.weights, sheet_faces, nodes,
            mesh.triangle, mesh.weights, mesh_faces, places,
            origin[0], origin[1], first, last, into,
        )  # fmt: skip

    over_rows(band, into.shape[0], threads)
    return into


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
