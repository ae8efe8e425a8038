"""The head's skin laid flat: which vertex lies where in the texture, and which part a texel is."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import cv2
import numpy as np

from talkgen.face.head import PARTS, HeadModel
from talkgen.raster.fragments import Fragments, interpolate, rasterize
from talkgen.render.background import smoothstep
from talkgen.render.inpaint import polygon_mask
from talkgen.render.rings import LOWER_LID, SIDES, UPPER_LID
from talkgen.types import FloatArray

TEXTURE_SIDE = 512

BROWS = {
    "right": (70, 63, 105, 66, 107, 55, 65, 52, 53, 46),
    "left": (300, 293, 334, 296, 336, 285, 295, 282, 283, 276),
}
"""Landmarks around each eyebrow."""

CRANIUM_CENTER = np.array([0.0, -4.0, -0.5], np.float32)
"""Centre of the skull, head frame, cm."""


class Unwrap:
    """The texture space of a head model, `TEXTURE_SIDE` texels a side, u right, v down."""

    def __init__(self, head: HeadModel) -> None:
        self.head = head
        self.faces = head.faces[np.isin(head.part, (PARTS.index("skin"), PARTS.index("lips")))]
        flat = np.zeros((len(head.uv), 3), np.float32)
        flat[:, :2] = head.uv * TEXTURE_SIDE - 0.5
        side = TEXTURE_SIDE
        self.fragments = rasterize(flat, self.faces, Fragments.empty(side, side), threads=1)
        self.inside = self.fragments.triangle >= 0

    def lay(self, values: Any) -> FloatArray:
        """Return (side, side, K) texels of vertex values (V, K), zero outside the skin."""
        out = np.zeros((TEXTURE_SIDE, TEXTURE_SIDE, values.shape[1]), np.float32)
        values = np.ascontiguousarray(values, np.float32)
        return interpolate(self.fragments, self.faces, values, out, threads=1)

    @cached_property
    def landmarks(self) -> FloatArray:
        """Texels (478, 2) of the landmarks."""
        corners = self.head.uv[self.head.landmark_faces] * TEXTURE_SIDE - 0.5
        return np.einsum("nk,nkd->nd", self.head.landmark_bary, corners).astype(np.float32)

    @cached_property
    def rest(self) -> FloatArray:
        """The mean head (side, side, 3), cm, laid flat."""
        return self.lay(self.head.vertices)

    @cached_property
    def scalp(self) -> FloatArray:
        """How much a texel belongs to the hairy skin (side, side) in [0, 1]."""
        x, y, z = np.moveaxis(self.rest, 2, 0)
        edge = hairline(np.arctan2(np.abs(x), -(z - CRANIUM_CENTER[2])))
        return np.asarray(smoothstep(-0.6, 0.9, edge - y) * self.inside, np.float32)

    @cached_property
    def lids(self) -> FloatArray:
        """Texels (side, side) in [0, 1] about the lid margins, which no open eye shows well."""
        out = np.zeros((TEXTURE_SIDE, TEXTURE_SIDE), np.float32)
        for side in SIDES:
            ring = self._eye_ring(side)
            out = np.maximum(out, polygon_mask(ring, out.shape, 7.0))
            lifted = ring + np.float32([0, -7])
            out = np.maximum(out, polygon_mask(lifted, out.shape, 6.0))
        return cv2.GaussianBlur(out, (0, 0), 1.5)

    @cached_property
    def lashes(self) -> FloatArray:
        """Darkness (side, side) in [0, 1] of the lashes along the lid margins."""
        out = np.zeros((TEXTURE_SIDE, TEXTURE_SIDE), np.float32)
        for side in SIDES:
            for ring, dark, width in ((UPPER_LID, 0.75, 4), (LOWER_LID, 0.3, 2)):
                # No lashes grow about the inner corner.
                line = np.round(self.landmarks[list(ring[side][:-1])] * 16).astype(np.int32)
                layer = np.zeros_like(out)
                cv2.polylines(layer, [line], False, dark, width, cv2.LINE_AA, shift=4)
                out = np.maximum(out, layer)
        return cv2.GaussianBlur(out, (0, 0), 0.9)

    @cached_property
    def brows(self) -> FloatArray:
        """1 on the eyebrows (side, side)."""
        out = np.zeros((TEXTURE_SIDE, TEXTURE_SIDE), np.float32)
        for ring in BROWS.values():
            out = np.maximum(out, polygon_mask(self.landmarks[list(ring)], out.shape, 1.0))
        return out

    @cached_property
    def neck(self) -> FloatArray:
        """1 on neck and shoulders (side, side): below the jaw and behind it."""
        _, y, z = np.moveaxis(self.rest, 2, 0)
        return ((neck_height(y, z) > 6.6) & (y > 3.5) & self.inside).astype(np.float32)

    def _eye_ring(self, side: str) -> Any:
        rings = self.landmarks
        return np.concatenate([rings[list(UPPER_LID[side])],
                               rings[list(LOWER_LID[side][-2:0:-1])]])  # fmt: skip


def neck_height(y: Any, z: Any) -> Any:
    """Return how far down the neck a point is, cm: the jaw slopes, so depth counts too."""
    return y + 0.35 * z


def hairline(azimuth: Any) -> Any:
    """Return the height y (cm, down) at which hair begins at an angle from straight ahead."""
    angles = np.radians([0, 25, 42, 55, 66, 80, 92, 104, 115, 150, 180])
    heights = [-9.6, -9.7, -8.6, -6.4, -3.0, -1.5, -4.3, -2.5, 2.0, 5.5, 6.0]
    return np.interp(azimuth, angles, heights)
