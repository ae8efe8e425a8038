"""Adapters: identity tokens at a scale, and one person's small file that fits one denoiser only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from talkgen.errors import CheckpointError, InputError
from talkgen.render.adapters import (
    Adapter,
    add_lora,
    base_digest,
    load_adapter,
    merge_lora,
    set_identity_scale,
    taken_lora,
)
from talkgen.render.conditions import NUM_MAPS
from talkgen.render.denoiser import VECTOR, Conditions, Denoiser, DenoiserConfig

pytest.importorskip("diffusers")
pytest.importorskip("peft")

TINY = DenoiserConfig(
    latent_channels=4, latent_side=16, channels=(16, 32), attends=(False, True), groups=8,
    heads=2, cross_dim=16, sound_dim=6, embedding_dim=8, identity_tokens=2,
)  # fmt: skip


def lively(seed: int = 0, config: DenoiserConfig = TINY) -> Denoiser:
    """Return a denoiser none of whose weights is zero, as a trained one's are."""
    torch.manual_seed(seed)
    made = Denoiser(config)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return made.eval()


def given(config: DenoiserConfig = TINY, count: int = 2) -> tuple[torch.Tensor, ...]:
    made = torch.Generator().manual_seed(3)

    def noise(*shape: int) -> torch.Tensor:
        return torch.randn(count, *shape, generator=made)

    side, channels = config.latent_side, config.latent_channels
    latents = [noise(channels, side, side) for _ in range(4)]
    conditions = Conditions(
        *latents[:3], maps=noise(NUM_MAPS, 64, 64), vector=noise(VECTOR),
        sound=noise(config.sound_frames, config.sound_dim), embedding=noise(config.embedding_dim),
    )  # fmt: skip
    return latents[3], torch.full((count,), 0.5), conditions


def said(denoiser: Denoiser) -> torch.Tensor:
    with torch.inference_mode():
        return denoiser(*given())


def trained(denoiser: Denoiser, base: str) -> Adapter:
    """Return an adapter whose matrices are none of them zero."""
    for parameter in add_lora(denoiser, 2):
        with torch.no_grad():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return taken_lora(denoiser, base, embedding=torch.ones(8), about={"of": "two pictures"})


@pytest.fixture
def base(tmp_path: Path) -> Path:
    lively().save_pretrained(tmp_path / "base")
    return tmp_path / "base"


def test_identity_counts_by_its_scale() -> None:
    denoiser = lively()
    on = said(denoiser)
    set_identity_scale(denoiser.unet, 0.0)
    off = said(denoiser)
    plain = lively(config=TINY)
    for processor in plain.unet.attn_processors.values():
        if hasattr(processor, "to_v_ip"):
            for layer in processor.to_v_ip:
                torch.nn.init.zeros_(layer.weight)
    assert torch.allclose(off, said(plain), atol=1e-6)  # as if the tokens were not there
    assert (on - off).abs().max() > 1e-3
    set_identity_scale(denoiser.unet, 1.0)
    assert torch.equal(said(denoiser), on)
    with pytest.raises(InputError, match=r"`identity_scale` is 1\.5"):
        set_identity_scale(denoiser.unet, 1.5)


def test_a_fresh_adapter_changes_nothing_and_is_all_that_learns() -> None:
    denoiser = lively()
    before = said(denoiser)
    parameters = add_lora(denoiser, 2)
    assert torch.equal(said(denoiser), before)
    names = [n for n, p in denoiser.named_parameters() if p.requires_grad]
    assert len(names) == len(parameters) > 10
    assert all("lora_" in name for name in names)
    denoiser(*given()).square().mean().backward()
    ends = [p for n, p in denoiser.named_parameters() if "lora_B" in n]  # A waits for B
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in ends)


def test_same_seed_same_adapter() -> None:
    one, other, third = (add_lora(lively(), 2, seed=s) for s in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(one, third, strict=True))


def test_from_the_file_it_draws_as_in_training(base: Path, tmp_path: Path) -> None:
    denoiser = Denoiser.from_pretrained(base)
    plain = said(denoiser)
    adapter = trained(denoiser, base_digest(base))
    due = said(denoiser)
    assert (due - plain).abs().max() > 1e-2
    file = tmp_path / "me.safetensors"
    adapter.save(file)

    loaded = Denoiser.from_pretrained(base)
    known = load_adapter(loaded, file, base)
    assert known.rank == 2
    assert known.about == {"of": "two pictures"}
    assert known.embedding is not None
    assert torch.equal(known.embedding, torch.ones(8))
    assert torch.allclose(said(loaded), due, atol=3e-3)  # the file is float16
    # nothing of peft stays: as fast as before, and saved like any denoiser
    assert loaded.state_dict().keys() == Denoiser(TINY).state_dict().keys()
    assert all(p.requires_grad for p in loaded.parameters())

    none = Denoiser.from_pretrained(base)
    load_adapter(none, file, base, scale=0.0)
    assert torch.equal(said(none), plain)
    half = Denoiser.from_pretrained(base)
    load_adapter(half, file, base, scale=0.5)
    assert 0 < (said(half) - plain).abs().mean() < (due - plain).abs().mean()


def test_another_denoiser_is_refused(base: Path, tmp_path: Path) -> None:
    file = tmp_path / "me.safetensors"
    trained(Denoiser.from_pretrained(base), base_digest(base)).save(file)
    lively(seed=5).save_pretrained(tmp_path / "other")
    other = Denoiser.from_pretrained(tmp_path / "other")
    before = said(other)
    with pytest.raises(CheckpointError, match=r"made for another denoiser.*talkgen adapt"):
        load_adapter(other, file, tmp_path / "other")
    assert torch.equal(said(other), before)


def test_matrices_that_do_not_fit_are_refused(base: Path) -> None:
    adapter = trained(Denoiser.from_pretrained(base), base_digest(base))
    del adapter.tensors[min(adapter.tensors)]
    denoiser = Denoiser.from_pretrained(base)
    with pytest.raises(CheckpointError, match="does not fit the denoiser"):
        merge_lora(denoiser, adapter)
    assert denoiser.state_dict().keys() == Denoiser(TINY).state_dict().keys()


def test_what_is_no_adapter_is_said(base: Path, tmp_path: Path) -> None:
    denoiser = Denoiser.from_pretrained(base)

    def refused(path: Path, words: str) -> None:
        with pytest.raises(InputError, match=words) as stop:
            load_adapter(denoiser, path, base)
        assert "\n" not in str(stop.value)

    refused(tmp_path / "absent.safetensors", "no such adapter.*absent")
    (tmp_path / "text.safetensors").write_text("hello")
    refused(tmp_path / "text.safetensors", "is no adapter of talkgen")
    refused(base / "model.safetensors", "is no adapter of talkgen")
    whole = tmp_path / "whole.safetensors"
    trained(Denoiser.from_pretrained(base), base_digest(base)).save(whole)
    (tmp_path / "cut.safetensors").write_bytes(whole.read_bytes()[:-100])
    refused(tmp_path / "cut.safetensors", "is no adapter of talkgen")


@pytest.mark.parametrize("rank", [0, 65])
def test_rank_out_of_range(rank: int) -> None:
    with pytest.raises(InputError, match=f"`rank` is {rank}"):
        add_lora(lively(), rank)


def test_the_shipped_size_makes_a_file_under_a_megabyte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    denoiser = Denoiser(DenoiserConfig())
    add_lora(denoiser)
    file = tmp_path / "me.safetensors"
    taken_lora(denoiser, "0" * 64).save(file)
    assert 100_000 < file.stat().st_size < 1_000_000

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    from talkgen.errors import OutputError

    save: Callable[..., None] = taken_lora(denoiser, "0" * 64).save
    monkeypatch.setattr("safetensors.torch.save_file", full)
    with pytest.raises(OutputError, match="no space left"):
        save(tmp_path / "full.safetensors")
    assert [path.name for path in tmp_path.iterdir()] == ["me.safetensors"]
