"""What of a face in speech is chance: head turns, brows, cheeks, mouth shapes and unevenness.

A small transformer learned by flow matching (Lipman et al. 2023) draws blocks of a few frames: from
noise to motion along a velocity field, given the last `history` frames, what the trunk heard,
a style (a person of the training data, or the average one) and the shape of the head. The lip gap
is not among its outputs: it stays that of the mean head, so that all seeds agree in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from talkgen.modeling import Config
from talkgen.motion.controls import CONTROLS
from talkgen.motion.layers import FeedForward
from talkgen.types import MOTION_CHANNELS

Float32 = NDArray[np.float32]

UPPER = tuple(
    i for i, n in enumerate(CONTROLS) if n.startswith(("brow", "cheekSquint", "noseSneer"))
)
"""Controls that are drawn whole."""

_OPENING = ("jawOpen", "mouthLowerDown", "mouthUpperUp", "mouthClose")
SHAPES = tuple(
    i for i, n in enumerate(CONTROLS) if n.startswith(("jaw", "mouth")) and n not in _OPENING
)
"""Controls of which the difference from the mean head is drawn."""

PAIRS = tuple(n for n in CONTROLS if n + "Left" in MOTION_CHANNELS)
"""Controls with two sides, of which half the difference (left - right) is drawn."""

SIZE = 3 + len(UPPER) + len(SHAPES) + len(PAIRS)
TURN = slice(0, 3)
RAISED = slice(3, 3 + len(UPPER))
SHAPED = slice(RAISED.stop, RAISED.stop + len(SHAPES))
UNEVEN = slice(SHAPED.stop, SIZE)


def _sides() -> Float32:
    out = np.zeros((len(PAIRS), len(MOTION_CHANNELS)), np.float32)
    for row, name in enumerate(PAIRS):
        out[row, MOTION_CHANNELS.index(name + "Left")] = 1.0
        out[row, MOTION_CHANNELS.index(name + "Right")] = -1.0
    return out


SIDES: Float32 = _sides()
"""(len(PAIRS), 52): unevenness @ SIDES is added to channel weights."""


@dataclass(frozen=True)
class FlowConfig(Config):
    """Sizes of the net and of what conditions it.

    scale : (SIZE,) spread of each output over the training people
    """

    width: int = 96
    num_heads: int = 4
    hidden: int = 224
    num_layers: int = 3
    history: int = 10
    most: int = 10
    heard: int = 128 + len(CONTROLS) + 4
    num_styles: int = 1
    shape_size: int = 50
    steps: int = 4
    scale: tuple[float, ...] = (1.0,) * SIZE


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        batch, frames, width = x.shape
        shape = (batch, frames, self.heads, width // self.heads)
        q, k, v = (
            t.reshape(shape).transpose(1, 2) for t in self.qkv(self.norm(x)).chunk(3, -1)
        )
        y = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None, None])
        return x + torch.as_tensor(self.out(y.transpose(1, 2).reshape(batch, frames, width)))


class FlowNet(nn.Module):
    """Velocity of a block of frames; see `forward`."""

    def __init__(self, config: FlowConfig):
        super().__init__()
        self.config = config
        width = config.width
        self.motion = nn.Linear(SIZE, width)
        self.audio = nn.Linear(config.heard, width)
        self.unheard = nn.Parameter(torch.zeros(width))
        self.place = nn.Parameter(torch.randn(config.history + config.most, width) * 0.1)
        self.time = nn.Sequential(nn.Linear(16, width), nn.SiLU(), nn.Linear(width, width))
        self.style = nn.Embedding(config.num_styles + 1, width)
        self.shape = nn.Linear(config.shape_size, width)
        nn.init.normal_(self.style.weight, std=0.1)
        self.layers = nn.ModuleList(
            nn.ModuleList([_Attention(width, config.num_heads),
                           FeedForward(width, config.hidden, 0.0)])
            for _ in range(config.num_layers)
        )  # fmt: skip
        self.norm = nn.LayerNorm(width)
        self.velocity = nn.Linear(width, SIZE)

    def forward(
        self, noisy: Tensor, time: Tensor, past: Tensor, heard: Tensor, *, known: Tensor,
        listen: Tensor, style: Tensor, shape: Tensor,
    ) -> Tensor:
        """(B, F, SIZE) velocity in units of `scale`.

        noisy : (B, F, SIZE) the block on its way, F at most config.most
        time : (B,) in [0, 1], 0 noise, 1 motion
        past : (B, history, SIZE) frames before the block; known : (B, history + F) bool, False
            where there is no frame
        heard : (B, history + F, heard); listen : (B,) bool, whether it may be used
        style : (B,) index, 0 the average person; shape : (B, shape_size), zero: the mean head
        """
        frames = noisy.shape[1]
        x = self.motion(torch.cat([past, noisy], 1))
        audio = torch.where(listen[:, None, None], self.audio(heard), self.unheard)
        powers = 2.0 ** torch.arange(8, device=time.device) * 0.5
        angle = time[:, None] * powers * torch.pi
        wave = torch.cat([angle.sin(), angle.cos()], -1)
        whole = self.time(wave) + self.style(style) + self.shape(shape)
        x = x + audio + self.place[: self.config.history + frames] + whole[:, None]
        for attention, feed in self.layers:  # type: ignore[misc]
            x = feed(attention(x, known))
        return torch.as_tensor(self.velocity(self.norm(x[:, self.config.history :])))


class FlowSampler:
    """Draws one stream's blocks; its memory is the last frames and its random numbers.

    audio_guidance : 1 as learned; above, more of what the sound alone explains
    style : index of a person's style, 0 the average; shape : (50,) identity or None
    """

    def __init__(
        self, net: FlowNet, seed: int, *, audio_guidance: float = 1.0, style: int = 0,
        shape: Float32 | None = None,
    ):  # fmt: skip
        self._net, self._rng = net, np.random.default_rng([seed, 5])
        config = net.config
        self._guidance, self._style = audio_guidance, style
        size = config.shape_size
        self._shape = np.zeros(size, np.float32) if shape is None else np.float32(shape[:size])
        self._past = np.zeros((config.history, SIZE), np.float32)
        self._heard = np.zeros((config.history, config.heard), np.float32)
        self._known = 0

    def block(self, heard: Float32) -> Float32:
        """(F, heard) of the next frames to (F, SIZE) motion in natural units."""
        config = self._net.config
        scale = np.asarray(config.scale, np.float32)
        frames = len(heard)
        noise = self._rng.standard_normal((frames, SIZE)).astype(np.float32)
        known = np.arange(config.history + frames) >= config.history - self._known
        both = np.concatenate([self._heard, heard])
        rows = 1 if self._guidance == 1.0 else 2
        x = torch.from_numpy(noise)[None]
        given = {
            "past": _rows(self._past, rows), "heard": _rows(both, rows),
            "known": _rows(known, rows), "style": torch.full((rows,), self._style),
            "shape": _rows(self._shape, rows), "listen": torch.arange(rows) == 0,
        }  # fmt: skip
        with torch.inference_mode():
            for step in range(config.steps):
                time = torch.full((rows,), step / config.steps)
                found = self._net(x.expand(rows, -1, -1), time, **given)
                way = found[:1]
                if rows == 2:
                    way = found[1:] + self._guidance * (way - found[1:])
                x = x + way / config.steps
        drawn = x[0].numpy()
        self._past = np.concatenate([self._past, drawn])[-config.history :]
        self._heard = both[-config.history :].astype(np.float32)
        self._known = min(self._known + frames, config.history)
        return np.asarray(drawn * scale, np.float32)


def _rows(values: NDArray, rows: int) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values))[None].expand(rows, *values.shape)
