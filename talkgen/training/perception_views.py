"""Augmented views of cached faces for the landmark network.

A view is cut from a cached upright crop by one affine map (turn, scale, shift, squeeze, shear,
mirror), and its light, colour, sharpness and surface are disturbed; the labels go along.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from talkgen.face.points import MIRROR, MIRROR_CHANNELS
from talkgen.face.region import detail_region, region_of
from talkgen.training.perception_covers import cover, hidden_points
from talkgen.types import NUM_LANDMARKS, ImageArray

Generator = np.random.Generator


class Labelled(Protocol):
    """Faces with labels: what the teacher read, or what was drawn."""

    landmarks: Any
    scores: Any
    rotation: Any
    chance: Any

    def __len__(self) -> int:
        """Return the number of faces."""

    def crop(self, index: int) -> ImageArray:
        """Return the picture of a face."""

    def visible(self, index: int) -> Any:
        """Return which points (478,) nothing hides, as far as is known."""

    def trust(self, index: int) -> Any:
        """Return how much the place of each point (478,) is worth, from 0 to 1."""

    def taught(self, index: int) -> tuple[Any, bool]:
        """Return the teacher's scores (52,) and whether it was asked."""


class FaceSet:
    """The cached faces of `scripts/prepare_faces.py`; row by row, never all in memory.

    held : take the people kept aside instead of those that train
    """

    def __init__(self, folder: Path, *, held: bool = False) -> None:
        labels = np.load(folder / "faces.npz")
        self.crops = np.load(folder / "crops.npy", mmap_mode="r")
        self.rows = np.flatnonzero(labels["held"] == held)
        self.landmarks = labels["landmarks"][self.rows]
        self.scores = labels["scores"][self.rows]
        self.rotation = labels["rotation"][self.rows]
        self.person = labels["person"][self.rows]
        hard = folder / "hard.npy"  # what the detector took for faces, where mined
        self.hard = np.load(hard, mmap_mode="r") if hard.exists() and not held else None
        # A person of many frames counts by their number to the power of 0.65: people matter
        # more than frames, but mouths move and eyes close mostly in the clips.
        _, inverse, counts = np.unique(self.person, return_inverse=True, return_counts=True)
        weight = counts[inverse] ** -0.35
        self.chance = weight / weight.sum()

    def __len__(self) -> int:
        return len(self.rows)

    def crop(self, index: int) -> ImageArray:
        """Return the cached crop of a face."""
        return np.asarray(self.crops[self.rows[index]])

    def visible(self, index: int) -> Any:
        """Return ones: the teacher does not say what it sees."""
        del index
        return np.ones(NUM_LANDMARKS, bool)

    def trust(self, index: int) -> Any:
        """Return less for turned heads, which the teacher reads too frontal."""
        turned = abs(np.degrees(self.rotation[index, 1]))
        worth = float(np.clip(1 - (turned - 18) / 12, 0.3, 1))
        return np.full(NUM_LANDMARKS, worth, np.float32)

    def taught(self, index: int) -> tuple[Any, bool]:
        """Return the teacher's scores (52,), which all of these faces have."""
        return self.scores[index], True


@dataclass
class View:
    """A face seen through a random affine map: `matrix` (2, 3) from view units to crop pixels.

    visible, trust : (478,) see `Labelled`
    """

    crop: ImageArray
    landmarks: Any
    scores: Any
    flip: bool
    visible: Any = None
    trust: Any = None

    def take(self, matrix: Any, side: int) -> ImageArray:
        """Return (side, side, 3) pixels; `matrix` (2, 3) maps network units to crop pixels."""
        to_pixels = np.array([[1 / side, 0, 0.5 / side - 0.5], [0, 1 / side, 0.5 / side - 0.5]])
        whole = matrix[:, :2] @ to_pixels
        whole[:, 2] += matrix[:, 2]
        source = self.crop
        shrink = np.sqrt(abs(np.linalg.det(whole[:, :2])))
        if shrink > 1.5:
            source = cv2.resize(source, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
            whole = whole * 0.5
            whole[:, 2] -= 0.25
        return cv2.warpAffine(
            source, whole, (side, side), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip


def inside(points: Any, matrix: Any) -> Any:
    """Return crop-pixel points (N, 3) in network units of the view `matrix`."""
    inverse = np.linalg.inv(matrix[:, :2])
    flat = (points[:, :2] - matrix[:, 2]) @ inverse.T
    depth = points[:, 2:] / np.sqrt(abs(np.linalg.det(matrix[:, :2])))
    return np.concatenate([flat, depth], axis=1).astype(np.float32)


def square(x: float, y: float, size: float, roll: float, warp: Any) -> Any:
    """Return the map (2, 3) from network units to crop pixels of a turned, warped square."""
    cos, sin = np.cos(roll), np.sin(roll)
    linear = np.array([[cos, -sin], [sin, cos]]) @ warp * size
    return np.concatenate([linear, [[x], [y]]], axis=1)


def random_view(faces: Labelled, index: int, rng: Generator) -> View:
    """Return a face, mirrored half of the time."""
    crop, landmarks, scores = faces.crop(index), faces.landmarks[index], faces.scores[index]
    visible, trust = faces.visible(index), faces.trust(index)
    flip = bool(rng.random() < 0.5)
    if flip:
        crop = crop[:, ::-1]
        landmarks = landmarks.copy()
        landmarks[:, 0] = crop.shape[1] - 1 - landmarks[:, 0]
        landmarks, scores = landmarks[MIRROR], scores[MIRROR_CHANNELS]
        visible, trust = visible[MIRROR], trust[MIRROR]
    return View(np.ascontiguousarray(crop), landmarks, scores, flip, visible, trust)


def covered(crop: ImageArray, view: View, matrix: Any, other: ImageArray, rng: Generator) -> Any:
    """Put something before the face of a crop, in place; return which points (478,) stay seen."""
    side = crop.shape[0]
    points = (inside(view.landmarks, matrix)[:, :2] + 0.5) * side - 0.5
    return view.visible & ~hidden_points(points, cover(crop, points, other, rng))


def random_warp(rng: Generator) -> Any:
    """Return a mild (2, 2) squeeze and shear, so that faces come in more shapes."""
    squeeze = np.exp(rng.normal(0, 0.06))
    shear = rng.normal(0, 0.04, 2)
    return np.array([[squeeze, shear[0]], [shear[1], 1 / squeeze]])


def face_view(view: View, margin: float, rng: Generator, *, rough_share: float = 0.45) -> Any:
    """Return the map of a whole-face crop, off by what a detector or the frame before would be.

    rough_share : how often it is the detector's; the frame before is precise
    """
    region = region_of(view.landmarks, margin=margin)
    rough = rng.random() < rough_share
    turn, shift, zoom = (0.22, 0.06, 0.13) if rough else (0.04, 0.018, 0.035)
    roll = rng.normal(0, turn)
    if rough and rng.random() < 0.2:
        roll = rng.uniform(-0.7, 0.7)
    dx, dy = rng.normal(0, shift, 2) * region.size
    size = region.size * np.exp(rng.normal(0, zoom))
    return square(
        region.x + dx, region.y + dy, size, region.roll + np.clip(roll, -0.75, 0.75),
        random_warp(rng) if rng.random() < 0.6 else np.eye(2),
    )  # fmt: skip


def detail_view(
    view: View, part: str, margin: float, rng: Generator, *, rough_share: float = 0.3
) -> Any:
    """Return the map of a "mouth", "right" or "left" crop, off as the coarse network would be.

    rough_share : how often it is as far off as on faces that are hard to read
    """
    there = detail_region(view.landmarks, part, margin)
    shift, zoom, turn = (0.05, 0.08, 0.07) if rng.random() < rough_share else (0.02, 0.03, 0.03)
    dx, dy = rng.normal(0, shift, 2) * there.size
    return square(
        there.x + dx, there.y + dy, there.size * np.exp(rng.normal(0, zoom)),
        there.roll + rng.normal(0, turn),
        random_warp(rng) if rng.random() < 0.6 else np.eye(2),
    )  # fmt: skip


def negative_view(view: View, margin: float, rng: Generator) -> Any:
    """Return the map of a crop that holds no whole face: beside it, far too near or far, turned."""
    region = region_of(view.landmarks, margin=margin)
    kind = rng.integers(4)
    angle = rng.uniform(0, 2 * np.pi)
    x, y, size, roll = region.x, region.y, region.size, region.roll + rng.normal(0, 0.3)
    if kind == 0:  # beside the face
        away = rng.uniform(0.5, 0.9)
        x, y = x + np.cos(angle) * away * size, y + np.sin(angle) * away * size
        size *= rng.uniform(0.5, 1.2)
    elif kind == 1:  # a piece of it
        size *= rng.uniform(0.1, 0.35)
        x, y = x + rng.normal(0, 0.25) * region.size, y + rng.normal(0, 0.25) * region.size
    elif kind == 2:  # small within the crop
        size *= rng.uniform(2.5, 4.0)
    else:  # upside down
        roll += np.pi + rng.normal(0, 0.5)
    return square(x, y, size, roll, random_warp(rng))


def mistaken(faces: FaceSet, side: int, rng: Generator) -> ImageArray | None:
    """Return a crop that the detector took for a face, moved a little; None: none was mined."""
    if faces.hard is None or not len(faces.hard):
        return None
    crop = np.asarray(faces.hard[int(rng.integers(len(faces.hard)))])
    size = crop.shape[0] * rng.uniform(0.6, 1.0)
    room = (crop.shape[0] - size) / 2
    x, y = crop.shape[0] / 2 + rng.uniform(-room, room, 2)
    if rng.random() < 0.5:
        crop = np.ascontiguousarray(crop[:, ::-1])
    view = View(crop, None, None, False)
    return view.take(square(x, y, size, rng.normal(0, 0.3), np.eye(2)), side)


def texture(side: int, rng: Generator) -> ImageArray:
    """Return a random picture of noise at some scale, gradients or blobs: nothing with a face."""
    cells = int(rng.integers(2, 24))
    coarse = rng.uniform(0, 255, (cells, cells, 3)).astype(np.float32)
    if rng.random() < 0.4:
        coarse[:] = coarse.mean(2, keepdims=True)
    how = cv2.INTER_CUBIC if rng.random() < 0.7 else cv2.INTER_NEAREST
    picture = cv2.resize(coarse, (side, side), interpolation=how)
    picture = picture.mean() + (picture - picture.mean()) * rng.uniform(0, 1.2)
    picture += rng.normal(0, rng.uniform(0, 25), (side, side, 3))
    if rng.random() < 0.5:
        for _ in range(int(rng.integers(1, 6))):
            centre = tuple(int(v) for v in rng.integers(0, side, 2))
            axes = tuple(int(v) for v in rng.integers(2, max(3, side // 3), 2))
            colour = tuple(float(v) for v in rng.uniform(0, 255, 3))
            turn = float(rng.uniform(0, 180))
            cv2.ellipse(picture, centre, axes, turn, 0, 360, colour, -1, cv2.LINE_AA)
    return np.clip(picture, 0, 255).astype(np.uint8)


def shuffled(crop: ImageArray, rng: Generator, *, least: int = 2, most: int = 4) -> ImageArray:
    """Return a crop with its blocks in another order: the colours of a face, but no face.

    least, most : blocks along a side
    """
    parts = int(rng.integers(least, most + 1))
    step = crop.shape[0] // parts
    out = crop.copy()
    for place, source in enumerate(rng.permutation(parts * parts)):
        (r, c), (i, j) = divmod(place, parts), divmod(int(source), parts)
        out[r * step : (r + 1) * step, c * step : (c + 1) * step] = crop[
            i * step : (i + 1) * step, j * step : (j + 1) * step
        ]
    return out


def disturb(crop: ImageArray, rng: Generator) -> ImageArray:
    """Return a crop with other light, colour, sharpness, grain and compression."""
    side = crop.shape[0]
    if rng.random() < 0.3:  # as if taken from a smaller picture
        small = int(side * rng.uniform(0.25, 0.8))
        crop = cv2.resize(crop, (small, small), interpolation=cv2.INTER_AREA)
        crop = cv2.resize(crop, (side, side), interpolation=cv2.INTER_LINEAR)
    elif rng.random() < 0.15:
        crop = cv2.GaussianBlur(crop, (0, 0), rng.uniform(0.5, 0.018 * side))
    light = crop.astype(np.float32)
    if rng.random() < 0.25:
        light[:] = (light @ np.array([0.3, 0.59, 0.11], np.float32))[:, :, None]
    if rng.random() < 0.8:
        mean = light.mean()
        light = mean + (light - mean) * np.float32(np.exp(rng.normal(0, 0.25)))
        gain = np.exp(rng.normal(0, 0.2) + rng.normal(0, 0.08, 3)).astype(np.float32)
        light = light * gain + np.float32(rng.normal(0, 12))
    if rng.random() < 0.3:  # light from a side
        angle = rng.uniform(0, 2 * np.pi)
        axis = np.linspace(-1, 1, side, dtype=np.float32)
        ramp = np.cos(angle) * axis[None, :] + np.sin(angle) * axis[:, None]
        light *= np.exp(rng.uniform(0, 0.7) * ramp)[:, :, None].astype(np.float32)
    if rng.random() < 0.4:
        grain = rng.standard_normal((side, side, 3), np.float32)
        light += grain * np.float32(abs(rng.normal(0, 8)))
    crop = np.clip(light, 0, 255).astype(np.uint8)
    if rng.random() < 0.3:
        quality = int(rng.integers(15, 90))
        crop = cv2.imdecode(
            cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR
        )
    return crop
