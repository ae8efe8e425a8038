"""Fill what a photograph does not show from what it does: smooth push-pull, eyes, lids."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from talkgen.render.rings import IRIS, LOWER_LID, UPPER_LID

SHUT_EYE = 0.10
"""Area of an eye's opening over its squared width under which it counts as shut."""

LID_SHADOW = 0.026
"""How far the upper lid's shadow hangs into the opening, in inter-ocular distances."""


def push_pull(image: NDArray[np.float32], known: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (h, w, C) with unknown pixels filled smoothly from the known ones.

    known : (h, w) float32 in [0, 1], how much a pixel is to be trusted
    """
    if min(known.shape) <= 2:
        mass = float(known.sum())
        mean = (image * known[..., None]).sum(axis=(0, 1)) / max(mass, 1e-6)
        return np.where(known[..., None] > 0.5, image, mean).astype(np.float32)
    height, width = known.shape
    half = ((width + 1) // 2, (height + 1) // 2)
    mass = cv2.resize(known, half, interpolation=cv2.INTER_AREA)
    mean = cv2.resize(image * known[..., None], half, interpolation=cv2.INTER_AREA)
    mean = mean.reshape(*mass.shape, -1) / np.maximum(mass, 1e-6)[..., None]
    coarse = push_pull(mean, np.minimum(mass * 2.0, 1.0))
    fine = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR).reshape(image.shape)
    return image * known[..., None] + fine * (1.0 - known[..., None])


def polygon_mask(
    points: NDArray[np.float32], shape: tuple[int, int], grow: float = 0.0
) -> NDArray[np.float32]:
    """Return an anti-aliased (h, w) mask of a polygon, grown (shrunk) by `grow` pixels."""
    mask = np.zeros(shape, np.uint8)
    cv2.fillPoly(mask, [np.round(points * 16).astype(np.int32)], 255, cv2.LINE_AA, shift=4)
    if grow == 0.0:
        return mask.astype(np.float32) / 255.0
    inside = cv2.distanceTransform((mask > 127).astype(np.uint8), cv2.DIST_L2, 5)
    outside = cv2.distanceTransform((mask <= 127).astype(np.uint8), cv2.DIST_L2, 5)
    return np.clip(inside - outside + grow + 0.5, 0.0, 1.0).astype(np.float32)


def eye_layer(
    crop: NDArray[np.float32], landmarks: NDArray[np.float32], interocular: float
) -> NDArray[np.float32]:
    """Return the crop with both eyeballs continued under their lids.

    crop : (h, w, 3) float32, 0 to 255; landmarks : (478, 2) pixels of the crop
    """
    out = crop.copy()
    for side in ("right", "left"):
        ring = np.concatenate(
            [landmarks[list(UPPER_LID[side])], landmarks[list(LOWER_LID[side][-2:0:-1])]]
        )
        center = landmarks[IRIS[side][0]]
        radius = float(np.linalg.norm(landmarks[list(IRIS[side][1:])] - center, axis=1).mean())
        radius = max(radius, 0.03 * interocular)
        reach = 0.16 * interocular
        x0, y0 = np.floor(np.minimum(ring.min(axis=0), center - radius) - reach).astype(int)
        x1, y1 = np.ceil(np.maximum(ring.max(axis=0), center + radius) + reach).astype(int)
        x0, y0 = max(x0, 0), max(y0, 0)
        x1, y1 = min(x1, crop.shape[1]), min(y1, crop.shape[0])
        if x1 - x0 < 4 or y1 - y0 < 4:
            continue
        origin = np.array([x0, y0], np.float32)
        patch = crop[y0:y1, x0:x1]
        out[y0:y1, x0:x1] = _filled_eye(patch, ring - origin, center - origin, radius, interocular)
    return out


def _unseen_eye(
    patch: NDArray[np.float32],
    opening: NDArray[np.float32],
    center: NDArray[np.float32],
    radius: float,
) -> NDArray[np.float32]:
    """Return an eyeball with a brown iris, for an eye that the photograph shows shut."""
    skin = np.median(patch[opening < 0.5], axis=0) if (opening < 0.5).any() else patch.mean((0, 1))
    light = np.float32(skin.mean())
    white = np.minimum(light * np.float32([1.06, 1.0, 0.97]), 235.0)
    ys, xs = np.mgrid[: patch.shape[0], : patch.shape[1]].astype(np.float32)
    distance = (np.hypot(xs - center[0], ys - center[1]) / max(radius, 1.0))[..., None]
    soft = max(1.5 / max(radius, 1.0), 0.08)
    iris = light * np.float32([0.36, 0.26, 0.20]) * (1.15 - 0.4 * np.minimum(distance, 1.0))
    pupil = np.clip((0.42 - distance) / soft + 0.5, 0.0, 1.0)
    iris = iris * (1.0 - 0.75 * pupil)
    inside = np.clip((1.0 - distance) / soft + 0.5, 0.0, 1.0)
    return (white * (1.0 - inside) + iris * inside).astype(np.float32)


def _filled_eye(
    patch: NDArray[np.float32],
    ring: NDArray[np.float32],
    center: NDArray[np.float32],
    radius: float,
    interocular: float,
) -> NDArray[np.float32]:
    shape = patch.shape[:2]
    opening = polygon_mask(ring, shape)
    if cv2.contourArea(ring.astype(np.float32)) < SHUT_EYE * float(np.ptp(ring[:, 0])) ** 2:
        return _unseen_eye(patch, opening, center, radius)
    ys, xs = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    distance = np.hypot(xs - center[0], ys - center[1]) / radius
    # Lashes and the lid's shadow hang into the opening, more from above: not eyeball colours.
    margin = 0.018 * interocular
    down = np.float32([[1, 0, 0], [0, 1, LID_SHADOW * interocular]])
    lowered = cv2.warpAffine(opening, down, shape[::-1])
    seen = np.minimum(polygon_mask(ring, shape, -margin), lowered)
    if seen.sum() < 12:
        seen = np.maximum(opening * 0.999, 0.0)
    if seen.sum() < 12:
        return patch

    iris_seen = seen * (distance < 1.0)
    white_seen = seen * np.clip((distance - 1.12) * 8.0, 0.0, 1.0)
    luminance = patch.mean(axis=2)
    bright = np.percentile(luminance[seen > 0.5], 75) if (seen > 0.5).any() else 160.0
    white_seen *= luminance > 0.55 * bright
    if white_seen.sum() > 8:
        white = push_pull(patch, white_seen)
        mean = (patch * white_seen[..., None]).sum((0, 1)) / white_seen.sum()
        white = 0.6 * cv2.GaussianBlur(white, (0, 0), 0.02 * interocular + 0.5) + 0.4 * mean
    else:
        white = np.broadcast_to(np.float32(bright) * np.float32([1.0, 0.97, 0.95]), patch.shape)

    bins = 24
    rows = np.minimum((distance * bins / 1.2).astype(int), bins)
    profile = np.zeros((bins + 1, 3), np.float32)
    have = np.zeros(bins + 1, bool)
    for k in range(bins):
        here = (rows == k) & (seen > 0.5)
        if here.sum() >= 3:
            profile[k] = np.median(patch[here], axis=0)
            have[k] = True
    if have.any():
        known = np.flatnonzero(have)
        for c in range(3):
            profile[:, c] = np.interp(np.arange(bins + 1), known, profile[known, c])
    drawn = cv2.remap(
        profile[None],
        np.clip(distance * bins / 1.2 - 0.5, 0, bins),
        np.zeros_like(distance),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    # The other half of the iris, upside down, has its texture; the profile has the rest.
    flip_y = 2 * center[1] - ys
    mirrored = cv2.remap(patch, xs, flip_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    trust = cv2.remap(iris_seen, xs, flip_y, cv2.INTER_LINEAR, borderValue=0.0)
    drawn = drawn + 0.6 * (mirrored - drawn) * cv2.GaussianBlur(trust, (0, 0), 1.0)[..., None]
    iris = np.clip((1.06 - distance) * radius / 1.5 + 0.5, 0.0, 1.0)[..., None]
    full = white * (1.0 - iris) + drawn * iris
    soft = cv2.GaussianBlur(seen, (0, 0), 0.012 * interocular + 0.3)
    keep = np.minimum(seen, np.clip(soft * 2.0 - 0.9, 0, 1))[..., None]
    return patch * keep + full * (1.0 - keep)
