"""What geometry tells the denoiser of a frame: part labels, depth, normals, and how far skin moved.

The maps are drawn by the same rasteriser as the mesh, 64 pixels a side over the face's crop.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from talkgen.face.head import PARTS
from talkgen.raster.fragments import Fragments, interpolate, rasterize
from talkgen.render.face_crop import SIDE, FaceCrop
from talkgen.render.portrait import PlacedHead, PreparedPortrait
from talkgen.render.pose import project

MAP_SIDE = 64
LABELS = ("skin", "lips", "eyes", "teeth", "inside")
_LABEL_OF = np.array(
    [
        {"skin": 0, "lips": 1, "eyeball_left": 2, "eyeball_right": 2, "teeth_upper": 3,
         "teeth_lower": 3}.get(part, 4)
        for part in PARTS
    ],
    np.int64,
)  # fmt: skip
CHANNELS = (*LABELS, "depth", "normal_x", "normal_y", "seen", "moved_x", "moved_y")
NUM_MAPS = len(CHANNELS)

DEPTH_SIDES = 0.5
"""Depth that counts as one, in sides of the crop."""
MOVED_PX = 16.0
"""Movement that counts as one, in pixels of the crop."""


def condition_maps(
    ready: PreparedPortrait, head: PlacedHead, crop: FaceCrop
) -> NDArray[np.float32]:
    """Return (11, 64, 64) float32 maps of a frame, see `CHANNELS`.

    Labels are 0 or 1; depth is about the face's mean, in half sides of the crop, nearer is smaller;
    normals and depth are 0 where no head is; seen: how well the photograph shows the skin, 0 to 1;
    moved: how far the expression takes the skin from the photograph's, in 16 pixels of the crop.
    """
    model = ready.head
    shrink = np.float32(MAP_SIDE / SIDE)
    local = crop.to_crop(head.points)
    # pixel centres: 4 crop pixels 0..3 make map pixel 0
    points = local * shrink
    points[:, :2] += np.float32((shrink - 1) / 2)
    seen = rasterize(points.astype(np.float32), model.faces, Fragments.empty(MAP_SIDE, MAP_SIDE))
    there = seen.triangle >= 0
    label = _LABEL_OF[model.part[np.maximum(seen.triangle, 0)]]
    out = np.zeros((NUM_MAPS, MAP_SIDE, MAP_SIDE), np.float32)
    for index in range(len(LABELS)):
        out[index] = there & (label == index)
    depth = np.where(there, seen.depth, 0.0)
    mean = float(depth[there].mean()) if there.any() else 0.0
    depth = np.where(there, depth - mean, 0.0).astype(np.float32)
    dy, dx = np.gradient(depth)
    long = np.sqrt(dx * dx + dy * dy + 1.0)
    out[5] = depth / np.float32(DEPTH_SIDES * MAP_SIDE)
    out[6], out[7] = np.where(there, -dx / long, 0.0), np.where(there, -dy / long, 0.0)
    rest = project(ready.source, head.turn, head.scale, head.translation)
    moved = (head.points[:, :2] - rest[:, :2]) @ crop.matrix[:, :2].T / np.float32(MOVED_PX)
    values = np.column_stack([ready.opacity, np.clip(moved, -4, 4)]).astype(np.float32)
    drawn = np.zeros((MAP_SIDE, MAP_SIDE, values.shape[1]), np.float32)
    interpolate(seen, model.faces, values, drawn)
    out[8:] = np.moveaxis(drawn, -1, 0)
    return out
