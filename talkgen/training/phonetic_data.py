"""Speech with phones at 50 frames a second, for the phonetic encoder: shards and random crops."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from talkgen.training.motion_augment import augmented_features

CROP, HISTORY = 100, 25  # 40 ms each: a crop, of which the first second only settles the level


@dataclass(frozen=True)
class Speech:
    """(4 T, 80) float16 log10 mel power and (2 T,) phone classes, -1 where unknown."""

    name: str
    log_mel: NDArray[np.float16]
    phones: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.phones) // 2


def synthetic_speech(folder: Path, numbers: list[int] | None = None) -> list[Speech]:
    """Shards of scripts/prepare_speech.py."""
    paths = sorted(p for p in folder.glob("*.npz") if not p.name.endswith(".part.npz"))
    return [_read(path) for path in (paths if numbers is None else [paths[n] for n in numbers])]


def _read(path: Path) -> Speech:
    shard = np.load(path)
    return Speech(path.stem, shard["log_mel"], shard["phones"].astype(np.int64))


def real_speech(path: Path) -> list[Speech]:
    """One long track a speaker and speed, of what scripts/label_speech.py wrote."""
    stored = np.load(path)
    frames = np.concatenate([[0], np.cumsum(stored["lengths"])])
    phones = stored["phones"].astype(np.int64)
    out = []
    for name in sorted(set(stored["speakers"].tolist())):
        own = [
            slice(frames[n], frames[n + 1]) for n in np.flatnonzero(stored["speakers"] == name)
        ]
        mel = np.concatenate([stored["log_mel"][4 * s.start : 4 * s.stop] for s in own])
        out.append(
            Speech(name, mel, np.concatenate([phones[2 * s.start : 2 * s.stop] for s in own]))
        )
    return out


class Crops:
    """Batches of crops of several kinds of speech, augmented.

    kinds : (tracks, share of the rows) of each kind; tracks are drawn by their length
    """

    def __init__(self, kinds: list[tuple[list[Speech], float]]):
        self._tracks = [track for tracks, _ in kinds for track in tracks]
        chances = []
        for tracks, share in kinds:
            lengths = np.array([len(t) for t in tracks], float)
            chances.append(lengths / lengths.sum() * share)
        joined = np.concatenate(chances)
        self._chances = joined / joined.sum()

    def batch(self, size: int, rng: np.random.Generator) -> tuple[NDArray, NDArray]:
        """(B, 4 F, 80) float32 features and (B, 2 F) phones (-1: unknown), F = CROP - HISTORY."""
        power = np.full((size, 4 * CROP, 80), 1e-9, np.float32)
        phones = np.full((size, 2 * CROP), -1, np.int64)
        for row, pick in enumerate(rng.choice(len(self._tracks), size, p=self._chances)):
            track = self._tracks[pick]
            start = int(rng.integers(0, max(1, len(track) - CROP + 1)))
            stop = min(start + CROP, len(track))
            count = stop - start
            # a short track lies at the end of its row: the front only settles the level
            first = CROP - count
            power[row, 4 * first :] = 10.0 ** track.log_mel[4 * start : 4 * stop].astype(np.float32)
            phones[row, 2 * first :] = track.phones[2 * start : 2 * stop]
        batch = augmented_features(
            {
                "power": power, "phones": phones, "valid": np.ones((size, CROP), bool),
                "targets": np.zeros((size, CROP, 1), np.float32),
            },
            rng, HISTORY,
        )  # fmt: skip
        return batch["features"], batch["phones"]
