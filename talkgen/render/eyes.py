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
from talkgen.render.rings import LOWER_LID, UPPER_LID
from talkgen.types import MOTION_CHANNELS

LID_TURNS = (0.10, 0.60)
"""Over these shares of a blink the photographed lid gives way to the picture of a shut one."""

LASHES_HANG = (0.70, 1.0)
"""Over these shares of a blink the lashes come to lie on the lower lid."""

LID_SHADE = 0.44
"""Share of light that the shadow of the upper lid takes from the eyeball."""

FULL_WIDE = 0.10
"""Opening of the lids over the photograph's, less 1, from which nothing of its edge stays."""

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
    upper : (V,) float32 in [0, 1], how much it is the upper lid, which carries the lashes
    closure : (V, 3) float32, cm, what a full blink lacks to shut this eye
    """

    side: str
    faces: NDArray[np.int32]
    lid: NDArray[np.float32]
    upper: NDArray[np.float32]
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


def lid_opening(marks: NDArray[np.float32], side: str) -> float:
    """Return the mean height between the lids over the width of the eye; marks (478, 3)."""
    upper, lower = UPPER_LID[side], LOWER_LID[side]
    high = np.linalg.norm(marks[list(upper[2:7])] - marks[list(lower[2:7])], axis=1).mean()
    wide = np.linalg.norm(marks[upper[0]] - marks[upper[-1]])
    return float(high / max(float(wide), 1e-6))


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
    corner: NDArray[np.float32],
    progress: float,
    turned: float,
    shadow: float,
) -> None:
    """Draw one eye into `frame`, in place.

    frame, skin : the eye's box of the picture and what of the skin is seen there
    points : (V, 3) pixels of the box; places : (V, 2) source pixels of the crop of `layers`
    shut_places : (V, 2) the same for a lid that is shut
    covered : (h, w) share of each pixel that skin covers
    corner : (2,) pixels of the box, the inner corner of the eye
    progress : how far the lid is closed, 0 to 1
    turned : how far the gaze or the lid's opening is from the photograph's, 0 to 1
    shadow : pixels that the shadow of a lid reaches down
    """
    height, width = frame.shape[:2]
    if progress > 0.0:
        values = np.column_stack([shut_places, eye.lid, eye.upper]).astype(np.float32)
        there = interpolate(skin, skin_faces, values, np.zeros((height, width, 4), np.float32))
        share = there[..., 2] * float(smoothstep(*LID_TURNS, np.float32(progress)))
        at = np.ascontiguousarray(there[..., :2])
        lids = sample_float(layers.lids, at)
        lids += there[..., 3:] * (sample_float(layers.lined, at) - lids)
        hang = float(smoothstep(*LASHES_HANG, np.float32(progress)))
        if hang > 0.0:
            lids += hang * (sample_float(layers.lashed, at) - lids)
        lay_over(frame, lids, share)
    if covered.min() >= 1.0:
        return
    changed = max(turned, min(1.0, 4.0 * progress))
    _continue_skin(frame, skin.triangle < 0, changed, max(0.25 * shadow, 0.8))
    ball = rasterize(points, eye.faces, Fragments.empty(height, width), threads=1)
    there = interpolate(ball, eye.faces, places, np.zeros((height, width, 2), np.float32))
    color = sample_float(layers.photo, there)
    # The pink of the inner corner is no eyeball: the picture behind shows it.
    ys, xs = np.ogrid[:height, :width]
    away = np.hypot(xs - corner[0], ys - corner[1]).astype(np.float32)
    opening = 1.0 - covered
    if changed > 0.0:
        # Away from the photograph's own opening the eyeball is clean, and the lid shades it anew.
        clean = sample_float(layers.clean, there)
        down = np.float32([[1, 0, 0], [0, 1, shadow]])
        above = cv2.warpAffine(covered, down, (width, height), borderMode=cv2.BORDER_REPLICATE)
        above = cv2.GaussianBlur(above, (0, 0), max(0.6 * shadow, 0.5))
        thin = 1.0 - np.minimum(2.2 * cv2.GaussianBlur(opening, (0, 0), max(shadow, 0.5)), 1.0)
        thin *= 0.65 * float(smoothstep(0.25, 0.8, np.float32(progress)))
        clean *= ((1.0 - LID_SHADE * above) * (1.0 - thin))[..., None]
        color += changed * (clean - color)
    ball_share = smoothstep(0.6 * shadow, 2.2 * shadow, away)
    lay_over(frame, color, opening * ball_share * (ball.triangle >= 0))


def _continue_skin(
    frame: NDArray[np.uint8], missed: NDArray[np.bool_], share: float, sigma: float
) -> None:
    """Put the lids' colours on the rim of the opening, where a pixel's middle is not skin."""
    solid = (~missed).astype(np.float32)
    mass = cv2.GaussianBlur(solid, (0, 0), sigma)[..., None]
    skin = cv2.GaussianBlur(frame * solid[..., None], (0, 0), sigma) / np.maximum(mass, 1e-3)
    lay_over(frame, skin, missed * share * np.minimum(10.0 * mass[..., 0], 1.0))
