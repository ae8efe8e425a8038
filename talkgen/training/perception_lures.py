"""What the detector must not take for a face: backgrounds, painted-out heads, beasts, letters.

All of it is drawn, or made of pictures whose face is destroyed first.
"""

from __future__ import annotations

import functools
import string
from typing import Any

import cv2
import numpy as np

from talkgen.face.region import Region, region_of
from talkgen.training.perception_views import shuffled
from talkgen.types import ImageArray

Generator = np.random.Generator


def faceless(picture: ImageArray, points: Any, side: int, rng: Generator) -> ImageArray:
    """Return a (side, side, 3) background without a face.

    picture, points : any picture and the landmarks (478, 2) of its face, to take pieces from
    """
    kind = rng.random()
    if kind < 0.2:
        return pattern(side, rng)
    if kind < 0.27:
        return lettered(side, rng)
    if kind < 0.4:
        whole = cv2.resize(picture, (side, side))
        return cv2.rotate(shuffled(whole, rng, least=4, most=9), int(rng.integers(3)))
    face = region_of(points)
    height, width = picture.shape[:2]
    if kind < 0.7:  # clothes, hair, wall: a piece beside the face, enlarged
        for _ in range(8):
            piece = int(rng.integers(24, max(25, min(height, width))))
            x, y = int(rng.integers(0, width - piece + 1)), int(rng.integers(0, height - piece + 1))
            reach = 0.42 * face.size + piece / 2
            if max(abs(x + piece / 2 - face.x), abs(y + piece / 2 - face.y)) > reach:
                return cv2.resize(picture[y : y + piece, x : x + piece], (side, side))
    return cv2.resize(featureless(picture, face, rng), (side, side))


def lure(picture: ImageArray, face: Region, rng: Generator) -> ImageArray:
    """Return a picture of the same size with something that is no face where its face was."""
    kind = rng.random()
    if kind < 0.4:
        return featureless(picture, face, rng)
    if kind < 0.6:
        x0, y0 = (int(max(0, v - 0.5 * face.size)) for v in (face.x, face.y))
        part = picture[y0 : y0 + int(face.size), x0 : x0 + int(face.size)]
        square = min(part.shape[:2])
        out = picture.copy()
        if square > 16:
            mixed = shuffled(np.ascontiguousarray(part[:square, :square]), rng, least=2, most=5)
            out[y0 : y0 + square, x0 : x0 + square] = mixed
        return out
    if kind < 0.85:
        return beast(picture, face, rng)
    height, width = picture.shape[:2]
    make = lettered if rng.random() < 0.4 else pattern
    return np.ascontiguousarray(make(max(height, width), rng)[:height, :width])


def featureless(picture: ImageArray, face: Region, rng: Generator) -> ImageArray:
    """Return a picture with its face painted over: by a pattern, a colour, or what lies about."""
    height, width = picture.shape[:2]
    mask = np.zeros((height, width), np.uint8)
    wide, high = rng.uniform(0.46, 0.6), rng.uniform(0.5, 0.68)
    axes = (int(face.size * wide) + 1, int(face.size * high) + 1)
    turn = float(np.degrees(face.roll))
    cv2.ellipse(mask, (int(face.x), int(face.y)), axes, turn, 0, 360, 255, -1)
    kind = rng.random()
    if kind < 0.3:
        cover = pattern(max(height, width), rng)[:height, :width]
    elif kind < 0.55:
        row, column = int(rng.integers(height)), int(rng.integers(width))
        cover = np.empty_like(picture)
        cover[:] = picture[row, column]
        if rng.random() < 0.5:
            cover = _grained(cover, rng.uniform(2, 14), rng)
    else:
        small = cv2.resize(picture, (24, 24), interpolation=cv2.INTER_AREA)
        hole = cv2.dilate(cv2.resize(mask, (24, 24)), np.ones((3, 3), np.uint8))
        small = cv2.inpaint(small, hole, 2, cv2.INPAINT_TELEA)
        cover = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
        cover = _grained(cover, rng.uniform(0, 8), rng)
    if rng.random() < 0.6:
        mask = cv2.blur(mask, (2 * int(rng.uniform(0.01, 0.08) * face.size) + 1,) * 2)
    return blended(picture, cover, mask)


def beast(picture: ImageArray, face: Region, rng: Generator) -> ImageArray:
    """Return a picture whose head is a furry, feathered or stuffed one: ears, far eyes, a snout."""
    out = featureless(picture, face, rng)
    height, width = out.shape[:2]
    unit = face.size
    middle = np.array([face.x, face.y])
    colours = ((70, 50, 35), (150, 105, 65), (200, 170, 130), (225, 222, 215), (40, 38, 38),
               (120, 118, 115), (190, 120, 60))  # fmt: skip
    colour = np.array(colours[int(rng.integers(7))], np.float32) * rng.uniform(0.7, 1.15)
    strands = (max(2, height // 2), max(2, int(width // rng.uniform(3, 9))))
    fur = cv2.resize(rng.normal(0, 1, strands).astype(np.float32), (width, height))
    coat = np.clip(colour + fur[:, :, None] * rng.uniform(6, 30), 0, 255).astype(np.uint8)
    mask = np.zeros((height, width), np.uint8)

    def oval(x: float, y: float, wide: float, high: float, turn: float = 0.0) -> tuple[Any, ...]:
        centre = (int(middle[0] + x * unit), int(middle[1] + y * unit))
        return centre, (int(wide * unit) + 1, int(high * unit) + 1), turn, 0, 360

    wide = rng.uniform(0.4, 0.6)
    cv2.ellipse(mask, *oval(0, 0, wide, rng.uniform(0.4, 0.65)), 255, -1)
    ear, spread = rng.uniform(0.1, 0.28), rng.uniform(0.28, 0.55)
    pointed = rng.random() < 0.5
    for side in (-1, 1):
        if pointed:
            base = middle + np.array([side * spread, -0.3]) * unit
            reach = np.array([[-0.15, 0.1], [0.15, 0.1], [side * 0.06, -2.2 * ear]]) * unit
            cv2.fillConvexPoly(mask, np.rint(base + reach).astype(np.int32), 255)
        else:
            drop = rng.uniform(-0.5, 0.2)
            cv2.ellipse(mask, *oval(side * spread, drop, ear, 1.6 * ear, side * 20.0), 255, -1)
    out = blended(out, coat, mask)
    apart, high = rng.uniform(0.16, 0.36), rng.uniform(-0.25, 0.0)
    size = rng.uniform(0.03, 0.1)
    iris = tuple(float(v) for v in rng.choice(((15, 12, 10), (190, 150, 40), (110, 150, 60))))
    for side in (-1, 1):
        cv2.ellipse(out, *oval(side * apart, high, size, size), iris, -1, cv2.LINE_AA)
        cv2.ellipse(out, *oval(side * apart, high, size * 0.55, size * 0.6), (8, 8, 8), -1)
        cv2.ellipse(out, *oval(side * apart + 0.01, high - 0.02, 0.008, 0.008), (240,) * 3, -1)
    if rng.random() < 0.6:
        pale = tuple(float(v) for v in np.clip(colour * rng.uniform(0.8, 1.5), 0, 255))
        cv2.ellipse(out, *oval(0, 0.22, rng.uniform(0.12, 0.24), rng.uniform(0.12, 0.26)), pale, -1)
    nose = rng.uniform(0.05, 0.12)
    cv2.ellipse(out, *oval(0, rng.uniform(0.1, 0.25), nose, nose * 0.7), (25, 18, 20), -1)
    return out


def pattern(side: int, rng: Generator) -> ImageArray:
    """Return noise at some scale, gradients, blobs, stripes: nothing with a face."""
    rows, columns = (int(v) for v in rng.integers(2, 24, 2))
    if rng.random() < 0.6:
        columns = rows
    coarse = rng.uniform(0, 255, (rows, columns, 3)).astype(np.float32)
    if rng.random() < 0.4:
        coarse[:] = coarse.mean(2, keepdims=True)
    coarse = coarse.mean() + (coarse - coarse.mean()) * np.float32(rng.uniform(0, 1.2))
    how = cv2.INTER_CUBIC if rng.random() < 0.7 else cv2.INTER_NEAREST
    small = np.clip(coarse, 0, 255).astype(np.uint8)
    picture = _grained(cv2.resize(small, (side, side), interpolation=how), rng.uniform(0, 20), rng)
    if rng.random() < 0.6:
        for _ in range(int(rng.integers(1, 10))):
            centre = tuple(int(v) for v in rng.integers(0, side, 2))
            axes = tuple(int(v) for v in rng.integers(2, max(3, side // 4), 2))
            colour = tuple(float(v) for v in rng.uniform(0, 255, 3))
            thick = -1 if rng.random() < 0.6 else int(rng.integers(1, 6))
            turn = float(rng.uniform(0, 180))
            cv2.ellipse(picture, centre, axes, turn, 0, 360, colour, thick, cv2.LINE_AA)
    return picture


def lettered(side: int, rng: Generator) -> ImageArray:
    """Return lines of letters, large or small."""
    paper = rng.uniform(150, 255, 3) if rng.random() < 0.7 else rng.uniform(0, 90, 3)
    ink = np.clip(255 - paper + rng.uniform(-30, 30, 3), 0, 255)
    picture = np.empty((side, side, 3), np.uint8)
    picture[:] = paper.astype(np.uint8)
    scale = float(np.exp(rng.uniform(np.log(0.3), np.log(5.0)))) * side / 192
    thick = max(1, round(scale * rng.uniform(1.0, 3.0)))
    font = int(rng.choice((0, 2, 3, 4, 6)))
    letters = string.ascii_letters + string.digits + "OoCceaagQGDbdpq@&%:."
    line = int(28 * scale) + 4
    for y in range(line, side + line, line + int(rng.integers(1, 8))):
        words = "".join(letters[int(i)] for i in rng.integers(0, len(letters), 24))
        place = (int(rng.integers(-20, 10)), y)
        cv2.putText(picture, words, place, font, scale, ink.tolist(), thick, cv2.LINE_AA)
    if rng.random() < 0.5:
        blur = 2 * int(rng.integers(0, 3)) + 1
        picture = cv2.blur(picture, (blur, blur))
    return picture


def covered(canvas: ImageArray, face: Region, rng: Generator) -> None:
    """Draw something over a part of a face, in place: skin, a colour, dark glasses."""
    cos, sin = np.cos(face.roll), np.sin(face.roll)
    turn = float(np.degrees(face.roll))

    def at(x: float, y: float) -> tuple[int, int]:
        return (
            int(face.x + (cos * x - sin * y) * face.size),
            int(face.y + (sin * x + cos * y) * face.size),
        )

    kind = rng.random()
    if kind < 0.35:  # glasses
        colour = tuple(float(v) for v in rng.uniform(0, 60, 3))
        wide, high = rng.uniform(0.14, 0.21) * face.size, rng.uniform(0.08, 0.16) * face.size
        for x in (-0.22, 0.22):
            cv2.ellipse(canvas, at(x, -0.18), (int(wide) + 1, int(high) + 1), turn, 0, 360, colour,
                        -1, cv2.LINE_AA)  # fmt: skip
        cv2.line(canvas, at(-0.5, -0.2), at(0.5, -0.2), colour, max(1, int(0.03 * face.size)))
        return
    x, y = rng.uniform(-0.45, 0.45, 2)
    axes = tuple(int(v * face.size) + 1 for v in rng.uniform(0.06, 0.26, 2))
    if kind < 0.7:
        row, column = np.clip(at(0.1, 0.1)[::-1], 0, len(canvas) - 1)
        colour = tuple(float(v) for v in canvas[row, column] * rng.uniform(0.8, 1.1))
    else:
        colour = tuple(float(v) for v in rng.uniform(0, 255, 3))
    cv2.ellipse(canvas, at(x, y), axes, float(rng.uniform(0, 180)), 0, 360, colour, -1)


def blended(under: ImageArray, over: ImageArray, mask: Any) -> ImageArray:
    """Return `over` laid upon `under` where a mask (H, W) uint8 says, 0 to 255."""
    share = cv2.merge([mask, mask, mask]).astype(np.uint16)
    share += share >> 7  # 0 to 256
    mixed = under.astype(np.uint16) * (256 - share) + over.astype(np.uint16) * share
    return (mixed >> 8).astype(np.uint8)


@functools.cache
def _noise() -> Any:
    """Return a stock of noise, mean 0, deviation 16: drawing it anew costs more than all else."""
    return np.random.default_rng(0).normal(0, 16, 1 << 20).astype(np.int16)


def _grained(picture: ImageArray, deviation: float, rng: Generator) -> ImageArray:
    """Return a picture with grain."""
    stock, count = _noise(), picture.size
    start = int(rng.integers(0, len(stock) - count))
    grain = stock[start : start + count].reshape(picture.shape) * int(deviation * 4) >> 6
    return np.clip(picture + grain, 0, 255).astype(np.uint8)
