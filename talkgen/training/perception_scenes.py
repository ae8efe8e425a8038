"""Composed pictures with known faces for the detector.

Faces of the cached pictures, and of rendered heads where there are any, are pasted, whole pictures
or heads alone, at any size, turn and place over backgrounds that hold no face. Things that are no
faces are pasted in the same way, so that the paste itself gives nothing away.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from talkgen.face.detector import KEYPOINTS
from talkgen.face.points import MIRROR
from talkgen.face.region import Region, region_of
from talkgen.training.perception_lures import blended, covered, faceless, lure
from talkgen.training.perception_views import disturb
from talkgen.types import ImageArray

SMALLEST, LARGEST = 12.0, 1.25
"""Extent of the faces to find: pixels; sides of the scene."""
TURN = 1.2
"""Largest turn of a pasted face, radians: a little more than what shall be found."""


class PictureSet:
    """The cached pictures of `scripts/prepare_faces.py`: stills, and some frames of the clips.

    rendered : folder of shards of `scripts/render_heads.py`; None: photographs alone
    turned : share of pasted faces that are rendered heads
    """

    def __init__(
        self, folder: Path, *, held: bool = False, rendered: Path | None = None, turned: float = 0.2
    ) -> None:
        labels = np.load(folder / "faces.npz")
        self.pictures = np.load(folder / "pictures.npy", mmap_mode="r")
        self.rows = np.flatnonzero(labels["picture_held"] == held)
        self.sizes = labels["picture_size"][self.rows]
        self.landmarks = labels["picture_landmarks"][self.rows]
        self.heads: list[tuple[Any, Any]] = []
        for labels in sorted(rendered.glob("**/*_labels.npz")) if rendered else []:
            images = labels.with_name(labels.name.replace("_labels.npz", "_images.npy"))
            self.heads.append((np.load(images, mmap_mode="r"), np.load(labels)["landmarks"]))
        self.turned = turned if self.heads else 0.0

    def __len__(self) -> int:
        return len(self.rows)

    def picture(self, index: int) -> ImageArray:
        """Return a picture, longer side at most 320 pixels."""
        height, width = self.sizes[index]
        return np.asarray(self.pictures[self.rows[index], :height, :width])

    def draw(self, rng: Any) -> tuple[ImageArray, Any]:
        """Return a random picture and the landmarks (478, 2) of its face, mirrored at times."""
        if rng.random() < self.turned:
            images, marks = self.heads[int(rng.integers(len(self.heads)))]
            index = int(rng.integers(len(marks)))
            picture, points = np.asarray(images[index]), marks[index][:, :2].copy()
        else:
            index = int(rng.integers(len(self)))
            picture, points = self.picture(index), self.landmarks[index][:, :2].copy()
        if rng.random() < 0.5:
            picture = np.asarray(cv2.flip(picture, 1), np.uint8)  # quicker than strides
            points[:, 0] = picture.shape[1] - 1 - points[:, 0]
            points = points[MIRROR]
        return np.ascontiguousarray(picture), points


def scene(pictures: PictureSet, side: int, rng: Any) -> tuple[ImageArray, Any, Any]:
    """Return a picture (side, side, 3), its faces (N, 4 + 10) and what to ignore (M, 3).

    A face is x, y, size, roll, then five keypoints, in pixels; an ignored one x, y, size.
    """
    canvas = np.ascontiguousarray(faceless(*pictures.draw(rng), side, rng))
    faces: list[Any] = []
    ignored: list[Any] = []
    count = int(rng.choice([0, 1, 1, 1, 2, 3, 5]))
    for _ in range(count + int(rng.choice([0, 0, 1, 2]))):
        real = rng.random() < count / (count + 0.8)
        picture, points = pictures.draw(rng)
        if not real:
            points = region_of(points)
            picture = lure(picture, points, rng)
        mask, placed = _paste(picture, points, canvas, rng, alone=count == 1)
        region = placed if isinstance(placed, Region) else region_of(placed)
        kept = []
        for old in faces:  # what the new one covers is no longer there
            hidden = _hidden(mask, old)
            away = np.hypot(old[0] - region.x, old[1] - region.y)
            if hidden < 0.15 and (not real or away > 0.4 * max(old[2], region.size)):
                kept.append(old)
            elif hidden < 0.7:
                ignored.append(old[:3])
        faces = kept
        if not real:
            continue
        seen = np.mean((placed >= 0).all(1) & (placed < side).all(1))
        keypoints = np.concatenate([placed[list(k)].mean(0) for k in KEYPOINTS])
        row = np.concatenate([[region.x, region.y, region.size, region.roll], keypoints])
        centred = 0 <= region.x < side and 0 <= region.y < side
        if seen > 0.65 and centred and SMALLEST <= region.size <= LARGEST * side:
            faces.append(row)
            if rng.random() < 0.2:
                covered(canvas, region, rng)
        elif seen > 0.1:
            ignored.append(row[:3])
    if rng.random() < 0.7:
        canvas = disturb(canvas, rng)
    if rng.random() < 0.08:
        canvas = _shaken(canvas, rng)
    return (
        canvas,
        np.array(faces, np.float32).reshape(-1, 14),
        np.array(ignored, np.float32).reshape(-1, 3),
    )


def _paste(
    picture: ImageArray, points: Any, canvas: ImageArray, rng: Any, *, alone: bool
) -> tuple[Any, Any]:
    """Draw a picture into the canvas; return where (side, side) in [0, 1], and its points there.

    points : (478, 2) of a face, or the region of something else; the like comes back
    """
    side = len(canvas)
    face = points if isinstance(points, Region) else region_of(points)
    top = LARGEST * side * 1.3 if alone else 0.6 * side
    extent = float(np.exp(rng.uniform(np.log(SMALLEST * 0.8), np.log(top))))
    upright = rng.random() < 0.5
    turn = rng.normal(0, 0.15) if upright else rng.uniform(-TURN, TURN) - face.roll
    scale = extent / face.size
    reach = 0.5 * side if extent < 0.9 * side else 0.2 * side
    x, y = side / 2 + rng.uniform(-reach, reach, 2)
    cos, sin = np.cos(turn) * scale, np.sin(turn) * scale
    matrix = np.array([[cos, -sin, 0.0], [sin, cos, 0.0]])
    matrix[:, 2] = np.array([x, y]) - matrix[:, :2] @ (face.x, face.y)
    draw = matrix.copy()
    while scale < 0.6 and min(picture.shape[:2]) > 8:  # halves are cheap to average
        height, width = (s // 2 * 2 for s in picture.shape[:2])
        picture = cv2.resize(
            picture[:height, :width], (width // 2, height // 2), interpolation=cv2.INTER_AREA
        )
        draw[:, 2] += draw[:, :2] @ (0.5, 0.5)
        draw[:, :2] *= 2
        scale *= 2
    placed = Region(float(x), float(y), extent, face.roll + turn)
    mask = _mask(picture, draw, placed, side, rng)
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if len(rows):
        y0, y1, x0, x1 = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
        draw[:, 2] -= (x0, y0)
        pasted = cv2.warpAffine(
            picture, draw, (int(x1 - x0), int(y1 - y0)), borderMode=cv2.BORDER_REPLICATE
        )
        part = canvas[y0:y1, x0:x1]
        canvas[y0:y1, x0:x1] = blended(part, pasted, mask[y0:y1, x0:x1])
    if isinstance(points, Region):
        return mask, placed
    return mask, points @ matrix[:, :2].T + matrix[:, 2]


def _mask(picture: ImageArray, draw: Any, face: Region, side: int, rng: Any) -> Any:
    """Return where a picture is pasted (side, side) 0 to 255: all of it, or its head alone."""
    height, width = picture.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]]) - 0.5
    mask = np.zeros((side, side), np.uint8)
    cv2.fillConvexPoly(mask, np.rint(corners @ draw[:, :2].T + draw[:, 2]).astype(np.int32), 255)
    if rng.random() < 0.45:
        oval = np.zeros((side, side), np.uint8)
        wide, high = rng.uniform(0.45, 0.75), rng.uniform(0.58, 0.85)
        axes = (int(face.size * wide) + 1, int(face.size * high) + 1)
        centre = (int(face.x), int(face.y - 0.08 * face.size))
        cv2.ellipse(oval, centre, axes, float(np.degrees(face.roll)), 0, 360, 255, -1)
        mask &= oval
    if rng.random() < 0.5:
        mask = cv2.blur(mask, (2 * int(rng.uniform(0, 0.05) * face.size + 0.5) + 1,) * 2)
    return mask


def _hidden(mask: Any, face: Any) -> float:
    """Return the share of an earlier face that a mask 0 to 255 covers."""
    x, y, size = face[:3]
    half = 0.4 * size
    part = mask[
        int(max(0, y - half)) : int(max(0, y + half)) + 1,
        int(max(0, x - half)) : int(max(0, x + half)) + 1,
    ]
    return float(part.mean()) / 255 if part.size else 0.0


def _shaken(canvas: ImageArray, rng: Any) -> ImageArray:
    """Return a picture smeared along a line by up to nine pixels."""
    length = int(rng.integers(3, 10))
    kernel = np.zeros((length, length), np.float32)
    angle, half = rng.uniform(0, np.pi), (length - 1) / 2
    step = half * np.array([np.cos(angle), np.sin(angle)])
    ends = np.rint([half - step, half + step]).astype(int)
    cv2.line(kernel, tuple(map(int, ends[0])), tuple(map(int, ends[1])), 1.0, 1)
    return np.asarray(cv2.filter2D(canvas, -1, kernel / kernel.sum()), np.uint8)


def as_regions(faces: Any) -> list[Region]:
    """Return rows of `scene` as regions."""
    return [Region(*map(float, row[:4])) for row in faces]
