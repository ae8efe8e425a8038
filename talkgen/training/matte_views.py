"""Cut-out people over other backgrounds, disturbed: what the matte network learns from."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from talkgen.training.matte_prepare import MARGIN, SIDE
from talkgen.training.perception_views import disturb, random_warp, texture
from talkgen.types import FloatArray, ImageArray

Generator = np.random.Generator


class PeopleSet:
    """The cut-outs of `scripts/prepare_matte.py`.

    held : take the people kept aside instead of those that train
    files : names of the arrays in the folder; those that are absent are left out
    A file with `pictures` holds people before their own backgrounds beside the cut-outs.
    """

    def __init__(
        self, folder: Path, *, held: bool = False,
        files: tuple[str, ...] = ("people.npz", "more.npz"),
    ) -> None:  # fmt: skip
        self.crops: list[ImageArray] = []
        self.parts: list[ImageArray] = []
        self.inside: list[ImageArray] = []
        self.pictures: list[ImageArray | None] = []
        self.name: list[str] = []
        chance: list[float] = []
        for file in files:
            if not (folder / file).exists():
                continue
            with np.load(folder / file) as arrays:
                rows = np.flatnonzero(arrays["held"] == held)
                pictures = arrays.get("pictures")
                for key in ("crops", "parts", "inside", "name"):
                    values = arrays[key]
                    getattr(self, key).extend(values[i] for i in rows)
                self.pictures += [None if pictures is None else pictures[i] for i in rows]
                # A file counts for the root of its length: its people more than their number.
                chance += [max(len(rows), 1) ** -0.5] * len(rows)
        self.chance = np.array(chance) / max(sum(chance), 1e-9)

    def __len__(self) -> int:
        return len(self.crops)


class Backgrounds:
    """The pieces of `scripts/prepare_matte.py`, and made ones; every tenth is kept aside."""

    def __init__(self, folder: Path, *, held: bool = False) -> None:
        pieces = np.load(folder / "backgrounds.npy", mmap_mode="r")
        rows = np.arange(len(pieces))
        self.pieces, self.rows = pieces, rows[(rows % 10 == 0) == held]

    def draw(self, side: int, colours: FloatArray, rng: Generator) -> ImageArray:
        """Return a (side, side, 3) background; `colours` (N, 3) are some of the person's."""
        kind = rng.random()
        if kind < 0.2:
            return texture(side, rng)
        if kind < 0.45:
            return gradient(side, colours, rng)
        piece = np.asarray(self.pieces[self.rows[rng.integers(len(self.rows))]])
        size = int(rng.integers(len(piece) // 3, len(piece) + 1))
        x, y = (int(v) for v in rng.integers(0, len(piece) - size + 1, 2))
        piece = piece[y : y + size, x : x + size]
        piece = piece[:, ::-1] if rng.random() < 0.5 else piece
        if rng.random() < 0.15:
            piece = np.rot90(piece, int(rng.integers(1, 4)))
        piece = cv2.resize(np.ascontiguousarray(piece), (side, side))
        if rng.random() < 0.35:
            piece = cv2.GaussianBlur(piece, (0, 0), rng.uniform(1, 0.06 * side))
        if rng.random() < 0.25:  # more structure: two pictures side by side
            other = np.asarray(self.pieces[self.rows[rng.integers(len(self.rows))]])
            edge = int(rng.integers(side // 5, side * 4 // 5))
            piece = piece.copy()
            piece[:, edge:] = cv2.resize(other, (side, side))[:, edge:]
        return piece


def gradient(side: int, colours: FloatArray, rng: Generator) -> ImageArray:
    """Return a studio wall: one colour, often one of the person's own, shaded."""
    colour = rng.uniform(0, 255, 3)
    if rng.random() < 0.6:  # walls are mostly dull
        colour = colour.mean() + (colour - colour.mean()) * rng.uniform(0, 0.4)
    if len(colours) and rng.random() < 0.35:
        colour = colours[rng.integers(len(colours))] + rng.normal(0, 14, 3)
    axis = np.linspace(-1, 1, side, dtype=np.float32)
    x, y = np.meshgrid(axis, axis)
    cx, cy = rng.normal(0, 0.5, 2)
    shade = rng.normal(0, 0.2) * x + rng.normal(0, 0.2) * y
    shade = shade - rng.uniform(0, 0.4) * ((x - cx) ** 2 + (y - cy) ** 2)
    wall = np.asarray(colour, np.float32) * np.exp(shade)[..., None]
    wall += rng.standard_normal((side, side, 1), np.float32) * np.float32(rng.uniform(0, 4))
    return np.clip(wall, 0, 255).astype(np.uint8)


def view_matrix(side: int, rng: Generator, *, jitter: float = 1.0) -> FloatArray:
    """Return the (2, 3) map from the network's crop of `side` pixels to the cached crop's."""
    size = SIDE / MARGIN * np.exp(rng.normal(0, 0.13) * jitter)
    roll = rng.normal(0, 0.06) * jitter
    if rng.random() < 0.1 * jitter:
        roll = rng.uniform(-0.5, 0.5)
    warp = random_warp(rng) if jitter else np.eye(2)
    cos, sin = np.cos(roll), np.sin(roll)
    linear = np.array([[cos, -sin], [sin, cos]]) @ warp * (size / side)
    if jitter and rng.random() < 0.5:
        linear[:, 0] *= -1
    middle = np.full(2, (SIDE - 1) / 2) + rng.normal(0, 0.03, 2) * SIDE * jitter
    return np.concatenate([linear, (middle - linear @ np.full(2, (side - 1) / 2))[:, None]], 1)


def take(array: ImageArray, matrix: FloatArray, side: int) -> ImageArray:
    """Return the (side, side, C) view of a cached array; no aliasing."""
    shrink = np.sqrt(abs(np.linalg.det(matrix[:, :2])))
    if shrink > 1.4:
        half = (array.shape[1] // 2, array.shape[0] // 2)
        array = cv2.resize(array, half, interpolation=cv2.INTER_AREA)
        matrix = matrix * 0.5
        matrix[:, 2] -= 0.25
    return cv2.warpAffine(
        array, matrix, (side, side), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip


def dress(colours: FloatArray, clothes: FloatArray, rng: Generator) -> FloatArray:
    """Return the picture with clothes (mask (S, S)) of another colour or pattern."""
    side = len(colours)
    light = colours.mean(2)
    worn = clothes > 0.5
    if worn.sum() < 20:
        return colours
    shading = light / max(float(light[worn].mean()), 20.0)
    shading = 1 + (shading - 1) * rng.uniform(0.5, 1.6)
    if rng.random() < 0.4:
        cloth = texture(side, rng).astype(np.float32)
    else:
        colour = rng.uniform(0, 230, 3)
        colour = colour.mean() + (colour - colour.mean()) * rng.uniform(0, 1)
        cloth = np.broadcast_to(colour.astype(np.float32), colours.shape)
        if rng.random() < 0.5:
            cloth = cloth * rng.uniform(0.1, 0.5)
    new = np.clip(cloth * shading[..., None], 0, 255)
    if rng.random() < 0.35:  # an open jacket: a lighter shirt and a tie in the middle
        axis = np.abs(np.arange(side) - side / 2 + rng.normal(0, 4))
        width = rng.uniform(0.04, 0.16) * side
        shirt = np.broadcast_to(axis < width, (side, side))
        white = np.clip(shading[..., None] * rng.uniform(150, 250), 0, 255)
        new = np.where(shirt[..., None], white, new)
        tie = np.broadcast_to(axis < rng.uniform(0.0, 0.03) * side, (side, side))
        new = np.where(tie[..., None], rng.uniform(0, 200, 3) * shading[..., None], new)
    part = clothes[..., None]
    return np.asarray(colours * (1 - part) + new * part, np.float32)


def dye(colours: FloatArray, hair: FloatArray, rng: Generator) -> FloatArray:
    """Return the picture with hair (mask (S, S)) darker, fairer, redder or grey."""
    part = hair[..., None]
    light = colours.mean(2, keepdims=True)
    new = colours
    if rng.random() < 0.4:
        new = light + (colours - light) * rng.uniform(0, 0.5)
    new = new * np.exp(rng.normal(0, 0.35)) * np.exp(rng.normal(0, 0.08, 3)) + rng.uniform(-10, 50)
    return np.asarray(colours * (1 - part) + np.clip(new, 0, 255) * part, np.float32)


def scene(
    people: PeopleSet, index: int, backgrounds: Backgrounds, side: int, rng: Generator,
    *, jitter: float = 1.0,
) -> tuple[ImageArray, FloatArray, FloatArray]:  # fmt: skip
    """Return a disturbed picture (S, S, 3) of one person before some background, the shares of its
    parts (S, S, 5) and the weight of every pixel (S, S): 0 outside of the picture."""
    matrix = view_matrix(side, rng, jitter=jitter)
    shares = take(people.parts[index], matrix, side).astype(np.float32) / 255
    own = people.pictures[index]
    inside = take(people.inside[index][..., None], matrix, side).reshape(side, side)
    alpha = np.minimum(shares.sum(2, keepdims=True), 1)
    if own is not None and rng.random() < 0.5:
        picture = take(own, matrix, side)
    else:
        colours = take(people.crops[index], matrix, side).astype(np.float32)
        some = colours[::7, ::7][alpha[::7, ::7, 0] > 0.9]
        if rng.random() < 0.65 * jitter:
            colours = dress(colours, shares[..., 3], rng)
        if rng.random() < 0.35 * jitter:
            colours = dye(colours, shares[..., 0], rng)
        if rng.random() < 0.5 * jitter:
            colours = colours * np.exp(rng.normal(0, 0.15) + rng.normal(0, 0.05, 3))
        back = backgrounds.draw(side, some, rng)
        mixed = np.clip(colours, 0, 255) * alpha + back * (1 - alpha)
        picture = np.clip(np.rint(mixed), 0, 255).astype(np.uint8)
    picture, shares, weight = _framed(picture, shares, inside, rng, 0.35 * jitter)
    parts = np.concatenate([1 - np.minimum(shares.sum(2, keepdims=True), 1), shares], axis=2)
    return disturb(np.ascontiguousarray(picture), rng), parts.astype(np.float32), weight


def _framed(
    picture: ImageArray, shares: FloatArray, inside: ImageArray, rng: Generator, chance: float
) -> tuple[ImageArray, FloatArray, FloatArray]:
    """Return a view whose picture ends at the rim of what is known, or nearer: beyond, the border
    repeats, as in the crops of the network, and weighs nothing."""
    side = len(picture)
    (y0, y1), (x0, x1) = (
        (int(known[0]), int(known[-1])) if len(known) else (0, side - 1)
        for known in (np.flatnonzero(inside.mean(axis) > 0.45) for axis in (1, 0))
    )
    if rng.random() < chance:
        cuts = rng.integers(0, side // 4, 4) * (rng.random(4) < 0.5)
        y0, x0 = max(y0, int(cuts[0])), max(x0, int(cuts[1]))
        y1, x1 = min(y1, side - 1 - int(cuts[2])), min(x1, side - 1 - int(cuts[3]))
    rows = np.clip(np.arange(side), y0, y1)
    columns = np.clip(np.arange(side), x0, x1)
    weight = np.zeros((side, side), np.float32)
    weight[y0 : y1 + 1, x0 : x1 + 1] = 1
    pick = np.ix_(rows, columns)
    return picture[pick], shares[pick], weight
