"""Shading that comes with a smile: folds and cheeks that the still photograph does not have.

A map over the head model's vertices says how the logarithm of the skin's brightness changes as a
smile grows by 1; it was learned from photographs of people neutral and smiling. It is applied to
the difference from the portrait's own expression, so a photographed smile gives up its folds too.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from talkgen import hub, modeling
from talkgen.errors import CheckpointError
from talkgen.face.head import HeadModel
from talkgen.raster.bands import over_rows
from talkgen.raster.compiled import kernel
from talkgen.raster.fragments import Fragments
from talkgen.types import MOTION_CHANNELS

DARKEST, BRIGHTEST = -0.25, 0.12
"""Bounds of the change in log brightness: never a painted face."""

FULL_SMILE = 0.45
"""Smiles saturate towards this: wider ones than people were photographed with add little."""

LEAST = 0.004
"""Changes of log brightness that nobody sees."""

MIDDLE_CM = 0.5
"""Half width of the strip in the middle of the face that both sides' smiles share."""

SIDES = ("Left", "Right")
_SMILES = [MOTION_CHANNELS.index(f"mouthSmile{side}") for side in SIDES]


@dataclass(frozen=True)
class WrinkleConfig(modeling.Config):
    """num_vertices : of the head model that the map is for"""

    num_vertices: int = 0


@dataclass(frozen=True, eq=False)
class WrinkleMap:
    """smile : (V,) float32, change of log brightness per unit of `softened` smile on either side"""

    smile: NDArray[np.float32]

    @classmethod
    def from_pretrained(cls, name_or_path: str | os.PathLike[str] = "wrinkles") -> WrinkleMap:
        """Return the map of a folder or of a shipped name."""
        folder = hub.resolve(name_or_path)
        values = modeling.load_config(folder)
        if values.get("_class") != cls.__name__:
            raise CheckpointError(
                f"{folder} holds a {values.get('_class')}, a WrinkleMap is needed"
            )
        config = WrinkleConfig.from_dict(values)
        smile = modeling.load_arrays(folder)["smile"].astype(np.float32)
        if smile.shape != (config.num_vertices,):
            raise CheckpointError(
                f"{folder} has {smile.shape} values for {config.num_vertices} vertices; restore it"
            )
        return cls(smile)

    def save_pretrained(self, path: str | os.PathLike[str]) -> None:
        """Write the map as a checkpoint folder."""
        from safetensors.numpy import save_file

        folder = Path(path)
        modeling.save_config(folder, WrinkleConfig(len(self.smile)), type(self).__name__)
        save_file({"smile": self.smile.astype(np.float16)}, str(folder / hub.WEIGHTS_NAME))

    def by_side(self, head: HeadModel) -> NDArray[np.float32]:
        """Return (2, V) float32, the map's share in the left and in the right smile."""
        if len(self.smile) != len(head.vertices):
            raise CheckpointError(
                f"the wrinkle map has {len(self.smile)} values, the head {len(head.vertices)} "
                "vertices; make it again with scripts/train_wrinkles.py"
            )
        left = np.clip(0.5 + 0.5 * head.vertices[:, 0] / MIDDLE_CM, 0.0, 1.0)
        return np.stack([self.smile * left, self.smile * (1.0 - left)]).astype(np.float32)


def softened(step: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how much of a smile counts, for the change of `mouthSmile*`, within `FULL_SMILE`."""
    return np.asarray(FULL_SMILE * np.tanh(step / FULL_SMILE), np.float32)


def log_gains(
    maps: NDArray[np.float32], weights: NDArray[np.float32], source: NDArray[np.float32]
) -> NDArray[np.float32] | None:
    """Return (V,) changes of log brightness from weights `source` to `weights`, None without.

    maps : (2, V) of `WrinkleMap.by_side`; weights, source : (52,)
    """
    step = (weights - source)[_SMILES].astype(np.float32)
    if np.abs(step).max() < 0.01:
        return None
    return np.clip(softened(step) @ maps, DARKEST, BRIGHTEST).astype(np.float32)


@kernel
def _shade(triangle, weights, faces, gains, first, last, frame):  # type: ignore[no-untyped-def]
    one, half = np.float32(1.0), np.float32(0.5)
    for y in range(first, last):
        for x in range(triangle.shape[1]):
            f = triangle[y, x]
            if f < 0:
                continue
            v, w = weights[y, x, 0], weights[y, x, 1]
            g = (one - v - w) * gains[faces[f, 0]] + v * gains[faces[f, 1]]
            g += w * gains[faces[f, 2]]
            if abs(g) < LEAST:
                continue
            gain = one + g + half * g * g
            for c in range(3):
                value = gain * np.float32(frame[y, x, c]) + half
                frame[y, x, c] = np.uint8(min(value, np.float32(255.0)))


def shade(
    frame: NDArray[np.uint8],
    skin: Fragments,
    faces: NDArray[np.int32],
    gains: NDArray[np.float32],
    threads: int | None = None,
) -> None:
    """Multiply the skin of `frame` (h, w, 3) by the exponential of `gains` (V,), in place."""

    def band(first: int, last: int) -> None:
        _shade(skin.triangle, skin.weights, faces, gains, first, last, frame)

    over_rows(band, frame.shape[0], threads)
