"""The extras of a refined track, laid on a portrait: small steps of mesh and relief in the picture.

They are measured against the clip's key frame. Where the portrait is another frame of the clip,
that frame's own extras are taken off, so that it stands as it is; another person's portrait moves
by weights and pose alone.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from talkgen.face.fit import FOCAL_SIDES
from talkgen.render.background import smoothstep
from talkgen.render.composite import lay_over
from talkgen.render.lift import MAX_LIFT, MIN_WEIGHT, REACH_CM, SMOOTHING_CM
from talkgen.render.rings import INNER_LIPS, LOWER_LID, UPPER_LID
from talkgen.types import FloatArray, Motion

DETAIL_LEVELS = 12.0
"""Change of the mouth's inside, levels of 255, that leaves a third of its drawn detail."""
DETAIL_SHARE = 0.09
"""What is detail there: smaller than this share of the mouth's width."""
UPPER_COUNT = 10
"""Place of the second corner of the mouth among the inner lips."""
LIPS_FREE_CM = (0.6, 1.8)
"""Distances from the inner lips between which the field takes hold: two lips share one place."""


class Spread:
    """Spreads steps at the landmarks over the mesh of a portrait: `lifted_residual`, made once.

    ready : the prepared portrait
    """

    def __init__(self, ready: Any) -> None:
        head, source = ready.head, ready.source
        marks = head.landmarks(source)
        self.use = np.flatnonzero(head.landmark_weight >= MIN_WEIGHT)
        self.skin = np.unique(ready.skin_faces)
        points = marks[self.use].astype(np.float64)
        between = np.linalg.norm(points[:, None] - points[None], axis=2)
        far = 2.0 * between.max()
        inverse = np.linalg.inv(far - between + SMOOTHING_CM * np.eye(len(points)))
        rows = []
        for part in np.array_split(source[self.skin], max(1, len(self.skin) // 2048)):
            distance = np.linalg.norm(part[:, None].astype(np.float64) - points[None], axis=2)
            fade = np.exp(-((distance.min(axis=1) / REACH_CM) ** 2))
            rows.append((((far - distance) @ inverse) * fade[:, None]).astype(np.float32))
        self.matrix = np.concatenate(rows)
        self.eyeballs = {
            side: np.setdiff1d(np.unique(eye.faces), self.skin) for side, eye in ready.eyes.items()
        }
        ring = marks[list(INNER_LIPS)]
        near = np.linalg.norm(source[:, None] - ring[None], axis=2).min(axis=1)
        self.free = smoothstep(*LIPS_FREE_CM, near.astype(np.float32))
        self.size = len(source)

    def __call__(self, residual: FloatArray) -> FloatArray:
        """Return (V, 2) steps of the vertices for (478, 2) of the landmarks, in their unit."""
        steps = np.asarray(residual, np.float32)
        length = np.linalg.norm(steps, axis=1, keepdims=True)
        steps = steps * np.minimum(1.0, MAX_LIFT / np.maximum(length, 1e-9))
        mean = np.median(steps[self.use], axis=0)
        out = np.zeros((self.size, 2), np.float32)
        out[self.skin] = mean + self.matrix @ (steps[self.use] - mean)
        for side, rows in self.eyeballs.items():
            out[rows] = steps[list(UPPER_LID[side] + LOWER_LID[side])].mean(axis=0)
        return out


class Displacement:
    """The extras of one frame.

    residual : (478, 2) or None; field : (h, w, 2) or None, both in inter-ocular distances
    box : (4,) pixels of the portrait, the field's corners
    inside : (h, w, 3) or None, levels of 255, what the inside of the mouth is lighter
    points, nodes : where the frame last drawn had the mesh (V, 3) and the relief (G, 3), pixels
    """

    def __init__(
        self,
        ready: Any,
        residual: FloatArray | None,
        field: FloatArray | None,
        box: FloatArray,
        inside: FloatArray | None = None,
    ) -> None:
        self.ready = ready
        self.residual = residual
        self.field = None if field is None else np.ascontiguousarray(field, np.float32)
        self.box = box
        self.inside = inside
        self.points = self.nodes = np.zeros((0, 3), np.float32)

    def on_mesh(
        self, points: NDArray[np.float32], expression: NDArray[np.float32], scale: float
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return vertices (V, 3) and the change of expression (V, 2), pixels, displaced.

        The residual pulls the picture around along, as expressions do; the field moves it itself.
        """
        pixels = self._pixels(scale)
        moved = points.copy()
        if self.residual is not None:
            step = spread_of(self.ready)(self.residual) * pixels
            expression = expression + step
            moved[:, :2] += step
        if self.field is not None:
            free = spread_of(self.ready).free[:, None]
            moved[:, :2] += self._at(self.ready.own_places) * (free * pixels)
        self.points = moved
        return moved, expression

    def on_sheet(self, nodes: NDArray[np.float32], scale: float) -> NDArray[np.float32]:
        """Return the relief's nodes (G, 3), pixels and depth, displaced."""
        self.nodes = nodes.copy()
        if self.field is not None:
            self.nodes[:, :2] += self._at(self.ready.relief.nodes) * self._pixels(scale)
        return self.nodes

    def on_mouth(
        self, frame: NDArray[np.uint8], covered: NDArray[np.float32], ring: NDArray[np.float32]
    ) -> None:
        """Give what the lips do not cover (h, w) its colours, in place; ring : inner lips.

        Where they differ much, something else shows there than was drawn: its detail goes.
        """
        opening = 1.0 - covered
        if self.inside is None or opening.max() <= 0.0:
            return
        at = mouth_places(ring, frame.shape[:2], self.inside.shape[:2])
        values = np.ascontiguousarray(self.inside, np.float32)
        step = cv2.remap(values, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        sigma = max(1.0, DETAIL_SHARE * float(np.ptp(ring[:, 0])))
        total = cv2.GaussianBlur(frame * opening[..., None], (0, 0), sigma)
        smooth = total / np.maximum(cv2.GaussianBlur(opening, (0, 0), sigma), 1e-3)[..., None]
        kept = np.exp(-np.abs(step).mean(axis=2, keepdims=True) / DETAIL_LEVELS)
        lay_over(frame, smooth + step + kept * (frame - smooth), opening)

    def _pixels(self, scale: float) -> np.float32:
        """Return the present inter-ocular distance in pixels."""
        return np.float32(self.ready.interocular * scale / float(self.ready.fit.scale))

    def _at(self, places: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the field at (n, 2) pixels of the portrait, 0 outside the grid."""
        assert self.field is not None
        height, width = self.field.shape[:2]
        step = (self.box[2:] - self.box[:2]) / (width - 1, height - 1)
        at = ((places - self.box[:2]) / step).astype(np.float32)[:, None]
        found = cv2.remap(self.field, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        return np.asarray(found, np.float32).reshape(-1, 2)


def mouth_places(
    ring: NDArray[np.float32], size: tuple[int, ...], cells: tuple[int, ...]
) -> NDArray[np.float32]:
    """Return (h, w, 2) column and row in a grid over the mouth of each pixel of a box.

    ring : (20, 2) inner lips in pixels of the box; the grid spans them between the corners
    """
    origin = ring[0]
    along = ring[UPPER_COUNT] - origin
    along = along / max(float(np.hypot(*along)), 1e-6)
    turned = (ring - origin) @ np.array([[along[0], -along[1]], [along[1], along[0]]])
    low, high = turned.min(axis=0), turned.max(axis=0)
    share = (np.array(cells[1::-1]) - 1) / np.maximum(high - low, 1.0)
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float32)
    x, y = x - origin[0], y - origin[1]
    column = (x * along[0] + y * along[1] - low[0]) * share[0]
    row = (y * along[0] - x * along[1] - low[1]) * share[1]
    return np.stack([column, row], axis=-1).astype(np.float32)


def spread_of(ready: Any) -> Spread:
    """Return the portrait's `Spread`, made when it is first asked for."""
    found = getattr(ready, "_spread", None)
    if found is None:
        found = ready._spread = Spread(ready)
    return found  # type: ignore[no-any-return]


class ClipExtras:
    """The extras of a track as they apply to one portrait; `at` gives a frame's."""

    def __init__(self, ready: Any, motion: Motion, own: int) -> None:
        self.ready = ready
        self.residual = motion.extra.get("residual")
        self.field = motion.extra.get("field")
        self.inside = motion.extra.get("inside")
        self.own = own
        self.box = np.zeros(4, np.float32)
        if self.field is not None:
            self.box = _box_on(ready, motion, own)

    def at(self, frame: int) -> Displacement:
        """Return the extras of a frame, less those of the portrait's own."""
        parts = [
            None if values is None
            else np.asarray(values[frame], np.float32) - np.asarray(values[self.own], np.float32)
            for values in (self.residual, self.field, self.inside)
        ]  # fmt: skip
        return Displacement(self.ready, parts[0], parts[1], self.box, parts[2])


def clip_extras(ready: Any, motion: Motion) -> ClipExtras | None:
    """Return the extras of a refined track for a portrait that is a frame of its clip, or None."""
    if motion.space != "camera" or "key_frame" not in motion.extra:
        return None
    own = ready.retargeter.matching_frame(motion)
    return None if own is None else ClipExtras(ready, motion, own)


def _box_on(ready: Any, motion: Motion, own: int) -> FloatArray:
    """Return the field's box in pixels of the portrait: it moves and grows with the head from the
    key frame to the portrait's."""
    key = int(np.asarray(motion.extra["key_frame"]).reshape(()))
    size = np.asarray(motion.frame_size or ready.frame_size, np.float64)
    factor = np.asarray(ready.frame_size, np.float64) / size
    box = np.asarray(motion.extra["field_box"], np.float64).reshape(2, 2)
    place = np.asarray(motion.translation, np.float64)
    iod = FOCAL_SIDES * size.max() / place[[key, own], 2]
    center = place[[key, own], :2] * iod[:, None] + size / 2
    moved = (box - center[0]) * (iod[1] / iod[0]) + center[1]
    return (moved * factor).reshape(4).astype(np.float32)
