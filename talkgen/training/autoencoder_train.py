"""Fit of the face autoencoder, from principal components of blocks on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from talkgen.render.latents import AutoencoderConfig, FaceAutoencoder, to_tensor
from talkgen.training.autoencoder_data import batch
from talkgen.training.loop import Moment, Schedule, fit, in_batches

SIDE, COUNT = 128, 16
NOISE = 0.02
"""Spread of the noise on latents in training; those of a grey step of one are 0.06."""


def train(
    pool: NDArray[np.uint8], state: Path, schedule: Schedule, *, seed: int = 0,
    config: AutoencoderConfig | None = None, half: bool = True, side: int = SIDE,
    count: int = COUNT, device: str = "cpu", check: NDArray[np.uint8] | None = None,
    restart: bool = False,
) -> FaceAutoencoder:  # fmt: skip
    """Return an autoencoder fitted to pictures (N, 256, 256, 3), with latents of unit spread.

    half : compute in bfloat16; check : pictures whose PSNR is logged
    """
    torch.manual_seed(seed)
    model = FaceAutoencoder(config or AutoencoderConfig()).to(device)
    start_lapped(model, pool)
    model = model.to(memory_format=torch.channels_last)

    def loss_of(moment: Moment) -> Tensor:
        pictures = batch(pool, moment.rng, count, side).to(device)
        return loss(model, pictures, half)

    def report(average: dict[str, Tensor]) -> dict[str, float]:
        if check is None:
            return {}
        now = {k: v.clone() for k, v in model.state_dict().items()}
        model.load_state_dict(average)
        value = psnr(model, check)
        model.load_state_dict(now)
        return {"psnr": round(value, 2)}

    average = fit(
        model, loss_of, schedule, state, seed=seed, name="autoencoder", report=report,
        restart=restart,
    )  # fmt: skip
    model.load_state_dict(average)
    return scaled(model.eval(), pool)


def loss(model: FaceAutoencoder, pictures: Tensor, half: bool) -> Tensor:
    """Return the loss of a batch (B, 3, H, W): pixels, detail, and a slight pull of the latents."""
    with torch.autocast(pictures.device.type, dtype=torch.bfloat16, enabled=half):
        # a little noise: neighbouring latents have to mean similar pictures
        latents = model.raw(pictures)
        made = model.pictured(latents + NOISE * torch.randn_like(latents))
    wrong = made.float() - pictures
    return 4.0 * wrong.abs().mean() + 100.0 * wrong.square().mean()


def start_lapped(model: FaceAutoencoder, pool: NDArray[np.uint8]) -> None:
    """Set the lapped transform to the principal components of blocks of pictures (N, H, W, 3)."""
    if model.lap_in is None or model.lap_out is None:
        return
    step, reach = model.factor, model.config.reach
    chosen = pool[np.random.default_rng(0).permutation(len(pool))[:200]]
    blocks = functional.pixel_unshuffle(to_tensor(chosen), step)  # (N, 3 step^2, h, w)
    rows = blocks.permute(0, 2, 3, 1).flatten(0, 2)
    covariance = torch.cov(rows.T)
    main = torch.linalg.eigh(covariance)[1].flip(1)[:, : model.latent_channels]  # type: ignore[no-untyped-call]
    basis = main.T.unflatten(1, (3, step, step))
    edge = (reach - step) // 2
    with torch.no_grad():
        for module in (model.lap_in, model.lap_out):
            weight: Any = module.weight
            weight.zero_()
            weight[:, :, edge : edge + step, edge : edge + step] = basis


def scaled(model: FaceAutoencoder, pool: NDArray[np.uint8]) -> FaceAutoencoder:
    """Return the model with the mean and spread of its latents over up to 256 pictures."""
    chosen = pool[np.random.default_rng(0).permutation(len(pool))[:256]]
    with torch.inference_mode():
        raw = torch.cat([model.raw(to_tensor(chosen[s])) for s in in_batches(len(chosen), 16)])
    mean, spread = raw.mean((0, 2, 3)), raw.std((0, 2, 3))
    config = replace(
        model.config,
        mean=tuple(round(x, 4) for x in mean.tolist()),
        spread=tuple(round(x, 4) for x in spread.tolist()),
    )
    out = FaceAutoencoder(config)
    out.load_state_dict(model.state_dict())
    return out.eval()


def psnr(model: FaceAutoencoder, pictures: NDArray[np.uint8]) -> float:
    """Return the mean PSNR, dB, of pictures (N, H, W, 3) after there and back, levels clipped."""
    values = []
    model.eval()
    with torch.inference_mode():
        for part in in_batches(len(pictures), 8):
            given = to_tensor(pictures[part])
            wrong = (model(given).clamp(-1, 1) - given).square().mean((1, 2, 3)) / 4
            values += (-10 * torch.log10(wrong.clamp_min(1e-9))).tolist()
    return float(np.mean(values))
