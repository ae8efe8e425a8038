"""Blocks of the motion nets: attention over a band of frames, feed forward, both residual."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class BandAttention(nn.Module):
    """Self-attention to the last `back` and next `ahead` frames, a learned bias a distance."""

    def __init__(self, width: int, heads: int, back: int, ahead: int, dropout: float):
        super().__init__()
        self.heads, self.back, self.ahead = heads, back, ahead
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.bias = nn.Parameter(torch.zeros(heads, back + ahead + 1))
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        batch, frames, width = x.shape
        q, k, v = self.qkv(self.norm(x)).chunk(3, -1)
        shape = (batch, frames, self.heads, width // self.heads)
        q, k, v = (t.reshape(shape).transpose(1, 2) for t in (q, k, v))
        at = torch.arange(frames, device=x.device)
        distance = at[None, :] - at[:, None]
        inside = (distance >= -self.back) & (distance <= self.ahead)
        index = (distance + self.back).clamp(0, self.back + self.ahead)
        band = self.bias[:, index].masked_fill(~inside, float("-inf"))
        y = functional.scaled_dot_product_attention(q, k, v, attn_mask=band[None].to(q.dtype))
        y = y.transpose(1, 2).reshape(batch, frames, width)
        return x + torch.as_tensor(self.drop(self.out(y)))


class FeedForward(nn.Module):
    """Two linear maps with a GELU between, residual."""

    def __init__(self, width: int, hidden: int, dropout: float):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, hidden)
        self.down = nn.Linear(hidden, width)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        y = self.down(functional.gelu(self.up(self.norm(x))))
        return x + torch.as_tensor(self.drop(y))
