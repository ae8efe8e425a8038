"""Fit of an adapter: it learns what one face needs, keeps what helps, and the base as it was."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from talkgen.errors import InputError
from talkgen.render.denoiser import Denoiser, DenoiserConfig
from talkgen.render.latents import AutoencoderConfig, FaceAutoencoder
from talkgen.training.adapt import Adapted, Effort, adapt
from talkgen.training.diffusion_data import Clip

pytest.importorskip("peft")

TINY = DenoiserConfig(
    latent_channels=4, channels=(16, 32), attends=(False, True), groups=8, heads=2, cross_dim=16,
    sound_dim=6, embedding_dim=8, identity_tokens=2,
)  # fmt: skip
WIDTHS = AutoencoderConfig(latent_channels=4, channels=(8, 8), groups=4, reach=0)


def clip_of_face(frames: int, lacks: float, seed: int = 0) -> Clip:
    """Return a clip in which real frames are the mesh's and always the same pattern besides."""
    rng = np.random.default_rng(seed)
    mesh = rng.normal(size=(2, frames, 4, 32, 32)).astype(np.float16)
    pattern = np.random.default_rng(9).normal(size=(4, 1, 1)).astype(np.float16)
    maps = np.zeros((frames, 11, 64, 64), np.float16)
    maps[:, 0, 16:48, 16:48] = 1
    maps[:, 1, 36:40, 28:36] = 1
    return Clip(
        "me", "me", mesh + np.float16(lacks) * pattern, mesh, mesh[:, 0], maps,
        rng.random((2, frames, 62)).astype(np.float32), np.zeros((frames, 5, 6), np.float16),
        np.ones(8, np.float32),
    )  # fmt: skip


def fitted(lacks: float, *, seed: int = 0, steps: int = 30, aside: bool = True) -> Adapted:
    torch.manual_seed(4)
    denoiser = Denoiser(TINY)
    with torch.no_grad():  # a trained one's last layer is not zero
        denoiser.unet.conv_out.weight.add_(0.02 * torch.randn_like(denoiser.unet.conv_out.weight))
    effort = Effort(steps=steps, minutes=5.0, rank=4, count=4, rate=1e-2, seed=seed)
    kept = [clip_of_face(4, lacks, seed=1)] if aside else []
    shares: list[float] = []
    made = adapt(
        denoiser, FaceAutoencoder(WIDTHS), [clip_of_face(8, lacks)], kept, "f" * 64, effort,
        on_step=shares.append,
    )  # fmt: skip
    assert len(shares) == made.steps == steps
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    return made


def test_it_learns_what_the_face_lacks() -> None:
    made = fitted(0.5)
    assert made.before is not None
    assert made.after is not None
    assert made.after > made.before + 0.5  # dB, on frames it never saw
    assert (made.frames, made.aside) == (8, 4)
    assert str(made).startswith("30 steps on 8 frames; +")
    assert made.adapter.base == "f" * 64
    assert float(made.adapter.about["gain_db"]) == pytest.approx(made.after - made.before, abs=0.01)


def test_same_seed_same_adapter() -> None:
    one, other = (fitted(0.5, steps=2, aside=False) for _ in range(2))
    third = fitted(0.5, steps=2, seed=1, aside=False)
    assert one.before is None
    assert one.after is None
    keys = one.adapter.tensors
    assert all(torch.equal(keys[k], other.adapter.tensors[k]) for k in keys)
    assert any(not torch.equal(keys[k], third.adapter.tensors[k]) for k in keys)


def test_what_does_not_help_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    worse = iter([{"all": 1.0}] + 99 * [{"all": 0.5}])
    monkeypatch.setattr("talkgen.training.adapt.gains", lambda *_: next(worse))
    made = fitted(0.5, steps=6)
    assert made.before == made.after == 1.0
    ends = [v for k, v in made.adapter.tensors.items() if "lora_B" in k]
    assert ends
    assert all(v.abs().max() == 0 for v in ends)  # it changes nothing


def test_time_ends_it() -> None:
    denoiser, autoencoder = Denoiser(TINY), FaceAutoencoder(WIDTHS)
    drawn = torch.get_rng_state()
    made = adapt(
        denoiser, autoencoder, [clip_of_face(4, 0.5)], [], "f" * 64,
        Effort(steps=10_000, minutes=0.005, rank=1, count=1),
    )  # fmt: skip
    assert torch.equal(torch.get_rng_state(), drawn)  # whoever else draws is not disturbed
    assert 1 <= made.steps < 1000


@pytest.mark.parametrize(
    ("options", "words"),
    [({"steps": 0}, "`steps` is 0"), ({"minutes": 0.0}, "`minutes` is 0"),
     ({"minutes": float("nan")}, "`minutes` is nan"), ({"seed": -1}, "`seed` is -1")],
)  # fmt: skip
def test_effort_out_of_range(options: dict[str, float], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Effort(**options)  # type: ignore[arg-type]


def test_nothing_to_learn_from() -> None:
    with pytest.raises(InputError, match="no frame to learn from"):
        adapt(Denoiser(TINY), FaceAutoencoder(WIDTHS), [], [], "f" * 64)
