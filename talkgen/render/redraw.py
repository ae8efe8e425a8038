"""A frame of a video with another mouth: its own pixels, moved, and the mouth's inside drawn anew.

The head lies on the frame twice: as the frame has it (source) and with other lips, jaw and cheeks
(target). Each pixel of the lower face is taken from where the source has that point of the skin, so
that light, blur and grain are the frame's own. Outside the face the same move fades like rubber and
ends before the edge of the mask: beyond it no pixel is touched.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from talkgen.face.fit import HeadFit
from talkgen.raster.fragments import Fragments, coverage, interpolate, rasterize
from talkgen.render.background import smoothstep
from talkgen.render.composite import lay_over, sample_moved, source_map
from talkgen.render.covers import Covers
from talkgen.render.eyes import channel
from talkgen.render.inpaint import push_pull
from talkgen.render.interior import Interior, draw_mouth, rounding
from talkgen.render.jaw import rigid_movement
from talkgen.render.lower_head import FADE_UP_CM, LowerHead
from talkgen.render.mouth_photo import MouthColors, mean_color
from talkgen.render.portrait import PreparedPortrait
from talkgen.render.pose import project, rotation_matrix
from talkgen.render.rings import CHEEKS, INNER_LIPS, LOWER_INNER, OUTER_LIPS, UPPER_INNER
from talkgen.render.texture import lip_places, toward_viewer
from talkgen.types import MOTION_CHANNELS, FloatArray, ImageArray

LOWER = np.array([name.startswith(("jaw", "mouth", "cheekPuff", "tongue"))
                  for name in MOTION_CHANNELS])  # fmt: skip
"""(52,) channels of lips, jaw and cheeks: those that speech replaces."""

NOSE = (1, 2, 4, 5, 6, 19, 94, 97, 98, 168, 195, 197, 326, 327)
"""Landmarks that no mouth moves: what they are off, the pose is off."""

RUBBER_CM = 2.4
"""Least distance over which the picture around the jaw comes to rest."""
RUBBER_PER_MOVE = 2.6
"""That distance in lengths of the move: less would fold."""
GRID_EYES = 28.0
"""Cells of the rubber along one distance of the eyes."""
SHUT_GAPS = (0.02, 0.035)
"""Lip gaps, in distances of the eyes, under which the frame's lips count as shut, and as open."""
LIP_EDGE = 0.02
"""Distance from the frame's open mouth, in distances of the eyes, from which pixels are a lip's."""
GAIN_STEP, GAIN_LEAST = 0.2, 0.02
"""Share of a change of light that the mouth takes in a frame, and the least that counts."""


@dataclass(frozen=True, eq=False)
class Seen:
    """The person's head as one frame of a video has it.

    fit : pose and weights in pixels of the frame; landmarks : (478, 3) pixels
    """

    fit: HeadFit
    landmarks: FloatArray

    @property
    def interocular(self) -> float:
        """Distance of the outer eye corners in pixels."""
        marks = self.landmarks
        return float(np.linalg.norm(marks[33, :2] - marks[263, :2]))

    @property
    def gap(self) -> float:
        """Gap of the inner lips in distances of the eyes."""
        marks = self.landmarks
        apart = float(np.linalg.norm(marks[13, :2] - marks[14, :2]))
        return apart / max(self.interocular, 1e-6)


class MouthRedrawer:
    """Draws frames of one person's video with other weights of lips, jaw and cheeks.

    ready : the person's portrait, a clear frame of the video with shut lips if there is any
    donor : the person in a frame that shows teeth, whose inside of the mouth is drawn; by default
        that of `ready`
    threads : how many threads draw

        redrawer = MouthRedrawer(MeshRenderer.from_pretrained().prepare(portrait))
        changed = redrawer.draw(frame, Seen(fit, landmarks), weights)
    """

    def __init__(
        self,
        ready: PreparedPortrait,
        *,
        donor: PreparedPortrait | None = None,
        threads: int | None = None,
    ) -> None:
        self.ready = ready
        self.donor = donor or ready
        self.interior: Interior = self.donor.interior
        self.threads = threads
        self.lower = LowerHead(ready)
        self._light = cheek_light(self.donor.image, self.donor.landmarks)
        self._gain: NDArray[np.float32] | None = None
        shape = self.lower.deform(np.asarray(ready.fit.weights, np.float32))
        marks = ready.landmarks[:, :2].astype(np.float32)
        on_mesh = ready.fit.project(self.lower.landmarks(shape))[:, :2]
        toward = toward_viewer(points_of(ready), ready.skin_faces, ready.head.weld, ready.facing)
        self.covers = Covers(
            self.lower, ready.image, ready.own_places[self.lower.rows], toward[self.lower.rows],
            ready.interocular,
        )  # fmt: skip
        self._own_step = (marks - on_mesh)[list(NOSE)] / np.float32(ready.interocular)

    def draw(
        self, frame: ImageArray, seen: Seen, weights: FloatArray, share: float = 1.0
    ) -> Redrawn:
        """Return what changes of a frame (H, W, 3) uint8.

        weights : (52,) absolute; only those of `LOWER` count
        share : 0 leaves the frame as it is, 1 draws the weights
        """
        lower, fit = self.lower, seen.fit
        iod = seen.interocular
        now = np.asarray(fit.weights, np.float32)
        wanted = np.where(LOWER, np.clip(np.asarray(weights, np.float32), 0, 1), now)
        turn = rotation_matrix(np.asarray(fit.rotation, np.float32))
        scale, shift = float(fit.scale), np.asarray(fit.translation, np.float32)
        marks, parted = closed_marks(seen.landmarks[:, :2].astype(np.float32), iod)
        self._see_light(frame, seen.landmarks)

        shape, change = lower.deform(now), lower.change(wanted - now)
        source = project(shape, turn, scale, shift)
        vertices = shape + change + lower.own_lips
        target = project(vertices, turn, scale, shift)
        residual = (marks - lower.landmarks(source)[:, :2]) / np.float32(iod)
        off = np.median(residual[list(NOSE)] - self._own_step, axis=0) * np.float32(iod)
        own = source[:, :2] + lower.spread(residual) * np.float32(iod)
        by_model = (change @ turn.T)[:, :2] * np.float32(scale)
        by_lips = target[:, :2] + off - own
        step = by_model + lower.own[:, None] * (by_lips - by_model)
        step *= np.float32(share) * lower.move[:, None]
        points = target.copy()
        points[:, :2] = own + step
        lips = lower.landmarks(points)[:, :2]
        opened = float(np.linalg.norm(lips[13] - lips[14])) / iod
        aside = max(parted, float(smoothstep(0.0, SHUT_GAPS[1], np.float32(opened))))
        places = self._places(own, marks, aside, scale, iod)
        places = own + np.float32(share) * (places - own)

        box = self._box(own, step, iod, frame.shape)
        if box is None:
            return Redrawn.nothing()
        x0, y0, x1, y1 = box
        height, width = y1 - y0, x1 - x0
        local = points - np.array([x0, y0, 0], np.float32)
        values = np.column_stack([places, np.ones(len(places), np.float32)]).astype(np.float32)
        above = _Above(marks[2], -turn[:2, 1], scale)
        behind, cell = self._rubber(local, values[:, :2], (height, width), box, iod, step, above)
        skin = rasterize(
            local, lower.faces, Fragments.empty(height, width), facing=lower.facing,
            threads=self.threads,
        )  # fmt: skip
        span = np.empty((height, 2), np.int32)
        into = np.empty((height, width, 2), np.float32)
        source_map(behind, cell, skin, lower.faces, values, (x0, y0), into, span, self.threads)
        region = frame[y0:y1, x0:x1].copy()
        sample_moved(frame, into, span, region, self.threads)
        self._mouth(region, skin, local, vertices, wanted, seen, parted, share, box)
        source[:, :2] = own
        covered = self.covers.mask(frame, source, iod, box)
        if covered is not None:
            lay_over(region, frame[y0:y1, x0:x1].astype(np.float32), covered)
        return Redrawn(box, region)

    def _see_light(self, frame: ImageArray, landmarks: FloatArray) -> None:
        """Follow how much lighter than in the donor's frame the face is."""
        now = cheek_light(frame, landmarks) / np.maximum(self._light, 1.0)
        now = np.clip(now, 0.25, 4.0).astype(np.float32)
        self._gain = now if self._gain is None else self._gain + GAIN_STEP * (now - self._gain)

    def _places(
        self, own: NDArray[np.float32], marks: NDArray[np.float32], aside: float, scale: float,
        iod: float,
    ) -> NDArray[np.float32]:  # fmt: skip
        """Return where each vertex has its colour in the frame (V, 2).

        aside : 0 to 1, how much of the frame's own line between the lips is left out
        """
        bands = np.stack([marks[list(INNER_LIPS)], marks[list(OUTER_LIPS)]], axis=1)
        out = own.copy()
        if aside > 0.0:  # the landmarks may lie on the teeth, or on the shade between shut lips
            start, end = bands[self.lower.near_band, 0], bands[self.lower.near_band, 1]
            thick = np.maximum(np.linalg.norm(end - start, axis=1), 1e-6)
            across = (end - start) / thick[:, None]
            near = self.lower.ways.near
            at = ((own[near] - start) * across).sum(axis=1)
            wanted = np.minimum(max(LIP_EDGE * iod, 1.0) * aside, 0.5 * thick)
            out[near] += across * np.maximum(wanted - at, 0.0)[:, None]
        return lip_places(out, self.lower.ways, self.lower.weld, bands, scale).astype(np.float32)

    def _box(
        self, own: NDArray[np.float32], step: NDArray[np.float32], iod: float,
        shape: tuple[int, ...],
    ) -> tuple[int, int, int, int] | None:  # fmt: skip
        """Return the box (x0, y0, x1, y1) of all that may change, None where that is nothing."""
        used = self.lower.move > 0.0
        reach = self._reach(step, iod) + 3.0
        points = np.concatenate([own[used], own[used] + step[used]])
        low = np.maximum(np.floor(points.min(axis=0) - reach), 0).astype(int)
        high = np.minimum(np.ceil(points.max(axis=0) + reach), shape[1::-1]).astype(int)
        (x0, y0), (x1, y1) = low.tolist(), high.tolist()
        return (x0, y0, x1, y1) if x1 - x0 > 8 and y1 - y0 > 8 else None

    def _reach(self, step: NDArray[np.float32], iod: float) -> float:
        """Return over how many pixels the picture around the jaw comes to rest."""
        longest = float(np.hypot(*step.T).max(initial=0.0))
        cm = iod / self.lower.interocular
        return max(RUBBER_CM * cm, RUBBER_PER_MOVE * longest)

    def _rubber(
        self, local: NDArray[np.float32], places: NDArray[np.float32], size: tuple[int, int],
        box: tuple[int, int, int, int], iod: float, step: NDArray[np.float32],
        above: _Above,
    ) -> tuple[NDArray[np.float32], int]:  # fmt: skip
        """Return where every `cell`-th pixel comes from, the move extended beyond the face."""
        cell = max(1, round(iod / GRID_EYES))
        rows, columns = -(-size[0] // cell) + 1, -(-size[1] // cell) + 1
        origin = np.array(box[:2], np.float32)
        small = local / np.float32(cell)
        mesh = rasterize(
            small,
            self.lower.faces,
            Fragments.empty(rows, columns),
            facing=self.lower.facing,
            threads=1,
        )
        moved = (places - origin - local[:, :2]).astype(np.float32)
        field = interpolate(mesh, self.lower.faces, moved, np.zeros((rows, columns, 2), np.float32))
        known = (mesh.triangle >= 0).astype(np.float32)
        known = cv2.erode(known, np.ones((3, 3), np.uint8), borderValue=1.0)
        away = cv2.distanceTransform((known < 0.5).astype(np.uint8), cv2.DIST_L2, 5) * cell
        fade = 1.0 - smoothstep(0.0, self._reach(step, iod), np.maximum(away - 1.5 * cell, 0.0))
        field = push_pull(field, known)
        field = cv2.GaussianBlur(field, (0, 0), 1.0, borderType=cv2.BORDER_REPLICATE)
        y, x = np.mgrid[:rows, :columns].astype(np.float32)
        at = np.stack([x, y], axis=-1) * np.float32(cell) + origin
        field *= (fade * above.fade(at))[..., None]
        return np.ascontiguousarray(at + field, np.float32), cell

    def _mouth(
        self, region: ImageArray, skin: Fragments, points: NDArray[np.float32],
        vertices: NDArray[np.float32], wanted: NDArray[np.float32],
        seen: Seen, parted: float, share: float, box: tuple[int, int, int, int],
    ) -> None:  # fmt: skip
        """Draw what shows between the lips, in place."""
        fit, iod = seen.fit, seen.interocular
        marks = self.lower.landmarks(points)[:, :2]
        ring = marks[list(INNER_LIPS)]
        pad = 0.05 * iod
        x0, y0 = np.maximum(np.floor(ring.min(axis=0) - pad), 0).astype(int).tolist()
        x1, y1 = (np.ceil(ring.max(axis=0) + pad).astype(int) + 1).tolist()
        x1, y1 = min(x1, region.shape[1]), min(y1, region.shape[0])
        if x1 - x0 < 3 or y1 - y0 < 3:
            return
        corner = np.array([x0, y0], np.float32)
        own = rounding(np.asarray(self.donor.fit.weights, np.float32))
        rounded = max(0.0, rounding(wanted) - own)
        rows, lower = self.lower.jaw, self.lower
        jaw = rigid_movement(lower.neutral[rows], vertices[rows] - lower.lift[rows])
        inside = self.interior.moved(
            jaw, self.donor.mouth_shift, float(wanted[channel("tongueOut")]), rounded
        )
        turn = rotation_matrix(np.asarray(fit.rotation, np.float32))
        shift = np.asarray(fit.translation, np.float32) - np.array(box[:2], np.float32) - corner
        drawn = project(inside, turn, float(fit.scale), shift)
        local = points - np.append(corner, np.float32(0))
        covered = coverage(
            local, lower.faces, y1 - y0, x1 - x0, facing=lower.facing, factor=3 if iod < 200 else 2
        )
        seam = np.stack([marks[list(UPPER_INNER)], marks[list(LOWER_INNER)]])
        draw_mouth(
            region[y0:y1, x0:x1], lit(self.interior, self._gain), covered,
            skin.triangle[y0:y1, x0:x1] < 0, drawn, iod, share, seam - corner, rounded,
            parted=parted * share,
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Above:
    """Where the base of the nose is, (2,) pixels, which way is up, (2,), and pixels a cm."""

    base: NDArray[np.float32]
    up: NDArray[np.float32]
    scale: float

    def fade(self, at: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return 1 at pixels (..., 2) about the mouth, 0 from the eyes on upwards."""
        up = self.up / max(float(np.hypot(*self.up)), 1e-3)
        height = ((at - self.base) @ up) / np.float32(self.scale)
        return 1.0 - smoothstep(*FADE_UP_CM, height.astype(np.float32))


@dataclass(frozen=True, eq=False)
class Redrawn:
    """What changes of a frame: `region` (h, w, 3) uint8 at `box` (x0, y0, x1, y1)."""

    box: tuple[int, int, int, int]
    region: ImageArray

    @classmethod
    def nothing(cls) -> Redrawn:
        """Return no change."""
        return cls((0, 0, 0, 0), np.zeros((0, 0, 3), np.uint8))


def points_of(ready: PreparedPortrait) -> NDArray[np.float32]:
    """Return (V, 3) pixels and depth of a portrait's head as photographed."""
    shift = np.asarray(ready.fit.translation, np.float32)
    return project(ready.source, ready.source_rotation, float(ready.fit.scale), shift)


def cheek_light(image: ImageArray, landmarks: FloatArray) -> NDArray[np.float32]:
    """Return the colour (3,) of the cheeks, levels of 255."""
    points = np.asarray(landmarks, np.float32)[:, :2]
    apart = float(np.linalg.norm(points[33] - points[263]))
    return mean_color(image, points[list(CHEEKS)], 0.04 * apart)


def lit(interior: Interior, gain: NDArray[np.float32] | None) -> Interior:
    """Return the inside of a mouth in a light (3,) times as strong."""
    if gain is None or np.abs(gain - 1.0).max() < GAIN_LEAST:
        return interior
    colors, photo = interior.colors, interior.photo
    parts = (colors.enamel, colors.gum, colors.tongue, colors.dark)
    colors = MouthColors(*(np.clip(c * gain, 0, 255) for c in parts), colors.warmth)
    if photo is not None:
        photo = replace(photo, crop=np.clip(photo.crop * gain, 0, 255))
    return replace(interior, colors=colors, photo=photo)


def closed_marks(
    marks: NDArray[np.float32], interocular: float
) -> tuple[NDArray[np.float32], float]:
    """Return (478, 2) landmarks whose inner lips meet where the frame has them shut, and how far it
    shows them parted, 0 to 1. The network puts shut lips a little apart."""
    gap = float(np.linalg.norm(marks[13] - marks[14])) / max(interocular, 1e-6)
    parted = float(smoothstep(*SHUT_GAPS, np.float32(gap)))
    if parted >= 1.0:
        return marks, 1.0
    out = marks.copy()
    upper, lower = list(UPPER_INNER), list(LOWER_INNER)
    middle = 0.5 * (marks[upper] + marks[lower])
    out[upper] += (1.0 - parted) * (middle - marks[upper])
    out[lower] += (1.0 - parted) * (middle - marks[lower])
    return out, parted
