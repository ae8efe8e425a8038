"""Composed pictures with known faces for the detector.

Faces of the cached pictures are pasted, whole pictures or heads alone, at any size, turn and place
over backgrounds that hold no face: textures, other pictures without their face, shuffled faces.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from talkgen.face.detector import KEYPOINTS
from talkgen.face.points import MIRROR
from talkgen.face.region import Region, region_of
from talkgen.training.perception_views import disturb, shuffled, texture
from talkgen.types import ImageArray

SMALLEST, LARGEST = 13.0, 1.25
"""Extent of the faces to find: pixels; sides of the scene."""


class PictureSet:
    """The cached pictures of `scripts/prepare_faces.py`: stills, and some frames of the clips."""

    def __init__(self, folder: Path, *, held: bool = False) -> None:
        labels = np.load(folder / "faces.npz")
        self.pictures = np.load(folder / "pictures.npy", mmap_mode="r")
        self.rows = np.flatnonzero(labels["picture_held"] == held)
        self.sizes = labels["picture_size"][self.rows]
        self.landmarks = labels["picture_landmarks"][self.rows]

    def __len__(self) -> int:
        return len(self.rows)

    def picture(self, index: int) -> ImageArray:
        """Return a picture, longer side at most 320 pixels."""
        height, width = self.sizes[index]
        return np.asarray(self.pictures[self.rows[index], :height, :width])


def faceless(pictures: PictureSet, side: int, rng: Any) -> ImageArray:
    """Return a (side, side, 3) background without a face."""
    kind = rng.random()
    if kind < 0.25:
        return texture(side, rng)
    index = int(rng.integers(len(pictures)))
    picture, face = pictures.picture(index).copy(), region_of(pictures.landmarks[index])
    height, width = picture.shape[:2]
    if kind < 0.4:
        picture = shuffled(cv2.resize(picture, (side, side)), rng, least=4, most=7)
        return cv2.rotate(picture, int(rng.integers(3)))
    if kind < 0.7:  # clothes, hair, wall: a piece beside the face, enlarged
        for _ in range(8):
            piece = int(rng.integers(24, max(25, min(height, width))))
            x, y = int(rng.integers(0, width - piece + 1)), int(rng.integers(0, height - piece + 1))
            reach = 0.42 * face.size + piece / 2
            if max(abs(x + piece / 2 - face.x), abs(y + piece / 2 - face.y)) > reach:
                return cv2.resize(picture[y : y + piece, x : x + piece], (side, side))
    # The whole picture with its face painted over.
    mask = np.zeros((height, width), np.uint8)
    axes = (int(face.size * 0.5) + 1, int(face.size * 0.62) + 1)
    cv2.ellipse(mask, (int(face.x), int(face.y)), axes, 0, 0, 360, 255, -1)
    cover = texture(max(height, width), rng)[:height, :width]
    if rng.random() < 0.5:
        cover[:] = picture[int(rng.integers(height)), int(rng.integers(width))]
    picture[mask > 0] = cover[mask > 0]
    return cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)


def scene(pictures: PictureSet, side: int, rng: Any) -> tuple[ImageArray, Any, Any]:
    """Return a picture (side, side, 3), its faces (N, 4 + 10) and what to ignore (M, 3).

    A face is x, y, size, roll, then five keypoints, in pixels; an ignored one x, y, size.
    """
    canvas = np.ascontiguousarray(faceless(pictures, side, rng))
    faces: list[Any] = []
    ignored: list[Any] = []
    count = int(rng.choice([0, 1, 1, 1, 2, 3, 5]))
    for _ in range(count):
        canvas, mask, placed = _paste(pictures, canvas, rng, alone=count == 1)
        region = region_of(placed)
        kept = []
        for old in faces:  # what the new one covers is no longer there
            covered = _covered(mask, old)
            away = np.hypot(old[0] - region.x, old[1] - region.y)
            if covered < 0.15 and away > 0.4 * max(old[2], region.size):
                kept.append(old)
            elif covered < 0.7:
                ignored.append(old[:3])
        faces = kept
        seen = np.mean((placed >= 0).all(1) & (placed < side).all(1))
        keypoints = np.concatenate([placed[list(k)].mean(0) for k in KEYPOINTS])
        row = np.concatenate([[region.x, region.y, region.size, region.roll], keypoints])
        centred = 0 <= region.x < side and 0 <= region.y < side
        if seen > 0.65 and centred and SMALLEST <= region.size <= LARGEST * side:
            faces.append(row)
        elif seen > 0.1:
            ignored.append(row[:3])
    if rng.random() < 0.7:
        canvas = disturb(canvas, rng)
    return (
        canvas,
        np.array(faces, np.float32).reshape(-1, 14),
        np.array(ignored, np.float32).reshape(-1, 3),
    )


def _paste(
    pictures: PictureSet, canvas: ImageArray, rng: Any, *, alone: bool
) -> tuple[ImageArray, Any, Any]:
    """Return the canvas with one more face, where it was pasted, and its points (478, 2)."""
    side = len(canvas)
    index = int(rng.integers(len(pictures)))
    picture, points = pictures.picture(index), pictures.landmarks[index][:, :2].copy()
    if rng.random() < 0.5:
        picture = picture[:, ::-1]
        points[:, 0] = picture.shape[1] - 1 - points[:, 0]
        points = points[MIRROR]
    face = region_of(points)
    top = LARGEST * side * 1.3 if alone else 0.6 * side
    extent = float(np.exp(rng.uniform(np.log(SMALLEST * 0.8), np.log(top))))
    turn = rng.normal(0, 0.15) if rng.random() < 0.75 else rng.uniform(-1.1, 1.1)
    scale = extent / face.size
    reach = 0.5 * side if extent < 0.9 * side else 0.2 * side
    x, y = side / 2 + rng.uniform(-reach, reach, 2)
    cos, sin = np.cos(turn) * scale, np.sin(turn) * scale
    matrix = np.array([[cos, -sin, 0.0], [sin, cos, 0.0]])
    matrix[:, 2] = np.array([x, y]) - matrix[:, :2] @ (face.x, face.y)
    draw = matrix
    if scale < 0.6:
        shrunk = max(scale, 0.08)
        picture = cv2.resize(picture, None, fx=shrunk, fy=shrunk, interpolation=cv2.INTER_AREA)
        draw = np.concatenate([matrix[:, :2] / shrunk, matrix[:, 2:]], 1)
    mask = _mask(picture, draw, Region(x, y, extent, face.roll + turn), side, rng)
    pasted = cv2.warpAffine(
        np.ascontiguousarray(picture), draw, (side, side), borderMode=cv2.BORDER_REPLICATE
    ).astype(np.float32)
    canvas = (canvas + (pasted - canvas) * mask[:, :, None]).astype(np.uint8)
    return canvas, mask, points @ matrix[:, :2].T + matrix[:, 2]


def _mask(picture: ImageArray, draw: Any, face: Region, side: int, rng: Any) -> Any:
    """Return where a picture is pasted (side, side) in [0, 1]: all of it, or its head alone."""
    solid = np.full(picture.shape[:2], 255, np.uint8)
    mask = cv2.warpAffine(solid, draw, (side, side))
    if rng.random() < 0.4:
        oval = np.zeros((side, side), np.uint8)
        wide, high = rng.uniform(0.45, 0.75), rng.uniform(0.58, 0.85)
        axes = (int(face.size * wide) + 1, int(face.size * high) + 1)
        centre = (int(face.x), int(face.y - 0.08 * face.size))
        cv2.ellipse(oval, centre, axes, float(np.degrees(face.roll)), 0, 360, 255, -1)
        mask = np.minimum(mask, oval)
    if rng.random() < 0.5:
        mask = cv2.GaussianBlur(mask, (0, 0), max(0.6, 0.03 * face.size))
    return mask.astype(np.float32) / 255


def _covered(mask: Any, face: Any) -> float:
    """Return the share of an earlier face that a mask covers."""
    x, y, size = face[:3]
    half = 0.4 * size
    part = mask[
        int(max(0, y - half)) : int(max(0, y + half)) + 1,
        int(max(0, x - half)) : int(max(0, x + half)) + 1,
    ]
    return float(part.mean()) if part.size else 0.0


def as_regions(faces: Any) -> list[Region]:
    """Return rows of `scene` as regions."""
    return [Region(*map(float, row[:4])) for row in faces]
