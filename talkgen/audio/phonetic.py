"""The phonetic encoder: which sounds of speech are made, in whatever language, 50 times a second.

Log-mel features come in at 100 a second; a convolutional stem halves that, then conformer-like
blocks (causal-leaning convolution, attention over a band of the past in every second block, feed
forward) follow. Every frame depends on a bounded stretch of features (`look_back`, `look_ahead`),
so a stream gives what a file gives.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from talkgen.audio.features import FEATURES_PER_SECOND, MelLeveler, MelStream, Resampler
from talkgen.audio.phones import PHONES
from talkgen.modeling import Config, ModelMixin
from talkgen.types import Audio

Float32 = NDArray[np.float32]

CHUNK = 2000  # feature frames that `encode` runs at a time
STRIDE = 2  # features a phone frame
PHONE_FPS = FEATURES_PER_SECOND / STRIDE


@dataclass(frozen=True)
class PhoneticConfig(Config):
    """Sizes of the net; frames are phone frames (50 a second).

    conv_back, conv_ahead : reach of each block's convolution
    attend_back : reach of the attention of each block; 0: the block has none
    """

    num_mels: int = 80
    num_phones: int = len(PHONES)
    width: int = 192
    hidden: int = 576
    num_heads: int = 4
    conv_back: tuple[int, ...] = (4, 4, 6, 6, 6, 6)
    conv_ahead: tuple[int, ...] = (1, 1, 1, 1, 1, 0)
    attend_back: tuple[int, ...] = (0, 12, 0, 12, 0, 14)
    dropout: float = 0.1


class PhoneticOutput(NamedTuple):
    """What the encoder says of (B, N, 80) features.

    hidden : (B, N / 2, width) float32, of about unit spread
    phones : (B, N / 2, num_phones) logits over talkgen.audio.phones.PHONES
    """

    hidden: Tensor
    phones: Tensor


class _Convolution(nn.Module):
    """Gated depthwise convolution over `back` past and `ahead` coming frames."""

    def __init__(self, width: int, back: int, ahead: int, dropout: float):
        super().__init__()
        self.back, self.ahead = back, ahead
        self.norm = nn.LayerNorm(width)
        self.gate = nn.Linear(width, 2 * width)
        self.taps = nn.Parameter(torch.randn(back + ahead + 1, width) / (back + ahead + 1) ** 0.5)
        self.out = nn.Linear(width, width)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        frames = x.shape[1]
        y = functional.pad(functional.glu(self.gate(self.norm(x))), (0, 0, self.back, self.ahead))
        taps = self.taps.to(y.dtype)
        z = y[:, :frames] * taps[0]
        for k in range(1, len(taps)):  # a sum of shifts: several times faster than conv1d here
            z = torch.addcmul(z, y[:, k : k + frames], taps[k])
        return x + torch.as_tensor(self.drop(self.out(functional.silu(z))))


class _Attention(nn.Module):
    """Self-attention to this and the last `back` frames, with a learned bias for each distance."""

    def __init__(self, width: int, heads: int, back: int, dropout: float):
        super().__init__()
        self.heads, self.back = heads, back
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.bias = nn.Parameter(torch.zeros(heads, back + 1))
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        batch, frames, width = x.shape
        block = self.back  # queries of a block see their own block and the one before it
        padding = -frames % block
        qkv = self.qkv(self.norm(x))
        qkv = functional.pad(qkv, (0, 0, block, padding))
        count = (frames + padding) // block
        heads = (batch, count + 1, block, self.heads, width // self.heads)
        q, k, v = (t.reshape(heads) for t in qkv.chunk(3, -1))
        q = q[:, 1:].permute(0, 1, 3, 2, 4)
        k, v = (torch.cat([t[:, :-1], t[:, 1:]], 2).permute(0, 1, 3, 2, 4) for t in (k, v))
        at = torch.arange(block, device=x.device)
        distance = (at[:, None] + block) - torch.arange(2 * block, device=x.device)[None]
        inside = (distance >= 0) & (distance <= self.back)
        band = self.bias[:, distance.clamp(0, self.back)].masked_fill(~inside, float("-inf"))
        mask = band[None].expand(count, -1, -1, -1).clone()
        if count:
            mask[0, :, :, :block] = float("-inf")  # nothing lies before the beginning
        y = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask[None].to(q.dtype))
        y = y.permute(0, 1, 3, 2, 4).reshape(batch, frames + padding, width)[:, :frames]
        return x + torch.as_tensor(self.drop(self.out(y)))


class _FeedForward(nn.Module):
    def __init__(self, width: int, hidden: int, dropout: float):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, hidden)
        self.down = nn.Linear(hidden, width)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.as_tensor(self.drop(self.down(functional.gelu(self.up(self.norm(x))))))


class PhoneticEncoder(nn.Module, ModelMixin):
    """Features of talkgen.audio.features to hidden states and phone logits.

    As an `AudioEncoder`, `encode` gives the hidden states beside the phone posteriors.
    """

    config_class = PhoneticConfig
    config: PhoneticConfig

    def __init__(self, config: PhoneticConfig):
        super().__init__()
        self.config = config
        width, drop = config.width, config.dropout
        self.entry = nn.Conv1d(config.num_mels, width, 5, padding=2)
        self.stride = nn.Conv1d(width, width, 4, stride=STRIDE, padding=1)
        blocks = []
        for back, ahead, attend in zip(
            config.conv_back, config.conv_ahead, config.attend_back, strict=True
        ):
            layers: list[nn.Module] = [_Convolution(width, back, ahead, drop)]
            if attend:
                layers.append(_Attention(width, config.num_heads, attend, drop))
            layers.append(_FeedForward(width, config.hidden, drop))
            blocks.append(nn.Sequential(*layers))
        self.blocks = nn.ModuleList(blocks)
        self.norm = nn.LayerNorm(width)
        self.phones = nn.Linear(width, config.num_phones)

    @property
    def look_back(self) -> int:
        """Feature frames (10 ms) before the two of a phone frame that it may depend on."""
        return STRIDE * (sum(self.config.conv_back) + sum(self.config.attend_back)) + 3

    @property
    def look_ahead(self) -> int:
        """Feature frames (10 ms) after the two of a phone frame that it may depend on."""
        return STRIDE * sum(self.config.conv_ahead) + 3

    def forward(self, features: Tensor) -> PhoneticOutput:
        """(B, N, 80) features, N even, to a PhoneticOutput."""
        x = functional.gelu(self.entry(features.transpose(1, 2) * 0.3))
        x = functional.gelu(self.stride(x)).transpose(1, 2)
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        return PhoneticOutput(x.float(), self.phones(x).float())

    @property
    def dim(self) -> int:
        """Width of what `encode` gives."""
        return self.config.width + self.config.num_phones

    @property
    def fps(self) -> float:
        """Frames a second of what `encode` gives."""
        return PHONE_FPS

    def encode(self, audio: Audio) -> Float32:
        """(T, dim) float32, T = ceil(seconds * 50): hidden states, then phone posteriors."""
        features = _features(audio)
        stream = PhoneticStream(self)
        parts = []
        for start in range(0, len(features), CHUNK):  # bounds the memory of a long file
            parts.append(stream.push(features[start : start + CHUNK]))
        parts.append(stream.finish())
        return np.concatenate([joined_output(part) for part in parts])


class PhoneticStream:
    """A `PhoneticEncoder` over features that arrive bit by bit.

    What comes out does not depend on how the features were cut (up to rounding); it lags
    `look_ahead` behind.
    """

    def __init__(self, encoder: PhoneticEncoder):
        self.encoder = encoder.eval()
        self._keep = -(-encoder.look_back // STRIDE) * STRIDE
        self._window: Float32 = np.zeros((0, encoder.config.num_mels), np.float32)
        self._done = 0  # feature frames of the window whose output was given

    def push(self, features: Float32) -> PhoneticOutput:
        """(N, 80) features to (M, ...) outputs: every frame whose look-ahead is complete."""
        self._window = np.concatenate([self._window, np.asarray(features, np.float32)])
        ready = (len(self._window) - self.encoder.look_ahead) // STRIDE * STRIDE
        return self._run(ready)

    def finish(self) -> PhoneticOutput:
        """Outputs of the frames still waiting; the stream begins anew."""
        if len(self._window) % STRIDE:
            self._window = np.concatenate([self._window, self._window[-1:]])
        output = self._run(len(self._window))
        self._window, self._done = self._window[:0], 0
        return output

    def _run(self, ready: int) -> PhoneticOutput:
        config = self.encoder.config
        if ready <= self._done:
            return PhoneticOutput(torch.zeros(0, config.width), torch.zeros(0, config.num_phones))
        with torch.inference_mode():
            output = self.encoder(torch.from_numpy(self._window)[None])
        frames = slice(self._done // STRIDE, ready // STRIDE)
        drop = max(0, ready - self._keep)
        self._window, self._done = self._window[drop:], ready - drop
        return PhoneticOutput(output.hidden[0, frames], output.phones[0, frames])


def _features(audio: Audio) -> Float32:
    resampler, mels, leveler = Resampler(audio.rate), MelStream(), MelLeveler()
    parts = []
    for start in range(0, len(audio.samples), 10 * audio.rate):
        block = resampler.push(audio.samples[start : start + 10 * audio.rate])
        parts.append(leveler.push(mels.push(block)))
    parts += [leveler.push(mels.push(resampler.finish())), leveler.push(mels.finish())]
    return np.concatenate([*parts, leveler.finish()])


def joined_output(output: PhoneticOutput) -> Float32:
    """Return (T, width + num_phones) of (T, ...) outputs: hidden states beside posteriors."""
    both: Any = torch.cat([output.hidden, output.phones.softmax(-1)], -1).numpy()
    return np.asarray(both, np.float32)
