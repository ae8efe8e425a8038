"""What is worked out once for a portrait: texture places, relief, lids, mouth."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from talkgen.face.fit import HeadFit
from talkgen.face.head import PARTS, HeadModel
from talkgen.face.stretch import POOR_FIT
from talkgen.motion.retarget import Retargeter
from talkgen.raster.fragments import interpolate
from talkgen.render.backdrop import Backdrop, build_backdrop
from talkgen.render.background import Relief, build_relief, smoothstep
from talkgen.render.eyes import Eye, channel
from talkgen.render.interior import Interior, with_upper_edge
from talkgen.render.jaw import rigid_movement
from talkgen.render.lids import closing_lift, eye_layers
from talkgen.render.lift import FLAT_LIFT, MAX_LIFT, lifted_residual
from talkgen.render.lips import closing_step, sealing
from talkgen.render.mouth import mouth_parts
from talkgen.render.mouth_photo import OPEN_GAP, mouth_colors, photographed_mouth
from talkgen.render.portrait import PreparedPortrait
from talkgen.render.pose import project, rotation_matrix
from talkgen.render.rings import (
    INNER_LIPS,
    LOWER_INNER,
    LOWER_LID,
    NOSTRILS,
    OUTER_LIPS,
    SECOND_LID,
    SIDES,
    UPPER_INNER,
    UPPER_LID,
)
from talkgen.render.texture import (
    edge_opacity,
    facing_sign,
    lip_places,
    lip_ways,
    nostril_opacity,
    outside_mouth,
    seen_vertices,
    toward_viewer,
)
from talkgen.render.wrinkles import WrinkleMap
from talkgen.types import ImageArray, Portrait

SKIN_PARTS = ("skin", "lips")
EYE_PARTS = {"left": ("eyeball_left",), "right": ("eyeball_right",)}
JAW_PART = "teeth_lower"
UP = np.array([0.0, -1.0, 0.0], np.float32)
"""Towards the crown in the head frame."""


def _faces_of(head: HeadModel, names: tuple[str, ...]) -> NDArray[np.int32]:
    wanted = [PARTS.index(name) for name in names if name in PARTS]
    return np.ascontiguousarray(head.faces[np.isin(head.part, wanted)], dtype=np.int32)


@dataclass(frozen=True, eq=False)
class Placed:
    """The head as the photograph has it.

    marks : (478, 2) pixels; neutral, lift, source : (V, 3) cm; points : (V, 3) pixels and depth
    hidden : vertices that belong to no skin
    """

    head: HeadModel
    fit: HeadFit
    marks: NDArray[np.float32]
    interocular: float
    turn: NDArray[np.float32]
    neutral: NDArray[np.float32]
    lift: NDArray[np.float32]
    source: NDArray[np.float32]
    points: NDArray[np.float32]
    skin_faces: NDArray[np.int32]
    hidden: NDArray[np.int32]

    def project(self, vertices: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (n, 3) pixels and depth of head-frame points at the photograph's pose."""
        translation = np.asarray(self.fit.translation, np.float32)
        return project(vertices, self.turn, float(self.fit.scale), translation)


def prepare(
    head: HeadModel,
    portrait: Portrait,
    fit: HeadFit,
    threads: int | None = None,
    wrinkles: WrinkleMap | None = None,
) -> PreparedPortrait:
    """Return the portrait with its texture, relief, eyes and mouth worked out once."""
    image, landmarks = portrait.image, portrait.face.landmarks
    placed = place(head, landmarks[:, :2], portrait.face.interocular, fit)
    facing, places, opacity, rim, relief = _surface(placed, image)
    eyes, shut_places, margins, creases = _eyes(placed)
    interior, mouth_shift = _interior(placed, image)
    retargeter = Retargeter(head, fit, (image.shape[1], image.shape[0]), landmarks)
    resting = head.deform(placed.neutral, retargeter.rest).astype(np.float32) + placed.lift
    seal = sealing(head, resting, UP)
    seal[placed.hidden] = 0.0
    closing = closing_step(head, resting + seal, UP)
    closing[placed.hidden] = 0.0
    return PreparedPortrait(
        image=image, landmarks=landmarks, fit=fit, head=head, threads=threads,
        interocular=placed.interocular, neutral=placed.neutral, lift=placed.lift,
        source=placed.source, source_rotation=placed.turn, skin_faces=placed.skin_faces,
        facing=facing,
        own_places=placed.points[:, :2].copy(), places=places, opacity=opacity, rim=rim,
        relief=relief, backdrop=_backdrop(portrait, placed), eyes=eyes,
        layers=eye_layers(image, placed.marks, placed.interocular, margins, creases),
        shut_places=shut_places, interior=interior, jaw_vertices=_jaw_vertices(head),
        mouth_shift=mouth_shift, seal=seal, closing=closing, retargeter=retargeter,
        wrinkles=None if wrinkles is None else wrinkles.by_side(head) * opacity,
    )  # fmt: skip


def _backdrop(portrait: Portrait, placed: Placed) -> Backdrop | None:
    """Return what rests behind the person, None where no matte is known."""
    if portrait.alpha is None:
        return None
    return build_backdrop(portrait.image, portrait.alpha, placed.marks, placed.interocular)


def place(
    head: HeadModel, landmarks: NDArray[np.float32], interocular: float, fit: HeadFit
) -> Placed:
    """Return the fitted head with what the fit left over lifted onto its shape."""
    marks = shut_lips(landmarks.astype(np.float32), interocular)
    turn = rotation_matrix(np.asarray(fit.rotation, np.float32))
    scale, translation = float(fit.scale), np.asarray(fit.translation, np.float32)
    neutral = head.neutral(fit.identity).astype(np.float32)
    plain = head.deform(neutral, np.asarray(fit.weights, np.float32)).astype(np.float32)
    on_mesh = head.landmarks(plain)
    residual = marks - project(on_mesh, turn, scale, translation)[:, :2]
    longest = FLAT_LIFT if fit.error > POOR_FIT else MAX_LIFT
    planar = lifted_residual(
        plain, on_mesh, residual, head.landmark_weight, interocular, longest
    ) / scale  # fmt: skip
    lift = (np.column_stack([planar, np.zeros(len(planar))]) @ turn).astype(np.float32)
    skin_faces = _faces_of(head, SKIN_PARTS)
    hidden = np.setdiff1d(np.arange(len(neutral)), skin_faces).astype(np.int32)
    lift[hidden] = 0.0
    shifted = head.landmarks(plain + lift) - on_mesh
    for side in SIDES:  # the eyeball moves along with its lids
        ring = shifted[list(UPPER_LID[side] + LOWER_LID[side])].mean(axis=0)
        lift[np.unique(_faces_of(head, EYE_PARTS[side]))] = ring
    source = plain + lift
    points = project(source, turn, scale, translation)
    return Placed(
        head, fit, marks, interocular, turn, neutral, lift, source, points, skin_faces, hidden
    )


def _surface(
    placed: Placed, image: ImageArray
) -> tuple[float, NDArray[np.float32], NDArray[np.float32], NDArray[np.float32], Relief]:
    """Return how the skin's triangles face, its places in the photograph, opacity, rim, relief."""
    head, faces, marks, points = placed.head, placed.skin_faces, placed.marks, placed.points
    scale, interocular = float(placed.fit.scale), placed.interocular
    facing = facing_sign(points, faces)
    seen, fragments, corner = seen_vertices(points, faces, facing, 0.12 * scale)
    toward = toward_viewer(points, faces, head.weld, facing)
    seen &= toward > 0.0
    on_mesh = head.landmarks(placed.source)
    opacity, rim = edge_opacity(points, placed.source, toward, marks, interocular)
    opacity *= nostril_opacity(placed.source, faces, head.weld, seen, on_mesh[list(NOSTRILS)])
    ways = lip_ways(
        placed.source, faces, head.weld, seen & outside_mouth(points, marks, interocular, image),
        on_mesh[list(INNER_LIPS)],
    )  # fmt: skip
    bands = np.stack([marks[list(INNER_LIPS)], marks[list(OUTER_LIPS)]], axis=1)
    places = lip_places(points[:, :2], ways, head.weld, bands, scale)
    shown = np.unique(faces)
    shown = shown[seen[shown] & (opacity[shown] > 0.2)]
    firm = (opacity * (toward > 0.25))[:, None].astype(np.float32)
    solid = np.zeros((*fragments.depth.shape, 1), np.float32)
    interpolate(fragments, faces, firm, solid)
    relief = build_relief(
        (image.shape[0], image.shape[1]),
        points[shown, :2],
        fragments.depth,
        (solid[..., 0] > 0.6).astype(np.float32),
        corner,
        marks[152],
        -placed.turn[:2, 1] / np.linalg.norm(placed.turn[:2, 1]),
        scale,
        np.asarray(placed.fit.translation, np.float32),
        interocular,
    )
    relief = replace(relief, neighbours=shown[relief.neighbours])
    return facing, places, opacity, rim, relief


def _eyes(
    placed: Placed,
) -> tuple[
    dict[str, Eye],
    dict[str, NDArray[np.float32]],
    dict[str, NDArray[np.float32]],
    dict[str, NDArray[np.float32]],
]:
    """Return by side the eye, its skin's places when shut, its upper margin and its crease then."""
    head, marks, points = placed.head, placed.marks, placed.points
    eyes, shut_places, margins, creases = {}, {}, {}, {}
    for side in SIDES:
        weights = np.array(placed.fit.weights, np.float32)
        weights[channel(f"eyeBlink{side.capitalize()}")] = 1.0
        closed = head.deform(placed.neutral, weights).astype(np.float32) + placed.lift
        closure = closing_lift(head, side, placed.source, closed, UP)
        closure[placed.hidden] = 0.0
        closed = closed + closure
        shut = placed.project(closed)[:, :2]
        travel = np.linalg.norm(shut - points[:, :2], axis=1)
        travel[placed.hidden] = 0.0
        upper = smoothstep(0.30, 0.55, travel / max(float(travel.max()), 1e-6))
        lid = np.clip((travel / max(float(travel.max()), 1e-6) - 0.10) / 0.25, 0.0, 1.0)
        # Around the lid too: the shut eye's picture has no lashes standing up there.
        middle = marks[list(UPPER_LID[side] + LOWER_LID[side])].mean(axis=0)
        far = np.linalg.norm(points[:, :2] - middle, axis=1) / placed.interocular
        lid = np.maximum(lid, 1.0 - smoothstep(0.26, 0.36, far)).astype(np.float32)
        eyes[side] = Eye(side, _faces_of(head, EYE_PARTS[side]), lid, upper, closure)
        shut_places[side] = shut.astype(np.float32)
        shut_marks = placed.project(head.landmarks(closed))[:, :2]
        margins[side] = shut_marks[list(UPPER_LID[side])]
        creases[side] = shut_marks[list(SECOND_LID[side])]
    return eyes, shut_places, margins, creases


def shut_lips(marks: NDArray[np.float32], interocular: float) -> NDArray[np.float32]:
    """Return (478, 2) landmarks whose inner lips meet where the photograph has them shut.

    The network puts them a little apart even then, which would open a slit in the mesh.
    """
    if np.linalg.norm(marks[13] - marks[14]) > OPEN_GAP * interocular:
        return marks
    out = marks.copy()
    upper, lower = list(UPPER_INNER), list(LOWER_INNER)
    out[upper] = out[lower] = 0.5 * (marks[upper] + marks[lower])
    return out


def _jaw_vertices(head: HeadModel) -> NDArray[np.int32]:
    """Return vertices that move with the jaw and nothing else."""
    used = np.unique(_faces_of(head, (JAW_PART,)))
    return used[:: max(1, len(used) // 40)].astype(np.int32)


def _interior(placed: Placed, image: ImageArray) -> tuple[Interior, NDArray[np.float32]]:
    """Return the mouth's inside of a portrait and how far it sits off the head model's (3,) cm."""
    head, fit, marks = placed.head, placed.fit, placed.marks
    rest = head.landmarks(placed.neutral)
    contact = 0.5 * (rest[13] + rest[14])
    half_width = 0.5 * float(np.linalg.norm(rest[61] - rest[291]))
    parts = mouth_parts(contact, half_width)
    lifted = head.landmarks(placed.source) - head.landmarks(placed.source - placed.lift)
    mouth_shift = lifted[[0, 267, 37, 61, 291, 17]].mean(axis=0).astype(np.float32)
    photo = photographed_mouth(image, marks, placed.interocular)
    colors = mouth_colors(image, marks, placed.interocular, photo)
    interior = Interior(parts, np.zeros((len(parts.vertices), 2), np.float32), colors, photo)
    if photo is None or photo.edge is None:
        return interior, mouth_shift
    rows = _jaw_vertices(head)
    jaw = rigid_movement(placed.neutral[rows], (placed.source - placed.lift)[rows])
    tongue = float(fit.weights[channel("tongueOut")])
    origin = np.asarray(photo.origin, np.float32)
    at = placed.project(interior.moved(jaw, mouth_shift, tongue))[:, :2] - origin
    moved = with_upper_edge(parts, at, photo.edge, float(fit.scale))
    interior = replace(interior, parts=moved)
    at = placed.project(interior.moved(jaw, mouth_shift, tongue))[:, :2] - origin
    return replace(interior, places=at.astype(np.float32)), mouth_shift
