"""The denoiser at the size of Stable Diffusion 1.5, begun from public weights of that layout.

A folder of diffusers' layout holds `unet/` and `vae/`. The U-Net is taken over whole; what a
talking face needs besides begins at zero, so that at first the network computes what it did in its
folder without a prompt: the weights of `conv_in` for the added planes, the last layer of the
embedding of weights, pose and emotion, the tokens of sound and pictures, and the values of the
identity tokens.

Only the output layer is not kept. In the folder it says what noise lies over a picture; here it
says what the mesh render lacks to the real picture. The one does not follow from the other by a
linear map (it also depends on level and input), and 11 524 of 860 million weights are soon learned
again, so it begins at zero as in a network of our own: untrained, it changes nothing.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from talkgen import hub
from talkgen.errors import CheckpointError
from talkgen.render.denoiser import Denoiser, DenoiserConfig
from talkgen.render.diffusers_library import diffusers_class
from talkgen.render.latents import FaceAutoencoder

SD15 = DenoiserConfig(
    latent_channels=4, channels=(320, 640, 1280, 1280), attends=(True, True, True, False),
    blocks=2, heads=8, groups=32, cross_dim=768,
)  # fmt: skip
"""Sizes of Stable Diffusion 1.5; its latents of 256 pixels are 32 a side, as ours."""

OURS = frozenset({
    "in_channels", "sample_size", "class_embed_type", "projection_class_embeddings_input_dim",
})  # fmt: skip
"""Settings of a U-Net in which ours differs on purpose."""


def denoiser_from_diffusers(
    folder: str | os.PathLike[str], *, identity_tokens: int | None = None
) -> Denoiser:
    """Return a denoiser with the weights of a folder's `unet/`, on the CPU, in evaluation mode.

    folder : of diffusers' layout, of Stable Diffusion 1.x or smaller; 860 million weights need 4 GB
    identity_tokens : tokens of who it is, as many as ours by default
    Raises CheckpointError where it is absent, damaged, or of another kind.
    """
    place = Path(folder) / "unet"
    config = config_of(folder)
    if identity_tokens is not None:
        config = replace(config, identity_tokens=identity_tokens)
    try:
        base = diffusers_class("UNet2DConditionModel").from_pretrained(
            place, local_files_only=True, torch_dtype=torch.float32
        )
    except Exception as error:  # what reads the weights raises bare and private types
        line = (str(error).splitlines() or [type(error).__name__])[0]
        raise CheckpointError(
            f"the weights in {str(place)!r} cannot be read ({line}); fetch the folder again"
        ) from error
    denoiser = Denoiser(config)
    _take_over(denoiser.unet, base)
    for layer in (denoiser.sound, denoiser.picture):
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return denoiser.eval()


def autoencoder_from_diffusers(folder: str | os.PathLike[str]) -> FaceAutoencoder:
    """Return the autoencoder of a folder's `vae/`."""
    place = Path(folder) / "vae"
    if not (place / hub.CONFIG_NAME).is_file():
        raise CheckpointError(f"{str(place)!r} is missing; give a folder of diffusers' layout")
    return FaceAutoencoder.from_pretrained(place)


def config_of(folder: str | os.PathLike[str]) -> DenoiserConfig:
    """Return the sizes of the denoiser that a folder's `unet/` becomes.

    Raises CheckpointError, naming the setting, for a U-Net that ours cannot hold.
    """
    place = Path(folder) / "unet" / hub.CONFIG_NAME
    try:
        theirs = json.loads(place.read_text("utf-8"))
        if theirs["_class_name"] != "UNet2DConditionModel":
            raise ValueError(f"a {theirs['_class_name']}")
        down = theirs["down_block_types"]
        config = DenoiserConfig(
            latent_channels=theirs["out_channels"],
            channels=tuple(theirs["block_out_channels"]),
            attends=tuple(kind == "CrossAttnDownBlock2D" for kind in down),
            blocks=theirs["layers_per_block"], heads=theirs["attention_head_dim"],
            groups=theirs["norm_num_groups"], cross_dim=theirs["cross_attention_dim"],
        )  # fmt: skip
        plain = {"in_channels": config.latent_channels, "class_embed_type": None}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"{str(place)!r} is no U-Net of diffusers' layout ({error!r}); give a folder with "
            "unet/ and vae/, such as one of Stable Diffusion 1.5"
        ) from error
    if not isinstance(config.heads, int):
        raise CheckpointError(_unlike(place, f"attention_head_dim is {config.heads!r}, no number"))
    try:
        with torch.device("meta"):  # sizes alone, no memory
            ours = dict(Denoiser(config).unet.config)
    except (ValueError, TypeError, RuntimeError, IndexError, AttributeError) as error:
        raise CheckpointError(_unlike(place, str(error).splitlines()[0])) from error
    due = {k: v for k, v in ours.items() if k not in OURS and not k.startswith("_")} | plain
    for key, want in due.items():
        have = theirs.get(key, want)
        if _listed(have) != _listed(want):
            raise CheckpointError(_unlike(place, f"{key} is {have!r}, {want!r} is needed"))
    return config


def _take_over(unet: Any, base: Any) -> None:
    """Copy a U-Net's weights into a larger one; what is new there has no part in what it says."""
    ours, theirs = unet.state_dict(), base.state_dict()
    added = nn.init.zeros_(torch.empty_like(ours["conv_in.weight"]))
    added[:, : base.config.in_channels] = theirs["conv_in.weight"]
    last = unet.class_embedding.linear_2
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    taken = {**theirs, "conv_in.weight": added}
    for key in ("conv_out.weight", "conv_out.bias"):
        taken[key] = torch.zeros_like(ours[key])
    left = unet.load_state_dict(taken, strict=False)
    wrong = left.unexpected_keys + [
        key for key in left.missing_keys
        if "_ip." not in key and not key.startswith("class_embedding.")
    ]  # fmt: skip
    if wrong:
        raise CheckpointError(f"the U-Net's weights do not fit its config ({wrong[0]}, ...)")


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, (list, tuple)) else value


def _unlike(place: Path, what: str) -> str:
    return (
        f"the U-Net of {str(place)!r} is of another kind than Stable Diffusion 1.x ({what}); "
        "give a folder of that"
    )
