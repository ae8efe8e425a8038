"""The embedded face detector: one look at a picture gives the turned squares that hold faces.

A small convolutional network finds face centres on a grid (CenterNet, Zhou et al. 2019) and reads
at each the size, and the eyes, nose and mouth corners about it. It sees a picture at several sizes,
so that a face may be 12 pixels of a shrunk picture or all of it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from talkgen.face.blocks import trunk
from talkgen.face.landmarks import as_input
from talkgen.face.region import Region
from talkgen.modeling import Config, ModelMixin
from talkgen.types import ImageArray

STRIDE = 8
"""Pixels of the network's picture to a cell of its grid."""
HINT = 0.1
"""Least score at one size that can support a face found at another."""
SAME = 0.35
"""Overlap (IoU) from which on two sizes show the same face."""
AGREEMENT = 0.4
"""Power of the doubt of a further look at a face: looks are not independent."""
CLEAREST = 160.0
"""Extent of a face as shown, pixels, up to which a larger picture places it better."""
KEYPOINTS = ((33, 133), (362, 263), (1,), (61,), (291,))
"""Landmarks whose mean is a keypoint: right eye, left eye, nose tip, the corners of the mouth."""


@dataclass(frozen=True)
class DetectorConfig(Config):
    """Sizes of the network and of the pictures that it is shown.

    sides : longer sides of the pictures shown; a picture is never enlarged to reach the larger ones
    share, most : a picture is shown at least at this share of its size, up to that longer side, so
        that a face of 40 pixels keeps 16 in pictures to 6400 pixels
    threshold : least score of a face
    """

    stem: int = 16
    widths: tuple[int, ...] = (24, 40, 64, 96)
    depths: tuple[int, ...] = (1, 2, 2, 2)
    joined: int = 48
    sides: tuple[int, ...] = (128, 256, 640)
    share: float = 0.4
    most: int = 2560
    threshold: float = 0.5


class FaceDetector(ModelMixin, nn.Module):
    """A picture becomes a grid of face scores, sizes and keypoints."""

    config_class: ClassVar[type[Config]] = DetectorConfig

    def __init__(self, config: DetectorConfig | None = None) -> None:
        super().__init__()
        self.config: DetectorConfig = config or DetectorConfig()
        c = self.config
        layers = list(trunk(c.stem, c.widths, c.depths))
        bounds = np.cumsum((3, *c.depths))
        self.early = nn.Sequential(*layers[: bounds[2]])  # stride 8
        self.middle = nn.Sequential(*layers[bounds[2] : bounds[3]])  # stride 16
        self.late = nn.Sequential(*layers[bounds[3] :])  # stride 32
        self.sides = nn.ModuleList(nn.Conv2d(w, c.joined, 1) for w in c.widths[1:])
        self.join = nn.Sequential(
            nn.Conv2d(c.joined, c.joined, 3, 1, 1, bias=False),
            nn.BatchNorm2d(c.joined),
            nn.ReLU(inplace=True),
        )
        self.score = nn.Conv2d(c.joined, 1, 1)
        self.shape = nn.Conv2d(c.joined, 3 + 2 * len(KEYPOINTS), 1)
        nn.init.constant_(self.score.bias, -4.0)  # type: ignore[arg-type]

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Return score logits (B, h, w) and shapes (B, 13, h, w) of pictures (B, 3, H, W).

        H and W are multiples of 32; h and w an eighth of them. A shape is the offset of the centre
        from the cell (x, y, in cells), the natural logarithm of the side in cells, and the
        keypoints from the centre in sides.
        """
        early = self.early(pictures)
        middle = self.middle(early)
        late = self.late(middle)
        up = nn.functional.interpolate(self.sides[2](late), scale_factor=2.0)
        up = nn.functional.interpolate(self.sides[1](middle) + up, scale_factor=2.0)
        grid = self.join(torch.relu(self.sides[0](early) + up))
        return self.score(grid)[:, 0], self.shape(grid)

    @torch.inference_mode()
    def find(self, image: ImageArray, threshold: float | None = None) -> list[Region]:
        """Return the regions of the faces of an (H, W, 3) uint8 RGB picture, best first.

        threshold : least score of a face; None: that of the config

        The region is that of all landmarks (`talkgen.face.region.region_of`), read roughly.
        """
        least = self.config.threshold if threshold is None else threshold
        looks, scales = [], []
        for shown, scale in shown_sizes(image, self.config):
            logits, shapes = self(as_input(shown[None]))
            looks.append(decode(logits[0], shapes[0], min(HINT, least), scale))
            scales.append(scale)
        return [region for region in agreed(looks, scales) if region.score >= least]


def shown_sizes(image: ImageArray, config: DetectorConfig) -> Iterator[tuple[ImageArray, float]]:
    """Yield the picture at each size, largest first, on a canvas of multiples of 32, and its
    scale."""
    longer = max(image.shape[:2])
    finest = max(config.sides[-1], min(round(config.share * longer), config.most))
    targets: list[int] = []
    for side in (*config.sides[:-1], finest):
        target = side if side <= 256 else min(side, longer)
        if not targets or target > 1.25 * targets[-1]:
            targets.append(target)
    small = image
    for target in reversed(targets):
        scale = target / longer
        size = [max(1, round(s * scale)) for s in image.shape[1::-1]]
        # What was shrunk already serves the smaller sizes: a large picture is read once.
        how = cv2.INTER_AREA if size[0] < small.shape[1] else cv2.INTER_LINEAR
        small = np.asarray(cv2.resize(small if scale < 1 else image, size, interpolation=how))
        canvas = np.full((-(-size[1] // 32) * 32, -(-size[0] // 32) * 32, 3), 127, np.uint8)
        canvas[: size[1], : size[0]] = small
        yield canvas, scale


def decode(logits: Tensor, shapes: Tensor, threshold: float, scale: float) -> list[Region]:
    """Return the regions at the peaks of one picture's grid, in pixels of the unscaled picture."""
    scores = torch.sigmoid(logits)
    peaks = nn.functional.max_pool2d(scores[None, None], 3, 1, 1)[0, 0]
    rows, columns = torch.nonzero((scores >= threshold) & (scores == peaks), as_tuple=True)
    regions = []
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        shape = shapes[:, row, column].tolist()
        side = float(np.exp(np.clip(shape[2], -2.0, 5.0))) * STRIDE
        x = (column + 0.5 + shape[0]) * STRIDE
        y = (row + 0.5 + shape[1]) * STRIDE
        right, left = np.array(shape[3:5]), np.array(shape[5:7])
        mouth = (np.array(shape[9:11]) + np.array(shape[11:13])) / 2
        # Up is where the eyes are from the mouth; across is from eye to eye: their mean direction.
        across, down = left - right, mouth - (left + right) / 2
        way = across / (np.linalg.norm(across) + 1e-6)
        way = way + np.array([down[1], -down[0]]) / (np.linalg.norm(down) + 1e-6)
        roll = float(np.arctan2(way[1], way[0]))
        score = float(scores[row, column])
        regions.append(Region((x - 0.5) / scale, (y - 0.5) / scale, side / scale, roll, score))
    return regions


def agreed(looks: list[list[Region]], scales: list[float]) -> list[Region]:
    """Return the distinct regions of all looks at a picture, surer where several looks agree.

    looks : what was found at each size, in pixels of the picture, largest size first
    scales : pixels shown a pixel of the picture, of each look

    A face shows at more than one size, what is mistaken for one seldom does: the doubt, 1 - score,
    of the surest look is multiplied by a power of the doubt of each other look. The place is taken
    from the largest size at which it is not shown over-large: faces of few pixels are placed badly.
    """
    found = []
    for best in distinct_regions([region for look in looks for region in look]):
        doubt, place = 1 - best.score, None
        for look, scale in zip(looks, scales, strict=True):
            own = any(region is best for region in look)
            near = [best] if own else [region for region in look if iou(region, best) >= SAME]
            if not near:
                continue
            top = max(near, key=lambda r: r.score)
            if not own:
                doubt *= (1 - top.score) ** AGREEMENT
            clear = top.size * scale <= CLEAREST and top.score >= 0.5 * best.score
            if place is None and clear:
                place = top
        found.append(dataclasses.replace(place or best, score=1 - doubt))
    return distinct_regions(found)


def iou(one: Region, other: Region) -> float:
    """Return intersection over union of two regions, their turns left out."""
    shared = _shared(one, other)
    return shared / (one.size**2 + other.size**2 - shared)


def distinct_regions(regions: list[Region], limit: float = 0.4) -> list[Region]:
    """Return the regions without the worse of any two that overlap."""
    kept: list[Region] = []
    for region in sorted(regions, key=lambda r: -r.score):
        if all(_overlap(region, other) < limit for other in kept):
            kept.append(region)
    return kept


def _overlap(one: Region, other: Region) -> float:
    """Return intersection over union, or over the smaller where that lies wholly inside."""
    return max(iou(one, other), 0.7 * _shared(one, other) / min(one.size, other.size) ** 2)


def _shared(one: Region, other: Region) -> float:
    """Return the area that two regions share, their turns left out."""
    reach = (one.size + other.size) / 2
    width = min(one.size, other.size, reach - abs(one.x - other.x))
    height = min(one.size, other.size, reach - abs(one.y - other.y))
    return max(width, 0.0) * max(height, 0.0)
