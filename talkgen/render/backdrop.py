"""The background as it is behind the person: what rests while the head moves before it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from talkgen.render.inpaint import push_pull
from talkgen.types import FloatArray, ImageArray

RIM = 0.012
"""Width, in eye distances, of the rim of background that moves along with the person's edge."""

SOFT = 0.010
"""Blur of that edge, in eye distances."""

GAP = 0.22
"""Gaps in the person narrower than twice this, in eye distances, are the person's: a matte errs
between hair and neck, and nothing straight is seen there."""

EARS = 0.14
"""Share by which the outline of the landmarks is widened: ears belong to the head."""

GAP_PX = 40.0
"""Eye distance at which gaps are looked for."""

HAIR_REACH = 0.45
"""How far from the person, in eye distances, loose hair is looked for."""

PLAIN_LEVELS = 9.0
"""Deviation from its own smooth course, of 255, up to which a background is plain."""

HAIR_LEVELS = 5.0
"""Least deviation from a plain background that loose hair makes."""

WORKING_PX = 1024
"""Longer side at which what the person hides is filled in."""


@dataclass(frozen=True, eq=False)
class Backdrop:
    """What stays when the person moves.

    alpha : (H, W) uint8, how much of a pixel is the person's
    image : (H, W, 3) uint8, the photograph where alpha is 0, filled in behind the person
    """

    alpha: NDArray[np.uint8]
    image: ImageArray


def build_backdrop(
    image: ImageArray, matte: FloatArray, landmarks: FloatArray, interocular: float
) -> Backdrop | None:
    """Return the backdrop of a picture, None where the matte (H, W) shows no background.

    landmarks : (478, 2) pixels of the face, which hides the background whatever the matte says
    """
    alpha = _whole(matte, landmarks, interocular)
    side = 2 * round(max(1.0, RIM * interocular)) + 1
    alpha = cv2.dilate(alpha, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
    alpha = cv2.GaussianBlur(alpha, (0, 0), max(0.6, SOFT * interocular))
    alpha = np.maximum(alpha, _loose_hair(image, alpha, interocular))
    alpha[alpha < 6] = 0
    alpha[alpha > 249] = 255
    if (alpha == 0).mean() < 0.02 or not alpha.any():
        return None
    height, width = alpha.shape
    factor = min(1.0, WORKING_PX / max(height, width))
    size = (max(2, round(width * factor)), max(2, round(height * factor)))
    known = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA) == 0
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    filled = _filled(small, known, interocular * factor)
    behind = cv2.resize(filled, (width, height), interpolation=cv2.INTER_LINEAR)
    clear = alpha == 0
    behind[clear] = image[clear]
    return Backdrop(alpha, behind)


def _whole(matte: FloatArray, landmarks: FloatArray, interocular: float) -> NDArray[np.uint8]:
    """Return the matte as (H, W) uint8 without holes and gaps, firmly that of the person inside."""
    height, width = matte.shape
    factor = min(1.0, GAP_PX / interocular)
    size = (max(2, round(width * factor)), max(2, round(height * factor)))
    firm = np.clip((matte - 0.08) / 0.80, 0.0, 1.0)
    small = (cv2.resize(firm, size, interpolation=cv2.INTER_AREA) * 255.0 + 0.5).astype(np.uint8)
    side = 2 * round(GAP * interocular * factor) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    wide = landmarks + EARS * (landmarks - landmarks.mean(axis=0))
    hull = cv2.convexHull((wide * factor).astype(np.float32))
    cv2.fillConvexPoly(small, np.round(hull).astype(np.int32), 255)
    edge = cv2.copyMakeBorder(small, side, side, side, side, cv2.BORDER_REPLICATE)
    closed = cv2.morphologyEx(edge, cv2.MORPH_CLOSE, disc)[side:-side, side:-side]
    within = cv2.resize(closed, (width, height), interpolation=cv2.INTER_LINEAR)
    # Only what the closing added is soft; the edge keeps the picture's resolution.
    grown = cv2.resize(closed - small, (width, height), interpolation=cv2.INTER_LINEAR)
    out = (firm * 255.0 + 0.5).astype(np.uint8)
    out = np.where(grown > 60, np.maximum(out, within), out)
    full = cv2.convexHull(wide.astype(np.float32))
    cv2.fillConvexPoly(out, np.round(full).astype(np.int32), 255)
    return np.ascontiguousarray(out)


def _loose_hair(
    image: ImageArray, alpha: NDArray[np.uint8], interocular: float
) -> NDArray[np.uint8]:
    """Return (H, W) uint8 where strands stand out from a plain background; zero on other ones."""
    height, width = alpha.shape
    factor = min(1.0, WORKING_PX / max(height, width))
    size = (max(2, round(width * factor)), max(2, round(height * factor)))
    eyes = interocular * factor
    picture = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    away = cv2.distanceTransform(
        (cv2.resize(alpha, size, interpolation=cv2.INTER_AREA) < 6).astype(np.uint8), cv2.DIST_L2, 5
    )
    known = (away > HAIR_REACH * eyes).astype(np.float32)
    outer = (known > 0) & (away < 2.0 * HAIR_REACH * eyes)
    none = np.zeros((height, width), np.uint8)
    if outer.sum() < 50:
        return none
    smooth = push_pull(picture * known[..., None], known)
    course = cv2.GaussianBlur(picture, (0, 0), 0.08 * eyes)
    noise = float(np.percentile(np.abs(picture - course).max(axis=2)[outer], 80))
    if noise > PLAIN_LEVELS:
        return none
    # The background's own slow change does not count: strands are thin.
    base = cv2.GaussianBlur(np.abs(picture - smooth).max(axis=2), (0, 0), 0.004 * eyes + 0.3)
    fine = cv2.GaussianBlur(np.abs(picture - course).max(axis=2), (0, 0), 0.004 * eyes + 0.3)
    least = max(HAIR_LEVELS, 2.0 * noise)
    strands = ((np.minimum(base, fine * 2.0) > least) & (away > 0) & (known == 0)).astype(np.uint8)
    side = 2 * round(max(1.0, 0.03 * eyes)) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    strands = cv2.dilate(cv2.morphologyEx(strands, cv2.MORPH_CLOSE, disc), disc[::2, ::2])
    soft = cv2.GaussianBlur(strands.astype(np.float32), (0, 0), max(0.7, 0.008 * eyes))
    return cv2.resize((soft * 255.0).astype(np.uint8), (width, height))


def _filled(image: ImageArray, known: NDArray[np.bool_], interocular: float) -> ImageArray:
    """Return the picture with what is not known mirrored from across the person's edge.

    A smooth fill takes over where the mirror would show the person again.
    """
    sure = known.astype(np.float32)
    picture = image.astype(np.float32)
    smooth = push_pull(picture * sure[..., None], sure)
    _, label = cv2.distanceTransformWithLabels(
        (~known).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    ys, xs = np.nonzero(known)
    place = np.zeros((len(ys) + 1, 2), np.float32)
    place[label[ys, xs]] = np.stack([xs, ys], axis=1)
    grid = np.stack(np.meshgrid(*(np.arange(n, dtype=np.float32) for n in known.shape[::-1])), -1)
    offset = cv2.GaussianBlur(place[label] - grid, (0, 0), max(1.0, 0.08 * interocular))
    mirror = grid + 2.0 * offset
    far = cv2.GaussianBlur(sure, (0, 0), max(1.0, 0.015 * interocular))
    trust = cv2.remap(
        far, mirror[..., 0], mirror[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT
    )
    trust = cv2.GaussianBlur(np.clip(4.0 * trust - 3.0, 0, 1), (0, 0), max(1.0, 0.02 * interocular))
    seen = cv2.remap(
        picture, mirror[..., 0], mirror[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
    out = smooth + trust[..., None] * (seen - smooth)
    return np.clip(out + 0.5, 0, 255).astype(np.uint8)
