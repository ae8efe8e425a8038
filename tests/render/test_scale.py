"""A folder of diffusers' layout becomes a denoiser that computes at first what the folder's did."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from talkgen.errors import CheckpointError
from talkgen.render.conditions import NUM_MAPS
from talkgen.render.denoiser import VECTOR, Conditions, Denoiser, in_channels
from talkgen.render.latents import to_tensor
from talkgen.render.scale import (
    SD15,
    autoencoder_from_diffusers,
    config_of,
    denoiser_from_diffusers,
)

diffusers = pytest.importorskip("diffusers")

SD15_UNET = {  # unet/config.json of Stable Diffusion 1.5
    "_class_name": "UNet2DConditionModel", "_diffusers_version": "0.6.0", "act_fn": "silu",
    "attention_head_dim": 8, "block_out_channels": [320, 640, 1280, 1280],
    "center_input_sample": False, "cross_attention_dim": 768,
    "down_block_types": ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"], "downsample_padding": 1,
    "flip_sin_to_cos": True, "freq_shift": 0, "in_channels": 4, "layers_per_block": 2,
    "mid_block_scale_factor": 1, "norm_eps": 1e-05, "norm_num_groups": 32, "out_channels": 4,
    "sample_size": 64, "up_block_types": ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3,
}  # fmt: skip


def write(folder: Path, **changes: Any) -> Any:
    """Write a tiny folder of the real layout; return its U-Net."""
    torch.manual_seed(0)
    unet = diffusers.UNet2DConditionModel(**{
        "sample_size": 64, "in_channels": 4, "out_channels": 4, "layers_per_block": 2,
        "block_out_channels": (16, 32, 32), "norm_num_groups": 8, "cross_attention_dim": 24,
        "attention_head_dim": 2,
        "down_block_types": ("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"), **changes,
    })  # fmt: skip
    unet.save_pretrained(folder / "unet")
    diffusers.AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(8, 8, 8, 8), norm_num_groups=4, latent_channels=4,
        scaling_factor=0.18215,
    ).save_pretrained(folder / "vae")  # fmt: skip
    return unet.eval()


def given(count: int = 2) -> tuple[torch.Tensor, torch.Tensor, Conditions]:
    made = torch.Generator().manual_seed(1)

    def noise(*shape: int) -> torch.Tensor:
        return torch.randn(count, *shape, generator=made)

    latents = [noise(4, 32, 32) for _ in range(4)]
    return latents[3], torch.tensor([0.75, 0.25]), Conditions(
        *latents[:3], maps=noise(NUM_MAPS, 64, 64), vector=noise(VECTOR), sound=noise(5, 221),
        embedding=noise(240), pictures=noise(1, 4, 32, 32),
    )  # fmt: skip


@torch.inference_mode()
def test_it_computes_what_the_folder_did_and_says_nothing_yet(tmp_path: Path) -> None:
    base = write(tmp_path)
    denoiser = denoiser_from_diffusers(tmp_path)
    noisy, sigma, conditions = given()
    assert torch.equal(denoiser(noisy, sigma, conditions), torch.zeros_like(noisy))
    # with the folder's own last layer: as there, whatever the added conditions are
    denoiser.unet.conv_out.load_state_dict(base.conv_out.state_dict())
    prompt = torch.zeros(2, 5, 24)
    due = base(noisy, sigma * 1000, encoder_hidden_states=prompt).sample
    assert due.abs().mean() > 0.01
    assert torch.allclose(denoiser(noisy, sigma, conditions), due, atol=1e-5)


def test_everything_added_can_learn(tmp_path: Path) -> None:
    write(tmp_path)
    denoiser = denoiser_from_diffusers(tmp_path)
    rates = torch.optim.SGD(denoiser.parameters(), lr=0.5)
    noisy, sigma, conditions = given()
    for _ in range(3):  # from the last layer backwards, one zero after another
        rates.zero_grad()
        said = denoiser(noisy, sigma, conditions)
        (said - conditions.portrait).square().mean().backward()
        rates.step()
    added = denoiser.unet.conv_in.weight[:, 4:]
    assert added.abs().amax((0, 2, 3)).min() > 0  # every added plane
    for layer in (denoiser.sound, denoiser.picture, denoiser.unet.class_embedding.linear_2):
        assert layer.weight.abs().max() > 0
    values = [p for n, p in denoiser.named_parameters() if "to_v_ip" in n]
    assert values
    assert all(p.abs().max() > 0 for p in values)


def test_it_is_saved_and_read_like_ours(tmp_path: Path) -> None:
    write(tmp_path)
    denoiser = denoiser_from_diffusers(tmp_path, identity_tokens=2)
    denoiser.save_pretrained(tmp_path / "ours")
    again = Denoiser.from_pretrained(tmp_path / "ours")
    assert again.config == denoiser.config
    assert again.config.identity_tokens == 2
    mine, read = denoiser.state_dict(), again.state_dict()
    assert mine.keys() == read.keys()
    assert all(torch.equal(mine[k], read[k]) for k in mine)


@torch.inference_mode()
def test_its_autoencoder_has_the_folders_scale(tmp_path: Path) -> None:
    write(tmp_path)
    autoencoder = autoencoder_from_diffusers(tmp_path)
    pictures = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), np.uint8)
    latents = autoencoder.encode(to_tensor(pictures))
    assert latents.shape == (1, 4, 8, 8)
    vae = diffusers.AutoencoderKL.from_pretrained(tmp_path / "vae")
    due = vae.encode(to_tensor(pictures)).latent_dist.mode() * 0.18215
    assert torch.allclose(latents, due, atol=1e-6)
    assert torch.allclose(autoencoder.decode(latents), vae.decode(due / 0.18215).sample, atol=1e-5)
    with pytest.raises(CheckpointError, match="vae"):
        autoencoder_from_diffusers(tmp_path / "unet")


def test_stable_diffusion_fits_to_the_last_weight(tmp_path: Path) -> None:
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet" / "config.json").write_text(json.dumps(SD15_UNET))
    assert config_of(tmp_path) == SD15
    with torch.device("meta"):
        ours = Denoiser(SD15).unet.state_dict()
        theirs = diffusers.UNet2DConditionModel.from_config(SD15_UNET).state_dict()
    assert sum(tensor.numel() for tensor in theirs.values()) == 859_520_964
    shapes = {k: tuple(v.shape) for k, v in theirs.items()} | {
        "conv_in.weight": (320, in_channels(SD15), 3, 3)
    }
    assert shapes.items() <= {k: tuple(v.shape) for k, v in ours.items()}.items()
    added = ours.keys() - theirs.keys()
    assert all("_ip." in key or key.startswith("class_embedding.") for key in added)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"use_linear_projection": True}, "use_linear_projection is True, False is needed"),
        ({"attention_head_dim": (1, 2, 2)}, r"attention_head_dim is \[1, 2, 2\]"),
        ({"transformer_layers_per_block": 2}, "transformer_layers_per_block is 2"),
        ({"class_embed_type": "timestep"}, "class_embed_type is 'timestep', None is needed"),
        ({"in_channels": 9}, "in_channels is 9, 4 is needed"),
    ],
)
def test_another_kind_is_refused_by_name(
    changes: dict[str, Any], words: str, tmp_path: Path
) -> None:
    write(tmp_path, **changes)
    with pytest.raises(CheckpointError, match=words) as stop:
        denoiser_from_diffusers(tmp_path)
    assert "\n" not in str(stop.value)


def test_what_is_no_folder_of_diffusers_is_said(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no U-Net of diffusers"):
        config_of(tmp_path)
    write(tmp_path)
    weights = tmp_path / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="cannot be read") as stop:
        denoiser_from_diffusers(tmp_path)
    assert "\n" not in str(stop.value)
    weights.unlink()
    with pytest.raises(CheckpointError, match="cannot be read"):
        denoiser_from_diffusers(tmp_path)
