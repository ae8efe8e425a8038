"""What lies before the lower face in a frame: a microphone, a cup, a dark glove.

Points of the skin that have quite another colour than in the person's clear frame, in the light of
this one, are covered. A hand in the skin's own colour is not told apart here; where it covers the
mouth the landmarks say so.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from talkgen.raster.fragments import Fragments, interpolate, rasterize
from talkgen.render.background import smoothstep
from talkgen.render.lower_head import LowerHead
from talkgen.render.texture import toward_viewer
from talkgen.types import ImageArray

OTHER = (0.5, 0.75)
"""Difference of colour, over the skin's brightest channel, from which a point may be covered, and
surely is."""
FRONT = 0.5
"""Least share of a vertex' normal that faces the camera: near the rim the background is seen."""
FEWEST = 50
"""Vertices that must be seen."""
LEAST = 0.04
"""Share of the points that has to be covered; less is a shadow or a strand of hair."""
MOST = 0.6
"""Share from which on it is the light that is another."""
LIPS_OWN = 0.98
"""Vertices that belong to the lips more than that tell nothing."""
GROW, SOFT = 0.07, 0.03
"""How far what covers is widened, and softened, in distances of the eyes."""
GRID_EYES = 28.0


class Covers:
    """Finds what covers the face of one person.

    lower : the head; image : the clear frame; places : (n, 2) where it has the vertices
    toward : (n,) cosine of each vertex to the camera there; interocular : in pixels
    """

    def __init__(
        self, lower: LowerHead, image: ImageArray, places: NDArray[np.float32],
        toward: NDArray[np.float32], interocular: float,
    ) -> None:  # fmt: skip
        self.lower = lower
        self.told = np.flatnonzero((toward > FRONT) & (lower.move > 0.3))
        # Teeth, and the dark between the lips, come and go beside the lips' edges.
        self.told = self.told[lower.own[self.told] < LIPS_OWN]
        self.colors = colors_at(image, places[self.told], interocular)

    def mask(
        self, frame: ImageArray, points: NDArray[np.float32], interocular: float,
        box: tuple[int, int, int, int],
    ) -> NDArray[np.float32] | None:  # fmt: skip
        """Return (h, w) how far the pixels of a box are covered, None where nothing is.

        points : (n, 3) where the frame has the vertices, pixels and depth
        """
        lower = self.lower
        toward = toward_viewer(points, lower.faces, lower.weld, lower.facing)[self.told]
        told, colors = self.told[toward > FRONT], self.colors[toward > FRONT]
        if len(told) < FEWEST:
            return None
        now = colors_at(frame, points[told, :2], interocular)
        gain = np.median(now, axis=0) / np.maximum(np.median(colors, axis=0), 1.0)
        off = np.abs(now - colors * gain).max(axis=1)
        level = max(float(np.median(now, axis=0).max()), 1.0)
        covered = smoothstep(*OTHER, off / np.float32(level))
        share = float((covered > 0.5).mean())
        if not LEAST <= share <= MOST:
            return None
        values = np.zeros((len(points), 1), np.float32)
        values[told, 0] = covered
        x0, y0, x1, y1 = box
        cell = max(1, round(interocular / GRID_EYES))
        rows, columns = -(-(y1 - y0) // cell) + 1, -(-(x1 - x0) // cell) + 1
        small = (points - np.array([x0, y0, 0], np.float32)) / np.float32(cell)
        mesh = rasterize(
            small.astype(np.float32), self.lower.faces, Fragments.empty(rows, columns),
            facing=self.lower.facing, threads=1,
        )  # fmt: skip
        field = np.zeros((rows, columns, 1), np.float32)
        interpolate(mesh, self.lower.faces, values, field)
        side = 2 * max(1, round(GROW * interocular / cell)) + 1
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
        grown = cv2.dilate(cv2.medianBlur(field[..., 0], 3), kernel)
        soft = cv2.GaussianBlur(grown, (0, 0), max(SOFT * interocular / cell, 0.5))
        size = (columns * cell, rows * cell)
        whole = cv2.resize(soft, size, interpolation=cv2.INTER_LINEAR)[: y1 - y0, : x1 - x0]
        return np.asarray(np.clip(whole, 0.0, 1.0), np.float32)


def colors_at(
    image: ImageArray, places: NDArray[np.float32], interocular: float
) -> NDArray[np.float32]:
    """Return (n, 3) colours at places (n, 2), averaged over a little of the skin."""
    low = np.maximum(np.floor(places.min(axis=0)).astype(int) - 8, 0)
    high = np.minimum(np.ceil(places.max(axis=0)).astype(int) + 9, image.shape[1::-1])
    if (high - low).min() < 2:
        return np.zeros((len(places), 3), np.float32)
    part = image[low[1] : high[1], low[0] : high[0]]
    side = max(1, round(0.03 * interocular))
    smooth = cv2.blur(part, (side, side))
    at = (places - low).astype(np.float32)[:, None]
    found = cv2.remap(smooth, at, None, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
    return found.reshape(-1, 3).astype(np.float32)
