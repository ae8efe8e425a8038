"""Hair as a shell about the skull: how far it reaches, how thick, how frayed, and its strands."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np

from talkgen.face.head import PARTS, HeadModel
from talkgen.synthetic.unwrap import CRANIUM_CENTER, hairline
from talkgen.types import FloatArray

COLUMNS, ROWS = 72, 40
SKULL_DEGREES = 100.0
"""From the crown down to this polar angle the shell follows the skull, below it hangs."""

ARC_CM = 17.5
"""Length from the crown to there."""

LONGEST_CM = 50.0
NEIGHBOURS = 4
EARS_U = 0.125
"""Skin with u below this (or above one minus this) at ear height is ear, no skull."""


@dataclass(frozen=True)
class HairStyle:
    """A way to wear hair.

    length : cm below `ARC_CM` that the hair hangs behind `side` radians from straight ahead;
        0: it ends at the nape
    volume : cm that it stands off at the crown; fringe : cm that it comes down the forehead
    fray : how ragged edges are; curl : strands 0 straight, 1 wavy, 2 curly; cloth : a hat or scarf
    part : where the parting lies, -1 to 1; seed : of its bumps
    """

    length: float
    volume: float
    fringe: float
    fray: float
    curl: int
    side: float
    cloth: bool = False
    part: float = 0.0
    seed: int = 0


def random_style(rng: np.random.Generator, bald: bool) -> HairStyle | None:
    """Return a style, None for a bald head."""
    kind = rng.random()
    if kind < (0.6 if bald else 0.03):
        return None
    seed, part = int(rng.integers(1 << 30)), float(rng.uniform(-1, 1))
    curl = int(rng.choice(3, p=[0.5, 0.3, 0.2]))
    fray = float(rng.uniform(0.4, 1.6))
    fringe = float(rng.choice([0.0, rng.uniform(-0.8, 1.2), rng.uniform(1.5, 4.5)],
                              p=[0.4, 0.4, 0.2]))  # fmt: skip
    side = float(rng.uniform(1.15, 1.9))
    if kind < 0.12:  # shaved or very short
        return HairStyle(0, rng.uniform(0.05, 0.3), min(fringe, 0.3), 1.6, curl, side, part=part,
                         seed=seed)  # fmt: skip
    if kind < 0.50 or bald:
        return HairStyle(0, rng.uniform(0.6, 3.0), fringe, fray, curl, side, part=part, seed=seed)
    if kind < 0.58:  # a cloud of curls
        return HairStyle(rng.uniform(0, 6), rng.uniform(3.0, 6.5), min(fringe, 1), 1.5, 2, side,
                         part=part, seed=seed)  # fmt: skip
    if kind < 0.66:  # a hat or a scarf
        long = rng.random() < 0.4
        return HairStyle(rng.uniform(14, 20) if long else 0, rng.uniform(0.5, 1.8),
                         rng.uniform(-0.5, 3.5), 0.05, 0, rng.uniform(0.95, 1.1) if long else 1.9,
                         True, part, seed)  # fmt: skip
    return HairStyle(rng.uniform(4, 30), rng.uniform(0.6, 2.6), fringe, fray, min(curl, 2),
                     rng.uniform(0.95, 1.7), part=part, seed=seed)  # fmt: skip


class HairShell:
    """The shell's surface for a head model; `wear` gives it a style.

    faces : (F, 3) int32
    """

    def __init__(self, head: HeadModel) -> None:
        from scipy.spatial import cKDTree

        index = np.arange(ROWS * (COLUMNS + 1), dtype=np.int32).reshape(ROWS, COLUMNS + 1)
        a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
        self.faces = np.ascontiguousarray(
            np.concatenate(
                [np.stack([a, c, b], -1).reshape(-1, 3), np.stack([a, d, c], -1).reshape(-1, 3)]
            )
        )
        # Azimuth from straight ahead; the seam lies behind.
        self.azimuth = np.linspace(-np.pi, np.pi, COLUMNS + 1).astype(np.float32)[None, :]
        fine = np.linspace(0, ARC_CM, 24)
        self.arc = np.concatenate([fine, np.linspace(ARC_CM, LONGEST_CM, ROWS - 23)[1:]])
        self.arc = self.arc.astype(np.float32)[:, None]
        polar = np.radians(SKULL_DEGREES) * np.minimum(self.arc / ARC_CM, 1.0)
        direction = np.stack(
            np.broadcast_arrays(
                np.sin(polar) * np.sin(self.azimuth), -np.cos(polar) * np.ones_like(self.azimuth),
                -np.sin(polar) * np.cos(self.azimuth),
            ), axis=-1,
        )  # fmt: skip
        self.direction = direction.astype(np.float32)
        rows = np.unique(head.faces[head.part == PARTS.index("skin")])
        u, v = head.uv[rows].T
        ear = (np.minimum(u, 1 - u) < EARS_U) & (v > 0.24) & (v < 0.44)
        inside = np.linalg.norm(head.vertices[rows] - CRANIUM_CENTER, axis=1) < 6.0
        rows = rows[~ear & ~inside & (head.vertices[rows, 1] < 6)]
        offset = head.vertices[rows] - CRANIUM_CENTER
        radius = np.linalg.norm(offset, axis=1)
        tree = cKDTree(offset / radius[:, None])
        away, near = tree.query(self.direction.reshape(-1, 3), k=NEIGHBOURS)
        share = 1.0 / (away + 0.02)
        self.share = (share / share.sum(axis=1, keepdims=True)).astype(np.float32)
        self.near = rows[near]
        self.radius = (self.share * radius[near]).sum(axis=1).reshape(direction.shape[:2])
        self.radius = cv2.GaussianBlur(self.radius.astype(np.float32), (0, 0), 1.0)

    def wear(self, style: HairStyle) -> tuple[FloatArray, FloatArray]:
        """Return the shell (N, 3), cm, on the mean head, and its values (N, 3).

        values : strand coordinates (2) and the distance in cm to where the hair ends, negative
            beyond it
        """
        rng = np.random.default_rng(style.seed)
        front = np.abs(self.azimuth)
        bare = CRANIUM_CENTER + self.direction * self.radius[..., None]
        edge = self._edge(style, bare, rng)
        left = edge - self.arc
        volume = np.clip(left / 5.0, 0, 1) ** 0.7
        lump = cv2.resize(
            rng.normal(0, 1, (6, 9)).astype(np.float32), (COLUMNS + 1, ROWS),
            interpolation=cv2.INTER_CUBIC,
        )  # fmt: skip
        lump[:, -3:] += (lump[:, :1] - lump[:, -1:]) * np.float32([0.33, 0.66, 1.0])
        rough = rng.normal(0, 1, lump.shape).astype(np.float32)
        rough[:, -1] = rough[:, 0]
        rough[0] = rough[0, 0]
        lump[0] = lump[0].mean()
        rough *= 0.12 * style.curl / (1 + 0.4 * style.volume)
        stand = style.volume * (1.0 + 0.25 * lump + rough)
        stand = 0.22 + np.maximum(stand, 0) * volume * (1.0 + 0.25 * np.cos(self.azimuth) ** 2)
        stand *= 1.0 - 0.35 * np.exp(-(((self.azimuth - 0.6 * style.part) / 0.18) ** 2)) * (
            self.arc < 10
        )
        out = CRANIUM_CENTER + self.direction * (self.radius + stand)[..., None]
        hang = np.maximum(self.arc - ARC_CM, 0.0)
        out[..., 1] += hang
        if style.length > 0:
            spread = 1.0 + 0.012 * hang * (front > 1.0) + 0.02 * style.curl * np.minimum(hang, 9)
            spread = spread * (1 - 0.12 * np.clip(hang / 14, 0, 1))
        else:
            spread = 1.0 - 0.042 * np.minimum(hang, 9)
        out[..., 0] *= spread
        out[..., 2] = 1.0 + (out[..., 2] - 1.0) * spread
        wave = (0.0, 0.35, 0.5)[style.curl]
        strand = np.broadcast_to(self.azimuth / (2 * np.pi) * 3.0, edge.shape) + 0 * self.arc
        values = np.stack(
            [strand + wave * 0.05 * np.sin(self.arc), 0 * strand + self.arc / 26.0,
             np.broadcast_to(left, strand.shape)], axis=-1,
        )  # fmt: skip
        return (
            out.reshape(-1, 3).astype(np.float32),
            values.reshape(-1, 3).astype(np.float32),
        )

    def carry(self, moved: FloatArray) -> FloatArray:
        """Return (N, 3) what the shell moves when the head's vertices move by `moved` (V, 3)."""
        return np.einsum("nk,nkd->nd", self.share, moved[self.near]).astype(np.float32)

    def _edge(self, style: HairStyle, bare: Any, rng: np.random.Generator) -> Any:
        """Return the arc length (ROWS, COLUMNS + 1) at which hair ends on each meridian."""
        front = np.abs(self.azimuth[0])
        y = bare[..., 1] + np.maximum(self.arc - ARC_CM, 0)
        wanted = hairline(front) - 0.4
        short = np.array(
            [np.interp(h, y[:, k], self.arc[:, 0]) for k, h in enumerate(wanted)]
        )
        wobble = cv2.GaussianBlur(rng.normal(0, 2.5, (1, COLUMNS + 1)).astype(np.float32),
                                  (0, 0), 2)[0]  # fmt: skip
        wobble[-1] = wobble[0]
        slant = 1.0 + 0.5 * np.sin(self.azimuth[0]) * style.part
        short = short + style.fringe * slant * np.clip(1.25 - front / 0.85, 0, 1) + 0.5 * wobble
        if style.cloth:
            short = short + 2.5 * np.clip((front - 0.9) / 0.5, 0, 1)
        if style.length > 0:
            behind = np.clip((front - style.side + 0.12) / 0.24, 0, 1)
            long = ARC_CM + style.length + wobble * min(1.0, style.length / 8)
            short = short + (long - short) * behind
        return np.broadcast_to(short[None, :], bare.shape[:2]).astype(np.float32)


@cache
def strand_texture(curl: int, number: int = 0) -> FloatArray:
    """Return (512, 512, 2) in [0, 1] that tiles: brightness of strands and where edges fray."""
    rng = np.random.default_rng(100 + 10 * curl + number)
    side = 512
    layers = []
    for _ in range(2):
        total = np.zeros((side, side), np.float32)
        for wide, long in ((0.8, 60.0), (2.0, 90.0), (5.0, 120.0)):
            noise = rng.normal(0, 1, (side, side)).astype(np.float32)
            along = 2.5 * wide if curl == 2 else min(long, 60.0)
            noise = np.tile(noise, (3, 3))
            noise = cv2.GaussianBlur(noise, (0, 0), wide, sigmaY=along)
            noise = noise[side : 2 * side, side : 2 * side]
            total += noise / noise.std() * (0.7 if wide < 1 else 1.0)
        layers.append(total)
    out = np.stack(layers, axis=-1)
    if curl == 1:
        ys, xs = np.mgrid[:side, :side].astype(np.float32)
        xs = (xs + 10 * np.sin(ys * 2 * np.pi * 4 / side)) % side
        out = cv2.remap(out, xs, ys, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    out = out / out.std(axis=(0, 1)) * 0.2 + 0.5
    return np.clip(out, 0, 1).astype(np.float32)
