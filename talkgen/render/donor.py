"""How well a frame of a video shows its person's upper teeth, to draw them in other frames."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from talkgen.render.mouth_photo import photographed_mouth
from talkgen.render.rings import UPPER_INNER

BRIGHT = 0.72
"""Share of the teeth's own luminance from which a pixel is one."""
TALL = 0.07
"""Height of shown teeth, in distances of the eyes, that is enough."""
PURE = 3.0
"""Power of the share of bright pixels: dark between lip and edge means other teeth or none."""
LEAST = 0.2
"""Value under which drawn teeth are better."""


def teeth_shown(
    image: NDArray[np.uint8], landmarks: NDArray[np.float32], interocular: float
) -> float:
    """Return from 0, no upper teeth are seen, to 1: a clear row from the lip to their edge.

    landmarks : (478, 2) pixels
    """
    photo = photographed_mouth(image, landmarks.astype(np.float32), interocular)
    if photo is None or photo.edge is None or photo.enamel is None:
        return 0.0
    middle, half = float(photo.edge[0]), float(photo.edge[1])
    lip = landmarks[list(UPPER_INNER), :2] - np.array(photo.origin, np.float32)
    columns = np.arange(int(middle - 0.6 * half), int(middle + 0.6 * half) + 1)
    columns = columns[(columns >= 0) & (columns < photo.crop.shape[1])]
    if len(columns) < 6:
        return 0.0
    order = np.argsort(lip[:, 0])
    top = np.interp(columns, lip[order, 0], lip[order, 1])
    bottom = np.polyval(photo.edge[2:], (columns - middle) / half)
    light = image[..., :3] @ np.float32([0.299, 0.587, 0.114])
    level = float(photo.enamel @ np.float32([0.299, 0.587, 0.114]))
    x = columns + photo.origin[0]
    bright, total = 0, 0
    for place, first, last in zip(x.tolist(), top.tolist(), bottom.tolist(), strict=True):
        rows = light[round(first) + photo.origin[1] : round(last) + photo.origin[1] + 1, place]
        bright += int((rows > BRIGHT * level).sum())
        total += len(rows)
    if total == 0:
        return 0.0
    height = float(np.median(bottom - top)) / interocular
    return float(np.clip(height / TALL, 0.0, 1.0) * (bright / total) ** PURE)
