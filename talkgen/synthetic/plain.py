"""Drawn skins, so that heads can be rendered without any photograph."""

from __future__ import annotations

import cv2
import numpy as np

from talkgen.face.head import PARTS
from talkgen.render.inpaint import polygon_mask
from talkgen.synthetic.skins import Skin
from talkgen.synthetic.unwrap import BROWS, TEXTURE_SIDE, Unwrap
from talkgen.types import ImageArray

TONES = np.float32(
    [[236, 196, 172], [214, 168, 140], [186, 136, 106], [146, 100, 74], [104, 68, 50]]
)
"""Skin colours, RGB."""


def plain_skins(unwrap: Unwrap, num_identity: int, count: int = 8) -> list[Skin]:
    """Return drawn skins: a tone with blotches and pores, redder lips and cheeks, brows."""
    rng = np.random.default_rng(11)
    out = []
    for index in range(count):
        tone = TONES[index % len(TONES)] * rng.uniform(0.92, 1.06)
        hair = np.float32([60, 44, 34]) * rng.uniform(0.4, 2.0)
        texture = _drawn(unwrap, tone, hair, rng)
        identity = rng.normal(0, 0.7, num_identity).astype(np.float32)
        tone = tone.astype(np.float32)
        out.append(Skin(texture, identity, tone, tone, hair, False, f"plain/{index}"))
    return out


def _drawn(
    unwrap: Unwrap, tone: np.ndarray, hair: np.ndarray, rng: np.random.Generator
) -> ImageArray:
    shape = (TEXTURE_SIDE, TEXTURE_SIDE)
    out = tone * np.ones((*shape, 1), np.float32)
    for sigma, strength in ((24, 0.04), (6, 0.03), (1, 0.03)):
        noise = cv2.GaussianBlur(rng.normal(0, 1, shape).astype(np.float32), (0, 0), sigma)
        out *= 1 + strength * (noise / noise.std())[..., None] * np.float32([0.7, 1.0, 1.1])
    spots = unwrap.landmarks
    rosy = np.zeros(shape, np.float32)
    for x, y in spots[[50, 280, 4]]:
        cv2.circle(rosy, (int(x), int(y)), 22, 1.0, -1)
    rosy = cv2.GaussianBlur(rosy, (0, 0), 14)[..., None]
    out *= 1 - 0.16 * rosy * np.float32([0.1, 1, 1])
    lips = np.zeros((*unwrap.head.uv.shape[:1], 1), np.float32)
    lips[np.unique(unwrap.head.faces[unwrap.head.part == PARTS.index("lips")])] = 1
    red = cv2.GaussianBlur(unwrap.lay(lips)[..., 0], (0, 0), 1.5)[..., None]
    out *= 1 - 0.35 * red * np.float32([0.25, 1, 0.9])
    brow = np.zeros(shape, np.float32)
    for ring in BROWS.values():
        brow = np.maximum(brow, polygon_mask(spots[list(ring)], shape))
    streaks = cv2.GaussianBlur(rng.normal(0.7, 0.5, shape).astype(np.float32), (0, 0), 1.2)
    brow = cv2.GaussianBlur(brow, (0, 0), 1.5) * np.clip(streaks, 0.3, 1)
    out += (hair - out) * 0.85 * brow[..., None]
    out += (0.3 * hair - out) * unwrap.lashes[..., None]
    return np.clip(out, 0, 255).astype(np.uint8)
