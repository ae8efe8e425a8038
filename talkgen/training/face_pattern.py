"""How alike two faces look to a descriptor that nothing here learns from or draws by.

Local binary patterns (Ahonen et al. 2006): histograms of 59 uniform patterns, eight neighbours at
two pixels, in 7 x 7 cells of the aligned grey face of 112 pixels. Two faces are as alike as their
histograms overlap (Bhattacharyya). On the evaluate clips: 0.87 for other frames of the person,
0.69 for other people, area under the ROC curve 0.99 (n = 24 people, 72 frames).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from talkgen.face.alignment import aligned
from talkgen.types import Face, ImageArray

CELLS, RADIUS, NEIGHBOURS = 7, 2, 8


def _uniform() -> NDArray[np.int64]:
    """Return (256,) the bin of every pattern: 58 with at most two changes around, one for all."""
    codes = np.arange(256)[:, None] >> np.arange(NEIGHBOURS) & 1
    changes = (codes != np.roll(codes, 1, axis=1)).sum(1)
    bins = np.full(256, 58)
    bins[changes <= 2] = np.arange(58)
    return bins


_BIN = _uniform()


def pattern(image: ImageArray, face: Face) -> NDArray[np.float64]:
    """Return (7 * 7 * 59,), of unit length, of a face in a picture (H, W, 3) uint8 RGB."""
    grey = cv2.cvtColor(aligned(image, face), cv2.COLOR_RGB2GRAY).astype(np.float32)
    inner = slice(RADIUS, -RADIUS)
    codes = np.zeros(grey[inner, inner].shape, np.int64)
    for number in range(NEIGHBOURS):
        angle = 2 * np.pi * number / NEIGHBOURS
        step = np.float32([[1, 0, RADIUS * np.cos(angle)], [0, 1, -RADIUS * np.sin(angle)]])
        how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        there = cv2.warpAffine(grey, step, grey.shape[::-1], flags=how)
        codes |= (there[inner, inner] >= grey[inner, inner]).astype(np.int64) << number
    cells = [
        np.bincount(cell.ravel(), minlength=59) / cell.size
        for band in np.array_split(_BIN[codes], CELLS)
        for cell in np.array_split(band, CELLS, axis=1)
    ]
    return np.asarray(np.sqrt(np.concatenate(cells)) / CELLS)


def likeness(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Return the overlap of two patterns, 0 to 1."""
    return float(one @ other)
