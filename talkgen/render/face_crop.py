"""The upright square about a face, 256 pixels a side, that the diffusion renderer works in.

Where it lies follows from the head's pose alone, not from its expression: it neither breathes with
the jaw nor trembles with the landmarks.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from talkgen.render.portrait import PlacedHead, PreparedPortrait
from talkgen.render.pose import project
from talkgen.types import ImageArray

SIDE = 256
GLABELLA, CHIN, EARS = 9, 152, (234, 454)
ABOVE, BELOW = 0.14, 0.24
"""Room above the brows and below the resting chin, in distances of the two; jaws open into it."""


@dataclass(frozen=True, eq=False)
class FaceCrop:
    """A square of the picture. matrix : (2, 3) float32, pixels of the picture to those of the crop.

    Pixel centres lie at whole numbers in both.
    """

    matrix: NDArray[np.float32]

    @property
    def scale(self) -> float:
        """Crop pixels a pixel of the picture."""
        return float(np.hypot(self.matrix[0, 0], self.matrix[0, 1]))

    def cut(self, image: ImageArray) -> ImageArray:
        """Return the crop (256, 256, 3) uint8; what lies outside repeats the picture's edge."""
        if self.scale < 0.5:  # warpAffine has no area mode: halve first, as often as it takes
            image, corner = self._near(image)
            halves = int(np.floor(np.log2(1 / self.scale)))
            matrix = self.matrix.copy()
            matrix[:, 2] += matrix[:, :2] @ (corner + np.float32(0.5 * (2**halves - 1)))
            matrix[:, :2] *= 2**halves
            return FaceCrop(matrix).cut(_halved(image, halves))
        how = cv2.INTER_LINEAR if self.scale < 1 else cv2.INTER_CUBIC
        out = cv2.warpAffine(
            image, self.matrix, (SIDE, SIDE), flags=how, borderMode=cv2.BORDER_REPLICATE
        )
        return np.asarray(out, np.uint8)

    def _near(self, image: ImageArray) -> tuple[ImageArray, NDArray[np.float32]]:
        """Return the part of a picture that the crop needs, and where it begins (x, y)."""
        back, far = self.back(), SIDE + 8.0
        corners = np.float32([[-8, -8], [far, -8], [-8, far], [far, far]])
        reach = corners @ back[:, :2].T + back[:, 2]
        size = np.array(image.shape[1::-1]) - 2
        x0, y0 = np.clip(np.floor(reach.min(axis=0)), 0, size).astype(int).tolist()
        x1, y1 = (
            np.clip(np.ceil(reach.max(axis=0)), (x0 + 2, y0 + 2), size + 2).astype(int).tolist()
        )
        return image[y0:y1, x0:x1], np.float32([x0, y0])

    def to_crop(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (n, 2 or 3) points of the picture in the crop; depth is scaled along."""
        out = np.array(points, np.float32)
        out[:, :2] = points[:, :2] @ self.matrix[:, :2].T + self.matrix[:, 2]
        if out.shape[1] > 2:
            out[:, 2] *= self.scale
        return out

    def back(self) -> NDArray[np.float32]:
        """Return the matrix (2, 3) from the crop to the picture."""
        return np.asarray(cv2.invertAffineTransform(self.matrix), np.float32)


def _halved(image: ImageArray, times: int) -> ImageArray:
    for _ in range(times):
        height, width = image.shape[0] // 2, image.shape[1] // 2
        image = cv2.resize(
            image[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA
        )
    return image


def crop_of(ready: PreparedPortrait, head: PlacedHead) -> FaceCrop:
    """Return the crop about a head: the resting face at its pose, upright."""
    marks = ready.head.landmarks(ready.neutral + ready.lift)
    points = project(marks, head.turn, head.scale, head.translation)[:, :2]
    roll = float(head.angles[2])
    cos, sin = np.cos(roll), np.sin(roll)
    upright = np.array([[cos, sin], [-sin, cos]], np.float32)
    turned = points @ upright.T
    height = float(turned[CHIN, 1] - turned[GLABELLA, 1])
    width = float(abs(turned[EARS[1], 0] - turned[EARS[0], 0]))
    side = max((1 + ABOVE + BELOW) * height, 1.02 * width, 8.0)
    x = float((turned[EARS[0], 0] + turned[EARS[1], 0]) / 2)
    y = float(turned[GLABELLA, 1] + (0.5 + (BELOW - ABOVE) / 2) * height)
    factor = SIDE / side
    linear = np.float32(factor) * upright
    centre = np.float32([SIDE / 2 - 0.5, SIDE / 2 - 0.5]) - np.float32(factor) * np.float32([x, y])
    return FaceCrop(np.column_stack([linear, centre]).astype(np.float32))
