"""The network of the sync critic: lips and sound of the same five frames to nearby unit vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional

from talkgen.critic.sync_lips import NUM_FEATURES
from talkgen.modeling import Config, ModelMixin

WINDOW = 5
"""Frames (25 a second) that a vector stands for."""
COLUMNS = 4
"""Columns of mel features, 100 a second, of a frame."""
LOUDNESS = 0.3
"""What features are multiplied by, for about unit spread."""


@dataclass(frozen=True)
class SyncConfig(Config):
    """Sizes of the net.

    lip_features : of `sync_lips`; mels : bands of the levelled features (`audio.features`)
    width : of the layers; dim : of the vectors; dropout : in training
    """

    lip_features: int = NUM_FEATURES
    mels: int = 80
    width: int = 160
    dim: int = 96
    dropout: float = 0.2


class _Norm(nn.LayerNorm):
    """Normalises the channels of each frame of (B, channels, T) by themselves."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


def _stream(entry: nn.Module, width: int, dim: int, dropout: float) -> nn.Sequential:
    """Layers from (B, features, ...) to (B, dim, T), five frames wide: three of `entry` and one to
    either side."""
    layers: list[nn.Module] = [
        nn.Dropout(dropout / 2), entry, nn.GELU(), _Norm(width),
        nn.Conv1d(width, width, 3, padding=1), nn.GELU(), _Norm(width),
        nn.Dropout(dropout), nn.Conv1d(width, width, 1), nn.GELU(), nn.Conv1d(width, dim, 1),
    ]  # fmt: skip
    return nn.Sequential(*layers)


class SyncNet(ModelMixin, nn.Module):
    """Two streams that agree where picture and sound belong together.

    Cosines of their vectors are compared for sound shifted against picture.
    """

    config_class: ClassVar[type[Config]] = SyncConfig

    def __init__(self, config: SyncConfig | None = None) -> None:
        super().__init__()
        self.config: SyncConfig = config or SyncConfig()
        c = self.config
        self.eyes = _stream(
            nn.Conv1d(c.lip_features, c.width, 3, padding=1), c.width, c.dim, c.dropout
        )
        self.ears = _stream(
            nn.Conv1d(c.mels, c.width, 3 * COLUMNS, stride=COLUMNS, padding=COLUMNS),
            c.width, c.dim, c.dropout,
        )  # fmt: skip

    def see(self, lips: Tensor) -> Tensor:
        """(B, T, lip_features) to (B, T, dim) unit vectors; frame t is t-2..t+2."""
        return functional.normalize(self.eyes(lips.transpose(1, 2)).transpose(1, 2), dim=-1)

    def listen(self, sound: Tensor) -> Tensor:
        """(B, 4 T, mels) to (B, T, dim) unit vectors; frame t hears the 20 columns of t-2..t+2."""
        heard = self.ears(LOUDNESS * sound.transpose(1, 2))
        return functional.normalize(heard.transpose(1, 2), dim=-1)

    def forward(self, lips: Tensor, sound: Tensor) -> tuple[Tensor, Tensor]:
        """Return the vectors of both."""
        return self.see(lips), self.listen(sound)
