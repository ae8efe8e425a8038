"""Which renderer draws: the mesh alone, or the diffusion renderer over it."""

from __future__ import annotations

import importlib.util
import logging
import os
from dataclasses import dataclass, fields
from typing import Any

from talkgen import hub
from talkgen.errors import CheckpointError, InputError

RENDERERS = ("auto", "mesh", "diffusion")
NETWORKS = ("autoencoder", "denoiser")

log = logging.getLogger("talkgen")


@dataclass(frozen=True)
class RendererOptions:
    """What was asked for; None leaves an option as the diffusion renderer has it.

    renderer : "mesh", "diffusion", or "auto": diffusion on a GPU, else mesh
    steps : of the flow, 1 to 100; identity_scale : how much who it is counts, 0 to 1
    adapter : file of `talkgen adapt`; device : "auto", "cpu", "cuda", "cuda:1", ...
    """

    renderer: str = "auto"
    steps: int | None = None
    identity_scale: float | None = None
    adapter: str | os.PathLike[str] | None = None
    device: str | None = None

    def __post_init__(self) -> None:
        if self.renderer not in RENDERERS:
            raise InputError(
                f"`renderer` is {self.renderer!r}, choose one of {', '.join(RENDERERS)}"
            )
        if self.renderer == "mesh" and self.given:
            name = next(iter(self.given))
            raise InputError(
                f"`{name}` is an option of the diffusion renderer, but `renderer` is 'mesh'; "
                "leave one of them out"
            )
        if self.steps is not None:
            from talkgen.render.sampler import check_steps

            check_steps(self.steps)
        if self.identity_scale is not None and not 0.0 <= self.identity_scale <= 1.0:
            raise InputError(
                f"`identity_scale` is {self.identity_scale:g}, a number from 0 to 1 is needed"
            )
        if self.adapter is not None:
            from talkgen.render.adapters import Adapter

            Adapter.read(self.adapter)

    @property
    def given(self) -> dict[str, Any]:
        """The diffusion renderer's options that are not left to it."""
        named = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "renderer"}
        return {name: value for name, value in named.items() if value is not None}


@dataclass(frozen=True)
class Choice:
    """A renderer, where its networks compute, and why; `str` is one line."""

    renderer: str
    device: str
    why: str

    def __str__(self) -> str:
        """Return what is chosen and why, for the user."""
        where = f" on {self.device}" if self.renderer == "diffusion" else ""
        return f"renderer: {self.renderer}{where} ({self.why})"


def choose(options: RendererOptions) -> Choice:
    """Return the renderer that the options and this machine lead to.

    "auto" takes the diffusion renderer where there is a GPU and all that it needs. Raises
    InputError for a device that is not there.
    """
    if options.renderer == "mesh":
        return Choice("mesh", "cpu", "as asked")
    from talkgen.render.performance import as_device

    device = as_device(options.device or "auto")
    if options.renderer == "diffusion":
        return Choice("diffusion", str(device), "as asked")
    unused = f"; {', '.join(options.given)} not used" if options.given else ""
    if device.type == "cpu":
        why = "no GPU is used; `--renderer diffusion` takes longer"
    elif missing := lacking():
        why = f"the diffusion renderer lacks {missing}"
    else:
        return Choice("diffusion", str(device), "there is a GPU")
    return Choice("mesh", "cpu", why + unused)


def lacking() -> str:
    """Return what the diffusion renderer needs and is not there, empty where nothing is missing."""
    if importlib.util.find_spec("diffusers") is None:
        return "diffusers (pip install 'talkgen[diffusion]')"
    for name in NETWORKS:
        try:
            hub.resolve(name)
        except CheckpointError:
            return f"the checkpoint {name!r}"
    return ""


def load_renderer(
    renderer: str = "auto", *, head: str = "head", choice: Choice | None = None, **options: Any
) -> Any:
    """Return a `MeshRenderer` or a `DiffusionRenderer`.

    options : those of `RendererOptions`; choice : what `choose` said of them, where it was asked
    """
    wanted = RendererOptions(renderer, **options)
    chosen = choice or choose(wanted)
    if choice is None:
        log.info("%s", chosen)
    if chosen.renderer == "mesh":
        from talkgen.render.mesh import MeshRenderer

        return MeshRenderer.from_pretrained(head)
    from talkgen.render.diffusion import DiffusionRenderer

    return DiffusionRenderer.from_pretrained(head=head, **{**wanted.given, "device": chosen.device})
