"""The head fitted to landmarks: identity, expression, pose, scale, by bounded Gauss-Newton."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkgen.errors import InputError
from talkgen.face.head import HeadModel
from talkgen.face.rotation import align, rotation_angles, rotation_matrix, rotation_vector
from talkgen.types import MOTION_CHANNELS, NUM_LANDMARKS, FloatArray

FOCAL_SIDES = 1.5
"""Focal length of the camera space in longer sides of the frame."""

POINT_NOISE = 0.01
"""Expected landmark error, inter-ocular distances: balances landmarks against priors."""

DEPTH_WEIGHT = 0.12
"""Weight of a landmark's depth beside its place in the picture."""

WEIGHT_PRIOR = 0.28
"""Expected size of an expression weight."""

WEIGHT_COST = 0.7
"""Cost of a unit of expression weight: what the landmarks do not ask for stays exactly 0."""

PAIR_PRIOR = 0.18
"""Expected left-right difference of an expression weight."""

_PAIRS = [
    (i, MOTION_CHANNELS.index(name.replace("Left", "Right")))
    for i, name in enumerate(MOTION_CHANNELS)
    if name.endswith("Left") and name not in ("jawLeft", "mouthLeft") and "Look" not in name
]
_GAZE = [
    (MOTION_CHANNELS.index("eyeLookOutLeft"), MOTION_CHANNELS.index("eyeLookInRight")),
    (MOTION_CHANNELS.index("eyeLookInLeft"), MOTION_CHANNELS.index("eyeLookOutRight")),
    (MOTION_CHANNELS.index("eyeLookUpLeft"), MOTION_CHANNELS.index("eyeLookUpRight")),
    (MOTION_CHANNELS.index("eyeLookDownLeft"), MOTION_CHANNELS.index("eyeLookDownRight")),
]
_OPPOSED = [
    (MOTION_CHANNELS.index(a), MOTION_CHANNELS.index(b))
    for a, b in (
        ("mouthLeft", "mouthRight"),
        ("jawLeft", "jawRight"),
        ("eyeLookUpLeft", "eyeLookDownLeft"),
        ("eyeLookUpRight", "eyeLookDownRight"),
        ("eyeLookInLeft", "eyeLookOutLeft"),
        ("eyeLookInRight", "eyeLookOutRight"),
    )
]
"""Channels that no face uses together."""

_UNSEEN = {"tongueOut": 0.01, "cheekPuff": 0.12, "jawForward": 0.15}
"""Channels that landmarks hardly see are held closer to zero."""


@dataclass(frozen=True)
class HeadFit:
    """How the head lies in a picture: pixel = scale * (rotation @ X)[:2] + translation.

    identity : (S,) float32; weights : (52,) float32 in [0, 1]; rotation : (3,) radians, pitch yaw
    roll; scale : pixels a centimetre; translation : (2,) pixels, the head origin in the picture;
    error : mean distance of the inner landmarks, percent of the inter-ocular distance
    """

    identity: FloatArray
    weights: FloatArray
    rotation: FloatArray
    scale: float
    translation: FloatArray
    error: float = float("nan")

    @property
    def matrix(self) -> FloatArray:
        """Rotation matrix (3, 3)."""
        return rotation_matrix(self.rotation)

    def project(self, vertices: FloatArray) -> FloatArray:
        """Return points (N, 3) of the head in pixels, third column depth in pixels."""
        out = (vertices @ self.matrix.T) * np.float32(self.scale)
        out[:, :2] += self.translation
        return np.asarray(out, np.float32)


def to_camera(fit: HeadFit, head: HeadModel, frame_size: tuple[int, int]) -> FloatArray:
    """Return the translation (3,) of the head origin in camera space, inter-ocular units."""
    width, height = frame_size
    iod = fit.scale * head.interocular_of(head.neutral(fit.identity))
    x, y = fit.translation
    z = FOCAL_SIDES * max(width, height) / iod
    return np.array([(x - width / 2) / iod, (y - height / 2) / iod, z], np.float32)


def from_camera(
    position: FloatArray, interocular: float, frame_size: tuple[int, int]
) -> tuple[float, FloatArray]:
    """Return scale (pixels a centimetre) and translation (2,) pixels of a camera position (3,).

    interocular : that identity's distance of the outer eye corners, cm
    """
    width, height = frame_size
    iod = FOCAL_SIDES * max(width, height) / float(position[2])
    center = np.array([width / 2, height / 2]) + iod * np.asarray(position[:2], np.float64)
    return iod / interocular, center.astype(np.float32)


class _Problem:
    """Landmark bases of a head, made once."""

    def __init__(self, head: HeadModel) -> None:
        faces, bary = head.landmark_faces, head.landmark_bary

        def at(field: FloatArray) -> NDArray[np.float64]:
            return np.einsum("nk,...nkd->...nd", bary, field[..., faces, :]).astype(np.float64)

        mean, identity = at(head.vertices), at(head.identity_basis)
        expression = head.expression_basis.copy()
        for channel, name in enumerate(MOTION_CHANNELS):
            if name.startswith("eyeLook"):  # chords of the eyeball's turn
                weights = np.zeros(len(MOTION_CHANNELS), np.float32)
                weights[channel] = 0.5
                chord = 2 * (head.deform(head.vertices, weights) - head.vertices)
                eye = [np.unique(head.faces[head.part == part]) for part in (2, 3)]
                for rows in eye:
                    expression[channel, rows] = chord[rows]
        bases = np.concatenate([at(expression), identity])
        self.mean = np.ascontiguousarray(mean.T)  # (3, n)
        self.basis = np.ascontiguousarray(bases.transpose(2, 1, 0), np.float32)  # (3, n, 52 + S)
        self.expression = np.ascontiguousarray(self.basis[..., : len(MOTION_CHANNELS)])
        self.weight = head.landmark_weight.astype(np.float64)
        self.inner = self.weight > 0.5
        self.interocular = head.interocular
        size = np.full(len(MOTION_CHANNELS), WEIGHT_PRIOR)
        for name, value in _UNSEEN.items():
            size[MOTION_CHANNELS.index(name)] = value
        prior = np.diag(1 / size**2)
        for i, j in _PAIRS + _GAZE:
            k = 1 / (PAIR_PRIOR if (i, j) in _PAIRS else 0.08) ** 2
            prior[i, i] += k
            prior[j, j] += k
            prior[i, j] -= k
            prior[j, i] -= k
        for i, j in _OPPOSED:
            k = 1 / 0.08**2
            prior[[i, j], [j, i]] += k
            prior[[i, j], [i, j]] += k
        self.weight_prior = prior
        self.depth_weight = DEPTH_WEIGHT

    def seen(self, trust: FloatArray | None, depth: bool) -> _Problem:
        """Return the problem with landmarks that count less, or without depth."""
        other = copy.copy(self)
        if trust is not None:
            if np.shape(trust) != self.weight.shape:
                raise InputError(f"`trust` has shape {np.shape(trust)}, shape (478,) is needed")
            other.weight = self.weight * np.clip(trust, 0, 1)
            other.inner = self.inner & (np.asarray(trust) > 0)
        other.depth_weight = DEPTH_WEIGHT if depth else 0.0
        return other


def _problem(head: HeadModel) -> _Problem:
    found = getattr(head, "_fit_problem", None)
    if found is None:
        found = _Problem(head)
        head._fit_problem = found  # type: ignore[attr-defined]
    return found


def check_landmarks(landmarks: Any) -> NDArray[np.float64]:
    """Return landmarks as (478, 3) float64 or raise InputError."""
    points = np.asarray(landmarks, np.float64)
    if points.shape != (NUM_LANDMARKS, 3):
        raise InputError(f"`landmarks` has shape {points.shape}, shape (478, 3) is needed")
    if not np.isfinite(points).all():
        raise InputError("`landmarks` holds NaN or infinite values; leave this face out")
    if np.ptp(points[:, 0]) < 1e-3 or np.ptp(points[:, 1]) < 1e-3:
        raise InputError("`landmarks` lie on one line; leave this face out")
    return points


def fit_face(
    head: HeadModel,
    landmarks: FloatArray,
    *,
    identity: FloatArray | None = None,
    start: HeadFit | None = None,
    rounds: int | None = None,
    trust: FloatArray | None = None, depth: bool = True,
) -> HeadFit:  # fmt: skip
    """Return the head that lies best on landmarks (478, 3) pixels of one face.

    identity : (S,) keeps these coefficients; start : a fit nearby, for instance the frame before
    trust : (478,) in [0, 1], how much landmarks count; depth : False where theirs is not known
    Raises InputError for landmarks that are not finite or not a face.
    """
    p = _problem(head).seen(trust, depth)
    points = check_landmarks(landmarks)
    shape = np.zeros(head.num_identity)
    weights = np.zeros(len(MOTION_CHANNELS))
    if start is not None:
        shape, weights = start.identity.astype(np.float64), start.weights.astype(np.float64)
    free_identity = identity is None
    if identity is not None:
        shape = np.asarray(identity, np.float64)[: head.num_identity]
        shape = np.concatenate([shape, np.zeros(head.num_identity - len(shape))])
    state = _State(np.eye(3), 1.0, np.zeros(2), shape, weights)
    state.rotation, state.scale, state.shift = align(
        _model(p, state).T, points * [1, 1, 0.7], p.weight, depth=depth
    )
    for _ in range(rounds or (6 if start is None else 3)):
        _step(p, state, points, free_identity)
    return _result(p, state, points)


@dataclass
class _State:
    rotation: NDArray[Any]
    scale: float
    shift: NDArray[Any]
    shape: NDArray[Any]
    weights: NDArray[Any]


def _model(p: _Problem, s: _State) -> NDArray[np.float64]:
    """Return the landmarks (3, n) of the head as it is."""
    out = p.mean + p.basis @ np.concatenate([s.weights, s.shape]).astype(np.float32)
    return np.asarray(out, np.float64)


def _normal(
    p: _Problem, s: _State, points: NDArray[Any], free_identity: bool
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the normal equations: turn (3), log scale, shift (2), weights, identity."""
    basis = p.basis if free_identity else p.expression
    _, n, k = basis.shape
    turned = s.rotation @ _model(p, s)
    iod = s.scale * p.interocular
    unit = s.scale / iod
    x, y, z = turned * unit
    error = np.empty((3, n))
    error[:2] = (points[:, :2].T - s.scale * turned[:2] - s.shift[:, None]) / iod
    error[2] = points[:, 2] / iod - z
    error[2] -= np.average(error[2], weights=p.weight)
    # a stray landmark counts less; points of one face err together, hence the half
    w = 0.5 * np.sqrt(p.weight) / POINT_NOISE
    w /= np.sqrt(1 + (error[0] ** 2 + error[1] ** 2) / (6 * POINT_NOISE) ** 2)
    w3 = np.stack([w, w, w * p.depth_weight]).astype(np.float32)
    jac = np.zeros((3, n, 6 + k), np.float32)
    jac[1, :, 0], jac[2, :, 0] = -z, y  # about x, y, z of the camera
    jac[0, :, 1], jac[2, :, 1] = z, -x
    jac[0, :, 2], jac[1, :, 2] = -y, x
    jac[:, :, 3] = turned * unit
    jac[0, :, 4] = jac[1, :, 5] = 1
    turn = (s.rotation * unit).astype(np.float32)
    jac[:, :, 6:] = (turn @ basis.reshape(3, -1)).reshape(3, n, k)
    jac[2] -= (p.weight.astype(np.float32) @ jac[2]) / np.float32(p.weight.sum())
    jac *= w3[..., None]
    rows = jac.reshape(-1, 6 + k)
    g = (error * w3).reshape(-1).astype(np.float32) @ rows
    return (rows.T @ rows).astype(np.float64), g.astype(np.float64)


def _step(
    p: _Problem, s: _State, points: NDArray[Any], free_identity: bool, identity_prior: float = 1.0
) -> None:
    h, g = _normal(p, s, points, free_identity)
    k = len(s.weights)
    rows = slice(6, 6 + k)
    h[rows, rows] += p.weight_prior
    g[rows] -= p.weight_prior @ s.weights + WEIGHT_COST / WEIGHT_PRIOR
    if free_identity:
        rest = np.arange(6 + k, len(g))
        h[rest, rest] += identity_prior
        g[rest] -= identity_prior * s.shape
    h[np.arange(6), np.arange(6)] += 1e-6
    delta = _bounded(h, g, s.weights, 6)
    s.weights = np.clip(s.weights + delta[rows], 0, 1)
    if free_identity:
        s.shape = np.clip(s.shape + delta[6 + k :], -4, 4)
    s.rotation = rotation_vector(delta[:3]) @ s.rotation
    iod = s.scale * p.interocular
    s.shift = s.shift + delta[4:6] * iod
    s.scale *= float(np.exp(np.clip(delta[3], -0.5, 0.5)))


def _bounded(h: NDArray[Any], g: NDArray[Any], weights: NDArray[Any], first: int) -> NDArray[Any]:
    """Solve h d = g with weights + d in [0, 1]: the other unknowns are eliminated, the weights'
    bounds are found by an active set."""
    mine = slice(first, first + len(weights))
    rest = np.r_[:first, mine.stop : len(g)]
    across = h[rest, mine]
    own = np.linalg.solve(h[np.ix_(rest, rest)], np.concatenate([g[rest, None], across], axis=1))
    small = h[mine, mine] - across.T @ own[:, 1:]
    d = np.empty(len(g))
    d[mine] = _active_set(small, g[mine] - across.T @ own[:, 0], -weights, 1 - weights)
    d[rest] = own[:, 0] - own[:, 1:] @ d[mine]
    return d


def _active_set(
    h: NDArray[Any], g: NDArray[Any], low: NDArray[Any], high: NDArray[Any]
) -> NDArray[Any]:
    """Solve h d = g with low <= d <= high."""
    at_low, at_high = np.zeros(len(g), bool), np.zeros(len(g), bool)
    d = np.zeros(len(g))
    for _ in range(10):
        free = ~(at_low | at_high)
        d = np.where(at_low, low, np.where(at_high, high, 0.0))
        d[free] = np.linalg.solve(h[np.ix_(free, free)], g[free] - h[free] @ d)
        under, over = free & (d < low - 1e-9), free & (d > high + 1e-9)
        if under.any() or over.any():
            at_low |= under
            at_high |= over
            continue
        pull = g - h @ d  # a bound that the solution would leave inward is let go
        loose = (at_low & (pull > 1e-6)) | (at_high & (pull < -1e-6))
        if not loose.any():
            break
        at_low &= ~loose
        at_high &= ~loose
    return np.clip(d, low, high)


def _result(p: _Problem, s: _State, points: NDArray[Any]) -> HeadFit:
    seen = s.scale * (s.rotation @ _model(p, s)).T[:, :2] + s.shift
    iod = float(np.linalg.norm(points[33, :2] - points[263, :2]))
    error = 100 * np.linalg.norm(seen - points[:, :2], axis=1)[p.inner].mean() / max(iod, 1e-6)
    return HeadFit(
        identity=s.shape.astype(np.float32),
        weights=s.weights.astype(np.float32),
        rotation=rotation_angles(s.rotation),
        scale=float(s.scale),
        translation=s.shift.astype(np.float32),
        error=float(error),
    )


def fit_identity(head: HeadModel, landmarks: Sequence[FloatArray], rounds: int = 5) -> FloatArray:
    """Return the identity (S,) that several views (478, 3) of one person share."""
    p = _problem(head)
    views = [check_landmarks(x) for x in landmarks]
    if not views:
        raise InputError("`landmarks` is empty, at least one face is needed")
    states = []
    for points in views:
        rotation, scale, shift = align(p.mean.T, points * [1, 1, 0.7], p.weight)
        states.append(_State(rotation, scale, shift, np.zeros(head.num_identity), np.zeros(52)))
    k = 6 + len(MOTION_CHANNELS)
    for _ in range(rounds):
        total_h = np.eye(head.num_identity)
        total_g = -states[0].shape.copy()
        for s, points in zip(states, views, strict=True):
            h, g = _normal(p, s, points, True)
            rows = slice(6, k)
            h[rows, rows] += p.weight_prior
            g[rows] -= p.weight_prior @ s.weights + WEIGHT_COST / WEIGHT_PRIOR
            # The view's own unknowns are eliminated; weights that stay at a bound are none.
            step = _bounded(h + np.diag(np.r_[np.full(k, 1e-6), np.ones(len(g) - k)]),
                            np.r_[g[:k], g[k:] - s.shape], s.weights, 6)[:k]  # fmt: skip
            after = s.weights + step[rows]
            free = np.r_[np.ones(6, bool), (after > 1e-6) & (after < 1 - 1e-6)]
            held = np.flatnonzero(~free)
            g = g - h[:, held] @ step[held]
            free = np.flatnonzero(free)
            across = h[np.ix_(free, np.arange(k, len(g)))]
            own = np.linalg.solve(
                h[np.ix_(free, free)] + 1e-6 * np.eye(len(free)), np.c_[g[free], across]
            )
            total_h += h[k:, k:] - across.T @ own[:, 1:]
            total_g += g[k:] - across.T @ own[:, 0]
        shape = np.clip(states[0].shape + np.linalg.solve(total_h, total_g), -4, 4)
        for s, points in zip(states, views, strict=True):
            s.shape = shape.copy()
            _step(p, s, points, False)
    return states[0].shape.astype(np.float32)


def fit_clip(
    head: HeadModel, landmarks: FloatArray, *, identity: FloatArray | None = None, views: int = 8
) -> tuple[FloatArray, list[HeadFit]]:
    """Return the identity of a clip and the fit of every frame, landmarks (T, 478, 3) pixels.

    The identity comes from the `views` most neutral frames, then weights and pose follow frame by
    frame, each starting from the one before.
    """
    frames = np.asarray(landmarks)
    if frames.ndim != 3 or frames.shape[1:] != (NUM_LANDMARKS, 3) or not len(frames):
        raise InputError(f"`landmarks` has shape {frames.shape}, shape (T, 478, 3) is needed")
    if identity is None:
        sample = np.unique(np.linspace(0, len(frames) - 1, min(len(frames), 48)).astype(int))
        fits = [fit_face(head, frames[i], rounds=4) for i in sample]
        calm = [float(f.weights.sum() + 4 * np.abs(f.rotation[:2]).sum() + f.error) for f in fits]
        best = np.argsort(calm)[:views]
        identity = fit_identity(head, [frames[sample[i]] for i in best])
    out: list[HeadFit] = []
    for frame in frames:
        before = replace(out[-1], identity=identity) if out else None
        out.append(fit_face(head, frame, identity=identity, start=before))
    return identity, out
