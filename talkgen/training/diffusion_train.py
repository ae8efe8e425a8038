"""Fit of the denoiser: flow matching from mesh renders to real frames, for few steps."""

from __future__ import annotations

import logging
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from talkgen.render.denoiser import Conditions, Denoiser, DenoiserConfig
from talkgen.render.latents import FaceAutoencoder, to_pictures
from talkgen.training.diffusion_data import Batches, Clip, frames_of, region_weights
from talkgen.training.latent_critic import Rivalry
from talkgen.training.loop import Moment, Schedule, fit

FIRST, FEW = 0.5, (0.75, 0.5, 0.25)
"""Share of the training on sigma 1, which every number of steps meets and where all is yet to be
said; levels that four steps meet besides, as often as all others together."""

OWN = 0.8
"""How often later steps start from what the network itself said at the first one. From the real
picture alone they learn to trust what they get, and four steps come out worse than one."""

DETAIL = 1.5
"""How much the strength of fine detail counts."""

log = logging.getLogger(__name__)


def flow_loss(
    denoiser: Denoiser, real: Tensor, given: Conditions, channel_weights: Tensor,
    rng: np.random.Generator, *, half: bool = False, autoencoder: FaceAutoencoder | None = None,
    rival: Rivalry | None = None,
) -> Tensor:  # fmt: skip
    """Return the loss of a batch.

    real : (B, C, h, w) latents; channel_weights : (C,), how much each latent channel counts
    half : compute in bfloat16; autoencoder : where given, fine detail counts by its strength too
    rival : a critic that learns beside it
    """
    count = len(real)
    sigma = np.where(rng.random(count) < 0.5, rng.choice(FEW, count), rng.random(count))
    sigma = np.where(rng.random(count) < FIRST, 1.0, sigma)
    level = torch.from_numpy(sigma).to(real)
    start = given.mesh + denoiser.config.noise * torch.randn_like(real)
    target = real
    own = (level < 1) & torch.from_numpy(rng.random(count) < OWN).to(level.device)
    if own.any():
        with torch.no_grad(), torch.autocast(real.device.type, dtype=torch.bfloat16, enabled=half):
            said = denoiser(start[own], torch.ones_like(level[own]), given.rows(own))
        target = real.clone()
        target[own] = given.mesh[own] + said.float()
    noisy = torch.lerp(target, start, level[:, None, None, None])
    with torch.autocast(real.device.type, dtype=torch.bfloat16, enabled=half):
        said = denoiser(noisy, level, given)
    made = given.mesh + said.float()
    wrong = (made - real) * channel_weights[:, None, None]
    regions = region_weights(given.maps, real.shape[-1])
    loss = (wrong.square() * regions).mean()
    if autoencoder is not None and autoencoder.lap_out is not None:
        loss = loss + DETAIL * detail_loss(autoencoder, made, real, regions)
    if rival is not None:
        loss = loss + rival.loss(denoiser, made, real, given, loss)
    return loss


def detail_loss(
    autoencoder: FaceAutoencoder, made: Tensor, real: Tensor, regions: Tensor
) -> Tensor:
    """Return how far the strength of fine detail is off, wherever exactly it lies.

    Squared error alone is least where every edge is smeared over the places that it may have. Here
    the mean slope of brightness over 8 x 8 pixels is compared, on what the lapped transform draws.
    """
    slopes = []
    for latents in (made, real):
        raw = latents * autoencoder.spread + autoencoder.mean
        grey = autoencoder.lap_out(raw).mean(1, keepdim=True)  # type: ignore[misc]
        across = functional.pad((grey[..., 1:] - grey[..., :-1]).abs(), (0, 1))
        down = functional.pad((grey[..., 1:, :] - grey[..., :-1, :]).abs(), (0, 0, 0, 1))
        slopes.append(functional.avg_pool2d(across + down, 8))
    weight = functional.interpolate(regions, slopes[0].shape[-2:])
    return ((slopes[0] - slopes[1]).abs() * weight).mean()


def channel_weights(autoencoder: FaceAutoencoder) -> Tensor:
    """Return (C,) weights between those of errors in pixels and of errors in unit latents."""
    spread = autoencoder.spread.flatten() ** 0.75
    return spread / spread.square().mean().sqrt()


def train(
    clips: list[Clip], kept_aside: list[Clip], autoencoder: FaceAutoencoder, state: Path,
    schedule: Schedule, *, config: DenoiserConfig | None = None, count: int = 16, seed: int = 0,
    half: bool = True, device: str = "cpu", restart: bool = False, rival: bool = False,
    start: Denoiser | None = None, sheets: Path | None = None,
) -> Denoiser:  # fmt: skip
    """Return a denoiser fitted to clips; `kept_aside` are only logged.

    start : what to begin with, else a new one of `config`
    sheets : folder that gets a picture of frames kept aside whenever the state is saved
    rival : a critic takes part (best towards the end; it begins anew with each run)
    """
    torch.manual_seed(seed)
    denoiser = start or Denoiser(config or DenoiserConfig())
    denoiser = denoiser.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    against = Rivalry(autoencoder.latent_channels, device) if rival else None
    judge = autoencoder.to(device).requires_grad_(False)
    batches, weights = Batches(clips), channel_weights(autoencoder).to(device)

    def loss_of(moment: Moment) -> Tensor:
        real, given = batches.draw(count, moment.rng)
        return flow_loss(
            denoiser,
            real.to(device),
            given.to(device),
            weights,
            moment.rng,
            half=half,
            autoencoder=judge,
            rival=against,
        )

    def report(average: dict[str, Tensor]) -> dict[str, float]:
        now = {k: v.clone() for k, v in denoiser.state_dict().items()}
        denoiser.load_state_dict(average)
        found = gains(denoiser, kept_aside, weights, device)
        if sheets is not None:
            sheets.mkdir(parents=True, exist_ok=True)
            name = sheets / f"{len(list(sheets.glob('*.png'))):04d}.png"
            cv2.imwrite(str(name), sheet(denoiser, kept_aside, judge, device)[..., ::-1])
        denoiser.load_state_dict(now)
        return found

    average = fit(
        denoiser, loss_of, schedule, state, seed=seed, name="denoiser", report=report,
        restart=restart,
    )  # fmt: skip
    denoiser.load_state_dict(average)
    return denoiser.eval().to("cpu")


@torch.inference_mode()
def sheet(
    denoiser: Denoiser, clips: list[Clip], autoencoder: FaceAutoencoder, device: str = "cpu",
    most: int = 8,
) -> NDArray[np.uint8]:  # fmt: skip
    """Return a picture: real frames, mesh renders below, and what one step makes of these."""
    denoiser.eval()
    columns = []
    for clip in clips[:: max(1, len(clips) // most)][:most]:
        real, given = (x.to(device) for x in frames_of(clip, [len(clip) // 2]))
        draw = torch.Generator().manual_seed(0)
        noise = torch.randn(real.shape, generator=draw).to(device)
        start = given.mesh + denoiser.config.noise * noise
        made = given.mesh + denoiser(start, torch.ones(1, device=device), given)
        shown = to_pictures(autoencoder.decode(torch.cat([real, given.mesh, made])).cpu())
        columns.append(np.clip(np.concatenate(list(shown)), 0, 255).astype(np.uint8))
    return np.concatenate(columns, 1)


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
