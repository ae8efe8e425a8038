"""What is worked out once for a portrait: texture places, relief, lids, mouth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from talkgen.face.fit import HeadFit
from talkgen.face.head import PARTS, HeadModel
from talkgen.motion.retarget import Retargeter
from talkgen.render.background import build_relief, smoothstep
from talkgen.render.eyes import Eye, channel
from talkgen.render.interior import (
    OPEN_GAP,
    Interior,
    mouth_colors,
    photographed_mouth,
    with_upper_edge,
)
from talkgen.render.jaw import rigid_movement
from talkgen.render.lids import closing_lift, eye_layers
from talkgen.render.lift import lifted_residual
from talkgen.render.lips import sealing
from talkgen.render.mouth import mouth_parts
from talkgen.render.portrait import PreparedPortrait
from talkgen.render.pose import project, rotation_matrix
from talkgen.render.raster import interpolate
from talkgen.render.rings import (
    INNER_LIPS,
    LOWER_INNER,
    LOWER_LID,
    SIDES,
    UPPER_INNER,
    UPPER_LID,
)
from talkgen.render.texture import (
    edge_opacity,
    facing_sign,
    lip_places,
    outside_mouth,
    seen_vertices,
    toward_viewer,
)
from talkgen.types import MOTION_CHANNELS, ImageArray, Portrait

SKIN_PARTS = ("skin", "lips")
EYE_PARTS = {"left": ("eyeball_left",), "right": ("eyeball_right",)}
JAW_PART = "teeth_lower"


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

    marks = shut_lips(marks, interocular)
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
    lip_seen = seen & (toward > 0.0) & outside_mouth(points, marks, interocular)
    places = lip_places(
        points[:, :2], source, skin_faces, head.weld, lip_seen, ring, mouth_center, scale
    )  # fmt: skip

    up = -turn[:2, 1] / np.linalg.norm(turn[:2, 1])
    shown = np.unique(skin_faces)
    shown = shown[seen[shown] & (opacity[shown] > 0.2)]
    solid = np.where(fragments.triangle >= 0, 1.0, 0.0).astype(np.float32)[..., None]
    interpolate(
        fragments, skin_faces, (opacity * (toward > 0.25))[:, None].astype(np.float32), solid
    )
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
        # Around the lid too: the shut eye's picture has no lashes standing up there.
        middle = marks[list(UPPER_LID[side] + LOWER_LID[side])].mean(axis=0)
        far = np.linalg.norm(points[:, :2] - middle, axis=1) / interocular
        lid = np.maximum(lid, 1.0 - smoothstep(0.24, 0.32, far))
        eyes[side] = Eye(side, _faces_of(head, EYE_PARTS[side]), lid.astype(np.float32), closure)
        shut_places[side] = shut.astype(np.float32)
        margins[side] = project(head.landmarks(closed), turn, scale, translation)[
            list(UPPER_LID[side]), :2
        ]
    layers = eye_layers(image, marks, interocular, margins)

    interior, mouth_shift = _interior(
        head, image, marks, interocular, neutral, lift, fit, turn, plain
    )
    retargeter = Retargeter(head, fit, (image.shape[1], image.shape[0]), landmarks)
    resting = head.deform(neutral, retargeter.rest).astype(np.float32) + lift
    seal = sealing(head, resting, np.float32([0, -1, 0]))
    seal[inner_vertices] = 0.0
    return PreparedPortrait(
        image=image, landmarks=landmarks, fit=fit, head=head, threads=threads,
        interocular=interocular, neutral=neutral, lift=lift, source=source, source_rotation=turn,
        skin_faces=skin_faces, facing=facing, places=places, opacity=opacity,
        relief=relief, eyes=eyes, layers=layers, shut_places=shut_places, interior=interior,
        jaw_vertices=_jaw_vertices(head), mouth_shift=mouth_shift, seal=seal,
        retargeter=retargeter,
    )  # fmt: skip


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
        local = at[:, :2] - np.asarray(photo.origin, np.float32)
        interior = replace(interior, parts=with_upper_edge(parts, local, photo.edge, scale))
    at = project(interior.moved(jaw, mouth_shift, tongue), turn, scale, translation)
    places = at[:, :2] - np.asarray(photo.origin, np.float32)
    return replace(interior, places=places.astype(np.float32)), mouth_shift
