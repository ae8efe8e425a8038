"""How sure the expression critic may be: temperatures and biases, fitted on people left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from talkgen.critic.expression_net import ExpressionNet
from talkgen.training.expression_measure import equal_weights
from talkgen.types import EMOTIONS

STAY = 0.02
"""Weight of keeping biases small: rare classes say little."""


def calibrate(net: ExpressionNet, said: Mapping[str, Any], label: Any, weight: Any) -> None:
    """Set the sharpness and bias of a network from what its readers said of faces left out.

    said : (N, 8) logits of the readers `picture`, `reading` and `geometry`; label, weight : (N,)
    Two temperatures make each reader alone honest; their mean is sharpened and shifted again.
    """
    one, other, shape = (
        torch.from_numpy(np.asarray(said[name], np.float32))
        for name in ("picture", "reading", "geometry")
    )
    wanted, share = torch.from_numpy(label.astype(np.int64)), torch.from_numpy(weight).float()

    def loss(logits: Tensor) -> Tensor:
        losses = torch.nn.functional.cross_entropy(logits, wanted, reduction="none")
        return (losses * share).mean()

    def fitted(make: Any, *parts: Tensor) -> None:
        for part in parts:
            part.requires_grad_()
        solver = torch.optim.LBFGS(list(parts), max_iter=200)

        def closure() -> Tensor:
            solver.zero_grad()
            value = loss(make()) + STAY * sum((p**2).mean() for p in parts if p.numel() > 1)
            value.backward()
            return value

        solver.step(closure)
        for part in parts:
            part.requires_grad_(False)

    heat = [torch.zeros(()), torch.zeros(()), torch.zeros(()), torch.zeros(())]
    bias, alone = torch.zeros(len(EMOTIONS)), torch.zeros(len(EMOTIONS))
    fitted(lambda: one * heat[0].exp(), heat[0])
    fitted(lambda: other * heat[1].exp(), heat[1])
    net.sharpness.copy_(torch.stack([heat[0].exp(), heat[1].exp(), torch.ones(())]))
    net.bias.zero_()
    mean = net.together(one, other)
    fitted(lambda: mean * heat[2].exp() + bias, heat[2], bias)
    net.sharpness[2] = heat[2].exp()
    net.bias.copy_(bias - bias.mean())
    fitted(lambda: shape * heat[3].exp() + alone, heat[3], alone)
    net.alone.copy_(torch.cat([heat[3].exp()[None], alone - alone.mean()]))


def calibrated(said: Mapping[str, Any], label: Any, part: Any, weight: Any) -> Any:
    """Return log probabilities (N, 8), those of every part calibrated on the other parts.

    part : (N,) which part of the faces each is in
    """
    net = ExpressionNet()
    out = np.zeros((len(label), len(EMOTIONS)), np.float32)
    for k in sorted(set(part.tolist())):
        rest = part != k
        calibrate(net, {n: v[rest] for n, v in said.items()}, label[rest], weight[rest])
        with torch.no_grad():
            out[~rest] = net.together(
                torch.from_numpy(said["picture"][~rest]), torch.from_numpy(said["reading"][~rest])
            ).numpy()
    return out


__all__ = ["calibrate", "calibrated", "equal_weights"]
