"""How the networks of the diffusion renderer compute: where, in what type, with which shortcuts.

Nothing here changes what is drawn by more than rounding. What each option gains is measured in
`results/diffusion_speed.json`.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from talkgen.errors import InputError, MissingDependencyError

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
ATTENTIONS = ("auto", "sdpa", "xformers")


@dataclass(frozen=True)
class Performance:
    """Options of speed and memory.

    dtype : "float32", "bfloat16", "float16", or "auto": bfloat16 on a GPU, float32 elsewhere
    attention : "sdpa" (PyTorch's), "xformers", or "auto": xformers where it is installed, on a GPU
    channels_last : keep pictures with their channels together; compiled : run torch.compile
    tiling : let the autoencoder work on tiles, for latents of other models on small GPUs
    threads : of the processor; None: as PyTorch is set (the commands set one: threads that wait
        for each other cost more than they bring where other programs run)
    """

    dtype: str = "auto"
    attention: str = "auto"
    channels_last: bool = True
    compiled: bool = False
    tiling: bool = False
    threads: int | None = None

    def __post_init__(self) -> None:
        for name, possible in (("dtype", ("auto", *DTYPES)), ("attention", ATTENTIONS)):
            value = getattr(self, name)
            if value not in possible:
                raise InputError(f"`{name}` is {value!r}, choose one of {', '.join(possible)}")
        if self.threads is not None and not 1 <= self.threads <= 256:
            raise InputError(f"`threads` is {self.threads}, a number from 1 to 256 is needed")

    def type_on(self, device: torch.device) -> torch.dtype:
        """Return the type to compute in."""
        if self.dtype == "auto":
            return torch.bfloat16 if device.type == "cuda" else torch.float32
        return DTYPES[self.dtype]

    @property
    def layout(self) -> torch.memory_format:
        """How pictures lie in memory."""
        return torch.channels_last if self.channels_last else torch.contiguous_format

    def settle(self, autoencoder: Any, denoiser: Any, device: torch.device) -> None:
        """Bring both networks to a device, as these options say, in place."""
        for model in (autoencoder, denoiser):
            model.eval().to(device, self.type_on(device), memory_format=self.layout)
        installed = importlib.util.find_spec("xformers") is not None
        if self.attention == "xformers" or (
            self.attention == "auto" and device.type == "cuda" and installed
        ):
            _use_xformers(denoiser.unet)
        if self.tiling:
            autoencoder.net.enable_tiling()
        if self.compiled:
            for part in (denoiser.unet, autoencoder.net.encoder, autoencoder.net.decoder):
                part.compile()

    @contextmanager
    def threaded(self) -> Iterator[None]:
        """Let PyTorch use this many threads meanwhile."""
        before = torch.get_num_threads()
        torch.set_num_threads(self.threads or before)
        try:
            yield
        finally:
            torch.set_num_threads(before)


def as_device(name: str | torch.device) -> torch.device:
    """Return the device of a name; "auto" is the first GPU, or the processor.

    Raises InputError for a name that PyTorch does not know or a device that is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        there = [f"cuda:{i}" for i in range(torch.cuda.device_count())]
        raise InputError(
            f"`device` is {str(name)!r}, which PyTorch does not find here; "
            f"choose one of auto, {', '.join(['cpu', *there])}"
        ) from error
    return device


def _use_xformers(unet: Any) -> None:
    try:
        unet.enable_xformers_memory_efficient_attention()
    except (ImportError, ValueError, NotImplementedError) as error:
        raise MissingDependencyError(
            f"xformers cannot be used ({str(error).splitlines()[0]}); "
            "pip install 'talkgen[cuda]', or choose the attention 'sdpa'"
        ) from error
