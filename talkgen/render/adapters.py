"""Adapters of the denoiser: tokens of who it is, and small changes of its weights for one person.

Tokens: decoupled cross-attention (IP-Adapter, Ye et al. 2023). Each attention of the network gets
keys and values of its own for the identity tokens, whose outcome is added at a scale from 0 (as if
they were not there) to 1. One person's weights: LoRA (Hu et al. 2021) by peft; a product of two
thin matrices is learned for each matrix of the attentions and residual blocks, kept in one small
file, and added to the network's own when it is loaded, so that drawing takes no longer.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from talkgen import hub
from talkgen.errors import CheckpointError, InputError, MissingDependencyError
from talkgen.io.output import whole_file

RANK = 8
"""Of a person's adapter: 0.7 MB beside the shipped denoiser."""
TARGETS = ("to_q", "to_k", "to_v", "to_out.0", "conv1", "conv2")
"""Ends of the names of the layers that are adapted: attentions, and convolutions of blocks."""
SUFFIX = ".safetensors"
FORMAT = "talkgen-adapter-1"
EMBEDDING = "embedding"
_PEFT_NAME = "person"


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


@dataclass(frozen=True, eq=False)
class Adapter:
    """What one person's pictures change of a denoiser.

    tensors : pairs of thin matrices by peft's names; rank : their thinner side
    base : SHA-256 of the weights file of the denoiser that they belong to
    embedding : (E,) of the person, or None; about : further lines of text, such as what it is of
    """

    tensors: dict[str, Tensor] = field(repr=False)
    rank: int
    base: str
    targets: tuple[str, ...] = TARGETS
    embedding: Tensor | None = field(default=None, repr=False)
    about: Mapping[str, str] = field(default_factory=dict)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one .safetensors of float16, whole or not at all."""
        from safetensors.torch import save_file

        tensors = {k: v.detach().cpu().half().contiguous() for k, v in self.tensors.items()}
        if self.embedding is not None:
            tensors[EMBEDDING] = self.embedding.detach().cpu().float().contiguous()
        metadata = {
            **self.about, "format": FORMAT, "base": self.base, "rank": str(self.rank),
            "targets": json.dumps(self.targets),
        }  # fmt: skip
        with whole_file(path) as part:
            save_file(tensors, part, metadata=metadata)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Adapter:
        """Return the adapter of a file.

        Raises InputError where the file is absent, damaged, or no adapter of talkgen.
        """
        from safetensors import safe_open

        name = os.fspath(path)
        if not Path(path).is_file():
            raise InputError(f"no such adapter: {name!r}; make one with `talkgen adapt`")
        try:
            with safe_open(name, "pt") as stored:
                tensors = {key: stored.get_tensor(key).float() for key in stored.keys()}  # noqa: SIM118
                about = dict(stored.metadata() or {})
            if about.pop("format", None) != FORMAT:
                raise ValueError("another format")
            rank, base = int(about.pop("rank")), about.pop("base")
            targets = tuple(json.loads(about.pop("targets")))
        except Exception as error:  # safetensors raises its own bare Exception types
            raise InputError(
                f"{name!r} is no adapter of talkgen; give a file that `talkgen adapt` wrote"
            ) from error
        embedding = tensors.pop(EMBEDDING, None)
        return cls(tensors, rank, base, targets, embedding, about)


def base_digest(name_or_path: str | os.PathLike[str] = "denoiser") -> str:
    """Return the SHA-256 of a denoiser's weights file, which adapters are bound to."""
    return hub.sha256(hub.resolve(name_or_path) / hub.WEIGHTS_NAME)


def add_lora(denoiser: Any, rank: int = RANK, *, seed: int = 0) -> list[nn.Parameter]:
    """Give a denoiser a fresh adapter that changes nothing yet; return what is to be trained.

    All of the denoiser's own weights are frozen.
    """
    if not 1 <= rank <= 64:
        raise InputError(f"`rank` is {rank}, a whole number from 1 to 64 is needed")
    denoiser.requires_grad_(False)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        _add(denoiser.unet, rank, TARGETS)
    return [p for p in denoiser.parameters() if p.requires_grad]


def taken_lora(
    denoiser: Any, base: str, *, embedding: Tensor | None = None,
    about: Mapping[str, str] | None = None,
) -> Adapter:  # fmt: skip
    """Return a copy of the adapter that `add_lora` gave to a denoiser, as it is now."""
    from peft import get_peft_model_state_dict

    config = denoiser.unet.peft_config[_PEFT_NAME]
    state = get_peft_model_state_dict(denoiser.unet, adapter_name=_PEFT_NAME)
    tensors = {k: v.detach().float().cpu().clone() for k, v in state.items()}
    return Adapter(tensors, config.r, base, TARGETS, embedding, about or {})


def load_adapter(
    denoiser: Any, adapter: Adapter | str | os.PathLike[str], base: str | os.PathLike[str],
    *, scale: float = 1.0,
) -> Adapter:  # fmt: skip
    """Add an adapter to a denoiser's weights for good; return it.

    adapter : a file of `talkgen adapt`, or what `Adapter.read` gave
    base : name or folder that the denoiser was loaded from
    scale : how much of it is added, from 0 (the denoiser as it was) to 1
    Raises CheckpointError where the adapter belongs to another denoiser.
    """
    if not 0.0 <= scale <= 1.0:
        raise InputError(f"`adapter_scale` is {scale:g}, a number from 0 to 1 is needed")
    name = "the adapter" if isinstance(adapter, Adapter) else f"the adapter {os.fspath(adapter)!r}"
    known = adapter if isinstance(adapter, Adapter) else Adapter.read(adapter)
    digest = base_digest(base)
    if known.base != digest:
        raise CheckpointError(
            f"{name} was made for another denoiser (SHA-256 {known.base[:12]}..., that of "
            f"{os.fspath(base)!r} is {digest[:12]}...); make it again with `talkgen adapt`"
        )
    merge_lora(denoiser, known, scale=scale, name=name)
    return known


def merge_lora(
    denoiser: Any, adapter: Adapter, *, scale: float = 1.0, name: str = "the adapter"
) -> None:
    """Add an adapter to the weights, without asking what it was made for."""
    from peft import get_peft_model_state_dict, set_peft_model_state_dict

    unet = denoiser.unet
    learns = {key: p.requires_grad for key, p in denoiser.named_parameters()}
    dtype, device = unet.dtype, unet.device
    _add(unet, adapter.rank, adapter.targets)
    due = get_peft_model_state_dict(unet, adapter_name=_PEFT_NAME)
    shapes = {k: tuple(v.shape) for k, v in due.items()}
    if shapes != {k: tuple(v.shape) for k, v in adapter.tensors.items()}:
        unet.unload_lora()
        _restore(denoiser, learns)
        raise CheckpointError(
            f"{name} does not fit the denoiser ({len(adapter.tensors)} matrices of rank "
            f"{adapter.rank}, {len(due)} are due); make it again with `talkgen adapt`"
        )
    set_peft_model_state_dict(unet, adapter.tensors, adapter_name=_PEFT_NAME)
    if scale > 0.0:
        unet.fuse_lora(lora_scale=scale)
    unet.unload_lora()
    unet.to(device=device, dtype=dtype)
    _restore(denoiser, learns)


def _restore(denoiser: Any, learns: Mapping[str, bool]) -> None:
    for key, parameter in denoiser.named_parameters():
        parameter.requires_grad_(learns[key])


def _add(unet: Any, rank: int, targets: tuple[str, ...]) -> None:
    try:
        from peft import LoraConfig
    except ImportError as error:
        raise MissingDependencyError(
            "adapters need peft: pip install 'talkgen[diffusion]'"
        ) from error
    config = LoraConfig(r=rank, lora_alpha=rank, target_modules=list(targets))
    unet.add_adapter(config, adapter_name=_PEFT_NAME)
