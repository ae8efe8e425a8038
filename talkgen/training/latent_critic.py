"""A critic in latents that learns, beside the denoiser, to tell its mouths and eyes from real ones.

Squared error makes of teeth that may or may not show a grey band. A critic (Goodfellow et al. 2014,
hinge form; in latents as in Sauer et al. 2024) that sees what was asked for makes the network
commit itself. It works on patches and counts where mouth and eyes are.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from talkgen.render.conditions import NUM_MAPS
from talkgen.render.denoiser import Conditions, Denoiser
from talkgen.training.diffusion_data import region_weights

SHARE = 0.3
"""Length of the critic's gradient at the denoiser's last layer over that of its other losses."""
MOST = 1.0
RATE = 4e-4


class LatentCritic(nn.Module):
    """(B, C, h, w) latents and what was asked for to (B, 1, h / 2, w / 2): real above 0."""

    def __init__(self, channels: int, width: int = 64) -> None:
        super().__init__()
        self.net = nn.Sequential(
            spectral_norm(nn.Conv2d(2 * channels + NUM_MAPS, width, 3, 1, 1)), nn.LeakyReLU(0.2),
            spectral_norm(nn.Conv2d(width, width, 4, 2, 1)), nn.LeakyReLU(0.2),
            spectral_norm(nn.Conv2d(width, 2 * width, 3, 1, 1)), nn.LeakyReLU(0.2),
            nn.Conv2d(2 * width, 1, 3, 1, 1),
        )  # fmt: skip

    def forward(self, latents: Tensor, given: Conditions) -> Tensor:
        """Return the verdict on every patch."""
        maps = functional.adaptive_avg_pool2d(given.maps, latents.shape[-1])
        out: Tensor = self.net(torch.cat([latents, given.mesh, maps], 1))
        return out


class Rivalry:
    """A critic and its optimiser, learning a step whenever the denoiser is judged."""

    def __init__(self, channels: int, device: str = "cpu") -> None:
        self.critic = LatentCritic(channels).to(device)
        self.optimizer = torch.optim.Adam(self.critic.parameters(), RATE, (0.0, 0.99))

    def loss(self, denoiser: Denoiser, made: Tensor, real: Tensor, given: Conditions,
             other: Tensor) -> Tensor:  # fmt: skip
        """Return what the critic adds to the denoiser's loss, after a step of its own.

        made, real : (B, C, h, w) latents; other : the rest of the loss, a scalar with a graph
        """
        weight = self._patches(given, made.shape[-1])
        for verdict, sign in (
            (self.critic(real, given), 1.0),
            (self.critic(made.detach(), given), -1.0),
        ):
            (functional.relu(1.0 - sign * verdict) * weight).mean().backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.critic.requires_grad_(False)
        told = -(self.critic(made, given) * weight).mean()
        last: Any = denoiser.unet.conv_out.weight
        lengths = [torch.autograd.grad(x, last, retain_graph=True)[0].norm() for x in (other, told)]
        self.critic.requires_grad_(True)
        return (SHARE * lengths[0] / lengths[1].clamp_min(1e-8)).clamp_max(MOST) * told

    @staticmethod
    def _patches(given: Conditions, side: int) -> Tensor:
        """Return (B, 1, side / 2, side / 2): 1 at mouth and eyes, little elsewhere."""
        regions = functional.avg_pool2d(region_weights(given.maps, side), 2)
        return (regions / 4.0).clamp(0.02, 1.0)
