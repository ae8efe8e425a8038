"""Things in front of a face, drawn into a training crop along its landmarks.

Each function changes the crop (S, S, 3) uint8 in place and returns where it hides the face, a mask
(S, S) bool. `points` (478, 2) are the landmarks in pixels of the crop. They only have to be good
enough to teach a network to see past hands, masks, glasses, hair and beards.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from talkgen.types import ImageArray

Generator = np.random.Generator

MASK_RIM = (
    127, 234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288,
    361, 323, 454, 356, 347, 277, 197, 47, 118,
)  # fmt: skip
"""Jaw from ear to ear, and back over the cheeks and the bridge of the nose."""
BEARD_RIM = (
    132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 401, 433,
    434, 432, 422, 423, 391, 393, 164, 167, 165, 203, 202, 212, 214, 213, 177,
)  # fmt: skip
LIP_RIM = (
    61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185,
)  # fmt: skip
FOREHEAD_RIM = (21, 54, 103, 67, 109, 10, 338, 297, 332, 284, 251)
SKIN_POINTS = (50, 280, 101, 330, 205, 425, 151)
FIXED = 4
"""Binary places of drawn coordinates: lines move by parts of a pixel."""
ENDS = ((13, 0.3), (152, 0.2), (50, 0.3), (280, 0.3), (1, 0.3), (33, 0.2), (263, 0.2), (151, 0.3))
"""What hands go for: landmarks, and how widely about them in distances of the eyes."""


def cover(crop: ImageArray, points: Any, other: ImageArray, rng: Generator) -> Any:
    """Put one thing, sometimes two, before the face; return where it hides the face (S, S) bool.

    other : a crop to cut pieces from
    """
    kinds = [hand, surgical_mask, glasses, strands, beard, patch]
    hidden = np.zeros(crop.shape[:2], bool)
    for _ in range(1 + int(rng.random() < 0.15)):
        kind = kinds[int(rng.choice(len(kinds), p=(0.2, 0.14, 0.2, 0.16, 0.12, 0.18)))]
        hidden |= patch(crop, points, rng, other) if kind is patch else kind(crop, points, rng)
    return hidden


def hidden_points(points: Any, hidden: Any) -> Any:
    """Return which points (N, 2 or 3) pixels a mask (S, S) hides, (N,) bool."""
    side = hidden.shape[0]
    column, row = np.clip(np.rint(points[:, :2]), 0, side - 1).astype(int).T
    return hidden[row, column]


def hand(crop: ImageArray, points: Any, rng: Generator) -> Any:
    """Draw a hand of two to five fingers that reaches from outside to some place of the face."""
    side, unit = crop.shape[0], _unit(points)
    place, spread = ENDS[int(rng.integers(len(ENDS)))]
    tip = points[place] + rng.normal(0, spread, 2) * unit
    angle = rng.uniform(-0.3, np.pi + 0.3) if rng.random() < 0.8 else rng.uniform(0, 2 * np.pi)
    along = np.array([np.cos(angle), np.sin(angle)])  # from the tips to the palm
    across = np.array([-along[1], along[0]])
    thick = rng.uniform(0.14, 0.24) * unit
    count, length = int(rng.integers(2, 6)), rng.uniform(0.6, 1.2) * unit
    shade = np.zeros((side, side), np.float32)
    bend = rng.normal(0, 0.2)
    for finger in range(count):
        start = tip + across * (finger - (count - 1) / 2) * thick * rng.uniform(0.95, 1.25)
        start = start + along * abs(finger - (count - 1) / 2) * thick * rng.uniform(0, 0.8)
        middle = start + along * length * 0.5 + across * bend * length * 0.5
        end = start + along * length * 1.6
        own = np.zeros_like(shade)
        _line(own, (start, middle, end), thick, 1.0)
        core = cv2.distanceTransform((own > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
        shade = np.maximum(shade, own * (0.62 + 0.38 * np.clip(core / (0.35 * thick), 0, 1)))
    palm = tip + along * length * 1.7
    axes = (int(count * thick * 0.6) + 1, int(count * thick * 0.8) + 1)
    full = (shade * 255).astype(np.uint8)
    turn = float(np.degrees(np.arctan2(across[1], across[0])))
    cv2.ellipse(full, _whole(palm), axes, turn, 0, 360, 245, -1, cv2.LINE_AA)
    return _paint(crop, full.astype(np.float32) / 255, _skin(crop, points, rng), rng)


def surgical_mask(crop: ImageArray, points: Any, rng: Generator) -> Any:
    """Draw a cloth over mouth, chin and the lower part of the nose."""
    rim = points[list(MASK_RIM)].astype(np.float64)
    lower = rng.uniform(0, 0.9) if rng.random() < 0.3 else 0.0  # worn under the nose
    upper = np.arange(len(MASK_RIM)) >= 22
    rim[upper] += (points[13] - points[197]) * lower * 0.8
    middle = rim.mean(0)
    rim = middle + (rim - middle) * rng.uniform(0.95, 1.1)
    solid = np.zeros(crop.shape[:2], np.uint8)
    cv2.fillPoly(solid, [_fixed(rim)], 255, cv2.LINE_AA, FIXED)
    colours = ((150, 190, 215), (235, 235, 235), (30, 30, 34), (90, 120, 160), (170, 60, 70))
    colour = np.array(colours[int(rng.integers(5))], np.float32) * rng.uniform(0.7, 1.1)
    shade = solid.astype(np.float32) / 255
    across = points[454] - points[234]
    for _ in range(int(rng.integers(0, 4))):  # folds
        at = points[13] + (points[152] - points[13]) * rng.uniform(-0.6, 0.9)
        fold = np.zeros_like(shade)
        _line(fold, (at - across * 0.5, at + across * 0.5), 1 + 0.02 * _unit(points), 1.0)
        shade *= 1 - 0.2 * fold
    return _paint(crop, shade, colour, rng)


def glasses(crop: ImageArray, points: Any, rng: Generator) -> Any:
    """Draw glasses, clear or dark; only dark ones hide."""
    unit = _unit(points)
    along = (points[263] - points[33]) / unit
    down = np.array([-along[1], along[0]])
    wide, high = rng.uniform(0.24, 0.34) * unit, rng.uniform(0.15, 0.28) * unit
    drop, thick = rng.uniform(-0.02, 0.08) * unit, max(0.8, rng.uniform(0.008, 0.05) * unit)
    lens, frame = np.zeros(crop.shape[:2], np.float32), np.zeros(crop.shape[:2], np.float32)
    power = rng.uniform(2, 6)  # from an ellipse to a rounded rectangle
    angle = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    for outer, inner, temple in ((33, 133, 127), (263, 362, 356)):
        middle = (points[outer] + points[inner]) / 2 + down * drop
        x = np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** (2 / power)
        y = np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** (2 / power)
        rim = middle + x[:, None] * along * wide + y[:, None] * down * high
        cv2.fillPoly(lens, [_fixed(rim)], 1.0, cv2.LINE_AA, FIXED)
        _line(frame, (*rim, rim[0]), thick, 1.0)
        side = 1.0 if outer == 263 else -1.0
        _line(frame, (middle + along * wide * side, points[temple]), thick, 1.0)
    bridge = (points[133] + points[362]) / 2 + down * drop
    half = 0.5 * np.linalg.norm(points[362] - points[133]) * 0.6
    _line(frame, (bridge - along * half, bridge + along * half), thick, 1.0)
    dark = rng.random() < 0.4
    strength = rng.uniform(0.6, 0.98) if dark else rng.uniform(0.0, 0.2)
    tint = rng.uniform(5, 60, 3) if dark or rng.random() < 0.5 else rng.uniform(200, 255, 3)
    _mix(crop, lens * strength, tint)
    if rng.random() < 0.4:  # a reflection
        glare = np.zeros_like(lens)
        at = points[int(rng.choice((159, 386)))] + rng.normal(0, 0.08, 2) * unit
        axes = (int(0.12 * unit) + 1, int(0.03 * unit) + 1)
        cv2.ellipse(glare, _whole(at), axes, float(rng.uniform(0, 180)), 0, 360, 1.0, -1)
        _mix(crop, cv2.GaussianBlur(glare, (0, 0), 1.0) * lens * rng.uniform(0.3, 0.9), (245,) * 3)
    grey = rng.uniform(0, 120) if rng.random() < 0.8 else rng.uniform(120, 230)
    _mix(crop, frame * rng.uniform(0.7, 1.0), grey + rng.normal(0, 12, 3))
    return (lens > 0.5) & (strength > 0.5)


def strands(crop: ImageArray, points: Any, rng: Generator) -> Any:
    """Draw hair that falls from the forehead or the side over the face: strands or a fringe."""
    unit = _unit(points)
    up = (points[10] - points[152]) / max(np.linalg.norm(points[10] - points[152]), 1)
    layer = np.zeros(crop.shape[:2], np.float32)
    along = rng.uniform(0, 1)
    full = rng.random() < 0.35  # a fringe
    rim = points[list(FOREHEAD_RIM)]
    for _ in range(int(rng.integers(25, 60)) if full else int(rng.integers(3, 14))):
        at = rng.uniform(0, 1) if full else np.clip(along + rng.normal(0, 0.12), 0, 1)
        start = rim[int(at * (len(rim) - 1))] + up * rng.uniform(0, 0.3) * unit
        length = rng.uniform(0.25, 0.7) if full else rng.uniform(0.4, 1.8)
        fall = -up * length * unit
        middle = start + fall * 0.5 + rng.normal(0, 0.1, 2) * unit
        end = start + fall + rng.normal(0, 0.15, 2) * unit
        curve = [
            (1 - t) ** 2 * start + 2 * t * (1 - t) * middle + t**2 * end
            for t in np.linspace(0, 1, 7)
        ]
        _line(layer, curve, max(0.7, rng.uniform(0.008, 0.05) * unit), rng.uniform(0.6, 1.0))
    colours = ((20, 16, 14), (60, 40, 28), (110, 78, 50), (190, 155, 105), (150, 150, 150))
    colour = np.array(colours[int(rng.integers(5))], np.float32) * rng.uniform(0.7, 1.2)
    return _paint(crop, layer, colour, rng)


def beard(crop: ImageArray, points: Any, rng: Generator) -> Any:
    """Darken jaw and upper lip as stubble or a beard does; it hides nothing that is looked for."""
    side = crop.shape[0]
    area = np.zeros((side, side), np.uint8)
    cv2.fillPoly(area, [_fixed(points[list(BEARD_RIM)])], 255, cv2.LINE_AA, FIXED)
    cv2.fillPoly(area, [_fixed(points[list(LIP_RIM)])], 0, cv2.LINE_AA, FIXED)
    if rng.random() < 0.25:  # a moustache alone
        cut = np.zeros_like(area)
        upper = [61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 423, 391, 164, 165, 203]
        cv2.fillPoly(cut, [cv2.convexHull(_fixed(points[upper]))], 255, cv2.LINE_AA, FIXED)
        area = np.minimum(area, cut)
    soft = cv2.GaussianBlur(area.astype(np.float32) / 255, (0, 0), max(0.6, 0.03 * _unit(points)))
    grain = rng.standard_normal((side, side)).astype(np.float32)
    grain = cv2.GaussianBlur(grain, (0, 0), rng.uniform(0.5, 1.2))
    thick = np.clip(rng.uniform(0.25, 0.95) + 0.25 * grain, 0, 1)
    colours = ((22, 18, 16), (58, 40, 30), (95, 70, 50), (140, 140, 140))
    _mix(crop, soft * thick, np.array(colours[int(rng.integers(4))]) * rng.uniform(0.7, 1.2))
    return np.zeros((side, side), bool)


def patch(crop: ImageArray, points: Any, rng: Generator, other: ImageArray) -> Any:
    """Cover a piece with an ellipse or a polygon, flat or cut from another crop."""
    side = crop.shape[0]
    mask = np.zeros((side, side), np.uint8)
    x, y = (int(v) for v in rng.integers(0, side, 2))
    if rng.random() < 0.5:
        axes = tuple(int(v) for v in rng.integers(side // 16, side // 4, 2))
        cv2.ellipse(mask, (x, y), axes, float(rng.uniform(0, 180)), 0, 360, 255, -1)
    else:
        corners = np.array([x, y]) + rng.normal(0, side / 7, (int(rng.integers(3, 7)), 2))
        cv2.fillConvexPoly(mask, cv2.convexHull(corners.astype(np.int32)), 255)
    if rng.random() < 0.5:
        crop[mask > 0] = rng.integers(0, 256, 3, dtype=np.uint8)
    else:
        moved = np.roll(other, int(rng.integers(side)), axis=int(rng.integers(2)))
        crop[mask > 0] = moved[mask > 0]
    return mask > 0


def _unit(points: Any) -> float:
    """Return the distance of the outer eye corners in pixels."""
    return float(max(np.linalg.norm(points[33] - points[263]), 4.0))


def _skin(crop: ImageArray, points: Any, rng: Generator) -> Any:
    """Return the colour of a hand: that of the cheeks, or another person's."""
    if rng.random() < 0.25:
        colours = ((224, 180, 150), (190, 140, 110), (120, 80, 60), (240, 205, 185))
        return np.array(colours[int(rng.integers(4))]) * rng.uniform(0.7, 1.1)
    side = crop.shape[0]
    column, row = np.clip(points[list(SKIN_POINTS)], 0, side - 1).astype(int).T
    colour = np.median(crop[row, column], axis=0) * np.exp(rng.normal(0.05, 0.12))
    return colour + rng.normal(0, 5, 3)


def _paint(crop: ImageArray, shade: Any, colour: Any, rng: Generator) -> Any:
    """Lay a coloured, slightly uneven layer (shade 0: absent) over the crop; return its mask."""
    side = crop.shape[0]
    alpha = np.clip(shade * 3, 0, 1)
    uneven = cv2.resize(rng.normal(1, 0.07, (6, 6)).astype(np.float32), (side, side))
    tone = np.asarray(colour, np.float32) * (shade * uneven)[:, :, None]
    mixed = crop + (tone - crop) * alpha[:, :, None]
    crop[:] = np.clip(mixed, 0, 255).astype(np.uint8)
    return alpha > 0.5


def _mix(crop: ImageArray, alpha: Any, colour: Any) -> None:
    mixed = crop + (np.asarray(colour, np.float32) - crop) * alpha[:, :, None]
    crop[:] = np.clip(mixed, 0, 255).astype(np.uint8)


def _line(layer: Any, corners: Any, thick: float, value: float) -> None:
    line = [_fixed(np.asarray(corners))]
    cv2.polylines(layer, line, False, value, max(1, round(thick)), cv2.LINE_AA, FIXED)


def _fixed(points: Any) -> Any:
    return np.rint(np.asarray(points, np.float64) * (1 << FIXED)).astype(np.int32)


def _whole(point: Any) -> tuple[int, int]:
    return round(float(point[0])), round(float(point[1]))
