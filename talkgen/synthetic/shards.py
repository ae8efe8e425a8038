"""Rendered heads on disk: shards of pictures and labels, written so that work can go on later."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from talkgen.errors import InputError
from talkgen.synthetic.heads import HeadStudio, RenderedHead
from talkgen.synthetic.shading import PART_NAMES
from talkgen.types import FloatArray, ImageArray

log = logging.getLogger(__name__)

SHARD = 250
"""Pictures in a shard."""

FIELDS = ("landmarks", "weights", "rotation", "gaze", "visible", "identity", "person")
"""Labels of a shard beside the picture's number `index`."""

README = f"""Rendered heads (scripts/render_heads.py). Shard K holds pictures K * {SHARD} on:
  shard_KKKKK_images.npy  (N, S, S, 3) uint8 RGB
  shard_KKKKK_parts.npy   (N, S, S) uint8, 0 to {len(PART_NAMES) - 1}: {", ".join(PART_NAMES)}
  shard_KKKKK_labels.npz  index (N,) number of the picture; landmarks (N, 478, 3) float32 pixels, z
    away from the viewer; visible (N, 478) bool; weights (N, 52) float32 ARKit, MOTION_CHANNELS
    order; rotation (N, 3) float32 rad pitch yaw roll; gaze (N, 2, 2) float32 rad [right, left] x
    [pitch, yaw] relative to the head; identity (N, 50) float32; person (N,) str (skin#number; the
    same name is the same invented person)
A labels file is written last: where it is there, its shard is whole.
Read with talkgen.synthetic.shards.RenderedSet(folder).
"""


def write_shards(studio: HeadStudio, folder: Path, count: int, *, first_seed: int = 0) -> int:
    """Render pictures 0 to `count` - 1 into `folder`, return how many were missing there."""
    if count < 1:
        raise InputError(f"`count` is {count}, at least 1 picture is needed")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "README.txt").write_text(README, encoding="utf-8")
    made = 0
    for number, first in enumerate(range(0, count, SHARD)):
        stem = folder / f"shard_{number:05d}"
        size = min(SHARD, count - first)
        labels = Path(f"{stem}_labels.npz")
        if labels.exists() and _length(labels) >= size:
            continue
        heads = [studio.sample(first_seed + first + i) for i in range(size)]
        _save(stem, heads, first)
        made += size
        log.info("%d of %d", first + size, count)
    return made


def _save(stem: Path, heads: list[RenderedHead], first: int) -> None:
    for field in ("image", "parts"):
        path = Path(f"{stem}_{field.removesuffix('s')}s.npy")
        # A reader may have the old file mapped: a new one takes its place.
        part = path.with_suffix(".part.npy")
        np.save(part, np.stack([getattr(h, field) for h in heads]))
        part.replace(path)
    rows: dict[str, Any] = {f: np.array([getattr(h, f) for h in heads]) for f in FIELDS}
    rows["index"] = np.arange(first, first + len(heads))
    part = Path(f"{stem}_labels.part.npz")
    np.savez(part, **rows)
    part.replace(f"{stem}_labels.npz")


def _length(labels: Path) -> int:
    with np.load(labels) as rows:
        return len(rows["index"])


@dataclass(frozen=True)
class _Shard:
    images: Any
    parts: Any
    first: int


class RenderedSet:
    """The rendered heads of a folder; pictures are mapped from disk, labels are in memory.

    landmarks, weights, rotation, gaze, visible, identity, person : arrays of all pictures
    """

    landmarks: FloatArray
    weights: FloatArray
    rotation: FloatArray
    gaze: FloatArray
    visible: np.ndarray
    identity: FloatArray
    person: np.ndarray

    def __init__(self, folder: Path) -> None:
        paths = sorted(Path(folder).glob("shard_*_labels.npz"))
        paths = [p for p in paths if not p.name.endswith(".part.npz")]
        if not paths:
            raise InputError(
                f"`folder` is {folder}, it holds no shards; run scripts/render_heads.py first"
            )
        rows: dict[str, list[Any]] = {f: [] for f in FIELDS}
        self._shards: list[_Shard] = []
        total = 0
        for path in paths:
            stem = str(path).removesuffix("_labels.npz")
            self._shards.append(
                _Shard(np.load(f"{stem}_images.npy", mmap_mode="r"),
                       np.load(f"{stem}_parts.npy", mmap_mode="r"), total)
            )  # fmt: skip
            with np.load(path) as labels:
                for field in FIELDS:
                    rows[field].append(labels[field])
                total += len(labels["index"])
        for field, parts in rows.items():
            setattr(self, field, np.concatenate(parts))
        self._firsts = np.array([s.first for s in self._shards])

    def __len__(self) -> int:
        return len(self.landmarks)

    def image(self, index: int) -> ImageArray:
        """Return the picture (S, S, 3) uint8 RGB."""
        shard = self._at(index)
        return np.array(shard.images[index - shard.first])

    def parts(self, index: int) -> ImageArray:
        """Return its parts (S, S) uint8, indices into `PART_NAMES`."""
        shard = self._at(index)
        return np.array(shard.parts[index - shard.first])

    def __iter__(self) -> Iterator[ImageArray]:
        return (self.image(i) for i in range(len(self)))

    def _at(self, index: int) -> _Shard:
        if not 0 <= index < len(self):
            raise IndexError(f"`index` is {index}, the set holds {len(self)} pictures")
        return self._shards[int(np.searchsorted(self._firsts, index, side="right")) - 1]


def speed(studio: HeadStudio, count: int = 60) -> dict[str, float]:
    """Return seconds and processor milliseconds that a picture takes, over `count` of them."""
    studio.sample(0)  # kernels are compiled, textures drawn
    wall, cpu = time.perf_counter(), time.process_time()
    for seed in range(1, count + 1):
        studio.sample(seed)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {
        "pictures": count,
        "cpu_ms_a_picture": round(1000 * cpu / count, 1),
        "wall_ms_a_picture": round(1000 * wall / count, 1),
    }
