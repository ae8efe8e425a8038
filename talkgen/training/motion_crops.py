"""Crops of augmented features with their motion and phones, made once and trained on many times.

Augmenting and levelling take about as long as a step of training, and every run (folds, seeds,
other settings) can share them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from talkgen.training.motion_augment import augmented_features
from talkgen.training.motion_data import Track, TrackSampler

FRAMES = 75  # motion frames of a crop (3 s)
HISTORY = 25  # motion frames in front that only settle level and colour


@dataclass(frozen=True, eq=False)
class CropSet:
    """N crops of F motion frames.

    features (N, 4 F, 80) float16, targets (N, F, K) float16 (K: C + 4, FACEGOOD 116),
    valid (N, F), phones (N, 2 F) int8 (-1: unknown), track (N,) index of the track each came from
    """

    features: NDArray[np.float16]
    targets: NDArray[np.float16]
    valid: NDArray[np.bool_]
    phones: NDArray[np.int8]
    track: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.valid)

    def save(self, path: Path) -> None:
        part = path.with_suffix(".part.npz")
        np.savez(part, **{f.name: getattr(self, f.name) for f in fields(self)})
        part.rename(path)

    @classmethod
    def load(cls, path: Path) -> CropSet:
        with np.load(path) as arrays:
            return cls(**{f.name: arrays[f.name] for f in fields(cls)})


def make_crops(
    tracks: list[Track],
    weights: list[float],
    count: int,
    seed: int,
    *,
    augmented: bool = True,
    report: Callable[[str], None] | None = None,
    batch_size: int = 32,
) -> CropSet:
    """`count` random crops of `tracks` (drawn by weight), augmented."""
    sampler = TrackSampler(tracks, weights, FRAMES + HISTORY, seed)
    rng = np.random.default_rng([seed, 7])
    parts: dict[str, list[NDArray]] = {f.name: [] for f in fields(CropSet)}
    done = 0
    while done < count:
        size = min(batch_size, count - done)
        batch = sampler.batch(size)
        chosen = batch.pop("track")
        made = augmented_features(batch, rng, HISTORY, disturb=augmented)
        parts["features"].append(made["features"].astype(np.float16))
        parts["phones"].append(made["phones"].astype(np.int8))
        parts["targets"].append(made["targets"].astype(np.float16))
        parts["valid"].append(made["valid"])
        parts["track"].append(chosen)
        done += size
        if report is not None and done % (batch_size * 16) == 0:
            report(f"{done} of {count} crops")
    return CropSet(**{name: np.concatenate(values) for name, values in parts.items()})
