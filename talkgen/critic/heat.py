"""Where a decision looked: heatmaps of any network that turns crops into logits, and their test.

    found = heat(net, crops, classes)              # (B, S, S), each map at most 1
    result = deletion(net, crops, classes, found)  # does hiding what is marked matter?

Integrated gradients (Sundararajan, Taly & Yan 2017) from a blurred picture, averaged over a little
noise (SmoothGrad, Smilkov et al. 2017), or layer-CAM (Jiang et al. 2021) of one layer. The deletion
test hides the marked part and as large random parts of like shape: only a map whose part matters
more than a random one says something.

A network is any callable from (B, 1, S, S) float tensors to (B, K) logits, in evaluation mode.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from talkgen.errors import InputError
from talkgen.types import FloatArray

Net = Callable[[Tensor], Tensor]
Fill = Literal["blur", "mean"]

STEPS, DRAWS, NOISE = 12, 4, 0.06
"""Points of the path, noisy copies of the crop, and their noise over the crop's range."""
BLUR, SMOOTH = 0.08, 0.035
"""Standard deviations over the crop's side: of the blur that hides, and of the map's smoothing."""
SHARE = 0.15
"""Share of the crop that the deletion test hides."""
RANDOM = 24
"""Random parts that the marked one is held against."""


def heat(
    net: Net, crops: FloatArray, classes: NDArray[np.int64], *, steps: int = STEPS,
    draws: int = DRAWS, seed: int = 0,
) -> FloatArray:  # fmt: skip
    """Return (B, S, S) float32 maps in [0, 1]: where the class's log odds came from.

    crops : (B, 1, S, S) float32; classes : (B,) the class of each that is accounted for
    steps, draws : points of the path from the blurred crop, noisy copies of each (1: no noise)
    What speaks for the class counts alone, smoothed a little; the strongest point of a map is 1.
    """
    given, wanted = _checked(crops, classes)
    start = torch.from_numpy(hidden(crops, "blur"))
    generator = torch.Generator().manual_seed(seed)
    spread = NOISE * (given.amax((1, 2, 3), keepdim=True) - given.amin((1, 2, 3), keepdim=True))
    total = torch.zeros_like(given)
    for draw in range(draws):
        noise = torch.randn(given.shape, generator=generator) * spread if draw else 0.0
        for step in range(steps):
            share = (step + 0.5) / steps
            at = (start + share * (given + noise - start)).requires_grad_(True)
            (slope,) = torch.autograd.grad(log_odds(net(at), wanted).sum(), at)
            total += slope.detach()
    shown = (total / (steps * draws) * (given - start)).numpy()[:, 0]
    return _scaled(np.maximum(_smooth(shown), 0.0))


def layer_heat(
    net: Any, layer: torch.nn.Module, crops: FloatArray, classes: NDArray[np.int64]
) -> FloatArray:
    """Return (B, S, S) float32 maps in [0, 1] by layer-CAM of a convolution inside of `net`."""
    given, wanted = _checked(crops, classes)
    kept: list[Tensor] = []
    hook = layer.register_forward_hook(lambda _module, _given, out: kept.append(out))
    try:
        odds = log_odds(net(given.requires_grad_(True)), wanted).sum()
    finally:
        hook.remove()
    if not kept or kept[0].ndim != 4:
        raise InputError("`layer` gives no (B, C, H, W) maps in this network; choose a convolution")
    (slope,) = torch.autograd.grad(odds, kept[0])
    found = torch.relu((torch.relu(slope) * kept[0]).sum(1)).detach().numpy()
    side = crops.shape[-1]
    sized = np.stack([cv2.resize(row, (side, side), interpolation=cv2.INTER_CUBIC)
                      for row in found])  # fmt: skip
    return _scaled(np.maximum(sized, 0.0))


def log_odds(logits: Tensor, classes: Tensor) -> Tensor:
    """Return (B,) the log odds of a class against all others."""
    own = logits.gather(1, classes[:, None])[:, 0]
    rest = logits.scatter(1, classes[:, None], float("-inf")).logsumexp(1)
    return own - rest


@dataclass(frozen=True, eq=False)
class Deletion:
    """What hiding did to each of B crops: drops of the class's probability and log odds.

    marked, marked_odds : (B,) with the marked part hidden
    random, random_odds : (B, R) with random parts hidden
    """

    marked: FloatArray
    random: FloatArray
    marked_odds: FloatArray
    random_odds: FloatArray

    def summary(self, seed: int = 0) -> dict[str, Any]:
        """Return mean drops of probability, their difference with a bootstrapped interval of 95 %,
        the share of crops where the marked part mattered more than the mean random one."""
        ahead = self.marked - self.random.mean(1)
        draws = np.random.default_rng(seed).integers(0, len(ahead), (2000, len(ahead)))
        low, high = np.quantile(ahead[draws].mean(1), [0.025, 0.975])
        odds = self.marked_odds - self.random_odds.mean(1)
        return {
            "n": len(ahead),
            "drop, marked": round(float(self.marked.mean()), 4),
            "drop, random": round(float(self.random.mean()), 4),
            "difference": round(float(ahead.mean()), 4),
            "difference, 95 %": [round(float(low), 4), round(float(high), 4)],
            "marked matters more": round(float((odds > 0).mean()), 4),
        }


def deletion(
    net: Net, crops: FloatArray, classes: NDArray[np.int64], maps: FloatArray, *,
    within: NDArray[np.bool_] | None = None, share: float = SHARE, random: int = RANDOM,
    fill: Fill = "blur", seed: int = 0,
) -> Deletion:  # fmt: skip
    """Return what hiding the marked part of each crop does, beside as large random parts.

    maps : (B, S, S), whose strongest `share` is hidden
    within : (B, S, S) where marks and random parts may lie (the face); None: everywhere
    fill : what takes the hidden part's place, the crop blurred or its mean, soft at the edge
    """
    given, wanted = _checked(crops, classes)
    count, side = len(crops), crops.shape[-1]
    if maps.shape != (count, side, side):
        raise InputError(f"`maps` has shape {maps.shape}, {(count, side, side)} is needed")
    if not 0 < share < 1:
        raise InputError(f"`share` is {share}, a number between 0 and 1 is needed")
    places = np.ones(maps.shape, bool) if within is None else np.asarray(within, bool)
    pixels = round(share * side * side)
    if (places.sum((1, 2)) <= pixels).any():
        raise InputError("`within` leaves no room for random parts; give a smaller `share`")
    rng = np.random.default_rng(seed)
    other = hidden(crops, fill)

    def judged(masks: NDArray[np.bool_]) -> tuple[Tensor, Tensor]:
        soft = _soft(masks)[:, None]
        changed = torch.from_numpy((1 - soft) * crops + soft * other)
        with torch.no_grad():
            logits = net(changed)
        chance = logits.softmax(1).gather(1, wanted[:, None])[:, 0]
        return chance, log_odds(logits, wanted)

    with torch.no_grad():
        whole = net(given)
    chance, odds = whole.softmax(1).gather(1, wanted[:, None])[:, 0], log_odds(whole, wanted)
    marked = judged(strongest(maps, places, pixels))
    parts = [judged(strongest(_fields(rng, maps.shape), places, pixels)) for _ in range(random)]
    return Deletion(
        (chance - marked[0]).numpy(),
        torch.stack([chance - c for c, _ in parts], 1).numpy(),
        (odds - marked[1]).numpy(),
        torch.stack([odds - o for _, o in parts], 1).numpy(),
    )


def strongest(maps: FloatArray, within: NDArray[np.bool_], pixels: int) -> NDArray[np.bool_]:
    """Return (B, S, S) masks of the `pixels` highest places of each map inside of `within`."""
    flat = np.where(within, maps, -np.inf).reshape(len(maps), -1)
    top = np.argpartition(-flat, pixels - 1, axis=1)[:, :pixels]
    out = np.zeros(flat.shape, bool)
    np.put_along_axis(out, top, True, axis=1)
    return out.reshape(maps.shape)


def hidden(crops: FloatArray, fill: Fill) -> FloatArray:
    """Return crops (B, 1, S, S) as they look with everything hidden: blurred, or their mean."""
    rows = np.asarray(crops, np.float32)
    if fill == "mean":
        return np.broadcast_to(rows.mean((2, 3), keepdims=True), rows.shape).copy()
    sigma = BLUR * rows.shape[-1]
    return np.stack([cv2.GaussianBlur(row[0], (0, 0), sigma)[None] for row in rows])


def _fields(rng: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
    """(B, S, S) smooth noise: thresholded, blobs of about the size of a map's."""
    sigma = 1.5 * SMOOTH * shape[-1]
    noise = rng.standard_normal(shape).astype(np.float32)
    return np.stack([cv2.GaussianBlur(row, (0, 0), sigma) for row in noise])


def _soft(masks: NDArray[np.bool_]) -> FloatArray:
    """Masks with edges of a pixel or two, so that hiding draws no lines."""
    sigma = 0.012 * masks.shape[-1]
    return np.stack([cv2.GaussianBlur(m.astype(np.float32), (0, 0), sigma) for m in masks])


def _smooth(maps: FloatArray) -> FloatArray:
    sigma = SMOOTH * maps.shape[-1]
    return np.stack([cv2.GaussianBlur(row, (0, 0), sigma) for row in maps])


def _scaled(maps: FloatArray) -> FloatArray:
    top = maps.max((1, 2), keepdims=True)
    return np.asarray(maps / np.maximum(top, 1e-12), np.float32)


def _checked(crops: FloatArray, classes: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
    if crops.ndim != 4 or crops.shape[1] != 1 or crops.shape[2] != crops.shape[3]:
        raise InputError(f"`crops` has shape {crops.shape}, (B, 1, S, S) is needed")
    if len(classes) != len(crops):
        raise InputError(f"`classes` has {len(classes)} rows, {len(crops)} are needed")
    given = torch.from_numpy(np.ascontiguousarray(crops, np.float32))
    return given, torch.from_numpy(np.asarray(classes, np.int64))
