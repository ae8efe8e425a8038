"""What of a face in speech is chance: head turns, brows, cheeks, mouth shapes and unevenness.

A small transformer learned by flow matching (Lipman et al. 2023) draws blocks of a few frames: from
noise to motion along a velocity field, given the last `history` frames, what the trunk heard,
a style (a person of the training data, or the average one), the shape of the head, and an emotion
frame by frame. The lip gap is not among its outputs: it stays that of the mean head, so that all
seeds agree in it.

What it knows of emotions was not seen on people: no labelled emotional video is among the training
data. It learned tracked motion with FACS prototypes laid under (talkgen.training.motion_emotion).
Without an emotion it was shown plain tracked motion, and draws that.

Guidance: of three velocities, v0 (neither sound nor emotion), va (sound) and vae (both), the way is
v0 + audio_guidance (va - v0) + emotion_guidance (vae - va).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from talkgen.modeling import Config
from talkgen.motion.controls import CONTROLS, PAIRS, SHAPES, UPPER
from talkgen.motion.layers import FeedForward

Float32 = NDArray[np.float32]

SIZE = 3 + len(UPPER) + len(SHAPES) + len(PAIRS)
TURN = slice(0, 3)
RAISED = slice(3, 3 + len(UPPER))
SHAPED = slice(RAISED.stop, RAISED.stop + len(SHAPES))
UNEVEN = slice(SHAPED.stop, SIZE)


CONDITION = 10
"""Numbers of an emotion a frame: neutral and the seven of FELT (weight times intensity), valence,
arousal (talkgen.motion.emotion.condition_of)."""


@dataclass(frozen=True)
class FlowConfig(Config):
    """Sizes of the net and of what conditions it.

    emotional : whether it takes emotions; nets made before it could, cannot
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
    emotional: bool = False
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
        self.emotion = nn.Linear(CONDITION, width) if config.emotional else None
        self.unmoved = nn.Parameter(torch.zeros(width)) if config.emotional else None
        self.layers = nn.ModuleList(
            nn.ModuleList([_Attention(width, config.num_heads),
                           FeedForward(width, config.hidden, 0.0)])
            for _ in range(config.num_layers)
        )  # fmt: skip
        self.norm = nn.LayerNorm(width)
        self.velocity = nn.Linear(width, SIZE)

    def forward(
        self, noisy: Tensor, time: Tensor, past: Tensor, heard: Tensor, *, known: Tensor,
        listen: Tensor, style: Tensor, shape: Tensor, felt: Tensor | None = None,
        feel: Tensor | None = None,
    ) -> Tensor:
        """(B, F, SIZE) velocity in units of `scale`.

        noisy : (B, F, SIZE) the block on its way, F at most config.most
        time : (B,) in [0, 1], 0 noise, 1 motion
        past : (B, history, SIZE) frames before the block; known : (B, history + F) bool, False
            where there is no frame
        heard : (B, history + F, heard); listen : (B,) bool, whether it may be used
        style : (B,) index, 0 the average person; shape : (B, shape_size), zero: the mean head
        felt : (B, history + F, CONDITION) emotion; feel : (B,) bool, whether there is one
        """
        frames = noisy.shape[1]
        x = self.motion(torch.cat([past, noisy], 1))
        audio = torch.where(listen[:, None, None], self.audio(heard), self.unheard)
        powers = 2.0 ** torch.arange(8, device=time.device) * 0.5
        angle = time[:, None] * powers * torch.pi
        wave = torch.cat([angle.sin(), angle.cos()], -1)
        whole = self.time(wave) + self.style(style) + self.shape(shape)
        x = x + audio + self.place[: self.config.history + frames] + whole[:, None]
        if self.emotion is not None and self.unmoved is not None:
            if felt is None or feel is None:
                x = x + self.unmoved
            else:
                x = x + torch.where(feel[:, None, None], self.emotion(felt), self.unmoved)
        for attention, feed in self.layers:  # type: ignore[misc]
            x = feed(attention(x, known))
        return torch.as_tensor(self.velocity(self.norm(x[:, self.config.history :])))


class Draw(NamedTuple):
    """(F, SIZE) motion in natural units as it is without emotion, and with it, by the same chance.

    Their difference is what the emotion does: zero where none is felt.
    """

    plain: Float32
    felt: Float32


class FlowSampler:
    """Draws one stream's blocks; its memory is the last frames and its random numbers.

    audio_guidance : 1 as learned; above, more of what the sound alone explains
    emotion_guidance : 1 as learned; above, more of what the emotion changes, 0: nothing of it
    style : index of a person's style, 0 the average; shape : (50,) identity or None
    """

    def __init__(
        self, net: FlowNet, seed: int, *, audio_guidance: float = 1.0,
        emotion_guidance: float = 1.0, style: int = 0, shape: Float32 | None = None,
    ):  # fmt: skip
        self._net, self._rng = net, np.random.default_rng([seed, 5])
        config = net.config
        self._audio, self._emotion, self._style = audio_guidance, emotion_guidance, style
        size = config.shape_size
        self._shape = np.zeros(size, np.float32) if shape is None else np.float32(shape[:size])
        self._past = np.zeros((2, config.history, SIZE), np.float32)  # plain, felt
        self._heard = np.zeros((config.history, config.heard), np.float32)
        self._felt = np.zeros((config.history, CONDITION), np.float32)
        self._known = 0

    def block(self, heard: Float32, felt: Float32 | None = None) -> Draw:
        """(F, heard) of the next frames, and (F, CONDITION) of their emotion, to what is drawn."""
        config, frames = self._net.config, len(heard)
        noise = self._rng.standard_normal((frames, SIZE)).astype(np.float32)
        if felt is None or not config.emotional:
            felt = np.zeros((frames, CONDITION), np.float32)
        told = np.concatenate([self._felt, felt])
        both = np.concatenate([self._heard, heard])
        moved = bool(told[:, 1:].any())
        rows = self._rows(moved)
        of = [row[0] for row in rows]
        given = {
            "past": torch.from_numpy(self._past[of]),
            "heard": _rows(both, len(rows)),
            "known": _rows(np.arange(len(both)) >= config.history - self._known, len(rows)),
            "style": torch.full((len(rows),), self._style),
            "shape": _rows(self._shape, len(rows)),
            "listen": torch.tensor([row[1] for row in rows]),
            "felt": _rows(told, len(rows)),
            "feel": torch.tensor([row[2] for row in rows]),
        }
        share = torch.zeros(2, len(rows))
        share[of, torch.arange(len(rows))] = torch.tensor([row[3] for row in rows])
        x = torch.from_numpy(noise)[None].repeat(2, 1, 1)
        with torch.inference_mode():
            for step in range(config.steps):
                time = torch.full((len(rows),), step / config.steps)
                found = self._net(x[of], time, **given)
                x = x + torch.einsum("or,rfk->ofk", share, found) / config.steps
        drawn = x.numpy()
        if not moved:  # nothing felt, now or lately: both are one
            drawn = np.stack([drawn[0], drawn[0]])
        self._past = np.concatenate([self._past, drawn], 1)[:, -config.history :]
        self._heard = both[-config.history :].astype(np.float32)
        self._felt = told[-config.history :].astype(np.float32)
        self._known = min(self._known + frames, config.history)
        scale = np.asarray(config.scale, np.float32)
        return Draw(drawn[0] * scale, drawn[1] * scale)

    def _rows(self, moved: bool) -> list[tuple[int, bool, bool, float]]:
        """Which velocities are needed: of which motion (0 plain, 1 felt), with sound, with emotion,
        and their share."""
        audio, emotion = self._audio, self._emotion
        rows = [(0, True, False, audio), (0, False, False, 1 - audio)]
        if moved:
            rows += [
                (1, True, True, emotion), (1, True, False, audio - emotion),
                (1, False, False, 1 - audio),
            ]  # fmt: skip
        return [row for row in rows if row[3] != 0.0]


def _rows(values: NDArray, rows: int) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values))[None].expand(rows, *values.shape)
