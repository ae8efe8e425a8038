"""A portrait that has been prepared, and the drawing of its frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkgen.face.fit import HeadFit
from talkgen.face.head import HeadModel
from talkgen.motion.retarget import Retargeter
from talkgen.raster.fragments import Fragments, coverage, rasterize
from talkgen.render.backdrop import Backdrop
from talkgen.render.background import Relief
from talkgen.render.composite import reveal, sample_moved, sheet_map, source_map
from talkgen.render.displace import Displacement
from talkgen.render.eyes import (
    FULL_GAZE,
    FULL_WIDE,
    Eye,
    blink_progress,
    channel,
    draw_eye,
    lid_opening,
)
from talkgen.render.interior import Interior, draw_mouth, rounding
from talkgen.render.jaw import rigid_movement
from talkgen.render.lids import EyeLayers
from talkgen.render.pose import Limited, limited, project, rotation_matrix
from talkgen.render.rings import INNER_LIPS, LOWER_INNER, LOWER_LID, UPPER_INNER, UPPER_LID
from talkgen.render.texture import toward_viewer
from talkgen.render.wrinkles import log_gains, shade
from talkgen.types import ImageArray

SMALL_PX = 200.0
"""Eye distances below this get three instead of two samples a pixel side at lids and lips."""

SHEET_PX = 100.0
"""Eye distance from whose double on the relief behind is worked out at fewer pixels."""

LIPS_CHANGED = 0.008
"""Mean move of the inner lips, in eye distances, from which their inside is drawn in full."""

STILL_PX = 0.02
"""Moves of the picture smaller than this are none."""


@dataclass(frozen=True, eq=False)
class PlacedHead:
    """The head in one frame.

    weights : (52,) float32 in [0, 1]; asked : (3,) radians, the turn before it was limited
    vertices : (V, 3) float32, cm, in the head frame; points : (V, 3) float32, pixels and depth
    angles : (3,) radians, as limited; turn : (3, 3); scale : pixels a cm; translation : (2,) pixels
    """

    weights: NDArray[np.float32]
    asked: NDArray[np.float32]
    vertices: NDArray[np.float32]
    points: NDArray[np.float32]
    angles: NDArray[np.float32]
    turn: NDArray[np.float32]
    scale: float
    translation: NDArray[np.float32]


@dataclass(eq=False)
class PreparedPortrait:
    """A portrait with everything that is computed once; `frame` draws it.

    image : (H, W, 3) uint8 RGB
    fit : the head fit in pixels of the image
    landmarks : (478, 3) float32, pixels
    """

    image: ImageArray
    landmarks: NDArray[np.float32]
    fit: HeadFit
    head: HeadModel
    threads: int | None
    interocular: float
    neutral: NDArray[np.float32]
    lift: NDArray[np.float32]
    source: NDArray[np.float32]
    source_rotation: NDArray[np.float32]
    skin_faces: NDArray[np.int32]
    facing: float
    own_places: NDArray[np.float32]
    places: NDArray[np.float32]
    opacity: NDArray[np.float32]
    rim: NDArray[np.float32]
    relief: Relief
    backdrop: Backdrop | None
    eyes: dict[str, Eye]
    layers: EyeLayers
    shut_places: dict[str, NDArray[np.float32]]
    interior: Interior
    jaw_vertices: NDArray[np.int32]
    mouth_shift: NDArray[np.float32]
    seal: NDArray[np.float32]
    closing: NDArray[np.float32]
    retargeter: Retargeter
    wrinkles: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        self._buffers: dict[str, NDArray[Any]] = {}
        self.limits = Limited()
        own = self.head.landmarks(self.source)
        self.own_openings = {side: max(lid_opening(own, side), 0.02) for side in self.eyes}

    @property
    def frame_size(self) -> tuple[int, int]:
        """Width and height of the frames in pixels."""
        return self.image.shape[1], self.image.shape[0]

    def vertices(self, weights: NDArray[np.float32], sealed: float = 0.0) -> NDArray[np.float32]:
        """Return the head's vertices (V, 3), cm, under expression weights (52,)."""
        out = self.head.deform(self.neutral, weights) + self.lift
        if sealed > 0.0:
            out += np.float32(min(sealed, 1.0)) * self.seal
        if sealed > 1.0:
            marks = self.head.landmarks(out)
            gap = float((marks[[87, 14, 317], 1] - marks[[82, 13, 312], 1]).mean())
            out += np.float32((sealed - 1.0) * max(gap, 0.0)) * self.closing
        for eye in self.eyes.values():
            progress = blink_progress(float(weights[eye.blink]), float(self.fit.weights[eye.blink]))
            if progress > 0.0:
                out += np.float32(progress) * eye.closure
        return out.astype(np.float32)

    def placed(
        self,
        weights: NDArray[np.float32],
        rotation: NDArray[np.float32] | None = None,
        translation: NDArray[np.float32] | None = None,
        scale: float | None = None,
        *,
        sealed: float = 0.0,
    ) -> PlacedHead:
        """Return the head as `frame` draws it under the same arguments."""
        fit = self.fit
        weights = np.clip(np.asarray(weights, np.float32), 0.0, 1.0)
        source = np.asarray(fit.rotation, np.float32)
        asked = source if rotation is None else np.asarray(rotation, np.float32)
        angles = source if rotation is None else limited(asked, source)
        shift = np.asarray(fit.translation if translation is None else translation, np.float32)
        scale = float(fit.scale if scale is None else scale)
        turn, vertices = rotation_matrix(angles), self.vertices(weights, sealed)
        points = project(vertices, turn, scale, shift)
        return PlacedHead(weights, asked, vertices, points, angles, turn, scale, shift)

    def frame(
        self,
        weights: NDArray[np.float32],
        rotation: NDArray[np.float32] | None = None,
        translation: NDArray[np.float32] | None = None,
        scale: float | None = None,
        *,
        sealed: float = 0.0,
        extra: Displacement | None = None,
    ) -> ImageArray:
        """Return one frame (H, W, 3) uint8; at the fitted values it is the photograph.

        weights : (52,) absolute, in [0, 1]
        rotation : (3,) radians, absolute; softly limited about the photograph's
        translation : (2,) pixels of the head's origin; scale : pixels a centimetre
        sealed : 1 where the motion starts from the portrait's shut lips (speech), 0 where it is
            the portrait's own gap that it starts from (tracks); up to 2 closes what gap remains
        extra : what a refined track moves besides
        """
        placed = self.placed(weights, rotation, translation, scale, sealed=sealed)
        return self.drawn(placed, extra)

    def drawn(self, head: PlacedHead, extra: Displacement | None = None) -> ImageArray:
        """Return the frame (H, W, 3) uint8 of a head that `placed` has placed, see `frame`."""
        fit, weights = self.fit, head.weights
        self.limits.note(head.asked, head.angles)
        turn, scale, shift = head.turn, head.scale, head.translation
        vertices, points = head.vertices, head.points
        expression = ((vertices - self.source) @ turn.T)[:, :2] * np.float32(scale)
        if extra is not None:
            points, expression = extra.on_mesh(points, expression, scale)
        nodes, _ = self.relief.move(
            turn @ self.source_rotation.T, scale, shift,
            float(fit.scale), np.asarray(fit.translation, np.float32), expression,
        )  # fmt: skip

        if extra is not None:
            nodes = extra.on_sheet(nodes, scale)
        out = self.image.copy()
        moved = np.abs(nodes[:, :2] - self.relief.nodes).max(axis=1) > STILL_PX
        sheet_faces = self.relief.faces[moved[self.relief.faces].any(axis=1)]
        if len(sheet_faces) == 0 and np.abs(expression).max() < STILL_PX:
            return out
        box = self._box(nodes, sheet_faces, points)
        if box is None:
            return out
        x0, y0, x1, y1 = box
        origin = np.array([x0, y0, 0], np.float32)
        width, height = x1 - x0, y1 - y0
        behind, step = self._behind(nodes, sheet_faces, box)
        local = points - origin
        skin = rasterize(
            local, self.skin_faces, self._fragments("skin", height, width),
            facing=self.facing, threads=self.threads,
        )  # fmt: skip
        # Where the rim of the surface turns away, the relief behind it takes over.
        toward = toward_viewer(points, self.skin_faces, self.head.weld, self.facing)
        solid = 1.0 - self.rim * (1.0 - np.clip(toward / 0.30, 0.0, 1.0))
        # Next to the photograph's own shape the lips' edges are the photograph's too.
        changed = self._lip_change(vertices)
        own = self.own_places + np.float32(changed) * (self.places - self.own_places)
        values = np.column_stack([own, self.opacity * solid]).astype(np.float32)
        span = self._buffer("span", (height, 2), np.int32)
        shown = self._buffer("shown", (height, width), np.uint8)
        drop = self.backdrop
        places = source_map(
            behind, step, skin, self.skin_faces, values, (x0, y0),
            self._buffer("places", (height, width, 2), np.float32), span, self.threads,
            None if drop is None else drop.alpha, shown,
        )  # fmt: skip
        region = out[y0:y1, x0:x1]
        sample_moved(self.image, places, span, region, self.threads)
        if drop is not None:
            reveal(drop.image, places, shown, span, (x0, y0), region, self.threads)
        if self.wrinkles is not None:
            gains = log_gains(self.wrinkles, weights, np.asarray(fit.weights, np.float32))
            if gains is not None:
                shade(region, skin, self.skin_faces, gains, self.threads)
        self._draw_eyes(region, skin, local, weights)
        self._draw_mouth(
            region, skin, local, vertices, turn, scale, shift - origin[:2], weights, changed,
            extra,
        )  # fmt: skip
        return out

    def _behind(
        self,
        nodes: NDArray[np.float32],
        faces: NDArray[np.int32],
        box: tuple[int, int, int, int],
    ) -> tuple[NDArray[np.float32], int]:
        """Return where the relief has the pixels of a box from, and for how many pixels each.

        It is smooth over a node's distance, so that large faces need it not at every pixel.
        """
        x0, y0, x1, y1 = box
        step = max(1, min(int(self.interocular / SHEET_PX), 8))
        rows, columns = -(-(y1 - y0) // step) + 1, -(-(x1 - x0) // step) + 1
        scaled = (nodes - np.array([x0, y0, 0], np.float32)) * np.float32(1.0 / step)
        sheet = rasterize(
            scaled, faces, self._fragments("sheet", rows, columns), threads=self.threads
        )
        into = self._buffer("behind", (rows, columns, 2), np.float32)
        sheet_map(sheet, faces, self.relief.nodes, (x0, y0), step, into, self.threads)
        return into, step

    def _box(
        self,
        nodes: NDArray[np.float32],
        sheet_faces: NDArray[np.int32],
        points: NDArray[np.float32],
    ) -> tuple[int, int, int, int] | None:
        """Return the box (x0, y0, x1, y1) of all that may change."""
        solid = points[self.opacity > 0.0, :2]
        low, high = solid.min(axis=0), solid.max(axis=0)
        if len(sheet_faces):
            used = np.zeros(len(nodes), bool)
            used[sheet_faces] = True
            moving = nodes[used, :2]
            low = np.minimum(low, moving.min(axis=0))
            high = np.maximum(high, moving.max(axis=0))
        height, width = self.image.shape[:2]
        x0, y0 = np.maximum(np.floor(low) - 1, 0).astype(int).tolist()
        x1, y1 = np.minimum(np.ceil(high) + 2, [width, height]).astype(int).tolist()
        return (x0, y0, x1, y1) if x1 - x0 > 1 and y1 - y0 > 1 else None

    def _draw_eyes(
        self,
        region: NDArray[np.uint8],
        skin: Fragments,
        points: NDArray[np.float32],
        weights: NDArray[np.float32],
    ) -> None:
        marks = self.head.landmarks(points)
        crop = np.asarray(self.layers.origin, np.float32)
        for side, eye in self.eyes.items():
            ring = marks[list(UPPER_LID[side] + LOWER_LID[side]), :2]
            box = _padded(ring, (0.16 * self.interocular, 0.20 * self.interocular), region.shape)
            if box is None:
                continue
            x0, y0, x1, y1 = box
            source = np.asarray(self.fit.weights, np.float32)
            turned = float(np.abs(weights[eye.gaze] - source[eye.gaze]).sum() / FULL_GAZE)
            turned += self._widened(marks, side)
            draw_eye(
                region[y0:y1, x0:x1],
                eye,
                self.layers,
                _cut(skin, box),
                self.skin_faces,
                points - np.array([x0, y0, 0], np.float32),
                self.places - crop,
                self.shut_places[side] - crop,
                self._covered(points, box),
                marks[UPPER_LID[side][-1], :2] - np.array([x0, y0], np.float32),
                blink_progress(float(weights[eye.blink]), float(source[eye.blink])),
                min(1.0, turned),
                0.024 * self.interocular,
            )

    def _widened(self, marks: NDArray[np.float32], side: str) -> float:
        """Return how far the lids (478, 3) open beyond the photograph's, 0 to 1."""
        return min(
            1.0, max(0.0, (lid_opening(marks, side) / self.own_openings[side] - 1.02) / FULL_WIDE)
        )

    def _draw_mouth(
        self,
        region: NDArray[np.uint8],
        skin: Fragments,
        points: NDArray[np.float32],
        vertices: NDArray[np.float32],
        turn: NDArray[np.float32],
        scale: float,
        shift: NDArray[np.float32],
        weights: NDArray[np.float32],
        changed: float,
        extra: Displacement | None,
    ) -> None:
        marks = self.head.landmarks(points)[:, :2]
        ring = marks[list(INNER_LIPS)]
        pad = 0.05 * self.interocular
        box = _padded(ring, (pad, pad), region.shape)
        if box is None:
            return
        x0, y0, x1, y1 = box
        own = rounding(np.asarray(self.fit.weights, np.float32))
        rounded = max(0.0, rounding(weights) - own)
        inside = self.interior.moved(
            self._jaw(vertices), self.mouth_shift, float(weights[channel("tongueOut")]), rounded
        )
        drawn = project(inside, turn, scale, shift - np.array([x0, y0], np.float32))
        covered = self._covered(points, box)
        draw_mouth(
            region[y0:y1, x0:x1],
            self.interior,
            covered,
            skin.triangle[y0:y1, x0:x1] < 0,
            drawn,
            self.interocular,
            changed,
            np.stack([marks[list(UPPER_INNER)], marks[list(LOWER_INNER)]])
            - np.array([x0, y0], np.float32),
            rounded,
        )
        if extra is not None:
            extra.on_mouth(region[y0:y1, x0:x1], covered, ring - np.array([x0, y0], np.float32))

    def _lip_change(self, vertices: NDArray[np.float32]) -> float:
        """Return how far the lips are from the photograph's, from 0 to 1."""
        now = self.head.landmarks(vertices)[list(INNER_LIPS)]
        then = self.head.landmarks(self.source)[list(INNER_LIPS)]
        move = float(np.linalg.norm(now - then, axis=1).mean()) * float(self.fit.scale)
        return min(1.0, move / (LIPS_CHANGED * self.interocular))

    def _covered(
        self, points: NDArray[np.float32], box: tuple[int, int, int, int]
    ) -> NDArray[np.float32]:
        """Return the share of each pixel of a box that skin and lips cover."""
        x0, y0, x1, y1 = box
        local = points - np.array([x0, y0, 0], np.float32)
        factor = 3 if self.interocular < SMALL_PX else 2
        return coverage(local, self.skin_faces, y1 - y0, x1 - x0, facing=self.facing, factor=factor)

    def _jaw(self, vertices: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the (3, 4) rigid movement of the jaw from the neutral head to `vertices`."""
        rest = self.neutral[self.jaw_vertices]
        now = vertices[self.jaw_vertices] - self.lift[self.jaw_vertices]
        return rigid_movement(rest, now)

    def _buffer(self, name: str, shape: tuple[int, ...], kind: Any) -> NDArray[Any]:
        """Return a contiguous work array, kept from frame to frame."""
        need = int(np.prod(shape))
        have = self._buffers.get(name)
        if have is None or have.size < need:
            have = self._buffers[name] = np.empty(int(need * 1.2), kind)
        return have[:need].reshape(shape)

    def _fragments(self, name: str, height: int, width: int) -> Fragments:
        return Fragments(
            self._buffer(name + "_id", (height, width), np.int32),
            self._buffer(name + "_weights", (height, width, 2), np.float32),
            self._buffer(name + "_depth", (height, width), np.float32),
        )


def _padded(
    points: NDArray[np.float32], pad: tuple[float, float], shape: tuple[int, ...]
) -> tuple[int, int, int, int] | None:
    low = np.floor(points.min(axis=0) - pad).astype(int)
    high = np.ceil(points.max(axis=0) + pad).astype(int) + 1
    x0, y0 = np.maximum(low, 0).tolist()
    x1, y1 = np.minimum(high, [shape[1], shape[0]]).tolist()
    return (x0, y0, x1, y1) if x1 - x0 > 2 and y1 - y0 > 2 else None


def _cut(fragments: Fragments, box: tuple[int, int, int, int]) -> Fragments:
    """Return contiguous copies of the fragments in a box."""
    x0, y0, x1, y1 = box
    return Fragments(
        np.ascontiguousarray(fragments.triangle[y0:y1, x0:x1]),
        np.ascontiguousarray(fragments.weights[y0:y1, x0:x1]),
        np.ascontiguousarray(fragments.depth[y0:y1, x0:x1]),
    )
