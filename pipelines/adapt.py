"""Pictures or clips of one person become an adapter of the diffusion renderer to that person."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np

from talkgen.pipelines.pairs import PairMaker
from talkgen.pipelines.person_pairs import person_pairs

log = logging.getLogger("talkgen")


class AdaptPipeline:
    """Fits adapters. denoiser, autoencoder : name or folder of the checkpoints; maker : draws pairs

    The denoiser is loaded anew for each adapter, which leaves it changed.
    """

    def __init__(
        self,
        denoiser: str | os.PathLike[str],
        autoencoder: str | os.PathLike[str],
        maker: PairMaker,
    ) -> None:
        self.denoiser = denoiser
        self.autoencoder = autoencoder
        self.maker = maker

    @classmethod
    def from_pretrained(
        cls, *, denoiser: str | os.PathLike[str] = "denoiser",
        autoencoder: str | os.PathLike[str] = "autoencoder",
    ) -> Self:  # fmt: skip
        """Return the pipeline with the shipped checkpoints, or others by name or folder."""
        from talkgen import hub

        for name in (denoiser, autoencoder):  # before what takes seconds
            hub.resolve(name)
        return cls(denoiser, autoencoder, PairMaker())

    def __call__(
        self, sources: Sequence[Any], *, effort: Any = None,
        on_stage: Callable[[str], object] | None = None,
        on_step: Callable[[float], object] | None = None, device: str = "cpu",
    ) -> Any:  # fmt: skip
        """Return a `talkgen.training.adapt.Adapted`; its `adapter` has a `save`.

        sources : paths of pictures or clips, Pillow images, or arrays, all of one person
        effort : a `talkgen.training.adapt.Effort`: steps, minutes, seed, ...
        on_stage : called with what begins now; on_step : with the share of the fit that is done
        """
        import torch

        from talkgen.render.adapters import base_digest
        from talkgen.render.denoiser import Denoiser
        from talkgen.render.latents import FaceAutoencoder
        from talkgen.training.adapt import adapt
        from talkgen.training.diffusion_data import clip_of

        autoencoder = FaceAutoencoder.from_pretrained(self.autoencoder)
        denoiser = Denoiser.from_pretrained(self.denoiser)
        pairs = person_pairs(self.maker, sources, on_stage=on_stage)
        if on_stage is not None:
            on_stage("learning the face")
        learned, aside = (
            [clip_of(p.__dict__, str(n), "", autoencoder) for n, p in enumerate(part)]
            for part in (pairs.learned, pairs.aside)
        )
        mean = np.mean([p.embedding for p in pairs.learned], axis=0)
        made = adapt(
            denoiser, autoencoder, learned, aside, base_digest(self.denoiser), effort,
            embedding=torch.from_numpy(mean / max(float(np.linalg.norm(mean)), 1e-9)),
            on_step=on_step, device=device,
        )  # fmt: skip
        if made.before is not None and made.after is not None and made.after <= made.before:
            log.warning(
                "the adapter brings nothing on %d frames kept aside, so it changes nothing; "
                "give more pictures or more steps", made.aside,
            )  # fmt: skip
        return made
