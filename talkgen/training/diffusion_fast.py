"""Pairs of real frames and mesh renders, scored with and without the networks: seconds a clip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkgen.render.conditions import LABELS
from talkgen.training.diffusion_measure import ClipScores
from talkgen.training.part_boxes import cut, part_box, part_masks
from talkgen.types import ImageArray

LIPS = LABELS.index("lips")


def fast_clip(
    pairs: Mapping[str, NDArray[Any]], *, step: int = 4, sampler: Any = None,
    variants: Sequence[Any] = (), wrong: NDArray[np.float32] | None = None, features: Any = None,
) -> tuple[ClipScores, ImageArray]:  # fmt: skip
    """Return the scores of a clip's pairs, every `step`-th, and a strip to look at.

    sampler, variants, wrong : see `talkgen.training.diffusion_sample.drawn_pairs`; without a
        sampler the mesh render and the still portrait are scored alone
    The portrait's own frame is left out. The strip has real, still, mesh, then each drawing.
    """
    frames, side = pairs["frames"], pairs["real"].shape[1]
    at = [t for t in range(0, len(frames), step) if frames[t] != int(pairs["own"])]
    drawn = {
        "mesh": pairs["mesh"][at],
        "still": np.broadcast_to(pairs["source"], (len(at), *pairs["source"].shape)),
    }
    if sampler is not None:
        from talkgen.training.diffusion_sample import drawn_pairs

        drawn |= drawn_pairs(sampler, pairs, at, variants, wrong)
    scores = ClipScores(features)
    for row, t in enumerate(at):
        real, maps = pairs["real"][t], pairs["maps"][t]
        tried = {name: np.ascontiguousarray(pictures[row]) for name, pictures in drawn.items()}
        scores.crops("face", real, tried)
        box = part_box(maps[LIPS], side)
        if box is not None:
            scores.crops("mouth", cut(real, box), {k: cut(v, box) for k, v in tried.items()})
        for region, mask in part_masks(maps, side).items():
            scores.masked(region, mask, real, tried)
    shown = np.linspace(0, len(at) - 1, 6).astype(int)
    rows = [pairs["real"][[at[i] for i in shown]], *(drawn[name][shown] for name in drawn)]
    return scores, np.concatenate([np.concatenate(list(row), 1) for row in rows])


def strangers(paths: Sequence[Path]) -> dict[Path, Path]:
    """Return for each file of pairs one of another source, whose person is surely another."""
    out = {}
    for number, path in enumerate(paths):
        ahead = [paths[(number + k) % len(paths)] for k in range(1, len(paths))]
        kind = path.stem.split("_")[0]
        others = [p for p in ahead if p.stem.split("_")[0] != kind] or ahead
        if others:
            out[path] = others[0]
    return out
