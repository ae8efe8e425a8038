"""Eyes that turn and lids that close."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from talkgen.raster.fragments import Fragments, interpolate, rasterize
from talkgen.render.background import smoothstep
from talkgen.render.composite import lay_over, sample_float
from talkgen.render.lids import EyeLayers
from talkgen.types import MOTION_CHANNELS

FULL_GAZE = 0.30
"""Change of the gaze weights from which on the eyeball shows no pixel of the lid margin."""


def channel(name: str) -> int:
    """Return the column of a motion channel."""
    return MOTION_CHANNELS.index(name)


@dataclass(frozen=True, eq=False)
class Eye:
    """One eye of a portrait.

    faces : (F, 3) int32, triangles of the eyeball and its socket
    lid : (V,) float32 in [0, 1], how much a vertex belongs to the lid that closes
    closure : (V, 3) float32, cm, what a full blink lacks to shut this eye
    """

    side: str
    faces: NDArray[np.int32]
    lid: NDArray[np.float32]
    closure: NDArray[np.float32]

    @property
    def blink(self) -> int:
        """Motion channel of the lid."""
        return channel(f"eyeBlink{self.side.capitalize()}")

    @property
    def gaze(self) -> list[int]:
        """Motion channels of the eyeball."""
        return [
            channel(f"eyeLook{way}{self.side.capitalize()}") for way in ("Down", "In", "Out", "Up")
        ]


def blink_progress(weight: float, source: float) -> float:
    """Return how far the lid has come, 0 as photographed, 1 shut."""
    return float(np.clip((weight - source) / max(1.0 - source, 1e-3), 0.0, 1.0))


def draw_eye(
    frame: NDArray[np.uint8],
    eye: Eye,
    layers: EyeLayers,
    skin: Fragments,
    skin_faces: NDArray[np.int32],
    points: NDArray[np.float32],
    places: NDArray[np.float32],
    shut_places: NDArray[np.float32],
    covered: NDArray[np.float32],
    progress: float,
    turned: float,
    shadow: float,
) -> None:
    """Draw one eye into `frame`, in place.

    frame, skin : the eye's box of the picture and what of the skin is seen there
    points : (V, 3) pixels of the box; places : (V, 2) source pixels of the crop of `layers`
    shut_places : (V, 2) the same for a lid that is shut
    covered : (h, w) share of each pixel that skin covers
    progress, turned : how far the lid is closed and the gaze moved, 0 to 1
    shadow : pixels that the shadow of a lid reaches down
    """
    height, width = frame.shape[:2]
    if progress > 0.0:
        values = np.column_stack([shut_places, eye.lid]).astype(np.float32)
        there = interpolate(skin, skin_faces, values, np.zeros((height, width, 3), np.float32))
        share = there[..., 2] * float(smoothstep(0.03, 0.4, np.float32(progress)))
        lids = sample_float(layers.lids, np.ascontiguousarray(there[..., :2]))
        lay_over(frame, lids, share)
    if covered.min() >= 1.0:
        return
    ball = rasterize(points, eye.faces, Fragments.empty(height, width), threads=1)
    there = interpolate(ball, eye.faces, places, np.zeros((height, width, 2), np.float32))
    color = sample_float(layers.photo, there)
    if turned > 0.0:
        color += turned * (sample_float(layers.clean, there) - color)
    if progress > 0.0:
        # The lid that comes down shades the eyeball under it.
        down = np.roll(covered, max(1, round(shadow)), axis=0)
        above = cv2.GaussianBlur(down, (0, 0), max(shadow, 0.5))
        color *= (1.0 - 0.35 * min(1.0, 2 * progress) * above)[..., None]
    lay_over(frame, color, (1.0 - covered) * (ball.triangle >= 0))
