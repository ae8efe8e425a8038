"""Identity adapters of the denoiser: tokens of who it is, attended to beside everything else.

Decoupled cross-attention (IP-Adapter, Ye et al. 2023): each attention of the network gets keys and
values of its own for the identity tokens, whose outcome is added at a scale from 0 (as if they were
not there) to 1.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from talkgen.errors import InputError


class IdentityTokens(nn.Module):
    """Embeddings (B, E) of unit length to (B, n, width) tokens."""

    def __init__(self, dim: int, count: int, width: int) -> None:
        super().__init__()
        self.count = count
        self.spread = nn.Sequential(nn.Linear(dim, 2 * width), nn.SiLU(),
                                    nn.Linear(2 * width, count * width))  # fmt: skip
        self.norm = nn.LayerNorm(width)

    def forward(self, embedding: Tensor) -> Tensor:
        """Return (B, count, width)."""
        # the parts of a unit vector of E numbers are about E ** -0.5
        tokens = self.spread(embedding * embedding.shape[-1] ** 0.5)
        return self.norm(tokens.unflatten(-1, (self.count, -1)))  # type: ignore[no-any-return]


def add_identity(unet: Any, count: int) -> None:
    """Give every cross-attention of a UNet keys and values for `count` identity tokens."""
    from diffusers.models.attention_processor import IPAdapterAttnProcessor2_0

    processors = {}
    for name, there in unet.attn_processors.items():
        attention = unet.get_submodule(name.removesuffix(".processor"))
        if not attention.is_cross_attention:
            processors[name] = there
            continue
        made = IPAdapterAttnProcessor2_0(
            attention.inner_dim, attention.cross_attention_dim, num_tokens=(count,), scale=1.0
        )
        for value in made.to_v_ip:
            nn.init.zeros_(value.weight)
        processors[name] = made
    unet.set_attn_processor(processors)


def set_identity_scale(unet: Any, scale: float) -> None:
    """Set how much the identity tokens count, from 0 (the base model) to 1."""
    if not 0.0 <= scale <= 1.0:
        raise InputError(f"`identity_scale` is {scale:g}, a number from 0 to 1 is needed")
    for processor in unet.attn_processors.values():
        if hasattr(processor, "to_k_ip"):
            processor.scale = [scale] * len(processor.scale)
