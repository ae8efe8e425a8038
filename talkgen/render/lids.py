"""Shut lids, and the pictures that eyes are drawn from."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from talkgen.face.head import HeadModel
from talkgen.render.inpaint import eye_layer, polygon_mask, push_pull
from talkgen.render.rings import LID_ANCHORS, LOWER_LID, SECOND_LID, SIDES, UPPER_LID

LASH_REACH = 0.11
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
    gap = (shut[upper] - shut[lower]) @ up
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
    clean : the same without lashes and lid margins; lids : the eyes as if they were shut
    """

    origin: tuple[int, int]
    photo: NDArray[np.float32]
    clean: NDArray[np.float32]
    lids: NDArray[np.float32]


def eye_layers(
    image: NDArray[np.uint8], landmarks: NDArray[np.float32], interocular: float,
    shut_margins: dict[str, NDArray[np.float32]],
) -> EyeLayers:  # fmt: skip
    """Return the layers of a portrait.

    landmarks : (478, 2) pixels of the image
    shut_margins : by side, (n, 2) pixels, the upper lid's margin where the shut eye has it
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
    for side in SIDES:
        ring = np.concatenate(
            [points[list(UPPER_LID[side])], points[list(LOWER_LID[side][-2:0:-1])]]
        )
        opening = polygon_mask(ring, crop.shape[:2], 0.004 * interocular)[..., None]
        photo = photo + (crop - photo) * opening
        margin = shut_margins[side] - np.array([x0, y0], np.float32)
        lids = _shut_lid(lids, ring, margin, interocular)
    return EyeLayers((x0, y0), photo, clean, lids)


def _shut_lid(
    crop: NDArray[np.float32],
    ring: NDArray[np.float32],
    margin: NDArray[np.float32],
    interocular: float,
) -> NDArray[np.float32]:
    """Return the crop with one eye painted over by the skin around it, and a line of lashes."""
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
    painted = (smooth + 0.8 * grain) * shade[..., None]
    out = crop + (painted - crop) * hidden[..., None]
    return _lash_line(out, crop, ring, margin, interocular)


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


def _lash_line(
    out: NDArray[np.float32],
    crop: NDArray[np.float32],
    ring: NDArray[np.float32],
    margin: NDArray[np.float32],
    interocular: float,
) -> NDArray[np.float32]:
    """Return `out` with the dark line and the fine lashes of a shut lid along `margin`."""
    shape = crop.shape[:2]
    near = polygon_mask(ring, shape, 0.03 * interocular) - polygon_mask(
        ring, shape, -0.01 * interocular
    )
    luminance = crop.mean(axis=2)
    dark = np.percentile(luminance[near > 0.5], 4) if (near > 0.5).sum() > 10 else 40.0
    oversize = 4
    big = np.zeros((shape[0] * oversize, shape[1] * oversize), np.float32)
    line = (margin * oversize).astype(np.float32)
    t = np.linspace(0.0, 1.0, len(line))
    fine = np.linspace(0.0, 1.0, 60)
    x, y = np.interp(fine, t, line[:, 0]), np.interp(fine, t, line[:, 1])
    y = cv2.GaussianBlur(y[None].astype(np.float32), (0, 0), 2.0, borderType=cv2.BORDER_REPLICATE)[
        0
    ]
    unit = interocular * oversize
    for k in range(len(fine) - 1):
        taper = np.sin(np.pi * (0.06 + 0.88 * fine[k])) ** 0.5
        width = max(1, round(0.013 * unit * taper))
        start, end = (int(x[k]), int(y[k])), (int(x[k + 1]), int(y[k + 1]))
        cv2.line(big, start, end, float(0.8 * taper), width, cv2.LINE_AA)
    rng = np.random.default_rng(3)
    outwards = 1.0 if x[0] > x[-1] else -1.0
    for k in np.linspace(0.04, 0.96, 34):
        i = k * (len(fine) - 1)
        px, py = np.interp(i, np.arange(len(fine)), x), np.interp(i, np.arange(len(fine)), y)
        lean = outwards * (0.55 - k) * 1.1 + rng.normal(0, 0.12)
        length = unit * 0.042 * (1.05 - 0.55 * k) * rng.uniform(0.6, 1.0)
        tip = (int(px + lean * length), int(py + length * 0.8))
        cv2.line(big, (int(px), int(py)), tip, 0.55, max(1, round(0.0035 * unit)), cv2.LINE_AA)
    share = cv2.resize(big, shape[::-1], interpolation=cv2.INTER_AREA)
    share = cv2.GaussianBlur(share, (0, 0), 0.003 * interocular + 0.25)[..., None]
    tint = out / np.maximum(out.mean(axis=2, keepdims=True), 1.0)
    return out + (np.float32(dark) * tint * 0.9 - out) * np.clip(share, 0.0, 0.85)
