"""Shut lids, and the pictures that eyes are drawn from."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from talkgen.face.head import HeadModel
from talkgen.render.inpaint import eye_layer, polygon_mask, push_pull
from talkgen.render.rings import LID_ANCHORS, LOWER_LID, SECOND_LID, SIDES, UPPER_LID

CREASE = 0.10
"""Share of light that the fold above a shut lid takes."""

PRESS = 0.012
"""How far, in inter-ocular distances, the lids of a full blink overlap."""

LASH_REACH = 0.115
"""How far lashes stand off the eye's opening, in inter-ocular distances."""


def closing_lift(
    head: HeadModel, side: str, opened: NDArray[np.float32], closed: NDArray[np.float32],
    up: NDArray[np.float32],
) -> NDArray[np.float32]:  # fmt: skip
    """Return (V, 3) cm that brings the lids of a full blink together.

    opened, closed : (V, 3) the portrait's vertices as photographed and with the blink at 1
    up : (3,) unit vector of the head frame
    """
    points, shut = head.landmarks(opened), head.landmarks(closed)
    upper, lower = np.array(UPPER_LID[side][1:-1]), np.array(LOWER_LID[side][1:-1])
    eyes = float(np.linalg.norm(points[33] - points[263]))
    gap = (shut[upper] - shut[lower]) @ up + PRESS * eyes
    controls = np.concatenate(
        [
            upper,
            lower,
            SECOND_LID[side],
            LID_ANCHORS[side],
            [UPPER_LID[side][0], UPPER_LID[side][-1]],
        ]
    )
    amount = np.zeros(len(controls))
    amount[: len(upper)] = -0.88 * gap
    amount[len(upper) : 2 * len(upper)] = 0.12 * gap
    amount[2 * len(upper) : 2 * len(upper) + len(SECOND_LID[side])] = -0.30 * gap.mean()
    place = points[controls].astype(np.float64)
    between = np.linalg.norm(place[:, None] - place[None], axis=2)
    reach = between.max()
    system = 2 * reach - between + 0.02 * np.eye(len(place))
    coefficients = np.linalg.solve(system, amount)
    near = np.flatnonzero(np.linalg.norm(opened - place.mean(axis=0), axis=1) < reach)
    distance = np.linalg.norm(opened[near, None].astype(np.float64) - place[None], axis=2)
    field = (2 * reach - distance) @ coefficients
    field *= np.exp(-((np.maximum(distance.min(axis=1) - 0.6, 0.0) / 0.6) ** 2))
    out = np.zeros_like(opened)
    out[near] = field[:, None] * up
    return out


@dataclass(frozen=True, eq=False)
class EyeLayers:
    """Pictures that eyes are drawn from, all on the pixels of one crop of the photograph.

    origin : (x, y) of the crop; photo : the opening as photographed, continued under the lids
    clean : the same without lashes and lid margins; lids : the eyes as if they were shut, with
        their crease; lined : the same with a dark line along the upper margin; lashed : the same
        with lashes hanging from it
    """

    origin: tuple[int, int]
    photo: NDArray[np.float32]
    clean: NDArray[np.float32]
    lids: NDArray[np.float32]
    lined: NDArray[np.float32]
    lashed: NDArray[np.float32]


def eye_layers(
    image: NDArray[np.uint8], landmarks: NDArray[np.float32], interocular: float,
    shut_margins: dict[str, NDArray[np.float32]],
    creases: dict[str, NDArray[np.float32]],
) -> EyeLayers:  # fmt: skip
    """Return the layers of a portrait.

    landmarks : (478, 2) pixels of the image
    shut_margins : by side, (n, 2) pixels, the upper lid's margin where the shut eye has it
    creases : by side, (n, 2) pixels, the fold above the upper lid where the shut eye has it
    """
    rings = landmarks[[i for s in SIDES for i in UPPER_LID[s] + LOWER_LID[s]]]
    reach = 0.35 * interocular
    x0, y0 = np.maximum(np.floor(rings.min(axis=0) - reach), 0).astype(int).tolist()
    x1, y1 = np.ceil(rings.max(axis=0) + reach).astype(int).tolist()
    x1, y1 = min(x1, image.shape[1]), min(y1, image.shape[0])
    crop = image[y0:y1, x0:x1].astype(np.float32)
    points = landmarks - np.array([x0, y0], np.float32)
    clean = eye_layer(crop, points, interocular)
    photo, lids = clean.copy(), crop.copy()
    hanging = []
    origin = np.array([x0, y0], np.float32)
    for side in SIDES:
        ring = np.concatenate(
            [points[list(UPPER_LID[side])], points[list(LOWER_LID[side][-2:0:-1])]]
        )
        opening = polygon_mask(ring, crop.shape[:2], 0.004 * interocular)[..., None]
        photo = photo + (crop - photo) * opening
        margin, crease = shut_margins[side] - origin, creases[side] - origin
        lids = _shut_lid(lids, ring, margin, crease, interocular)
        line, strokes, dark = _lash_shares(crop, ring, margin, interocular)
        hanging.append((line, strokes, dark))
    lined = lids
    for line, _, dark in hanging:
        lined = _darkened(lined, line, dark)
    lashed = lined
    for _, strokes, dark in hanging:
        lashed = _darkened(lashed, strokes, dark)
    return EyeLayers((x0, y0), photo, clean, lids, lined, lashed)


def _shut_lid(
    crop: NDArray[np.float32],
    ring: NDArray[np.float32],
    margin: NDArray[np.float32],
    crease: NDArray[np.float32],
    interocular: float,
) -> NDArray[np.float32]:
    """Return the crop with one eye painted over by the skin around it, and the lid's crease."""
    shape = crop.shape[:2]
    # Lashes reach further up and outwards than the opening: their pixels are no skin either.
    hidden = polygon_mask(ring, shape, 0.045 * interocular)
    lifted = cv2.warpAffine(
        hidden, np.float32([[1, 0, 0], [0, 1, -0.015 * interocular]]), shape[::-1]
    )
    hidden = np.maximum(hidden, lifted)
    hidden = np.maximum(hidden, _lashes(crop, ring, interocular))
    hidden = np.clip(cv2.GaussianBlur(hidden, (0, 0), 0.008 * interocular + 0.5) * 1.5, 0.0, 1.0)
    skin = push_pull(crop, np.clip(1.0 - hidden * 1.02, 0.0, 1.0))
    smooth = cv2.GaussianBlur(skin, (0, 0), 0.02 * interocular + 0.5)
    # Grain of the skin below the eye, so that the lid is no airbrushed patch.
    fine = crop - cv2.GaussianBlur(crop, (0, 0), 0.012 * interocular + 0.6)
    shift = np.float32([[1, 0, 0], [0, 1, -0.30 * interocular]])
    grain = cv2.warpAffine(fine, shift, shape[::-1], borderMode=cv2.BORDER_REFLECT_101)
    grain = np.clip(grain, -9.0, 9.0)
    center, half = ring.mean(axis=0), np.ptp(ring[:, 0]) / 2
    ys, xs = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    across = (xs - center[0]) / max(half, 1.0)
    down = (ys - margin[:, 1].min()) / max(0.16 * interocular, 1.0)
    bulge = np.exp(-(across**2) * 1.2 - (down + 0.55) ** 2 * 4.0)
    shade = 1.0 + 0.05 * bulge
    shade *= crease_shade(shape, crease, margin, interocular)
    painted = (smooth + 0.8 * grain) * shade[..., None]
    return crop + (painted - crop) * hidden[..., None]


def crease_shade(
    shape: tuple[int, ...],
    crease: NDArray[np.float32],
    margin: NDArray[np.float32],
    interocular: float,
) -> NDArray[np.float32]:
    """Return (h, w) factors of a shut lid: a soft fold, darker where the lid rolls under."""
    order = np.argsort(crease[:, 0])
    fold, edge = crease[order], margin[np.argsort(margin[:, 0])]
    columns = np.arange(shape[1], dtype=np.float32)
    left, right = float(edge[0, 0]), float(edge[-1, 0])
    t = np.clip((columns - left) / max(right - left, 1.0), 0.0, 1.0)
    low = np.interp(columns, edge[:, 0], edge[:, 1])
    high = np.polyval(np.polyfit(fold[:, 0], fold[:, 1], 2), columns)
    # The fold comes down with the lid, runs into the corners and never passes below the margin.
    high = low + 0.58 * (high - low)
    high = np.minimum(high, low - 0.05 * interocular * np.sin(np.pi * t))
    strength = np.sin(np.pi * np.clip(t, 0.001, 0.999)) ** 1.3
    strength = cv2.GaussianBlur(strength[None].astype(np.float32), (0, 0), 0.03 * interocular)[0]
    ys = np.arange(shape[0], dtype=np.float32)[:, None]
    above = (ys - high) / interocular
    line = np.exp(-((above / 0.009) ** 2))
    hollow = np.exp(-((np.minimum(above, 0.0) / 0.035) ** 2)) * (above < 0)
    near = (ys - low) / interocular
    roll = np.exp(-((np.minimum(near, 0.0) / 0.03) ** 2)) * (near < 0)
    shade = 1.0 - strength * (CREASE * line + 0.05 * hollow + 0.10 * roll)
    return cv2.GaussianBlur(shade.astype(np.float32), (0, 0), 0.003 * interocular + 0.3)


def _lashes(
    crop: NDArray[np.float32], ring: NDArray[np.float32], interocular: float
) -> NDArray[np.float32]:
    """Return (h, w) where thin dark strokes stand around the eye's opening."""
    shape = crop.shape[:2]
    luminance = crop.mean(axis=2)
    around = polygon_mask(ring, shape, LASH_REACH * interocular)
    wide = max(3, 2 * round(0.022 * interocular) + 1)
    element = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (wide, wide))
    # Strokes thinner than the element vanish when the picture is closed with it.
    stroke = cv2.morphologyEx(luminance, cv2.MORPH_CLOSE, element) - luminance
    dark = (stroke > 0.05 * luminance + 4.0).astype(np.uint8)
    # A stroke that goes on beyond the reach of lashes is a brow or the rim of glasses.
    _, parts = cv2.connectedComponents(dark)
    beyond = np.unique(parts[(around < 0.5) & (dark > 0)])
    mask = (dark * ~np.isin(parts, beyond)).astype(np.float32) * around
    reach = max(3, 2 * round(0.006 * interocular) + 1)
    return cv2.dilate(mask, np.ones((reach, reach), np.uint8))


def _darkened(
    picture: NDArray[np.float32], share: NDArray[np.float32], dark: float
) -> NDArray[np.float32]:
    """Return the picture with its own tint darkened to the luminance `dark` by `share` (h, w)."""
    tint = picture / np.maximum(picture.mean(axis=2, keepdims=True), 1.0)
    return picture + (np.float32(0.9 * dark) * tint - picture) * share[..., None]


def _lash_shares(
    crop: NDArray[np.float32],
    ring: NDArray[np.float32],
    margin: NDArray[np.float32],
    interocular: float,
) -> tuple[NDArray[np.float32], NDArray[np.float32], float]:
    """Return shares (h, w) of the dark line along `margin`, of the lashes below, and their grey."""
    shape = crop.shape[:2]
    near = polygon_mask(ring, shape, 0.03 * interocular) - polygon_mask(
        ring, shape, -0.01 * interocular
    )
    luminance = crop.mean(axis=2)
    dark = np.percentile(luminance[near > 0.5], 4) if (near > 0.5).sum() > 10 else 40.0
    oversize = 4
    line, strokes = np.zeros((2, shape[0] * oversize, shape[1] * oversize), np.float32)
    path = (margin * oversize).astype(np.float32)
    count = 60
    fine = np.linspace(0.0, 1.0, count)
    t = np.linspace(0.0, 1.0, len(path))
    x, y = np.interp(fine, t, path[:, 0]), np.interp(fine, t, path[:, 1])
    y = cv2.GaussianBlur(y[None].astype(np.float32), (0, 0), 4.0, borderType=cv2.BORDER_REPLICATE)
    y = y[0]
    unit = interocular * oversize
    taper = np.sin(np.pi * (0.02 + 0.96 * fine)) ** 0.7
    for k in range(count - 1):
        width = max(1, round(0.013 * unit * taper[k]))
        up = 0.35 * width
        start, end = (int(x[k]), int(y[k] - up)), (int(x[k + 1]), int(y[k + 1] - up))
        cv2.line(line, start, end, float(0.85 * taper[k]), width, cv2.LINE_AA)
    rng = np.random.default_rng(3)
    outwards = 1.0 if x[0] > x[-1] else -1.0
    for k in np.linspace(0.05, 0.93, 46):
        px, py = np.interp(k, fine, x), np.interp(k, fine, y)
        lean = outwards * (0.55 - k) * 1.3 + rng.normal(0, 0.16)
        length = unit * 0.045 * (1.05 - 0.6 * k) * rng.uniform(0.5, 1.0)
        mid = (int(px + 0.4 * lean * length), int(py + 0.55 * length))
        tip = (int(px + lean * length), int(py + 0.85 * length))
        wide = max(1, round(0.0030 * unit))
        cv2.line(strokes, (int(px), int(py)), mid, 0.5, wide, cv2.LINE_AA)
        cv2.line(strokes, mid, tip, 0.28, max(1, wide - 1), cv2.LINE_AA)
    # What lies below the margin shows on the lower lid, so only when the lids have met.
    order = np.argsort(path[:, 0])
    seam = np.interp(np.arange(line.shape[1]), path[order, 0], path[order, 1])
    below = np.arange(line.shape[0], dtype=np.float32)[:, None] > seam + 0.001 * unit
    strokes = np.maximum(strokes, line * below)
    line *= ~below
    shares = []
    for big in (line, strokes):
        share = cv2.resize(big, shape[::-1], interpolation=cv2.INTER_AREA)
        share = cv2.GaussianBlur(share, (0, 0), 0.003 * interocular + 0.25)
        shares.append(np.clip(share, 0.0, 0.85).astype(np.float32))
    return shares[0], shares[1], float(dark)
