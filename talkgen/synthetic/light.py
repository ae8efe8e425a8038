"""Random light, one lamp of which casts shadows, and the camera that develops the picture."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from talkgen.raster.fragments import Fragments, rasterize
from talkgen.synthetic.shading import Lights
from talkgen.types import FloatArray, ImageArray

SHADOW_SIDE = 112
BIAS_CM = 0.6


def _direction(azimuth: float, elevation: float) -> FloatArray:
    """Return the unit vector towards a lamp; azimuth 0 is at the camera, elevation up."""
    return np.array(
        [np.sin(azimuth) * np.cos(elevation), -np.sin(elevation),
         -np.cos(azimuth) * np.cos(elevation)], np.float32,
    )  # fmt: skip


def _tint(rng: np.random.Generator, size: float) -> FloatArray:
    warm = rng.normal(0, size)
    return np.float32([1 + warm, 1 + 0.15 * rng.normal(0, size), 1 - warm])


def random_lights(rng: np.random.Generator) -> Lights:
    """Return lights under which a surface that faces the camera comes out about as photographed."""
    key_share = float(np.clip(rng.beta(2.0, 2.2), 0.08, 0.9))
    azimuth = float(np.clip(rng.normal(0, 0.85), -2.4, 2.4))
    elevation = float(np.clip(rng.normal(0.5, 0.42), -0.5, 1.35))
    directions, colors = [_direction(azimuth, elevation)], [key_share * 1.7 * _tint(rng, 0.08)]
    for _ in range(int(rng.choice(3, p=[0.4, 0.4, 0.2]))):
        directions.append(_direction(rng.uniform(-2.8, 2.8), rng.uniform(-0.4, 1.0)))
        colors.append(rng.uniform(0.1, 0.6) * _tint(rng, 0.12))
    ambient = np.zeros((4, 3), np.float32)
    ambient[0] = (1.05 - key_share) * _tint(rng, 0.05)
    ambient[1:] = ambient[0] * rng.normal(0, 0.18, (3, 1))
    ambient[2] -= 0.12 * ambient[0]  # brighter from above
    lights = Lights(ambient, np.stack(directions), np.stack(colors).astype(np.float32))
    # Exposure by what the front of a face gets, with both its sides.
    total = np.float32(0)
    for nx, share in ((0.0, 0.5), (0.55, 0.25), (-0.55, 0.25)):
        normal = np.array([nx, -0.1, -np.sqrt(1 - nx * nx - 0.01)], np.float32)
        cosine = np.maximum(lights.directions @ normal + 0.25, 0) / 1.25
        total += share * float((normal @ ambient[1:] + ambient[0] + cosine @ lights.colors).mean())
    gain = np.float32(np.exp(rng.normal(0.1, 0.28)) / max(total, 0.05))
    return Lights(lights.ambient * gain, lights.directions, lights.colors * gain)


def lit_share(points: FloatArray, faces: Any, towards: FloatArray) -> FloatArray:
    """Return (V,) in [0, 1], how much of a lamp's light each vertex gets past the others.

    points : (V, 3) cm, camera axes; towards : (3,) unit vector to the lamp
    """
    z = -towards
    x = np.cross([0.0, 1.0, 0.0], z) if abs(z[1]) < 0.95 else np.cross([1.0, 0.0, 0.0], z)
    x = x / np.linalg.norm(x)
    basis = np.stack([x, np.cross(z, x), z]).astype(np.float32)
    seen = points @ basis.T
    low, high = seen[:, :2].min(axis=0), seen[:, :2].max(axis=0)
    scale = (SHADOW_SIDE - 4) / float((high - low).max())
    seen[:, :2] = (seen[:, :2] - low) * scale + 2
    drawn = rasterize(seen, faces, Fragments.empty(SHADOW_SIDE, SHADOW_SIDE), threads=1)
    column = np.clip(np.rint(seen[:, 0]).astype(int), 2, SHADOW_SIDE - 3)
    row = np.clip(np.rint(seen[:, 1]).astype(int), 2, SHADOW_SIDE - 3)
    share = np.zeros(len(points), np.float32)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            share += seen[:, 2] <= drawn.depth[row + dy, column + dx] + BIAS_CM
    return share / 9.0


def open_sky(points: FloatArray, normals: FloatArray, faces: Any, count: int = 48) -> FloatArray:
    """Return (V,) in [0, 1], the share of the half space over each vertex that nothing covers."""
    rng = np.random.default_rng(5)
    total = np.zeros(len(points), np.float32)
    free = np.zeros(len(points), np.float32)
    for direction in rng.normal(size=(count, 3)):
        towards = (direction / np.linalg.norm(direction)).astype(np.float32)
        cosine = np.maximum(normals @ towards, 0)
        free += cosine * lit_share(points, faces, towards)
        total += cosine
    return np.asarray(free / np.maximum(total, 1e-6), np.float32)


def developed(image: FloatArray, rng: np.random.Generator) -> ImageArray:
    """Return uint8 pixels with a camera's white balance, contrast, softness and grain."""
    gain = np.exp(rng.normal(0, 0.10) + rng.normal(0, 0.035, 3)).astype(np.float32)
    image = image * gain
    contrast = np.float32(np.exp(rng.normal(0, 0.1)))
    image = 118 + (image - 118) * contrast
    # Film and sensors roll off instead of clipping.
    image = np.where(image > 195, 195 + 60 * np.tanh((image - 195) / 60), image)
    if rng.random() < 0.4:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 0.9))
    grain = np.float32(abs(rng.normal(0, 2.5)) + 0.5)
    image = image + grain * rng.standard_normal(image.shape, np.float32)
    return np.clip(image, 0, 255).astype(np.uint8)
