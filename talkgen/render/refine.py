"""A clip's track, refined: the head drawn from a key frame is compared with every frame.

The first fit knows 478 points, read frame by frame, each with its noise. Here the key frame's head
is drawn under the fit of a frame and optical flow (DIS) says where each of its points really lies;
the head is fitted again, some rounds. What weights and pose cannot say is kept as extras
(`talkgen.motion.extras`): a step for every landmark, and a coarse field for hair, neck and body.
Every frame is refined by itself against the key frame, so nothing drifts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from talkgen.face.fit import HeadFit, fit_face, from_camera, to_camera
from talkgen.face.points import LIPS_INNER
from talkgen.motion.retarget import Pose
from talkgen.render.displace import Displacement, mouth_places
from talkgen.render.lift import MAX_LIFT
from talkgen.render.mesh import MeshRenderer, sealing
from talkgen.render.rings import INNER_LIPS, LOWER_LID, SIDES, UPPER_LID
from talkgen.types import FloatArray, Identity, ImageArray, Motion, Portrait

SIDE = 320
"""Side of the square, pixels, on which the drawn and the real frame are compared."""
REACH = 1.7
"""That side in extents of the face."""
LARGEST = 1.5
"""Frames are drawn with at most this many pixels for one of that square."""
ROUNDS = 3
FIELD_ROUNDS = 2
TOLERANCE = 1.5
"""Pixels of the square by which flow there and back may miss, for half the confidence."""
CELL = 0.17
"""Step of the field's grid, inter-ocular distances."""
FIELD_REACH = 3.2
"""How far the field reaches from the middle of the face, inter-ocular distances."""
FIELD_NOISE = 0.004
"""Steps of the field about this small are flow's noise and shrink, inter-ocular distances."""
INSIDE_CELLS = (4, 7)
"""Rows and columns of the colours inside the mouth."""
INSIDE_PRIOR = 0.02
"""Pull of those colours to none, in shares of a cell's pixels of a mouth as wide as high."""
READ_SHARE = 0.5
"""Share of the network's word at inner lips and lids, where flow meets what was not there before:
teeth, tongue, shut lids."""

_READ = sorted({*LIPS_INNER, *(i for s in SIDES for i in UPPER_LID[s] + LOWER_LID[s])})

Reader = Callable[[ImageArray, FloatArray], FloatArray | None]
"""(picture, landmarks nearby) -> landmarks (478, 3) that a network reads there."""


@dataclass(frozen=True, eq=False)
class Refined:
    """One frame: fit in pixels of the clip; residual (478, 2) and field (h, w, 2), inter-ocular
    distances; inside (4, 7, 3), levels of 255; error before and after, grey levels of the face."""

    fit: HeadFit
    residual: FloatArray
    field: FloatArray
    inside: FloatArray
    error: tuple[float, float]


class ClipRefiner:
    """Refines the frames of one clip, in any order.

    renderer : draws the head; motion : the first track, with `landmarks` and `identity`
    portrait : the key frame and its face; key : its index
    read : what reads landmarks on a drawn frame, or None
    """

    def __init__(
        self,
        renderer: MeshRenderer,
        portrait: Portrait,
        motion: Motion,
        key: int,
        read: Reader | None = None,
    ) -> None:
        self.head = renderer.head
        self.motion = motion
        self.key = key
        self.read = read
        self.size = motion.frame_size or (portrait.image.shape[1], portrait.image.shape[0])
        self.identity = np.asarray(motion.extra["identity"], np.float32)
        self.interocular = self.head.interocular_of(self.head.neutral(self.identity))
        side = _square(portrait.face.landmarks)[2]
        small = min(1.0, LARGEST * SIDE / side)
        longer = max(64, round(small * max(self.size)))
        portrait = replace(portrait, identity=Identity(self.identity))
        self.ready = renderer.prepare(portrait, size=None if small == 1.0 else longer)
        self.factor = self.ready.frame_size[0] / self.size[0]
        self.sealed = sealing(self.head, self.ready, "camera")
        self.flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        middle = self.ready.landmarks[:468, :2].mean(axis=0)
        reach = FIELD_REACH * self.ready.interocular
        self.extra = Displacement(self.ready, None, None, self.ready.landmarks[0, :2])
        self.cells = 2 * round(FIELD_REACH / CELL) + 1
        self.box = np.concatenate([middle - reach, middle + reach]).astype(np.float32)
        nodes = self.ready.relief.nodes
        self.place = (nodes - self.box[:2]) / (2 * reach) * (self.cells - 1)

    @property
    def field_box(self) -> FloatArray:
        """(4,) pixels of the clip: x0 y0 x1 y1 of the field's corners."""
        return np.asarray(self.box / self.factor, np.float32)

    def frame(self, index: int, image: ImageArray) -> Refined:
        """Return the refined frame; where that fits the picture worse, the first fit."""
        first = self._first(index)
        none = np.zeros((478, 2), np.float32), np.zeros((self.cells, self.cells, 2), np.float32)
        dark = np.zeros((*INSIDE_CELLS, 3), np.float32)
        if index == self.key:
            return Refined(first, *none, dark, (0.0, 0.0))
        landmarks = np.asarray(self.motion.extra["landmarks"][index], np.float32)
        view = _View(landmarks, image, self.factor)
        fit, (residual, field) = first, none
        before = 0.0
        for turn in range(ROUNDS):
            drawn, pose = self._draw(fit, residual, None)
            if turn == 0:
                before = view.error(drawn)
            fit, residual = self._step(view, drawn, pose, fit, residual, landmarks)
        for _ in range(FIELD_ROUNDS):
            drawn, pose = self._draw(fit, residual, field)
            field = field + self._field(view, drawn, pose)
        drawn, _ = self._draw(fit, residual, field)
        after = view.error(drawn)
        if not after < before:
            return Refined(first, *none, dark, (before, before))
        return Refined(fit, residual, field, self._inside(drawn, image), (before, after))

    def _first(self, index: int) -> HeadFit:
        scale, shift = from_camera(self.motion.translation[index], self.interocular, self.size)
        return HeadFit(
            self.identity, self.motion.blendshapes[index], self.motion.rotation[index], scale, shift
        )

    def _draw(
        self, fit: HeadFit, residual: FloatArray, field: FloatArray | None
    ) -> tuple[ImageArray, Pose]:
        """Return the key frame's head under a fit, and its pose there."""
        rows = self.motion
        pair = Motion(
            np.stack([rows.blendshapes[self.key], fit.weights]),
            np.stack([rows.rotation[self.key], fit.rotation]),
            np.stack([rows.translation[self.key], to_camera(fit, self.head, self.size)]),
            space="camera", frame_size=self.size, extra={"portrait_frame": np.asarray(0)},
        )  # fmt: skip
        pose = list(self.ready.retargeter.poses(pair))[1]
        self.extra = Displacement(self.ready, residual, field, self.box)
        drawn = self.ready.frame(
            pose.weights, pose.rotation, pose.translation, pose.scale,
            sealed=self.sealed(pose.weights), extra=self.extra,
        )  # fmt: skip
        return drawn, pose

    def _step(
        self, view: _View, drawn: ImageArray, pose: Pose, fit: HeadFit,
        residual: FloatArray, landmarks: FloatArray,
    ) -> tuple[HeadFit, FloatArray]:  # fmt: skip
        """Return the fit and the residual after one look at the drawn frame."""
        marks = self.head.landmarks(self.extra.points)[:, :2]
        flow, sure = view.flow(self.flow, drawn, marks)
        seen = None if self.read is None else self.read(drawn, landmarks * self.factor)
        if seen is not None:
            rows = (landmarks * self.factor - seen)[_READ, :2]
            flow[_READ] += READ_SHARE * (rows - flow[_READ])
            sure[_READ] = np.maximum(sure[_READ], READ_SHARE)
        apart = self._apart(pose) / self.factor  # pixels of the clip
        model = self._marks(fit)
        goal = model + residual * apart + flow / self.factor
        target = np.column_stack([goal, landmarks[:, 2]])
        fit = fit_face(self.head, target, identity=self.identity, start=fit, trust=sure)
        left = (goal - self._marks(fit)) / apart * sure[:, None]
        length = np.linalg.norm(left, axis=1, keepdims=True)
        left *= np.minimum(1.0, MAX_LIFT / np.maximum(length, 1e-9))
        return fit, left.astype(np.float32)

    def _field(self, view: _View, drawn: ImageArray, pose: Pose) -> FloatArray:
        """Return (h, w, 2) what the relief's nodes are still off, smoothed over the grid."""
        flow, sure = view.flow(self.flow, drawn, self.extra.nodes[:, :2])
        step = flow / self._apart(pose)
        size = np.linalg.norm(step, axis=1, keepdims=True)
        step *= size**2 / (size**2 + FIELD_NOISE**2)
        total = np.zeros((self.cells, self.cells, 3), np.float32)
        corner = np.floor(self.place).astype(int)
        inside = self.place - corner
        for dx in (0, 1):
            for dy in (0, 1):
                x, y = corner[:, 0] + dx, corner[:, 1] + dy
                share = np.abs(1 - dx - inside[:, 0]) * np.abs(1 - dy - inside[:, 1]) * sure
                ok = (x > 0) & (x < self.cells - 1) & (y > 0) & (y < self.cells - 1)  # 0 at the rim
                rows = np.column_stack([step * share[:, None], share])[ok]
                np.add.at(total, (y[ok], x[ok]), rows)
        total = cv2.GaussianBlur(total, (0, 0), 0.7, borderType=cv2.BORDER_CONSTANT)
        return np.asarray(total[..., :2] / (total[..., 2:] + 0.1), np.float32)

    def _inside(self, drawn: ImageArray, image: ImageArray) -> FloatArray:
        """Return (4, 7, 3) what the inside of the real mouth is lighter than the drawn one."""
        ring = self.head.landmarks(self.extra.points)[list(INNER_LIPS), :2]
        low = np.maximum(np.floor(ring.min(axis=0)).astype(int) - 2, 0)
        high = np.ceil(ring.max(axis=0)).astype(int) + 3
        shown = drawn[low[1] : high[1], low[0] : high[0]].astype(np.float32)
        height, width = shown.shape[:2]
        if min(height, width) < 3:
            return np.zeros((*INSIDE_CELLS, 3), np.float32)
        ring = ring - low
        mask = np.zeros((height, width), np.uint8)
        cv2.fillPoly(mask, [np.rint(ring * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        matrix = np.array([[1, 0, low[0]], [0, 1, low[1]]]) / self.factor
        real = cv2.warpAffine(
            image, matrix, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        ).astype(np.float32)  # fmt: skip
        rows = mask.ravel() > 128
        at = mouth_places(ring.astype(np.float32), (height, width), INSIDE_CELLS)
        at = np.clip(at.reshape(-1, 2)[rows], 0, np.array(INSIDE_CELLS[::-1]) - 1)
        x, y = (np.abs(np.arange(n) - at[:, i, None]) for i, n in enumerate(INSIDE_CELLS[::-1]))
        share = np.maximum(1 - y, 0)[:, :, None] * np.maximum(1 - x, 0)[:, None]
        share = share.reshape(len(at), -1)
        off = (real - shown).reshape(-1, 3)[rows]
        wide = float(np.linalg.norm(ring[0] - ring[10]))
        pull = INSIDE_PRIOR * wide**2 / np.prod(INSIDE_CELLS) * np.eye(share.shape[1])
        found = np.linalg.solve(share.T @ share + pull, share.T @ off)
        return found.reshape(*INSIDE_CELLS, 3).astype(np.float32)

    def _marks(self, fit: HeadFit) -> FloatArray:
        """Return the landmarks (478, 2) of a fit, pixels of the clip."""
        vertices = self.head.deform(self.head.neutral(self.identity), fit.weights)
        return fit.project(self.head.landmarks(vertices))[:, :2]

    def _apart(self, pose: Pose) -> float:
        """Return the distance of the eyes at a pose, pixels of the drawn frame."""
        return float(self.ready.interocular * pose.scale / self.ready.fit.scale)


class _View:
    """A real frame, and drawn ones beside it, on a square about the face.

    factor : pixels of a drawn frame for one of the clip
    """

    def __init__(self, landmarks: FloatArray, image: ImageArray, factor: float) -> None:
        x, y, side = _square(landmarks)
        self._real = _cut(image, (x, y, side))
        self._box = (x * factor, y * factor, side * factor)
        self._scale = SIDE / self._box[2]
        inner = (SIDE - SIDE / REACH) / 2
        self._face = slice(int(inner), int(SIDE - inner))

    def error(self, drawn: ImageArray) -> float:
        """Return the mean absolute difference on the face, levels of 255."""
        face = self._face, self._face
        return float(cv2.absdiff(_cut(drawn, self._box)[face], self._real[face]).mean())

    def flow(
        self, method: cv2.DISOpticalFlow, drawn: ImageArray, points: NDArray[np.float32]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return how far (n, 2) points of the drawn frame really lie off, in its pixels, and how
        sure that is (n,) from 0 to 1: by flow there and back."""
        seen = _cut(drawn, self._box)
        there = method.calc(seen, self._real, None)
        back = method.calc(self._real, seen, None)
        at = (points - self._box[:2]) * self._scale + (SIDE / 2 - 0.5)
        step = _sampled(there, at)
        miss = np.linalg.norm(step + _sampled(back, at + step), axis=1)
        inside = ((at > 2) & (at < SIDE - 3)).all(axis=1)
        sure = inside / (1 + (miss / TOLERANCE) ** 2)
        return step.astype(np.float64) / self._scale, sure.astype(np.float64)


def _square(landmarks: FloatArray) -> tuple[float, float, float]:
    """Return centre x, y and side, pixels, of the square about a face."""
    points = np.asarray(landmarks)[:468, :2]
    low, high = points.min(axis=0), points.max(axis=0)
    x, y = ((low + high) / 2).tolist()
    return x, y, REACH * float((high - low).max())


def _cut(image: ImageArray, box: tuple[float, float, float]) -> NDArray[np.uint8]:
    """Return the grey square (SIDE, SIDE) of a picture, softened where it shrinks."""
    x, y, side = box
    scale = SIDE / side
    matrix = np.array([[scale, 0, SIDE / 2 - 0.5 - x * scale],
                       [0, scale, SIDE / 2 - 0.5 - y * scale]])  # fmt: skip
    half = side / 2 + 4 / scale
    height, width = image.shape[:2]
    x0, y0 = max(0, int(x - half)), max(0, int(y - half))
    x1, y1 = min(width, int(x + half) + 2), min(height, int(y + half) + 2)
    part = cv2.cvtColor(np.ascontiguousarray(image[y0:y1, x0:x1]), cv2.COLOR_RGB2GRAY)
    if scale < 0.6:
        part = cv2.GaussianBlur(part, (0, 0), 0.4 / scale)
    matrix[:, 2] += matrix[:, :2] @ (x0, y0)
    cut = cv2.warpAffine(
        part, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(cut, np.uint8)


def _sampled(field: NDArray[np.float32], points: NDArray[np.float32]) -> NDArray[np.float32]:
    at = np.asarray(points, np.float32)[:, None]
    found = cv2.remap(field, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, np.float32).reshape(-1, 2)
