"""Saving and loading of models: a folder with `config.json` and `model.safetensors`."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any, ClassVar, Self

from talkgen import hub
from talkgen.errors import CheckpointError


@dataclasses.dataclass(frozen=True)
class Config:
    """Base of model configurations: a frozen dataclass of JSON values.

    The constructor arguments of a model are its configuration, and its defaults live only here.
    """

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Return a configuration; raise CheckpointError on a field it does not know."""
        known = {f.name for f in dataclasses.fields(cls)}
        unknown = sorted(k for k in values if k not in known and not k.startswith("_"))
        if unknown:
            raise CheckpointError(
                f"{cls.__name__} does not know {', '.join(unknown)}; "
                "the checkpoint was made by another version of talkgen"
            )
        return cls(**{k: _frozen(v) for k, v in values.items() if k in known})


def _frozen(value: Any) -> Any:
    return tuple(_frozen(v) for v in value) if isinstance(value, list) else value


def save_config(folder: Path, config: Config, class_name: str) -> None:
    """Write `config.json` with the class it belongs to."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"_class": class_name, **config.to_dict()}, indent=2, ensure_ascii=False)
    (folder / hub.CONFIG_NAME).write_text(text + "\n", encoding="utf-8")


def load_config(folder: Path) -> dict[str, Any]:
    """Return the content of a checkpoint's `config.json`."""
    path = folder / hub.CONFIG_NAME
    try:
        values: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} cannot be read ({error}); restore it") from error
    return values


def load_arrays(folder: Path) -> dict[str, Any]:
    """Return the NumPy arrays of a checkpoint's `model.safetensors` (no torch needed)."""
    from safetensors.numpy import load_file

    path = folder / hub.WEIGHTS_NAME
    try:
        return dict(load_file(path))
    except Exception as error:  # safetensors raises its own bare Exception types
        raise CheckpointError(f"{path} cannot be read ({error}); restore it") from error


class ModelMixin:
    """Adds `save_pretrained` and `from_pretrained` to a `torch.nn.Module`.

    The module's constructor takes one `Config` and keeps it as `self.config`. Weights may be stored
    as float16 to halve the file, or in 8 bits to quarter it; they are float32 again once loaded.
    """

    config_class: ClassVar[type[Config]]
    config: Config

    def save_pretrained(
        self, folder: str | os.PathLike[str], *, half: bool = False, eighths: bool = False
    ) -> None:
        """Write `config.json` and `model.safetensors` into `folder` (made where absent).

        half : float16; eighths : matrices and kernels in 8 bits, each first row with its own scale
        """
        import torch
        from safetensors.torch import save_file

        path = Path(folder)
        save_config(path, self.config, type(self).__name__)
        state = self.stored_state()
        tensors = {
            name: (
                t.half() if half and t.dtype == torch.float32 and not name.endswith(SCALE) else t
            )
            .contiguous()
            .clone()
            for name, t in (in_eight_bits(state) if eighths else state).items()
        }
        partial = path / (hub.WEIGHTS_NAME + ".part")
        save_file(tensors, partial, metadata={"format": "pt"})
        os.replace(partial, path / hub.WEIGHTS_NAME)

    def stored_state(self) -> dict[str, Any]:
        """Return the tensors that belong into the file: all, unless a part lies elsewhere."""
        return dict(self.state_dict())  # type: ignore[attr-defined]

    def whole_state(self, stored: dict[str, Any], folder: Path) -> dict[str, Any]:
        """Return all tensors, given those of the file in `folder`."""
        return stored

    @classmethod
    def from_pretrained(cls, name_or_path: str | os.PathLike[str]) -> Self:
        """Return the model of a folder or of a shipped name, on the CPU, in evaluation mode."""
        from safetensors.torch import load_file

        folder = hub.resolve(name_or_path)
        values = load_config(folder)
        made_for = values.get("_class", cls.__name__)
        if made_for != cls.__name__:
            raise CheckpointError(f"{folder} holds a {made_for}, a {cls.__name__} is needed")
        model: Any = cls(cls.config_class.from_dict(values))  # type: ignore[call-arg]
        path = folder / hub.WEIGHTS_NAME
        try:
            stored = load_file(path)
        except Exception as error:  # safetensors raises its own bare Exception types
            raise CheckpointError(f"{path} cannot be read ({error}); restore it") from error
        state = model.whole_state(from_eight_bits(stored), folder)
        own = model.state_dict()
        wrong = sorted(own.keys() ^ state.keys()) or [
            k for k in own if own[k].shape != state[k].shape
        ]
        if wrong:
            raise CheckpointError(f"{path} does not fit its config ({', '.join(wrong[:3])} ...)")
        model.load_state_dict({k: v.to(own[k].dtype) for k, v in state.items()})
        model.eval()
        return model  # type: ignore[no-any-return]


SCALE = "::scale"
"""What the name of a tensor's scales ends with, beside a tensor of 8 bits."""
SMALLEST = 4096
"""Numbers below which a tensor stays as it is."""


def in_eight_bits(state: dict[str, Any]) -> dict[str, Any]:
    """Return tensors with the large ones as int8 and, by their name + "::scale", float32 scales.

    A tensor (n, ...) has n scales: 127 is the largest absolute number of each of its n parts.
    """
    import torch

    out = {}
    for name, tensor in state.items():
        if tensor.ndim < 2 or tensor.numel() < SMALLEST or not tensor.is_floating_point():
            out[name] = tensor
            continue
        rows = tensor.detach().float().flatten(1)
        scale = rows.abs().amax(1).clamp_min(1e-12) / 127
        out[name] = torch.round(rows / scale[:, None]).to(torch.int8).reshape(tensor.shape)
        out[name + SCALE] = scale
    return out


def from_eight_bits(stored: dict[str, Any]) -> dict[str, Any]:
    """Return tensors as they were before `in_eight_bits`, float32; others as they are."""
    out = {}
    for name, tensor in stored.items():
        if name.endswith(SCALE):
            continue
        scale = stored.get(name + SCALE)
        ones = (1,) * (tensor.ndim - 1)
        out[name] = tensor if scale is None else tensor.float() * scale.float().reshape(-1, *ones)
    return out
