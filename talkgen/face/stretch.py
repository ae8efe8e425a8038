"""The head model stretched in width and height, for faces that no human head resembles."""

from __future__ import annotations

import copy

import numpy as np
from numpy.typing import NDArray

from talkgen.face.fit import HeadFit, fit_face
from talkgen.face.head import HeadModel
from talkgen.types import FloatArray

POOR_FIT = 4.0
"""Error of a fit, percent of the inter-ocular distance, above which the head is stretched."""

MOST = 2.2
"""Largest stretch of one axis against the mean of width and height."""


def stretched(head: HeadModel, factors: FloatArray) -> HeadModel:
    """Return the head with every vertex, mode and expression scaled by (x, y, z)."""
    other = copy.copy(head)
    for name in ("_fit_problem", "eye_centers", "interocular"):
        other.__dict__.pop(name, None)
    by = np.asarray(factors, np.float32)
    other.vertices = head.vertices * by
    other.identity_basis = head.identity_basis * by
    other.expression_basis = head.expression_basis * by
    other._flat_expression = other.expression_basis.reshape(len(other.expression_basis), -1)
    other._flat_identity = other.identity_basis.reshape(head.num_identity, -1)
    return other


def fit_stretched(
    head: HeadModel, landmarks: FloatArray, rounds: int = 3
) -> tuple[HeadModel, HeadFit]:
    """Return the head, stretched where the plain one lies badly, and its fit to (478, 3) landmarks.

    A face that the plain head fits within `POOR_FIT` keeps it.
    """
    fit = fit_face(head, landmarks)
    if fit.error <= POOR_FIT:
        return head, fit
    best, factors, now = (head, fit), np.ones(3), fit
    for _ in range(rounds):
        factors = factors * _anisotropy(head, now, landmarks, factors)
        factors /= np.sqrt(factors[0] * factors[1])
        factors = np.clip(factors, 1 / MOST, MOST)
        other = stretched(head, factors.astype(np.float32))
        now = fit_face(other, landmarks)
        if now.error < best[1].error:
            best = (other, now)
    return best


def _anisotropy(
    head: HeadModel, fit: HeadFit, landmarks: FloatArray, factors: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return by how much (x, y, z) the head would have to be stretched to lie better."""
    rest = head.landmarks(head.vertices).astype(np.float64) * factors
    turn = fit.matrix.astype(np.float64)
    weight = np.sqrt(head.landmark_weight.astype(np.float64))
    columns = np.zeros((2, len(rest), 5))
    for axis in range(3):
        columns[:, :, axis] = (turn[:2, axis, None] * rest[:, axis]) * fit.scale
    columns[0, :, 3] = columns[1, :, 4] = 1.0
    wanted = landmarks[:, :2].T.astype(np.float64)
    rows = (columns * weight[:, None]).reshape(-1, 5)
    # Depth is hardly seen: held at the mean of width and height.
    hold = np.array([[-0.5, -0.5, 1.0, 0.0, 0.0]]) * np.abs(rows[:, :2]).sum(axis=0).mean()
    found = np.linalg.lstsq(
        np.concatenate([rows, hold]),
        np.concatenate([(wanted * weight).reshape(-1), [0.0]]), rcond=None,
    )[0]  # fmt: skip
    return np.clip(found[:3], 0.3, 3.0)
