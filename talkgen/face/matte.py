"""The embedded matte network: an upright crop about a head becomes hair, face, neck, clothes.

A small U-Net (Ronneberger et al. 2015) on residual blocks reads the crop at 192 px; a fast guided
filter (He and Sun 2015) then lets the edges follow the picture at its own resolution.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from talkgen.face.blocks import Residual, fused
from talkgen.face.guided import apply_field, guided_fields, with_ones
from talkgen.face.landmarks import as_input
from talkgen.face.region import Region, cut, region_of
from talkgen.modeling import Config, ModelMixin
from talkgen.types import Face, FloatArray, ImageArray

MATTE_PARTS = ("background", "hair", "face", "neck", "clothes")
"""Channels of a matte, which sum to 1. face: all skin of the head, with eyes, lips, beard, ears;
neck: bare shoulders too; clothes: whatever else belongs to the person."""


FADE = 0.15
"""Sides of the crop over which what repeats beyond its rim fades."""


@dataclass(frozen=True)
class MatteConfig(Config):
    """Sizes of the network, and how its crop is cut.

    side : pixels of the crop, a multiple of 64
    margin : its side in extents of the landmarks
    sharpness : what the logits are multiplied by; the network is unsure of the place of an edge,
        where the picture will show it, and a firmer guess is nearer to it
    """

    side: int = 192
    margin: float = 2.4
    sharpness: float = 1.5
    stem: int = 16
    widths: tuple[int, ...] = (24, 40, 64, 96)
    depths: tuple[int, ...] = (1, 2, 2, 2)
    joined: tuple[int, ...] = (24, 32, 48, 64)


def matte_region(landmarks: FloatArray, margin: float = MatteConfig.margin) -> Region:
    """Return the turned square about a head with hair and shoulders."""
    return region_of(landmarks, margin=margin)


class MatteNet(ModelMixin, nn.Module):
    """A crop becomes the logits of `MATTE_PARTS` in every pixel."""

    config_class: ClassVar[type[Config]] = MatteConfig

    def __init__(self, config: MatteConfig | None = None) -> None:
        super().__init__()
        self.config: MatteConfig = config or MatteConfig()
        c = self.config
        self.stem = nn.Sequential(
            nn.Conv2d(3, c.stem, 5, 2, 2, bias=False), nn.BatchNorm2d(c.stem), nn.ReLU(inplace=True)
        )
        self.down = nn.ModuleList()
        last = c.stem
        for width, depth in zip(c.widths, c.depths, strict=True):
            blocks = [Residual(last if i == 0 else width, width, 2 if i == 0 else 1)
                      for i in range(depth)]  # fmt: skip
            self.down.append(nn.Sequential(*blocks))
            last = width
        self.bottom = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(last, last, 1), nn.ReLU(inplace=True)
        )
        skips = (c.stem, *c.widths[:-1])
        self.up = nn.ModuleList()
        for skip, width in reversed(list(zip(skips, c.joined, strict=True))):
            self.up.append(nn.Sequential(
                nn.Conv2d(last + skip, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width),
                nn.ReLU(inplace=True), nn.Conv2d(width, width, 3, 1, 1, bias=False),
                nn.BatchNorm2d(width), nn.ReLU(inplace=True),
            ))  # fmt: skip
            last = width
        self.head = nn.Sequential(
            nn.Conv2d(last, 4 * len(MATTE_PARTS), 3, 1, 1), nn.PixelShuffle(2)
        )

    def forward(self, crops: Tensor) -> Tensor:
        """Return logits (B, 5, S, S) of crops (B, 3, S, S) from -1 to 1."""
        x = self.stem(crops)
        skips = []
        for stage in self.down:
            skips.append(x)
            x = stage(x)
        x = x + self.bottom(x)
        for stage, skip in zip(self.up, reversed(skips), strict=True):
            x = nn.functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
            x = stage(torch.cat([x, skip], dim=1))
        out: Tensor = self.head(x)
        return out


class HeadMatte:
    """Reads hair, face, neck and clothes of a person whose face was found.

        parts = HeadMatte.from_pretrained().read(image, face)  # (5, H, W), summing to 1
        head = parts[1] + parts[2]
    """

    def __init__(self, net: MatteNet) -> None:
        self.config = net.config
        self.net = fused(net.eval()).to(memory_format=torch.channels_last)

    @classmethod
    def from_pretrained(cls, name_or_path: str | os.PathLike[str] = "matte") -> HeadMatte:
        """Return the reader with the shipped network, or that of a folder."""
        return cls(MatteNet.from_pretrained(name_or_path))

    @torch.inference_mode()
    def read_crop(self, crop: ImageArray) -> FloatArray:
        """Return the parts (5, S, S) float32 of one upright crop (S, S, 3) uint8."""
        logits = self.net(as_input(crop[None]))[0]
        return np.asarray(torch.softmax(logits * self.config.sharpness, 0).numpy())

    def read(self, image: ImageArray, face: Face, *, refine: bool = True) -> FloatArray:
        """Return `MATTE_PARTS` of an (H, W, 3) uint8 picture: (5, H, W) float32, summing to 1.

        The network sees a square of `margin` face extents. Beyond it the rim repeats: downwards as
        it is (the body goes on, clothed), to the sides and above fading into background: a guess.
        refine : let the edges follow the picture's pixels
        """
        region = matte_region(face.landmarks, self.config.margin)
        side = self.config.side
        crop, matrix = cut(image, region, side)
        small = self.read_crop(crop)
        return enlarge(small, crop, matrix, image, refine=refine)


def enlarge(
    small: FloatArray, crop: ImageArray, matrix: FloatArray, image: ImageArray, *,
    refine: bool = True,
) -> FloatArray:  # fmt: skip
    """Return parts (K, S, S) of a crop in the whole picture, (K, H, W) float32 summing to 1.

    small : the first part is the background; matrix : (2, 3) from crop pixels to the picture's
    """
    height, width = image.shape[:2]
    side = crop.shape[0]
    out = np.empty((len(small), height, width), np.float32)
    place = np.array(matrix, np.float64)
    fade, below = _fading(cv2.invertAffineTransform(place), (height, width), side)
    for mask, far in zip(small[1:], out[1:], strict=True):
        cv2.warpAffine(mask, place, (width, height), dst=far, borderMode=cv2.BORDER_REPLICATE)
        np.multiply(far, fade, out=far)
    corners = np.array([[0, 0, 1], [side, 0, 1], [0, side, 1], [side, side, 1]]) @ place.T
    x0, y0 = np.clip(np.floor(corners.min(0)).astype(int), 0, (width, height))
    x1, y1 = np.clip(np.ceil(corners.max(0)).astype(int) + 1, 0, (width, height))
    if refine and x1 > x0 and y1 > y0:
        size = (int(x1 - x0), int(y1 - y0))
        place[:, 2] -= (x0, y0)
        picture = with_ones(image[y0:y1, x0:x1])
        inside = cv2.warpAffine(np.ones((side, side), np.float32), place, size) > 0.999
        for field, far in zip(guided_fields(crop, small[1:]), out[1:], strict=True):
            near = apply_field(cv2.warpAffine(field, place, size), picture)
            np.copyto(far[y0:y1, x0:x1], near, where=inside)
    out[4] += out[3] * below  # a neck ends somewhere, under clothes mostly
    out[3] *= 1 - below
    np.clip(out[1:], 0, 1, out=out[1:])
    total = out[1:].sum(0)
    out[1:] /= np.maximum(total, 1)
    out[0] = 1 - np.minimum(total, 1)
    return out


def _fading(
    to_crop: FloatArray, shape: tuple[int, int], side: int
) -> tuple[FloatArray, FloatArray]:
    """Return (H, W) 1 in the crop and below it, falling to 0 beside and above it; and (H, W) 0 in
    the crop, rising to 1 below it."""
    height, width = shape
    x = np.arange(width, dtype=np.float32)[None]
    y = np.arange(height, dtype=np.float32)[:, None]
    across = np.float32(to_crop[0, 0]) * x + np.float32(to_crop[0, 1]) * y + to_crop[0, 2]
    down = np.float32(to_crop[1, 0]) * x + np.float32(to_crop[1, 1]) * y + to_crop[1, 2]
    beyond = np.maximum(np.maximum(-across, across - (side - 1)), -down) * (1 / FADE / side)
    below = (down - (side - 1)) * (1 / FADE / side)
    return np.clip(1 - beyond, 0, 1, dtype=np.float32), np.clip(below, 0, 1, dtype=np.float32)
