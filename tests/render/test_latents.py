"""The shipped autoencoder on a face, and others of diffusers' layout."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from talkgen.errors import CheckpointError
from talkgen.render.latents import FaceAutoencoder, to_pictures, to_tensor

diffusers = pytest.importorskip("diffusers", reason="needs talkgen[diffusion]")
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    image = Image.open(ROOT / "examples" / "portrait.jpg").convert("RGB")
    return np.array(image.crop((140, 60, 396, 316)))[None]


def test_a_face_comes_back(picture: np.ndarray) -> None:
    model = FaceAutoencoder.from_pretrained("autoencoder")
    with torch.inference_mode():
        latents = model.encode(to_tensor(picture))
        made = to_pictures(model.decode(latents))
    assert latents.shape == (1, 24, 32, 32)
    assert 0.3 < float(latents.std()) < 3.0
    wrong = np.mean((np.clip(made, 0, 255) - picture) ** 2)
    assert 10 * np.log10(255**2 / wrong) > 31  # film grain and all; video is at 45


def test_the_networks_add_to_the_transform(picture: np.ndarray) -> None:
    model = FaceAutoencoder.from_pretrained("autoencoder")
    given = to_tensor(picture)
    with torch.inference_mode():
        whole = (model(given) - given).square().mean()
        bare = (model.lap_out(model.lap_in(given)) - given).square().mean()  # type: ignore[misc]
    assert whole < 0.98 * bare


@pytest.mark.parametrize("kind", ["AutoencoderKL", "AutoencoderTiny"])
def test_folders_of_diffusers_are_read(tmp_path: Path, kind: str, picture: np.ndarray) -> None:
    torch.manual_seed(0)
    if kind == "AutoencoderKL":
        net = diffusers.AutoencoderKL(
            block_out_channels=(8, 8), norm_num_groups=4, latent_channels=4,
            down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
            scaling_factor=0.25,
        )  # fmt: skip
    else:
        net = diffusers.AutoencoderTiny(
            encoder_block_out_channels=(8, 8), decoder_block_out_channels=(8, 8),
            num_encoder_blocks=(1, 1), num_decoder_blocks=(1, 1), scaling_factor=0.25,
        )  # fmt: skip
    net.save_pretrained(tmp_path)
    model = FaceAutoencoder.from_pretrained(tmp_path)
    given = to_tensor(picture)
    with torch.inference_mode():
        latents = model.encode(given)
        made = net.eval().encode(given)
        own = made.latents if kind == "AutoencoderTiny" else made.latent_dist.mode()
        assert torch.allclose(latents, 0.25 * own, atol=1e-5)
        assert model.decode(latents).shape == given.shape
    assert latents.shape == (1, model.latent_channels, 256 // model.factor, 256 // model.factor)


def test_a_name_of_a_hub_without_network_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(CheckpointError) as caught:
        FaceAutoencoder.from_pretrained("nobody/no-such-autoencoder")
    assert "nobody/no-such-autoencoder" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unknown_names_are_one_line() -> None:
    with pytest.raises(CheckpointError, match="no checkpoint 'autoencoderr'"):
        FaceAutoencoder.from_pretrained("autoencoderr")
