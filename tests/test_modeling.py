"""What is saved comes back equal, and what does not fit is said."""

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from talkgen.errors import CheckpointError
from talkgen.modeling import Config, ModelMixin, load_config


@dataclass(frozen=True)
class TinyConfig(Config):
    width: int = 4
    sizes: tuple[int, ...] = (1, 2)


class Tiny(ModelMixin, torch.nn.Module):
    config_class = TinyConfig

    def __init__(self, config: TinyConfig) -> None:
        super().__init__()
        self.config = config
        self.linear = torch.nn.Linear(config.width, 2)


class Other(Tiny):
    pass


@pytest.mark.parametrize("half", [False, True])
def test_save_and_load(tmp_path: Path, half: bool) -> None:
    model = Tiny(TinyConfig(width=3, sizes=(5,)))
    model.save_pretrained(tmp_path, half=half)
    again = Tiny.from_pretrained(tmp_path)
    assert again.config == model.config
    assert not again.training
    assert again.linear.weight.dtype == torch.float32
    assert torch.allclose(again.linear.weight, model.linear.weight, atol=1e-3 if half else 0)
    assert not list(tmp_path.glob("*.part"))


def test_eight_bits(tmp_path: Path) -> None:
    model = Tiny(TinyConfig(width=4096))
    with torch.no_grad():
        model.linear.weight[1] *= 50  # each row has its own scale
    model.save_pretrained(tmp_path / "whole")
    model.save_pretrained(tmp_path / "small", eighths=True)
    whole, small = (tmp_path / n / "model.safetensors" for n in ("whole", "small"))
    assert small.stat().st_size < 0.3 * whole.stat().st_size
    again = Tiny.from_pretrained(tmp_path / "small").linear
    wrong = (again.weight - model.linear.weight).abs().amax(1)
    most = model.linear.weight.abs().amax(1)
    assert (wrong <= 0.51 / 127 * most).all()
    assert (wrong > 0).all()
    assert torch.equal(again.bias, model.linear.bias)  # too few numbers to be worth it


def test_wrong_class(tmp_path: Path) -> None:
    Tiny(TinyConfig()).save_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match="holds a Tiny"):
        Other.from_pretrained(tmp_path)


def test_truncated_weights(tmp_path: Path) -> None:
    Tiny(TinyConfig()).save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(CheckpointError, match="cannot be read"):
        Tiny.from_pretrained(tmp_path)


def test_weights_of_another_width(tmp_path: Path) -> None:
    Tiny(TinyConfig(width=3)).save_pretrained(tmp_path)
    text = (tmp_path / "config.json").read_text().replace('"width": 3', '"width": 5')
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(CheckpointError, match="does not fit"):
        Tiny.from_pretrained(tmp_path)


def test_unknown_field(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="depth"):
        TinyConfig.from_dict({"depth": 3})


def test_config_that_is_not_json(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_config(tmp_path)
