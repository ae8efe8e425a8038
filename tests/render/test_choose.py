"""Which renderer it is, and what is said of it."""

from pathlib import Path

import pytest
import torch

from talkgen.errors import CheckpointError, InputError
from talkgen.render import choose as module
from talkgen.render.choose import RendererOptions, choose, load_renderer
from talkgen.render.mesh import MeshRenderer


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("talkgen.render.performance.as_device", lambda name: torch.device("cuda:0"))


def test_mesh_without_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    choice = choose(RendererOptions())
    assert choice.renderer == "mesh"
    assert str(choice).startswith("renderer: mesh (no GPU is used; `--renderer diffusion`")
    assert "steps, device not used" in str(choose(RendererOptions(steps=2, device="cpu")))


def test_diffusion_where_there_is_a_gpu(gpu: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "lacking", lambda: "")
    choice = choose(RendererOptions())
    assert str(choice) == "renderer: diffusion on cuda:0 (there is a GPU)"
    monkeypatch.setattr(module, "lacking", lambda: "diffusers")
    assert str(choose(RendererOptions())) == (
        "renderer: mesh (the diffusion renderer lacks diffusers)"
    )
    assert choose(RendererOptions("diffusion")).renderer == "diffusion"
    assert choose(RendererOptions("mesh")).renderer == "mesh"


def test_what_is_lacking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "NETWORKS", ("head", "no-such-network"))
    assert module.lacking() in {
        "the checkpoint 'no-such-network'", "diffusers (pip install 'talkgen[diffusion]')"
    }  # fmt: skip
    monkeypatch.setattr(module, "NETWORKS", ("head",))
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: object())
    assert module.lacking() == ""


def test_what_is_loaded() -> None:
    assert isinstance(load_renderer("mesh"), MeshRenderer)
    with pytest.raises(CheckpointError, match="no checkpoint 'no-such-head'"):
        load_renderer("mesh", head="no-such-head")


def test_bad_options(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(b"no adapter")
    for options, words in (
        ({"renderer": "magic"}, "`renderer` is 'magic', choose one of auto, mesh, diffusion"),
        ({"renderer": "mesh", "steps": 2}, "`steps` is an option of the diffusion renderer"),
        ({"steps": 0}, "`steps` is 0"),
        ({"identity_scale": -1}, "`identity_scale` is -1"),
        ({"adapter": tmp_path / "none"}, "no such adapter"),
        ({"adapter": tmp_path / "a.safetensors"}, "is no adapter of talkgen"),
    ):
        with pytest.raises(InputError, match=words):
            RendererOptions(**options)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="`device` is 'cuda:77'"):
        choose(RendererOptions("diffusion", device="cuda:77"))
