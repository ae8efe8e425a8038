"""Where action units show on a face: masks about landmarks, and heatmaps held against them."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from talkgen.critic.evidence import belonging
from talkgen.errors import InputError
from talkgen.face.points import CONTOUR, LIPS_OUTER, MIRROR
from talkgen.types import NUM_LANDMARKS, FloatArray, ImageArray

RIGHT_PLACES: dict[str, tuple[tuple[int, ...], ...]] = {
    "AU1": ((107, 66, 55, 65, 9, 108, 69),),
    "AU2": ((70, 63, 105, 46, 53, 52, 68, 104),),
    "AU4": ((107, 66, 55, 65, 9, 8, 105, 52),),
    "AU5": ((33, 246, 161, 160, 159, 158, 157, 173, 133, 27, 29, 30, 28),),
    "AU6": ((33, 110, 24, 23, 22, 111, 117, 118, 50, 35, 226),),
    "AU7": ((33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7),),
    "AU9": ((6, 197, 195, 5, 48, 49, 129, 122, 193, 9, 8),),
    "AU10": ((129, 98, 97, 2, 0, 37, 39, 40, 203, 206),),
    "AU12": ((61, 185, 40, 57, 186, 216, 207, 205, 212, 91, 146),),
    "AU14": ((61, 57, 186, 216, 212, 43, 202, 91, 185),),
    "AU15": ((61, 146, 91, 57, 43, 202, 204, 212, 106),),
    "AU16": ((61, 146, 91, 181, 84, 17, 18, 83, 182, 43),),
    "AU17": ((17, 84, 181, 18, 83, 182, 199, 208, 201, 200),),
    "AU20": ((61, 185, 146, 91, 57, 43, 212, 202, 216),),
    "AU43": ((33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7),),
}  # fmt: skip
"""Landmarks about which a unit shows, on the subject's right; the left is its mirror image."""
MOUTH_UNITS = ("AU18", "AU22", "AU24", "AU25", "AU26", "AU27", "AU28")
"""Units of the whole mouth; those that drop the jaw have the chin beside it."""
JAW = (18, 83, 313, 200, 199, 208, 428, 152, 148, 377)
GROWN = 0.05
"""By how much a region is wider than its landmarks' hull, in distances of the outer eye corners."""


def region(units: Iterable[str], points: FloatArray, side: int) -> NDArray[np.bool_]:
    """Return (side, side) where units show on a face.

    units : names, "AU12R" the subject's right side alone; those without a place are left out
    points : (478, 2 or 3) landmarks in the crop's pixels
    """
    given = np.asarray(points, np.float64)
    if given.shape[0] != NUM_LANDMARKS:
        raise InputError(f"`points` has {len(given)} rows, {NUM_LANDMARKS} landmarks are needed")
    out = np.zeros((side, side), np.uint8)
    for unit in units:
        for hull in _hulls(unit):
            corners = cv2.convexHull(given[list(hull), :2].astype(np.float32))
            cv2.fillConvexPoly(out, np.rint(corners).astype(np.int32), 1)
    return _grown(out, given) > 0


def emotion_region(emotion: str, points: FloatArray, side: int) -> NDArray[np.bool_]:
    """Return (side, side) where the units of an emotion's prototype show; either side of the face
    where one is meant."""
    return region(belonging(emotion), points, side)


def face_region(points: FloatArray, side: int) -> NDArray[np.bool_]:
    """Return (side, side) the face itself, by its rim."""
    out = np.zeros((side, side), np.uint8)
    rim = np.asarray(points, np.float32)[list(CONTOUR), :2]
    cv2.fillPoly(out, [np.rint(rim).astype(np.int32)], 1)
    return out > 0


def agreement(heat: FloatArray, marked: NDArray[np.bool_], within: NDArray[np.bool_]) -> float:
    """Return how much denser a map (S, S) is in a region than in the rest of the face.

    1 is chance: heat's share inside of the region over the region's share of the face.
    """
    inside = heat * within
    total, area = float(inside.sum()), float((marked & within).sum())
    if total <= 0 or area == 0:
        return float("nan")
    return float(inside[marked].sum()) / total / (area / float(within.sum()))


def overlay(
    crop: FloatArray, heat: FloatArray, marked: NDArray[np.bool_] | None = None, side: int = 192
) -> ImageArray:
    """Return (side, side, 3) uint8 RGB: a grey crop in [-1, 1] under its heat, a region outlined.

    crop, heat : (S, S); marked : (S, S)
    """
    size = (side, side)
    grey = cv2.resize(np.asarray(crop, np.float32), size, interpolation=cv2.INTER_CUBIC)
    base = np.repeat(np.clip((grey + 1) * 127.5, 0, 255)[..., None], 3, 2)
    return painted(base.astype(np.uint8), heat, marked)


def painted(
    picture: ImageArray, heat: FloatArray, marked: NDArray[np.bool_] | None = None
) -> ImageArray:
    """Return an (H, W, 3) picture under a map in [0, 1] of any size that covers it all."""
    size = (picture.shape[1], picture.shape[0])
    warm = np.clip(cv2.resize(np.asarray(heat, np.float32), size), 0, 1)
    colour = cv2.applyColorMap((warm * 255).astype(np.uint8), cv2.COLORMAP_TURBO)[..., ::-1]
    share = (0.65 * np.sqrt(warm))[..., None]
    out = np.ascontiguousarray(((1 - share) * picture + share * colour).astype(np.uint8))
    if marked is not None:
        mask = cv2.resize(marked.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
        rims, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
        cv2.drawContours(out, rims, -1, (255, 255, 255), 1, cv2.LINE_AA)
    return out


def _hulls(unit: str) -> tuple[tuple[int, ...], ...]:
    bare = unit.rstrip("LR")
    if bare in MOUTH_UNITS:
        return (LIPS_OUTER, (*LIPS_OUTER, *JAW)) if bare in ("AU26", "AU27") else (LIPS_OUTER,)
    right = RIGHT_PLACES.get(bare, ())
    left = tuple(tuple(int(MIRROR[i]) for i in hull) for hull in right)
    return {"R": right, "L": left}.get(unit[len(bare) :], right + left)


def _grown(mask: NDArray[np.uint8], points: NDArray[np.float64]) -> NDArray[np.uint8]:
    reach = max(1, round(GROWN * float(np.linalg.norm(points[33, :2] - points[263, :2]))))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    return np.asarray(cv2.dilate(mask, kernel), np.uint8)
