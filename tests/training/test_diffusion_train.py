"""The denoiser learns, detail is judged by its strength, the critic tells made from real."""

import numpy as np
import torch

from talkgen.render.denoiser import Conditions, Denoiser, DenoiserConfig
from talkgen.render.latents import FaceAutoencoder
from talkgen.training.diffusion_data import Clip, region_weights
from talkgen.training.diffusion_train import channel_weights, detail_loss, flow_loss, sheet
from talkgen.training.latent_critic import Rivalry

SMALL = DenoiserConfig(channels=(16, 16), attends=(False, True), groups=8, cross_dim=16, heads=2)


def conditions(count: int) -> tuple[torch.Tensor, Conditions]:
    """Return real latents that the mesh render's say everything about, and the conditions."""
    draw = torch.Generator().manual_seed(0)

    def some(*shape: int) -> torch.Tensor:
        return torch.randn(count, *shape, generator=draw)

    mesh = some(24, 32, 32)
    maps = torch.zeros(count, 11, 64, 64)
    maps[:, 1, 30:40, 20:44] = 1.0
    given = Conditions(
        mesh, some(24, 32, 32), 0 * mesh, maps, some(62), some(5, 221), some(240),
    )  # fmt: skip
    return 0.3 * mesh, given


def test_denoiser_learns() -> None:
    torch.manual_seed(0)
    model, autoencoder = Denoiser(SMALL), FaceAutoencoder.from_pretrained("autoencoder")
    real, given = conditions(2)
    weights, rng = channel_weights(autoencoder), np.random.default_rng(0)
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    losses = []
    for _ in range(30):
        loss = flow_loss(model, real, given, weights, rng)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.6 * losses[0]


def test_mouth_counts_most() -> None:
    _, given = conditions(1)
    found = region_weights(given.maps, 32)[0, 0]
    assert found[17, 15] > 4 * found[2, 2]


def test_detail_is_strength_not_place() -> None:
    autoencoder = FaceAutoencoder.from_pretrained("autoencoder")
    rng = np.random.default_rng(0)
    picture = torch.from_numpy(rng.normal(0, 0.3, (1, 3, 256, 256))).float()
    moved, blurred = picture.roll(1, -1), torch.nn.functional.avg_pool2d(picture, 5, 1, 2)
    with torch.inference_mode():
        real, near, dull = (autoencoder.encode(x) for x in (picture, moved, blurred))
        weight = torch.ones(1, 1, 32, 32)
        assert float(detail_loss(autoencoder, real, real, weight)) == 0.0
        by_place = float(detail_loss(autoencoder, near, real, weight))
        assert by_place < 0.4 * float(detail_loss(autoencoder, dull, real, weight))
        assert (near - real).square().mean() > (dull - real).square().mean()


def test_critic_tells_made_from_real() -> None:
    torch.manual_seed(0)
    model, rival = Denoiser(SMALL), Rivalry(24)
    real, given = conditions(2)
    made = (given.mesh + 0.1 * torch.randn(real.shape)).requires_grad_()
    level = torch.ones(2)
    for _ in range(40):
        said = model(given.mesh, level, given) + made
        told = rival.loss(model, said, real, given, said.square().mean())
    patch = (slice(None), 0, 8, 7)
    with torch.inference_mode():
        assert (
            rival.critic(real, given)[patch].mean() > rival.critic(made, given)[patch].mean() + 0.5
        )
    assert told.requires_grad


def test_sheet_shows_real_mesh_and_made() -> None:
    autoencoder = FaceAutoencoder.from_pretrained("autoencoder")
    rng = np.random.default_rng(0)
    latents = rng.normal(0, 1, (1, 2, 24, 32, 32)).astype(np.float16)
    clip = Clip(
        "one", "somebody", latents, -latents, latents[:, 0], np.zeros((2, 11, 64, 64), np.float16),
        np.zeros((1, 2, 62), np.float32), np.zeros((2, 5, 221), np.float16),
        np.zeros(240, np.float32),
    )  # fmt: skip
    shown = sheet(Denoiser(SMALL), [clip, clip], autoencoder)
    assert shown.shape == (768, 512, 3)
    assert np.array_equal(shown[256:512], shown[512:])  # untrained, it changes nothing
    assert not np.array_equal(shown[:256], shown[256:512])
