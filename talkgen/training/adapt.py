"""Fit of one person's adapter to the denoiser: a few pictures or a clip of them, minutes on a CPU.

The flow's loss is that of the denoiser's own training; only the adapter's thin matrices learn, and
their running average is what is kept. Some frames are kept aside: the adapter is the one that was
best on them, and what it gained there is told.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from talkgen.errors import InputError
from talkgen.render.adapters import RANK, Adapter, add_lora, taken_lora
from talkgen.render.denoiser import Denoiser
from talkgen.render.latents import FaceAutoencoder
from talkgen.training.diffusion_data import Batches, Clip
from talkgen.training.diffusion_train import channel_weights, flow_loss, gains
from talkgen.training.loop import Schedule

LOOKS = 6
"""How often in a fit the frames kept aside are looked at."""


@dataclass(frozen=True)
class Effort:
    """How much is done: what is reached first, steps or minutes (of this process), ends it.

    count : frames a step; rate : highest learning rate; half : compute in bfloat16
    """

    steps: int = 400
    minutes: float = 10.0
    rank: int = RANK
    count: int = 8
    rate: float = 2e-3
    seed: int = 0
    half: bool = False

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise InputError(f"`steps` is {self.steps}, at least 1 is needed")
        if not self.minutes > 0:
            raise InputError(f"`minutes` is {self.minutes:g}, more than 0 is needed")
        if not 0 <= self.seed < 2**63:
            raise InputError(f"`seed` is {self.seed}, a whole number from 0 to 2**63 - 1 is needed")


@dataclass(frozen=True, eq=False)
class Adapted:
    """An adapter, and by how many dB the flow's end comes nearer to the frames kept aside.

    before, after : dB over the mesh render in the weights of the loss, without and with it, of
        `aside` frames never learned from; None where there were too few to keep any
    steps : steps done; frames : frames learned from
    """

    adapter: Adapter
    steps: int
    frames: int
    aside: int
    before: float | None
    after: float | None

    def __str__(self) -> str:
        """Return one line."""
        learned = f"{self.steps} steps on {self.frames} frames"
        if self.before is None or self.after is None:
            return f"{learned}; too few to keep any aside to measure on"
        return f"{learned}; {self.after - self.before:+.2f} dB on {self.aside} others"


def adapt(
    denoiser: Denoiser, autoencoder: FaceAutoencoder, learned: Sequence[Clip],
    aside: Sequence[Clip], base: str, effort: Effort | None = None,
    *, embedding: Tensor | None = None,
    on_step: Callable[[float], object] | None = None, device: str = "cpu",
) -> Adapted:  # fmt: skip
    """Return an adapter of `denoiser`, which is left with it, to one person's clips.

    aside : what is not learned from but measured on; may be empty
    base : the SHA-256 that names the denoiser (`talkgen.render.adapters.base_digest`)
    on_step : called after each step with the share of the whole that is done, 0 to 1
    Same seed, same steps, same machine: the same adapter. Both networks are left frozen.
    """
    asked = effort or Effort()
    if not sum(map(len, learned)):
        raise InputError("no frame to learn from; give clearer pictures or another clip")
    judge = autoencoder.to(device).requires_grad_(False)
    weights = channel_weights(judge).to(device)
    denoiser.to(device)
    before = _gain(denoiser, aside, weights, device)
    own = add_lora(denoiser, asked.rank, seed=asked.seed)
    schedule = Schedule(minutes=asked.minutes, steps=asked.steps, rate=asked.rate, warmup=0.05)
    optimizer = torch.optim.AdamW(own, lr=schedule.rate, weight_decay=schedule.decay)
    average = [p.detach().clone() for p in own]
    best, best_gain, looks = [p.clone() for p in average], before, 0
    batches, rng = Batches(list(learned)), np.random.default_rng(asked.seed)
    started, step, progress = time.monotonic(), 0, 0.0
    with torch.random.fork_rng():
        torch.manual_seed(asked.seed)
        while progress < 1.0:
            for group in optimizer.param_groups:
                group["lr"] = schedule.rate_at(progress)
            denoiser.train()
            real, given = batches.draw(asked.count, rng)
            loss = flow_loss(
                denoiser, real.to(device), given.to(device), weights, rng, half=asked.half,
                autoencoder=judge,
            )  # fmt: skip
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(own, schedule.clip)
            optimizer.step()
            step += 1
            keep = min(0.98, step / (step + 10))
            with torch.no_grad():
                for mean, parameter in zip(average, own, strict=True):
                    mean.lerp_(parameter, 1 - keep)
            spent = (time.monotonic() - started) / (60 * asked.minutes)
            progress = min(1.0, max(step / asked.steps, spent))
            if progress * LOOKS >= looks + 1:
                looks = int(progress * LOOKS)
                gain = _gain_of(denoiser, own, average, aside, weights, device)
                if gain is None or best_gain is None or gain > best_gain:
                    best, best_gain = [p.clone() for p in average], gain
            if on_step is not None:
                on_step(progress)
    _set(own, best)
    denoiser.eval()
    about = {"steps": str(step), "frames": str(sum(map(len, learned)))}
    if best_gain is not None and before is not None:
        about["gain_db"] = f"{best_gain - before:.2f}"
    adapter = taken_lora(denoiser, base, embedding=embedding, about=about)
    return Adapted(
        adapter, step, sum(map(len, learned)), sum(map(len, aside)), before, best_gain
    )  # fmt: skip


def _gain_of(
    denoiser: Any, own: list[Any], average: list[Tensor], aside: Sequence[Clip], weights: Tensor,
    device: str,
) -> float | None:  # fmt: skip
    now = [p.detach().clone() for p in own]
    _set(own, average)
    found = _gain(denoiser, aside, weights, device)
    _set(own, now)
    return found


def _gain(denoiser: Any, aside: Sequence[Clip], weights: Tensor, device: str) -> float | None:
    return gains(denoiser, list(aside), weights, device)["all"] if aside else None


def _set(own: list[Any], values: list[Tensor]) -> None:
    with torch.no_grad():
        for parameter, value in zip(own, values, strict=True):
            parameter.copy_(value)
