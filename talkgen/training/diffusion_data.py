"""Batches for the denoiser: latents of pairs, with what is known of each frame."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from talkgen.face.head import LEFT_CHANNELS, RIGHT_CHANNELS
from talkgen.render.conditions import CHANNELS
from talkgen.render.denoiser import Conditions
from talkgen.render.latents import FaceAutoencoder, to_tensor
from talkgen.render.sampler import frame_vector
from talkgen.training.autoencoder_data import recolored
from talkgen.training.loop import in_batches

MIRRORED = tuple(CHANNELS.index(name) for name in ("normal_x", "moved_x"))
DROPPED = {"sound": 0.15, "embedding": 0.15, "portrait": 0.1, "previous": 0.5}
"""How often each condition is left out in training."""
PREVIOUS_NOISE = 0.3
"""Most noise on the previous frame, which at work is the network's own."""

log = logging.getLogger(__name__)


@dataclass(eq=False)
class Clip:
    """Latents of the frames of one portrait and one clip, as drawn and mirrored.

    real, mesh : (2, T, C, 32, 32) float16; portrait : (2, C, 32, 32) float16
    maps : (T, 11, 64, 64) float16; vector : (2, T, 62); sound : (T, 5, D); embedding : (E,)
    """

    name: str
    person: str
    real: NDArray[np.float16]
    mesh: NDArray[np.float16]
    portrait: NDArray[np.float16]
    maps: NDArray[np.float16]
    vector: NDArray[np.float32]
    sound: NDArray[np.float16]
    embedding: NDArray[np.float32]

    def __len__(self) -> int:
        return self.real.shape[1]


def vectors(weights: NDArray[np.float32], angles: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (T, 62): weights, turn from the portrait, and the emotion that the weights show."""
    return np.stack([frame_vector(*row) for row in zip(weights, angles, strict=True)])


def read_clip(path: Path, person: str, model: FaceAutoencoder, *, again: bool = True) -> Clip:
    """Return a file of pairs as latents; its mirrored half is re-coloured (`again`: made at all).

    Raises OSError or ValueError for a file that cannot be read.
    """
    with np.load(path) as stored:
        pairs = dict(stored)
    return clip_of(pairs, path.stem, person, model, again=again)


def clip_of(
    pairs: Mapping[str, NDArray[Any]], name: str, person: str, model: FaceAutoencoder,
    *, again: bool = True,
) -> Clip:  # fmt: skip
    """Return pairs, by the names of the fields of `talkgen.pipelines.pairs.Pairs`, as latents."""
    rng = np.random.default_rng(len(name) + len(pairs["real"]))
    pictures = np.concatenate([pairs["source"][None], pairs["real"], pairs["mesh"]])
    made = [latents_of(model, pictures)]
    if again:
        # one colour for the whole clip: the source explains it
        made.append(latents_of(model, recolored(pictures[:, :, ::-1], rng)))
    both, count = np.stack(made), len(pairs["real"])
    weights, angles = pairs["weights"], pairs["angles"]
    vector = [vectors(weights, angles)]
    if again:
        swapped = weights.copy()
        swapped[:, list(LEFT_CHANNELS)] = weights[:, list(RIGHT_CHANNELS)]
        swapped[:, list(RIGHT_CHANNELS)] = weights[:, list(LEFT_CHANNELS)]
        vector.append(vectors(swapped, angles * np.float32([1, -1, -1])))
    return Clip(
        name, person, both[:, 1 : count + 1], both[:, count + 1 :], both[:, 0],
        pairs["maps"], np.stack(vector), pairs["sound"], pairs["embedding"],
    )  # fmt: skip


def latents_of(model: FaceAutoencoder, pictures: NDArray[np.uint8]) -> NDArray[np.float16]:
    """Return latents (N, C, 32, 32) of pictures (N, 256, 256, 3)."""
    with torch.inference_mode():
        out = [model.encode(to_tensor(pictures[s])) for s in in_batches(len(pictures), 16)]
    return torch.cat(out).half().numpy()


def read_folder(
    folder: Path, person_of: Callable[[str], str], model: FaceAutoencoder, *, again: bool = True
) -> list[Clip]:
    """Return all files of pairs of a folder; one that cannot be read is named and left out."""
    out = []
    for path in sorted(folder.glob("*.npz")):
        if path.name.endswith(".part.npz"):
            continue
        try:
            out.append(read_clip(path, person_of(path.stem.split("__")[0]), model, again=again))
        except (OSError, ValueError) as error:
            log.warning("%s is left out (%s)", path.name, error)
    return out


class Batches:
    """Draws batches of frames, people by the square root of how many frames they have."""

    def __init__(self, clips: list[Clip]) -> None:
        self.clips = clips
        frames: dict[str, int] = {}
        for clip in clips:
            frames[clip.person] = frames.get(clip.person, 0) + len(clip)
        share = np.array([len(c) / frames[c.person] ** 0.5 for c in clips])
        self.share = share / share.sum()

    def draw(self, count: int, rng: np.random.Generator) -> tuple[Tensor, Conditions]:
        """Return real latents (B, C, 32, 32) and their conditions, some left out at random."""
        rows = []
        pictures = int(rng.integers(0, 3))
        for index in rng.choice(len(self.clips), count, p=self.share):
            clip = self.clips[index]
            t, side = int(rng.integers(len(clip))), int(rng.integers(len(clip.real)))
            # never the frame itself: it is what is to be told
            others = t + rng.integers(1, max(2, len(clip)), pictures)
            rows.append(_row(clip, t, side, others % len(clip)))
        joined = {key: torch.from_numpy(np.stack([row[key] for row in rows])).float()
                  for key in rows[0]}  # fmt: skip
        real = joined.pop("real")
        noise = torch.from_numpy(rng.uniform(0, PREVIOUS_NOISE, (count, 1, 1, 1))).float()
        joined["previous"] += noise * torch.randn(joined["previous"].shape)
        for key, rate in DROPPED.items():
            joined[key][torch.from_numpy(rng.random(count) < rate)] = 0.0
        return real, Conditions(**joined)


def frames_of(clip: Clip, rows: list[int]) -> tuple[Tensor, Conditions]:
    """Return the rows of a clip as drawn, nothing left out, without a frame before."""
    found = [_row(clip, t, 0, np.zeros(0, int)) for t in rows]
    joined = {k: torch.from_numpy(np.stack([row[k] for row in found])).float() for k in found[0]}
    joined["previous"] *= 0
    return joined.pop("real"), Conditions(**joined)


def _row(clip: Clip, t: int, side: int, others: NDArray[Any]) -> dict[str, NDArray[Any]]:
    maps = clip.maps[t]
    if side:
        maps = maps[:, :, ::-1].copy()
        maps[list(MIRRORED)] *= np.float16(-1)
    seen = clip.real[side] if len(clip) > 1 else clip.portrait[side][None]
    return {
        "real": clip.real[side, t], "mesh": clip.mesh[side, t], "portrait": clip.portrait[side],
        "previous": clip.real[side, t - 1] if t else np.zeros_like(clip.real[side, 0]),
        "maps": maps, "vector": clip.vector[side, t], "sound": clip.sound[t],
        "embedding": clip.embedding, "pictures": seen[others],
    }  # fmt: skip


def region_weights(maps: Tensor, side: int) -> Tensor:
    """Return (B, 1, side, side): how much each latent counts: mouth, eyes, skin, the rest.

    maps : (B, 11, 64, 64)
    """
    small = functional.adaptive_avg_pool2d(maps, side)
    skin, lips, eyes, teeth, inside = (small[:, i : i + 1] for i in range(5))
    wide = functional.max_pool2d((lips + teeth + inside).clamp(0, 1), 5, 1, 2)
    near = functional.max_pool2d(eyes, 3, 1, 1)
    return 0.1 + 0.9 * skin + 4.0 * wide + 2.0 * near
