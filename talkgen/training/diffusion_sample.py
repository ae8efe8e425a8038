"""The networks alone on pairs: crops as they would be drawn, without the renderer about them.

This is for choosing between checkpoints. Frames are far apart, so the frame before, which the
denoiser wants to see, is drawn in one step of its own; that it sees none itself is the difference
to a film drawn in one go. What the networks add is laid in by the renderer's own masks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from talkgen.errors import InputError
from talkgen.render.adapters import set_identity_scale
from talkgen.render.denoiser import Conditions
from talkgen.render.face_crop import FaceCrop
from talkgen.render.paste import face_mask, matched, own_detail, paste, tempered
from talkgen.render.sampler import FaceSampler, Person, frame_vector
from talkgen.types import ImageArray

BATCH = 8
ARRAYS = (
    "real", "mesh", "source", "maps", "weights", "angles", "sound", "embedding", "frames", "own",
)  # fmt: skip


@dataclass(frozen=True)
class Variant:
    """How the denoiser is asked. steps : of the flow; scale : of the identity tokens, 0 to 1

    wrong : it is told another person's embedding
    """

    steps: int = 4
    scale: float = 1.0
    wrong: bool = False

    @property
    def name(self) -> str:
        """How its results are called."""
        end = "_wrong" if self.wrong else "" if self.scale == 1.0 else f"_id{self.scale:g}"
        return f"diffusion_{self.steps}{end}"


def read_pairs(path: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays of a file of `talkgen.pipelines.pairs.Pairs`."""
    try:
        with np.load(path) as read:
            return {name: read[name] for name in ARRAYS}
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise InputError(
            f"{str(path)!r} holds no pairs ({error}); write them with scripts/prepare_pairs.py"
        ) from error


@torch.inference_mode()
def drawn_pairs(
    sampler: FaceSampler, pairs: Mapping[str, NDArray[Any]], at: Sequence[int],
    variants: Sequence[Variant], wrong: NDArray[np.float32] | None = None,
) -> dict[str, ImageArray]:  # fmt: skip
    """Return crops (n, 256, 256, 3) uint8 of frames `at` by each variant's name, and "ceiling".

    wrong : another person's embedding, for variants that want one
    The ceiling is what the real frame's own latents give: all that a denoiser is asked for.
    """
    people = {
        variant: sampler.person(pairs["source"], wrong if variant.wrong else pairs["embedding"])
        for variant in variants
    }
    parts: dict[str, list[ImageArray]] = {"ceiling": [], **{v.name: [] for v in variants}}
    for start in range(0, len(at), BATCH):
        chosen = np.asarray(at[start : start + BATCH])
        before = np.maximum(chosen - 1, 0)
        mesh = sampler.encoded(pairs["mesh"][chosen])
        earlier = sampler.encoded(pairs["mesh"][before]) if variants else mesh
        made = [sampler.encoded(pairs["real"][chosen])]
        for variant in variants:
            set_identity_scale(sampler.denoiser.unet, variant.scale)
            person = people[variant]
            sampler.steps = 1
            previous = sampler.flow(
                _given(sampler, pairs, before, earlier, person, torch.zeros_like(mesh))
            )
            previous[torch.from_numpy(chosen == 0)] = 0.0
            sampler.steps = variant.steps
            made.append(sampler.flow(_given(sampler, pairs, chosen, mesh, person, previous)))
        for name, latents in zip(parts, made, strict=True):
            changes = zip(chosen, sampler.difference(mesh, latents), strict=True)
            parts[name].append(np.stack([_laid(pairs, t, change) for t, change in changes]))
    return {name: np.concatenate(found) for name, found in parts.items()}


def _laid(pairs: Mapping[str, Any], t: int, change: NDArray[np.float32]) -> ImageArray:
    """Return the mesh render's crop of frame `t` with a change (256, 256, 3) laid in."""
    maps = pairs["maps"][t].astype(np.float32)
    mask, kept = face_mask(maps), own_detail(tempered(change), maps)
    out: ImageArray = pairs["mesh"][t].copy()
    paste(out, FaceCrop(np.eye(2, 3, dtype=np.float32)), matched(kept, mask), mask)
    return out


def _given(
    sampler: FaceSampler, pairs: Mapping[str, Any], at: Any, mesh: Tensor, person: Person,
    previous: Tensor,
) -> Conditions:  # fmt: skip
    def moved(values: Any) -> Tensor:
        return torch.from_numpy(np.asarray(values, np.float32)).to(mesh)

    rows = zip(pairs["weights"][at], pairs["angles"][at], strict=True)
    return Conditions(
        mesh=mesh, portrait=person.portrait.expand(len(at), -1, -1, -1), previous=previous,
        maps=moved(pairs["maps"][at]), vector=moved([frame_vector(*row) for row in rows]),
        sound=moved(pairs["sound"][at]), embedding=person.embedding.expand(len(at), -1),
    )  # fmt: skip
