"""The mesh renderer: the portrait's own head, textured by the photograph, drawn into its picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from talkgen.errors import InputError
from talkgen.face.fit import HeadFit, fit_face
from talkgen.face.head import PARTS, HeadModel
from talkgen.render.background import Relief, build_relief
from talkgen.render.composite import sample, source_map
from talkgen.render.eyes import (
    FULL_GAZE,
    SIDES,
    Eye,
    EyeLayers,
    blink_progress,
    channel,
    closing_lift,
    draw_eye,
    eye_layers,
)
from talkgen.render.inpaint import LOWER_LID, UPPER_LID
from talkgen.render.interior import (
    INNER_LIPS,
    Interior,
    draw_mouth,
    mouth_colors,
    photographed_mouth,
    with_upper_edge,
)
from talkgen.render.lift import lifted_residual
from talkgen.render.mouth import mouth_parts
from talkgen.render.pose import limited, project, rotation_matrix
from talkgen.render.raster import Fragments, interpolate, rasterize
from talkgen.render.texture import (
    edge_opacity,
    facing_sign,
    lip_places,
    seen_vertices,
    toward_viewer,
)
from talkgen.types import MOTION_CHANNELS, Face, ImageArray, Motion, Portrait

SKIN_PARTS = ("skin", "lips")
EYE_PARTS = {"left": ("eyeball_left",), "right": ("eyeball_right",)}
JAW_PART = "teeth_lower"

EDGE_SOFTNESS = 0.004
"""Softness of the lids' and the inner lips' edges, in inter-ocular distances."""

STILL_PX = 0.02
"""Moves of the picture smaller than this are none."""


class MeshRenderer:
    """Draws portraits with the embedded 3D head. No network takes part, and no GPU is needed.

    head : the head model that portraits are fitted with
    threads : how many threads draw; by default one a core, at most four
    """

    def __init__(self, head: HeadModel, *, threads: int | None = None) -> None:
        self.head = head
        self.threads = threads

    @classmethod
    def from_pretrained(cls, name: str = "head", *, threads: int | None = None) -> MeshRenderer:
        """Return a renderer with the head model of that checkpoint."""
        return cls(HeadModel.from_pretrained(name), threads=threads)

    def prepare(
        self, portrait: Portrait, fit: HeadFit | None = None, *, size: int | None = None
    ) -> PreparedPortrait:
        """Return the portrait ready to be drawn again and again.

        fit : its head fit, found from the portrait's landmarks by default
        size : longer side of the frames in pixels, the picture's own by default
        """
        if size is not None:
            portrait, factor = resized(portrait, size)
            if fit is not None:
                fit = replace(fit, scale=fit.scale * factor, translation=fit.translation * factor)
        if fit is None:
            identity = None if portrait.identity is None else portrait.identity.shape
            fit = fit_face(self.head, portrait.face.landmarks, identity=identity)
        return prepare(self.head, portrait, fit, self.threads)

    def render(
        self, portrait: Portrait | PreparedPortrait, motion: Motion, *, size: int | None = None
    ) -> Iterator[ImageArray]:
        """Yield one (H, W, 3) uint8 RGB frame for each frame of `motion`."""
        from talkgen.motion.retarget import Retargeter

        ready = self.prepare(portrait, size=size) if isinstance(portrait, Portrait) else portrait
        retargeter = Retargeter(self.head, ready.fit, ready.frame_size, ready.landmarks)
        for pose in retargeter.poses(motion):
            yield ready.frame(pose.weights, pose.rotation, pose.translation, pose.scale)


def resized(portrait: Portrait, size: int) -> tuple[Portrait, float]:
    """Return the portrait with `size` pixels along its longer side, and the factor of its scale."""
    if size < 64:
        raise InputError(f"`size` is {size} pixels, at least 64 are needed")
    height, width = portrait.image.shape[:2]
    factor = size / max(height, width)
    if factor == 1.0:
        return portrait, 1.0
    wide, high = max(1, round(width * factor)), max(1, round(height * factor))
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    image = cv2.resize(portrait.image, (wide, high), interpolation=how)
    step = np.array([wide / width, high / height, factor], np.float32)
    face = portrait.face
    moved = Face(
        landmarks=face.landmarks * step,
        box=face.box * np.tile(step[:2], 2),
        scores=face.scores,
        rotation=face.rotation,
        score=face.score,
    )
    alpha = portrait.alpha
    if alpha is not None:
        alpha = cv2.resize(alpha, (wide, high), interpolation=cv2.INTER_AREA)
    return replace(portrait, image=image, face=moved, alpha=alpha), factor


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
    places: NDArray[np.float32]
    opacity: NDArray[np.float32]
    relief: Relief
    eyes: dict[str, Eye]
    layers: EyeLayers
    shut_places: dict[str, NDArray[np.float32]]
    interior: Interior
    jaw_vertices: NDArray[np.int32]
    mouth_shift: NDArray[np.float32]

    def __post_init__(self) -> None:
        self._buffers: dict[str, NDArray[Any]] = {}

    @property
    def frame_size(self) -> tuple[int, int]:
        """Width and height of the frames in pixels."""
        return self.image.shape[1], self.image.shape[0]

    def vertices(self, weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the head's vertices (V, 3), cm, under expression weights (52,)."""
        out = self.head.deform(self.neutral, weights) + self.lift
        for eye in self.eyes.values():
            progress = blink_progress(float(weights[eye.blink]), float(self.fit.weights[eye.blink]))
            if progress > 0.0:
                out += np.float32(progress) * eye.closure
        return out.astype(np.float32)

    def frame(
        self,
        weights: NDArray[np.float32],
        rotation: NDArray[np.float32] | None = None,
        translation: NDArray[np.float32] | None = None,
        scale: float | None = None,
    ) -> ImageArray:
        """Return one frame (H, W, 3) uint8; at the fitted values it is the photograph.

        weights : (52,) absolute, in [0, 1]
        rotation : (3,) radians, absolute; softly limited about the photograph's
        translation : (2,) pixels of the head's origin; scale : pixels a centimetre
        """
        fit = self.fit
        weights = np.clip(np.asarray(weights, np.float32), 0.0, 1.0)
        source_angles = np.asarray(fit.rotation, np.float32)
        angles = source_angles if rotation is None else limited(rotation, source_angles)
        shift = np.asarray(fit.translation if translation is None else translation, np.float32)
        scale = float(fit.scale if scale is None else scale)
        turn = rotation_matrix(angles)

        vertices = self.vertices(weights)
        points = project(vertices, turn, scale, shift)
        expression = ((vertices - self.source) @ turn.T)[:, :2] * np.float32(scale)
        nodes, _ = self.relief.move(
            turn @ self.source_rotation.T, scale, shift,
            float(fit.scale), np.asarray(fit.translation, np.float32), expression,
        )  # fmt: skip

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
        sheet = rasterize(
            nodes - origin, sheet_faces, self._fragments("sheet", height, width),
            threads=self.threads,
        )  # fmt: skip
        local = points - origin
        skin = rasterize(
            local, self.skin_faces, self._fragments("skin", height, width),
            facing=self.facing, threads=self.threads,
        )  # fmt: skip
        # Where the surface turns away, the relief behind it takes over.
        toward = toward_viewer(points, self.skin_faces, self.head.weld, self.facing)
        away = np.clip(toward / 0.30, 0.0, 1.0)
        values = np.column_stack([self.places, self.opacity * away]).astype(np.float32)
        places = source_map(
            sheet, sheet_faces, self.relief.nodes, skin, self.skin_faces, values,
            (x0, y0), self._buffer("places", (height, width, 2), np.float32), self.threads,
        )  # fmt: skip
        region = sample(self.image, places)
        self._draw_eyes(region, skin, local, weights)
        self._draw_mouth(region, skin, local, vertices, turn, scale, shift - origin[:2], weights)
        out[y0:y1, x0:x1] = region
        return out

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
            used = np.unique(sheet_faces)
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
        marks = self.head.landmarks(points)[:, :2]
        crop = np.asarray(self.layers.origin, np.float32)
        for side, eye in self.eyes.items():
            ring = marks[list(UPPER_LID[side] + LOWER_LID[side])]
            box = _padded(ring, (0.16 * self.interocular, 0.20 * self.interocular), region.shape)
            if box is None:
                continue
            x0, y0, x1, y1 = box
            source = np.asarray(self.fit.weights, np.float32)
            turned = float(np.abs(weights[eye.gaze] - source[eye.gaze]).sum() / FULL_GAZE)
            draw_eye(
                region[y0:y1, x0:x1],
                eye,
                self.layers,
                _cut(skin, box),
                self.skin_faces,
                points - np.array([x0, y0, 0], np.float32),
                self.places - crop,
                self.shut_places[side] - crop,
                blink_progress(float(weights[eye.blink]), float(source[eye.blink])),
                min(1.0, turned),
                max(0.45, EDGE_SOFTNESS * self.interocular),
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
    ) -> None:
        ring = self.head.landmarks(points)[list(INNER_LIPS), :2]
        pad = 0.05 * self.interocular
        box = _padded(ring, (pad, pad), region.shape)
        if box is None:
            return
        x0, y0, x1, y1 = box
        inside = self.interior.moved(
            self._jaw(vertices), self.mouth_shift, float(weights[channel("tongueOut")])
        )
        drawn = project(inside, turn, scale, shift - np.array([x0, y0], np.float32))
        draw_mouth(
            region[y0:y1, x0:x1],
            self.interior,
            _cut(skin, box),
            drawn,
            self.interocular,
            max(0.45, EDGE_SOFTNESS * self.interocular),
        )

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


def rigid_movement(rest: NDArray[np.float32], now: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the (3, 4) rotation and translation that best takes `rest` (n, 3) to `now`."""
    a, b = rest.mean(axis=0), now.mean(axis=0)
    u, _, vt = np.linalg.svd((rest - a).T.astype(np.float64) @ (now - b))
    flip = np.diag([1.0, 1.0, np.sign(np.linalg.det(vt.T @ u.T))])
    rotation = vt.T @ flip @ u.T
    return np.column_stack([rotation, b - rotation @ a]).astype(np.float32)


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


def _faces_of(head: HeadModel, names: tuple[str, ...]) -> NDArray[np.int32]:
    wanted = [PARTS.index(name) for name in names if name in PARTS]
    return np.ascontiguousarray(head.faces[np.isin(head.part, wanted)], dtype=np.int32)


def prepare(
    head: HeadModel, portrait: Portrait, fit: HeadFit, threads: int | None = None
) -> PreparedPortrait:
    """Return the portrait with its texture, relief, eyes and mouth worked out once."""
    image = portrait.image
    landmarks = portrait.face.landmarks
    marks = landmarks[:, :2].astype(np.float32)
    interocular = portrait.face.interocular
    fitted = np.asarray(fit.weights, np.float32)
    translation = np.asarray(fit.translation, np.float32)
    scale = float(fit.scale)
    neutral = head.neutral(fit.identity).astype(np.float32)
    turn = rotation_matrix(np.asarray(fit.rotation, np.float32))
    plain = head.deform(neutral, fitted).astype(np.float32)

    # The residual of the fit, in the plane of the picture, belongs to the portrait's shape.
    on_mesh = head.landmarks(plain)
    residual = marks - project(on_mesh, turn, scale, translation)[:, :2]
    planar = lifted_residual(plain, on_mesh, residual, head.landmark_weight, interocular) / scale
    inner = ~np.isin(head.part, [PARTS.index(n) for n in SKIN_PARTS if n in PARTS])
    inner_vertices = np.unique(head.faces[inner])
    skin_faces = _faces_of(head, SKIN_PARTS)
    inner_vertices = np.setdiff1d(inner_vertices, np.unique(skin_faces))
    lift = (np.column_stack([planar, np.zeros(len(planar))]) @ turn).astype(np.float32)
    lift[inner_vertices] = 0.0
    shifted = head.landmarks(plain + lift) - head.landmarks(plain)
    for side in SIDES:  # the eyeball moves along with its lids
        ring = shifted[list(UPPER_LID[side] + LOWER_LID[side])].mean(axis=0)
        lift[np.unique(_faces_of(head, EYE_PARTS[side]))] = ring
    source = plain + lift

    points = project(source, turn, scale, translation)
    facing = facing_sign(points, skin_faces)
    seen, fragments, corner = seen_vertices(points, skin_faces, facing, 0.12 * scale)
    toward = toward_viewer(points, skin_faces, head.weld, facing)
    opacity = edge_opacity(points, source, toward, marks, interocular)

    ring = head.landmarks(source)[list(INNER_LIPS)]
    mouth_center = marks[list(INNER_LIPS)].mean(axis=0)
    places = lip_places(
        points[:, :2], source, skin_faces, head.weld, seen & (toward > 0.0), ring, mouth_center,
        scale,
    )  # fmt: skip

    up = -turn[:2, 1] / np.linalg.norm(turn[:2, 1])
    shown = np.unique(skin_faces)
    shown = shown[seen[shown] & (opacity[shown] > 0.2)]
    solid = np.where(fragments.triangle >= 0, 1.0, 0.0).astype(np.float32)[..., None]
    interpolate(fragments, skin_faces, (opacity * (toward > 0.25))[:, None].astype(np.float32), solid)
    relief = build_relief(
        image.shape[:2], points[shown, :2], fragments.depth, (solid[..., 0] > 0.6) * np.float32(1.0),
        corner, marks[152], up, scale, translation, interocular,
    )  # fmt: skip
    relief = replace(relief, neighbours=shown[relief.neighbours].astype(np.int32))

    eyes, shut_places, margins = {}, {}, {}
    for side in SIDES:
        weights = fitted.copy()
        weights[channel(f"eyeBlink{side.capitalize()}")] = 1.0
        closed = head.deform(neutral, weights).astype(np.float32) + lift
        closure = closing_lift(head, side, source, closed, np.float32([0, -1, 0]))
        closure[inner_vertices] = 0.0
        closed = closed + closure
        shut = project(closed, turn, scale, translation)[:, :2]
        travel = np.linalg.norm(shut - points[:, :2], axis=1)
        travel[inner_vertices] = 0.0
        lid = np.clip((travel / max(float(travel.max()), 1e-6) - 0.10) / 0.25, 0.0, 1.0)
        eyes[side] = Eye(side, _faces_of(head, EYE_PARTS[side]), lid.astype(np.float32), closure)
        shut_places[side] = shut.astype(np.float32)
        margins[side] = project(head.landmarks(closed), turn, scale, translation)[
            list(UPPER_LID[side]), :2
        ]
    layers = eye_layers(image, marks, interocular, margins)

    interior, mouth_shift = _interior(
        head, image, marks, interocular, neutral, lift, fit, turn, plain
    )
    return PreparedPortrait(
        image=image, landmarks=landmarks, fit=fit, head=head, threads=threads,
        interocular=interocular, neutral=neutral, lift=lift, source=source, source_rotation=turn,
        skin_faces=skin_faces, facing=facing, places=places, opacity=opacity,
        relief=relief, eyes=eyes, layers=layers, shut_places=shut_places, interior=interior,
        jaw_vertices=_jaw_vertices(head), mouth_shift=mouth_shift,
    )  # fmt: skip


def _jaw_vertices(head: HeadModel) -> NDArray[np.int32]:
    """Return vertices that move with the jaw and nothing else."""
    used = np.unique(_faces_of(head, (JAW_PART,)))
    return used[:: max(1, len(used) // 40)].astype(np.int32)


def _interior(
    head: HeadModel,
    image: ImageArray,
    marks: NDArray[np.float32],
    interocular: float,
    neutral: NDArray[np.float32],
    lift: NDArray[np.float32],
    fit: HeadFit,
    turn: NDArray[np.float32],
    plain: NDArray[np.float32],
) -> tuple[Interior, NDArray[np.float32]]:
    """Return the mouth's inside of a portrait and how far it sits off the head model's (3,) cm."""
    scale, translation = float(fit.scale), np.asarray(fit.translation, np.float32)
    rest = head.landmarks(neutral)
    contact = 0.5 * (rest[13] + rest[14])
    half_width = 0.5 * float(np.linalg.norm(rest[61] - rest[291]))
    parts = mouth_parts(contact, half_width)
    lifted = head.landmarks(plain + lift) - head.landmarks(plain)
    mouth_shift = lifted[[0, 267, 37, 61, 291, 17]].mean(axis=0).astype(np.float32)
    photo = photographed_mouth(image, marks, interocular)
    interior = Interior(
        parts, np.zeros((len(parts.vertices), 2), np.float32),
        mouth_colors(image, marks, interocular, photo), photo,
    )  # fmt: skip
    if photo is None:
        return interior, mouth_shift
    rows = _jaw_vertices(head)
    jaw = rigid_movement(neutral[rows], plain[rows])
    tongue = float(fit.weights[MOTION_CHANNELS.index("tongueOut")])
    if photo.edge is not None:
        at = project(interior.moved(jaw, mouth_shift, tongue), turn, scale, translation)
        row = (parts.kind == 0) & (parts.place[:, 1] == 0.0) & (np.abs(parts.place[:, 0] - 0.5) < 0.1)
        interior = replace(
            interior, parts=with_upper_edge(parts, (photo.edge - float(at[row, 1].mean())) / scale)
        )
    at = project(interior.moved(jaw, mouth_shift, tongue), turn, scale, translation)
    places = at[:, :2] - np.asarray(photo.origin, np.float32)
    return replace(interior, places=places.astype(np.float32)), mouth_shift
