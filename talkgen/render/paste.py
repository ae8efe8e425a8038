"""What the networks change in a face's crop, laid into the picture at its own resolution.

Only differences are laid in, softly, where the head is drawn solid: pores, hair and everything else
that the networks leave as it is stay those of the photograph, however large it is.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from talkgen.errors import InputError
from talkgen.render.background import smoothstep
from talkgen.render.conditions import CHANNELS, LABELS, MAP_SIDE
from talkgen.render.face_crop import SIDE, FaceCrop
from talkgen.render.rings import INNER_LIPS, LOWER_LID, UPPER_LID
from talkgen.types import FloatArray, ImageArray

REGIONS = ("lips", "eyes", "rest")
EDGE = 4.0
"""Pixels of the maps over which a change fades towards the edge of the crop."""
RIM = 1.2
"""Spread in pixels of the maps of the fading towards the face's rim."""
HOLES = np.ones((5, 5), np.uint8)
"""Gaps of the surface narrower than this are filled: nostrils, the line between the lips."""
DETAIL_PX = 2.0
"""Spread in crop pixels under which a change of the skin is detail, which the photograph has."""
COARSE = 8.0
"""Spread in pixels of the crop beyond which changes are laid in whole."""
DETAIL = 0.5
"""Share of the finer changes that is laid in; chosen on people of `train` who were kept aside."""
REACH = {"lips": (0.8, 0.7), "eyes": (0.75, 0.6)}
"""Half width and half height of a region, in widths of its inner ring."""


def check_regions(regions: Mapping[str, float]) -> dict[str, float]:
    """Return the strength of every region, 1 where none is given."""
    unknown = sorted(set(regions) - set(REGIONS))
    if unknown:
        raise InputError(f"`regions` names {unknown[0]!r}; {', '.join(REGIONS)} are possible")
    out = {name: float(regions.get(name, 1.0)) for name in REGIONS}
    for name, value in out.items():
        if not 0.0 <= value <= 2.0:
            raise InputError(f"`regions` has {name}={value:g}, a number from 0 to 2 is needed")
    return out


def face_mask(maps: NDArray[np.float32]) -> FloatArray:
    """Return (64, 64) float32 in [0, 1]: where the head's surface is drawn solid, fading to its
    rim and to the edges of the crop. maps : (11, 64, 64), see `talkgen.render.conditions`."""
    skin, seen = maps[LABELS.index("skin")], maps[CHANNELS.index("seen")]
    parts = maps[1 : len(LABELS)].max(axis=0)
    solid = np.maximum(skin * seen, parts).astype(np.float32)
    solid = cv2.morphologyEx(solid, cv2.MORPH_CLOSE, HOLES)
    soft = cv2.GaussianBlur(solid, (0, 0), RIM, borderType=cv2.BORDER_REPLICATE)
    away = np.arange(MAP_SIDE, dtype=np.float32) + 0.5
    fade = smoothstep(0.0, EDGE, np.minimum(away, MAP_SIDE - away))
    return np.asarray(np.clip(soft, 0, 1) * fade * fade[:, None], np.float32)


def region_strength(landmarks: FloatArray, regions: Mapping[str, float]) -> FloatArray | float:
    """Return (64, 64) how much of the change is laid in, or one number where it is so everywhere.

    landmarks : (478, 2 or 3) of the drawn head in pixels of the crop; regions : see `REGIONS`
    """
    rest = regions["rest"]
    if all(value == rest for value in regions.values()):
        return rest
    points = np.asarray(landmarks, np.float32)[:, :2]
    out = np.full((MAP_SIDE, MAP_SIDE), rest, np.float32)
    for name, rings in (
        ("lips", (INNER_LIPS,)),
        ("eyes", tuple(UPPER_LID[side] + LOWER_LID[side] for side in UPPER_LID)),
    ):
        for ring in rings:
            near = _near(points[list(ring)], REACH[name])
            out += near * (regions[name] - out)
    return out


def _near(ring: FloatArray, reach: tuple[float, float]) -> FloatArray:
    """Return (64, 64) in [0, 1], 1 about a ring (n, 2) of the crop, fading at `reach` widths."""
    low, high = ring.min(axis=0), ring.max(axis=0)
    wide = max(float(high[0] - low[0]), 1.0)
    at = (np.arange(MAP_SIDE, dtype=np.float32) + 0.5) * np.float32(SIDE / MAP_SIDE) - 0.5
    x, y = ((at - c) / (wide * r) for c, r in zip((low + high) / 2, reach, strict=True))
    return 1.0 - smoothstep(0.7, 1.3, np.hypot(x[None], y[:, None]).astype(np.float32))


def own_detail(change: NDArray[np.float32], maps: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a change (256, 256, 3) without its finest part where the photograph's own skin shows:
    pores and hairs stay. Lips, eyes and the mouth's inside get all of it."""
    parts = cv2.dilate(maps[1 : len(LABELS)].max(axis=0), HOLES)
    skin = cv2.GaussianBlur(1.0 - parts, (0, 0), 1.0)
    skin = cv2.resize(skin, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)[..., None]
    fine = change - cv2.GaussianBlur(change, (0, 0), DETAIL_PX)
    return np.asarray(change - skin * fine, np.float32)


def matched(change: NDArray[np.float32], mask: FloatArray) -> NDArray[np.float32]:
    """Return a change (256, 256, 3) without what it is on the rim of its mask (64, 64) on average:
    what it adds there is a step of colour and no feature."""
    rim = cv2.resize(mask * (1.0 - mask), (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
    total = float(rim.sum())
    if total < 1.0:
        return change
    mean = np.tensordot(rim, change, 2) / total
    return np.asarray(change - mean.astype(np.float32), np.float32)


def tempered(change: NDArray[np.float32], detail: float = DETAIL) -> NDArray[np.float32]:
    """Return a change (256, 256, 3) with only a share of what is finer than `COARSE` pixels.

    The networks say best how light and which colour a mouth is; where they are in doubt about an
    edge they smear it. So the mesh render keeps half of its own edges.
    """
    if detail == 1.0:
        return change
    small = cv2.resize(change, (SIDE // 4, SIDE // 4), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), COARSE / 4, borderType=cv2.BORDER_REPLICATE)
    coarse = cv2.resize(small, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
    return np.asarray(coarse + np.float32(detail) * (change - coarse), np.float32)


def paste(frame: ImageArray, crop: FaceCrop, change: NDArray[np.float32], mask: FloatArray) -> None:
    """Add a change (256, 256, 3), levels of 255, to a frame (H, W, 3) uint8, in place.

    mask : (64, 64), how much of it
    """
    soft = cv2.resize(mask, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
    laid = change * soft[..., None]
    back = crop.back()
    height, width = frame.shape[:2]
    corners = np.float32([[0, 0], [SIDE, 0], [0, SIDE], [SIDE, SIDE]]) - 0.5
    reach = corners @ back[:, :2].T + back[:, 2]
    low = np.clip(np.floor(reach.min(axis=0)) - 1, 0, (width, height)).astype(int)
    high = np.clip(np.ceil(reach.max(axis=0)) + 2, 0, (width, height)).astype(int)
    (x0, y0), (x1, y1) = low.tolist(), high.tolist()
    if x1 <= x0 or y1 <= y0:
        return
    while crop.scale > 1.5:  # a small face: crop pixels are averaged, not skipped
        laid = cv2.resize(laid, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        matrix = crop.matrix * np.float32(0.5)
        matrix[:, 2] -= 0.25
        crop = FaceCrop(matrix)
        back = crop.back()
    back[:, 2] -= (x0, y0)
    moved = cv2.warpAffine(
        laid, back, (x1 - x0, y1 - y0), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT
    )
    region = frame[y0:y1, x0:x1]
    region[:] = cv2.add(region, moved, dtype=cv2.CV_8U)
