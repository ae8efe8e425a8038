"""The denoiser: what the mesh render of a face lacks to the real picture, in latents.

It is diffusers' `UNet2DConditionModel`. A flow leads from the mesh render's latents with some noise
(sigma 1) to the real picture's (sigma 0); the network says where it ends, as a difference to the
mesh render, so that an untrained one changes nothing. Beside the noisy latents it sees those of the
mesh render, of the portrait, of the frame before, and the rasteriser's maps; by cross-attention the
sound about the frame, the portrait's features and further pictures of the person; by decoupled
cross-attention (IP-Adapter, Ye et al. 2023) who it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from talkgen.modeling import Config, ModelMixin
from talkgen.render.conditions import MAP_SIDE, NUM_MAPS
from talkgen.render.diffusers_library import diffusers_class

NUM_EMOTIONS = 7
VECTOR = 52 + 3 + NUM_EMOTIONS
"""Weights, turn from the portrait's pose, and the emotion that the weights show."""
STEPS_OF_TIME = 1000


@dataclass(frozen=True)
class DenoiserConfig(Config):
    """Sizes of the denoiser.

    channels : of each resolution; attends : which of them have attention
    noise : spread of the noise laid over the mesh render's latents where the flow begins
    identity_tokens : tokens that an embedding becomes, 0: no identity adapter
    patch : latents a side of one token of a picture of the person
    """

    latent_channels: int = 24
    latent_side: int = 32
    channels: tuple[int, ...] = (96, 128, 160)
    attends: tuple[bool, ...] = (False, True, False)
    blocks: int = 1
    heads: int = 4
    groups: int = 16
    cross_dim: int = 128
    sound_dim: int = 221
    sound_frames: int = 5
    embedding_dim: int = 240
    identity_tokens: int = 4
    patch: int = 4
    noise: float = 0.5


@dataclass(eq=False)
class Conditions:
    """What the denoiser knows of frames.

    mesh, portrait, previous : (B, C, h, w) latents; a previous frame of zeros is none
    maps : (B, 11, 64, 64), see `talkgen.render.conditions`; vector : (B, 62)
    sound : (B, 5, D), zeros for none; embedding : (B, E), zeros for nobody
    pictures : (B, K, C, h, w), K further pictures of the person, K from 0
    """

    mesh: Tensor
    portrait: Tensor
    previous: Tensor
    maps: Tensor
    vector: Tensor
    sound: Tensor
    embedding: Tensor
    pictures: Tensor | None = None

    def to(self, *args: Any, **kwargs: Any) -> Conditions:
        """Return them on another device or in another type."""
        return self._each(lambda part: part.to(*args, **kwargs))

    def rows(self, chosen: Tensor) -> Conditions:
        """Return those of some frames: bool (B,) or whole numbers (n,)."""
        return self._each(lambda part: part[chosen])

    def _each(self, change: Callable[[Tensor], Tensor]) -> Conditions:
        parts = {f.name: getattr(self, f.name) for f in fields(self)}
        return Conditions(**{k: None if v is None else change(v) for k, v in parts.items()})


class Denoiser(ModelMixin, nn.Module):
    """Noisy latents and conditions to the difference of the real picture's to the mesh render's."""

    config_class = DenoiserConfig

    def __init__(self, config: DenoiserConfig, unet: nn.Module | None = None) -> None:
        super().__init__()
        self.config = config
        self.unet: Any = _unet(config) if unet is None else unet
        channels, width = config.latent_channels, config.cross_dim
        self.sound = nn.Linear(config.sound_dim, width)
        self.sound_place = nn.Parameter(torch.zeros(config.sound_frames, width))
        self.picture = nn.Conv2d(channels, width, config.patch, config.patch)
        side = config.latent_side // config.patch
        self.picture_place = nn.Parameter(torch.zeros(width, side, side))
        self.identity: nn.Module | None = None
        if config.identity_tokens:
            from talkgen.render.adapters import IdentityTokens, add_identity

            self.identity = IdentityTokens(config.embedding_dim, config.identity_tokens, width)
            add_identity(self.unet, config.identity_tokens)
        nn.init.zeros_(self.unet.conv_out.weight)
        nn.init.zeros_(self.unet.conv_out.bias)

    def forward(self, noisy: Tensor, sigma: Tensor, given: Conditions) -> Tensor:
        """Return (B, C, h, w): real latents minus the mesh render's, as far as can be told.

        noisy : (B, C, h, w) on the way from mesh render plus noise to real; sigma : (B,) in [0, 1]
        """
        there = (given.previous.abs().amax((1, 2, 3), keepdim=True) > 0).to(noisy.dtype)
        fold = MAP_SIDE // noisy.shape[-1] if noisy.shape[-1] <= MAP_SIDE else 1
        maps = given.maps.to(noisy.dtype)
        if maps.shape[-1] != noisy.shape[-1] * fold:
            maps = functional.interpolate(maps, size=noisy.shape[-2:])
        planes = [
            noisy, given.mesh, given.portrait, given.previous,
            there.expand(-1, 1, *noisy.shape[-2:]), functional.pixel_unshuffle(maps, fold),
        ]  # fmt: skip
        states: Any = torch.cat([self._heard(given), self._seen(given)], 1)
        if self.identity is not None:
            states = (states, [self.identity(given.embedding)])
        return self.unet(  # type: ignore[no-any-return]
            torch.cat(planes, 1), sigma * STEPS_OF_TIME, encoder_hidden_states=states,
            class_labels=given.vector, return_dict=False,
        )[0]  # fmt: skip

    def _heard(self, given: Conditions) -> Tensor:
        return self.sound(given.sound) + self.sound_place  # type: ignore[no-any-return]

    def _seen(self, given: Conditions) -> Tensor:
        """Return (B, 64 (1 + K), width) tokens of the portrait and further pictures."""
        pictures = given.portrait[:, None]
        if given.pictures is not None and given.pictures.shape[1]:
            pictures = torch.cat([pictures, given.pictures], 1)
        batch = len(pictures)
        tokens = self.picture(pictures.flatten(0, 1)) + self.picture_place
        return tokens.flatten(2).transpose(1, 2).reshape(batch, -1, tokens.shape[1])


def in_channels(config: DenoiserConfig) -> int:
    """Return how many planes go in at the latents' resolution."""
    fold = max(1, MAP_SIDE // config.latent_side)
    return 4 * config.latent_channels + 1 + NUM_MAPS * fold**2


def _unet(config: DenoiserConfig) -> Any:
    down = tuple("CrossAttnDownBlock2D" if a else "DownBlock2D" for a in config.attends)
    up = tuple("CrossAttnUpBlock2D" if a else "UpBlock2D" for a in reversed(config.attends))
    return diffusers_class("UNet2DConditionModel")(
        sample_size=config.latent_side, in_channels=in_channels(config),
        out_channels=config.latent_channels, down_block_types=down, up_block_types=up,
        block_out_channels=config.channels, layers_per_block=config.blocks,
        norm_num_groups=config.groups, cross_attention_dim=config.cross_dim,
        attention_head_dim=config.heads, class_embed_type="projection",
        projection_class_embeddings_input_dim=VECTOR,
    )  # fmt: skip
