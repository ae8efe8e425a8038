"""A face made of points that somebody placed, where no network finds one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from talkgen.errors import InputError
from talkgen.face.fit import fit_face
from talkgen.face.head import HeadModel
from talkgen.face.rotation import rotation_matrix
from talkgen.face.stretch import fit_stretched
from talkgen.types import MOTION_CHANNELS, NUM_LANDMARKS, Face, FloatArray

IBUG = (
    162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389,
    71, 63, 105, 66, 107, 336, 296, 334, 293, 301, 168, 197, 5, 4, 75, 97, 2, 326, 305,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87,
)  # fmt: skip
"""For each point of the 68-point scheme (iBUG) the landmark nearest to it."""

FIVE = (468, 473, 4, 61, 291)
"""Landmarks of the five points: right and left eye, nose tip, right and left corner of the mouth;
the subject's right is on the left of the picture."""

OUTSIDE = 0.25
"""How far beyond the picture's edge, in its sides, a point may lie (a cut face's do)."""

YAW_COST = 0.6
"""Cost of a radian of yaw beside errors in eye distances: a crooked nose is not all a turn."""


def face_from_points(points: FloatArray, size: tuple[int, int], head: HeadModel) -> Face:
    """Return the face that 5, 68 or 478 points (n, 2 or 3) in pixels mean.

    size : (width, height) of the picture
    Points that are not given follow the head model, stretched and bent to the given ones.
    Raises InputError where points lie far outside of the picture or on one line.
    """
    points = np.asarray(points, np.float32)
    _check_places(points[:, :2], size)
    if len(points) == NUM_LANDMARKS:
        landmarks = points if points.shape[1] == 3 else _with_depth(points, head)
    elif len(points) == len(FIVE):
        landmarks = _of_five(_sides(points), head)
    else:
        landmarks = _of_68(points, head)
    _, fit = fit_stretched(head, landmarks)
    low, high = landmarks[:, :2].min(axis=0), landmarks[:, :2].max(axis=0)
    return Face(
        landmarks=landmarks,
        box=np.concatenate([low, high]),
        scores=np.zeros(len(MOTION_CHANNELS), np.float32),
        rotation=fit.rotation,
    )


def _check_places(points: FloatArray, size: tuple[int, int]) -> None:
    limit = np.asarray(size, np.float32)
    out = (points < -OUTSIDE * limit) | (points > (1 + OUTSIDE) * limit)
    middle = np.median(points, axis=0)
    if len(points) == len(FIVE):
        out |= (points < 0) | (points > limit - 1)
    if out.any() or (middle < 0).any() or (middle > limit).any():
        bad = int(np.flatnonzero(out.any(axis=1))[0]) if out.any() else 0
        x, y = points[bad]
        raise InputError(
            f"landmark {bad + 1} is at ({x:.0f}, {y:.0f}), outside of the picture of "
            f"{size[0]} x {size[1]} pixels; give pixels from its upper left corner"
        )
    spread = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
    if spread[1] < 0.1 * spread[0] or spread[0] < 8:
        raise InputError("the landmarks lie on one line or one place; spread them over the face")


def _sides(points: FloatArray) -> FloatArray:
    """Return the five points with right and left as they are where the mouth is below the eyes."""
    out = points.copy()
    down = out[3:5].mean(axis=0) - out[:2].mean(axis=0)
    for a, b in ((0, 1), (3, 4)):
        across = out[b] - out[a]
        if across[0] * down[1] - across[1] * down[0] < 0:
            out[[a, b]] = out[[b, a]]
    return out


def _of_five(points: FloatArray, head: HeadModel) -> FloatArray:
    """Return landmarks (478, 3) of the mean head placed, turned, stretched and bent to five."""
    from scipy.optimize import least_squares

    rest = head.landmarks(head.vertices).astype(np.float64)
    eyes = float(np.linalg.norm(points[1] - points[0]))
    model = rest[list(FIVE)]
    scale = eyes / float(np.linalg.norm(model[1] - model[0]))

    def placed(values: NDArray[np.float64], vertices: NDArray[np.float64]) -> NDArray[np.float64]:
        roll, yaw, wide, high = values[:4]
        by = scale * np.exp([wide, high, 0.5 * (wide + high)])
        turn = rotation_matrix(np.array([0.0, yaw, roll], np.float32)).astype(np.float64)
        out = (vertices * by) @ turn.T
        out[:, :2] += values[4:] * eyes
        return out

    def errors(values: NDArray[np.float64]) -> NDArray[np.float64]:
        gaps = (placed(values, model)[:, :2] - points) / eyes
        return np.concatenate([gaps.reshape(-1), [YAW_COST * values[1], 0.02 * (values[2])]])

    across = points[1] - points[0]
    start = np.zeros(6)
    start[0] = np.arctan2(across[1], across[0])
    start[4:] = points.mean(axis=0) / eyes
    found = least_squares(errors, start, max_nfev=60, diff_step=1e-3).x
    landmarks = placed(found, rest)
    return _bent(landmarks, list(FIVE), points)


def _of_68(points: FloatArray, head: HeadModel) -> FloatArray:
    """Return landmarks (478, 3) of the head fitted and then bent to 68 points."""
    eyes = points[36:42].mean(axis=0), points[42:48].mean(axis=0)
    known = _of_five(np.stack([*eyes, points[30], points[48], points[54]]), head)
    known = _bent(known, list(IBUG[17:]), points[17:])
    return _bent(known, list(IBUG), points)


def _with_depth(points: FloatArray, head: HeadModel) -> FloatArray:
    """Return (478, 3) with the depth of the head fitted to (478, 2)."""
    flat = np.column_stack([points, np.zeros(len(points), np.float32)])
    fit = fit_face(head, flat, depth=False)
    vertices = head.deform(head.neutral(fit.identity), fit.weights)
    flat[:, 2] = fit.project(head.landmarks(vertices))[:, 2]
    return flat.astype(np.float32)


def _bent(landmarks: NDArray[np.float64], rows: list[int], points: FloatArray) -> FloatArray:
    """Return landmarks moved smoothly in the picture so that `rows` meet `points`."""
    from scipy.interpolate import RBFInterpolator

    at = landmarks[rows, :2]
    gaps = points - at
    unique = np.unique(np.round(at, 3), axis=0, return_index=True)[1]
    size = float(np.ptp(at, axis=0).max())
    bend = RBFInterpolator(
        at[unique] / size, gaps[unique], kernel="thin_plate_spline", smoothing=1e-4
    )
    out = np.asarray(landmarks, np.float32).copy()
    out[:, :2] += bend(landmarks[:, :2] / size).astype(np.float32)
    return out
