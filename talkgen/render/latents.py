"""Latents of face crops: the autoencoder that the diffusion renderer works in.

Ours is a lapped transform (8 pixels a side, each coefficient reaching over 16), which starts as the
principal components of face pictures, and beside it diffusers' `AutoencoderKL`, which learns what
the transform leaves out. On a laptop's processor that reaches in minutes what a network alone does
not in an hour, and errors of latents are about errors of pixels. Any `AutoencoderKL` or
`AutoencoderTiny` in a folder of diffusers' layout, or by its name on a model hub, is read by the
same class.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from talkgen import hub
from talkgen.errors import CheckpointError
from talkgen.modeling import Config, ModelMixin
from talkgen.render.diffusers_library import diffusers_class

FOREIGN = ("AutoencoderKL", "AutoencoderTiny")


@dataclass(frozen=True)
class AutoencoderConfig(Config):
    """Sizes of the autoencoder.

    reach : pixels a side that a latent sees of its own, twice the pixels it stands for; 0: no
        lapped transform, the networks alone
    fold : pixels a side that become channels before the first convolution
    channels : of each resolution, halved from one to the next; blocks : residual blocks of each
    mean, spread : of each latent channel over the training pictures; latents are brought to 0, 1
    """

    latent_channels: int = 24
    reach: int = 16
    fold: int = 4
    channels: tuple[int, ...] = (48, 64)
    blocks: int = 1
    groups: int = 8
    mean: tuple[float, ...] = ()
    spread: tuple[float, ...] = ()


class FaceAutoencoder(ModelMixin, nn.Module):
    """Pictures (B, 3, H, W) in [-1, 1] to latents (B, C, H / f, W / f) and back."""

    config_class = AutoencoderConfig

    def __init__(self, config: AutoencoderConfig, net: nn.Module | None = None) -> None:
        super().__init__()
        self.config = config
        own = diffusers_class("AutoencoderKL") if net is None else None
        count = len(config.channels)
        self.net: Any = net if own is None else own(
            in_channels=3 * config.fold**2, out_channels=3 * config.fold**2,
            down_block_types=("DownEncoderBlock2D",) * count,
            up_block_types=("UpDecoderBlock2D",) * count,
            block_out_channels=config.channels, layers_per_block=config.blocks,
            latent_channels=config.latent_channels, norm_num_groups=config.groups,
            use_quant_conv=False, use_post_quant_conv=False, mid_block_add_attention=False,
        )  # fmt: skip
        channels, reach = config.latent_channels, config.reach
        self.lap_in: nn.Module | None = None
        self.lap_out: nn.Module | None = None
        if reach:
            at = {"kernel_size": reach, "stride": reach // 2, "padding": reach // 4}
            self.lap_in = nn.Conv2d(3, channels, bias=False, **at)  # type: ignore[arg-type]
            self.lap_out = nn.ConvTranspose2d(channels, 3, bias=False, **at)  # type: ignore[arg-type]
            for last in (self.net.encoder.conv_out, self.net.decoder.conv_out):
                nn.init.zeros_(last.weight)
                nn.init.zeros_(last.bias)
        mean = torch.tensor(config.mean or (0.0,) * channels)
        spread = torch.tensor(config.spread or (1.0,) * channels)
        self.register_buffer("mean", mean[None, :, None, None], persistent=False)
        self.register_buffer("spread", spread[None, :, None, None], persistent=False)

    @property
    def factor(self) -> int:
        """Pixels a side of one latent."""
        halved = len(self.net.config.block_out_channels) - 1
        return int(self.config.fold * 2**halved)

    @property
    def latent_channels(self) -> int:
        """Channels of the latents."""
        return self.config.latent_channels

    def raw(self, pictures: Tensor) -> Tensor:
        """Return the latents before they are brought to mean 0 and spread 1."""
        folded = functional.pixel_unshuffle(pictures, self.config.fold)
        made = self.net.encode(folded)
        # AutoencoderTiny gives latents, AutoencoderKL a distribution: its mean is used
        out: Tensor = made.latents if hasattr(made, "latents") else made.latent_dist.mode()
        return out if self.lap_in is None else out + self.lap_in(pictures)

    def pictured(self, raw: Tensor) -> Tensor:
        """Return the pictures of latents as `raw` gives them."""
        out = functional.pixel_shuffle(self.net.decode(raw).sample, self.config.fold)
        return out if self.lap_out is None else out + self.lap_out(raw)

    def encode(self, pictures: Tensor) -> Tensor:
        """Return latents (B, C, h, w) of about unit spread of pictures (B, 3, H, W) in [-1, 1]."""
        return (self.raw(pictures) - self.mean) / self.spread

    def decode(self, latents: Tensor) -> Tensor:
        """Return pictures (B, 3, H, W), about [-1, 1], of latents."""
        return self.pictured(latents * self.spread + self.mean)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return pictures after there and back."""
        return self.decode(self.encode(pictures))

    @classmethod
    def from_pretrained(cls, name_or_path: str | os.PathLike[str] = "autoencoder") -> Self:
        """Return a shipped autoencoder, or one of diffusers' by folder or hub name.

        A hub name (`owner/name`) is fetched by diffusers on first use and kept in its cache.
        """
        given = Path(name_or_path)
        if _foreign(given) is None and ("/" not in os.fspath(name_or_path) or given.exists()):
            return super().from_pretrained(name_or_path)
        return cls._of(_load_foreign(name_or_path))

    @classmethod
    def _of(cls, net: Any) -> Self:
        channels = int(net.config.latent_channels)
        shift = float(getattr(net.config, "shift_factor", None) or 0.0)
        spread = 1.0 / float(getattr(net.config, "scaling_factor", None) or 1.0)
        config = AutoencoderConfig(
            latent_channels=channels, reach=0, fold=1,
            channels=tuple(net.config.block_out_channels),
            mean=(shift,) * channels, spread=(spread,) * channels,
        )  # fmt: skip
        return cls(config, net).eval()


def to_tensor(pictures: NDArray[np.uint8]) -> Tensor:
    """Return (B, 3, H, W) float32 in [-1, 1] of (B, H, W, 3) uint8, channels last in memory."""
    there = torch.from_numpy(np.ascontiguousarray(pictures))
    return there.permute(0, 3, 1, 2).float() / 127.5 - 1.0


def to_pictures(values: Tensor) -> NDArray[np.float32]:
    """Return (B, H, W, 3) float32 levels of 255, not clipped, of (B, 3, H, W) in [-1, 1]."""
    out: NDArray[np.float32] = ((values.float() + 1.0) * 127.5).permute(0, 2, 3, 1).numpy()
    return out


def _foreign(path: Path) -> str | None:
    """Return diffusers' class that a folder holds, if it holds one of those that are read."""
    try:
        name = json.loads((path / hub.CONFIG_NAME).read_text("utf-8")).get("_class_name")
    except (OSError, ValueError):
        return None
    return name if name in FOREIGN else None


def _load_foreign(name_or_path: str | os.PathLike[str]) -> Any:
    name = os.fspath(name_or_path)
    kind = diffusers_class(_foreign(Path(name)) or "AutoencoderKL")
    try:
        return kind.from_pretrained(name)
    except (OSError, ValueError) as error:
        line = str(error).splitlines()[0]
        raise CheckpointError(
            f"the autoencoder {name!r} cannot be had ({line}); give a folder of diffusers' layout, "
            "or fetch it while there is a network"
        ) from error
