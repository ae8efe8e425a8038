"""Where the mouth and other parts lie in a picture, in whole pixels.

Pictures are compared pixel by pixel as they are: what is enlarged first passes for blurred, and
what is shrunk first for sharp.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from talkgen.critic.pictures import crop_box
from talkgen.types import FloatArray, ImageArray

MOUTH_SIDES = 1.6
"""Side of the mouth's crop over the longer extent of the lips, as in `talkgen.critic.pictures`."""
LEAST_SIDE = 16
"""Pixels of a crop below which there is nothing to compare: SSIM needs more than 10."""
LIDS = 3
"""Pixels of the condition maps about an eyeball that still belong to the eye."""

Box = tuple[int, int, int, int]
"""x0, y0, x1, y1 of whole pixels, the last ones excluded."""


def part_box(there: NDArray[Any], side: int, sides: float = MOUTH_SIDES) -> Box | None:
    """Return the square about what a map marks, in pixels of a picture `side` pixels wide.

    there : (n, n), above 0 where the part is drawn; None where it is not, or hardly
    """
    rows, columns = np.nonzero(there > 0)
    if not len(rows):
        return None
    pixels = side / there.shape[0]
    x0, x1 = columns.min() * pixels, (columns.max() + 1) * pixels
    y0, y1 = rows.min() * pixels, (rows.max() + 1) * pixels
    half = sides * max(x1 - x0, y1 - y0) / 2
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    low, high = np.array([x - half, y - half]), np.array([x + half, y + half])
    return _whole(np.clip(low, 0, side), np.clip(high, 0, side))


def landmark_box(landmarks: FloatArray, region: str, image: ImageArray) -> Box | None:
    """Return the square of a region of `talkgen.critic.pictures`, as far as the picture goes."""
    x, y, side = crop_box(landmarks, region)
    size = np.array(image.shape[1::-1])
    low, high = np.array([x, y]) - side / 2, np.array([x, y]) + side / 2
    return _whole(np.clip(low + 0.5, 0, size), np.clip(high + 0.5, 0, size))


def _whole(low: NDArray[Any], high: NDArray[Any]) -> Box | None:
    x0, y0, x1, y1 = (int(v) for v in np.rint([*low, *high]))
    return None if min(x1 - x0, y1 - y0) < LEAST_SIDE else (x0, y0, x1, y1)


def cut(image: ImageArray, box: Box) -> ImageArray:
    """Return the pixels of a box."""
    return np.ascontiguousarray(image[box[1] : box[3], box[0] : box[2]])


def part_masks(maps: NDArray[Any], side: int) -> dict[str, NDArray[np.bool_]]:
    """Return masks (side, side): "inside" the lips (teeth, gums, tongue, the dark), and "eyes".

    maps : (11, n, n), see `talkgen.render.conditions`; lids and lashes count to the eyes
    """
    from talkgen.render.conditions import LABELS

    marked = {name: maps[LABELS.index(name)] > 0 for name in LABELS}
    # the bag behind the eyeballs has the same label: only what lies among the lips counts
    rows, columns = np.nonzero(marked["lips"])
    inside = marked["teeth"] | marked["inside"]
    about = np.zeros_like(inside)
    if len(rows):
        about[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = True
    inside &= about
    eyes = cv2.dilate(marked["eyes"].astype(np.uint8), np.ones((2 * LIDS + 1,) * 2, np.uint8)) > 0
    large = (side, side)
    return {
        name: cv2.resize(mask.astype(np.uint8), large, interpolation=cv2.INTER_NEAREST) > 0
        for name, mask in (("inside", inside), ("eyes", eyes))
    }
