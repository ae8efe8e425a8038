"""Fit of the denoiser: flow matching from mesh renders to real frames, for few steps."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from talkgen.render.denoiser import Conditions, Denoiser, DenoiserConfig
from talkgen.render.latents import FaceAutoencoder
from talkgen.training.diffusion_data import Batches, Clip, frames_of, region_weights
from talkgen.training.loop import Moment, Schedule, fit

FIRST, FEW = 0.5, (0.75, 0.5, 0.25)
"""Share of the training on sigma 1, which every number of steps meets and where all is yet to be
said; levels that four steps meet besides, as often as all others together."""

log = logging.getLogger(__name__)


def flow_loss(
    denoiser: Denoiser, real: Tensor, given: Conditions, channel_weights: Tensor,
    rng: np.random.Generator, *, half: bool = False,
) -> Tensor:  # fmt: skip
    """Return the loss of a batch.

    real : (B, C, h, w) latents; channel_weights : (C,), how much each latent channel counts
    half : compute in bfloat16
    """
    count = len(real)
    sigma = np.where(rng.random(count) < 0.5, rng.choice(FEW, count), rng.random(count))
    sigma = np.where(rng.random(count) < FIRST, 1.0, sigma)
    level = torch.from_numpy(sigma).to(real)
    start = given.mesh + denoiser.config.noise * torch.randn_like(real)
    noisy = torch.lerp(real, start, level[:, None, None, None])
    with torch.autocast(real.device.type, dtype=torch.bfloat16, enabled=half):
        said = denoiser(noisy, level, given)
    wrong = (said.float() - (real - given.mesh)) * channel_weights[:, None, None]
    regions = region_weights(given.maps, real.shape[-1])
    return (wrong.square() * regions).mean()


def channel_weights(autoencoder: FaceAutoencoder) -> Tensor:
    """Return (C,) weights between those of errors in pixels and of errors in unit latents."""
    spread = autoencoder.spread.flatten() ** 0.75
    return spread / spread.square().mean().sqrt()


def train(
    clips: list[Clip], kept_aside: list[Clip], autoencoder: FaceAutoencoder, state: Path,
    schedule: Schedule, *, config: DenoiserConfig | None = None, count: int = 16, seed: int = 0,
    half: bool = True, device: str = "cpu", restart: bool = False,
) -> Denoiser:  # fmt: skip
    """Return a denoiser fitted to clips; `kept_aside` are only logged."""
    torch.manual_seed(seed)
    denoiser = Denoiser(config or DenoiserConfig()).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    batches, weights = Batches(clips), channel_weights(autoencoder).to(device)

    def loss_of(moment: Moment) -> Tensor:
        real, given = batches.draw(count, moment.rng)
        return flow_loss(
            denoiser, real.to(device), given.to(device), weights, moment.rng, half=half
        )

    def report(average: dict[str, Tensor]) -> dict[str, float]:
        now = {k: v.clone() for k, v in denoiser.state_dict().items()}
        denoiser.load_state_dict(average)
        found = gains(denoiser, kept_aside, weights, device)
        denoiser.load_state_dict(now)
        return found

    average = fit(
        denoiser, loss_of, schedule, state, seed=seed, name="denoiser", report=report,
        restart=restart,
    )  # fmt: skip
    denoiser.load_state_dict(average)
    return denoiser.eval().to("cpu")


@torch.inference_mode()
def gains(
    denoiser: Denoiser, clips: list[Clip], weights: Tensor, device: str = "cpu"
) -> dict[str, float]:
    """Return by how many dB one step comes nearer to the real latents than the mesh render.

    mouth, all : mean over clips, in the weights of the loss; wins : share of clips, mouth
    """
    denoiser.eval()
    found = []
    for clip in clips:
        rows = np.linspace(0, len(clip) - 1, min(len(clip), 6)).astype(int).tolist()
        real, given = (x.to(device) for x in frames_of(clip, rows))
        generator = torch.Generator().manual_seed(0)
        noise = torch.randn(real.shape, generator=generator).to(device)
        start = given.mesh + denoiser.config.noise * noise
        said = denoiser(start, torch.ones(len(rows), device=device), given)
        before = ((real - given.mesh) * weights[:, None, None]).square()
        after = ((real - given.mesh - said) * weights[:, None, None]).square()
        regions = region_weights(given.maps, real.shape[-1])
        mouth = (regions > 3.0).float()
        found.append([10 * torch.log10((before * r).sum() / (after * r).sum()).item()
                      for r in (mouth, regions)])  # fmt: skip
    mouth, whole = np.mean(found, 0).tolist()
    wins = float(np.mean(np.array(found)[:, 0] > 0))
    return {"mouth": round(mouth, 3), "all": round(whole, 3), "wins": round(wins, 2)}
