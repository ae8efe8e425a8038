"""How the sync critic learns: a crop's own lag against 30 others, its own sound against others'."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from talkgen.critic.sync import REACH
from talkgen.critic.sync_net import SyncNet
from talkgen.training.loop import Moment, Schedule, Weights, fit
from talkgen.training.sync_data import SyncSampler

SURE = 0.8
"""Share of a lag's target; the rest goes to its neighbours: labels are true to a frame."""
OTHERS, SINGLE = 0.5, 0.3
"""Weights of telling apart clips, and of single windows, beside the lag of a whole crop."""
START_SCALE = 2.3
"""Logarithm of what cosines are multiplied by at first."""


class SyncTask(nn.Module):
    """The network with the two factors that its cosines are scored with."""

    def __init__(self, net: SyncNet) -> None:
        super().__init__()
        self.net = net
        self.scales = nn.Parameter(torch.full((2,), START_SCALE))

    def forward(self, lips: Tensor, sound: Tensor) -> Tensor:
        """Return the loss of (B, F, 96) lips and (B, 4 (F + 30), 80) sound."""
        whole, single = self.scales.exp()
        frames = lips.shape[1]
        seen, heard = self.net.see(lips), self.net.listen(sound)
        lags = torch.arange(frames)[:, None] + torch.arange(2 * REACH + 1)
        cosines = torch.bmm(seen, heard.transpose(1, 2)).gather(2, lags.expand(len(lips), -1, -1))
        target = lag_target().to(cosines)
        own = -(target * functional.log_softmax(cosines.mean(1) * whole, 1)).sum(1).mean()
        each = -(target * functional.log_softmax(cosines * single, 2)).sum(2).mean()
        middle = heard[:, REACH : REACH + frames]
        between = torch.einsum("btd,ctd->bc", seen, middle) / frames * whole
        which = torch.arange(len(lips))
        others = functional.cross_entropy(between, which)
        others = (others + functional.cross_entropy(between.T, which)) / 2
        return own + SINGLE * each + OTHERS * others


def lag_target() -> Tensor:
    """(31,) shares of the lags: none, and a little a frame to either side."""
    target = torch.zeros(2 * REACH + 1)
    target[REACH] = SURE
    target[REACH - 1] = target[REACH + 1] = (1 - SURE) / 2
    return target


def train(
    net: SyncNet, sampler: SyncSampler, schedule: Schedule, state: Path, *, batch: int = 48,
    seed: int = 0,
) -> Weights:  # fmt: skip
    """Return the averaged weights of the network after training."""
    task = SyncTask(net)

    def loss(moment: Moment) -> Tensor:
        lips, sound = sampler.batch(batch, moment.rng)
        found: Tensor = task(torch.from_numpy(lips), torch.from_numpy(sound))
        return found

    weights = fit(task, loss, schedule, state, seed=seed, name="sync")
    start = len("net.")
    return {name[start:]: value for name, value in weights.items() if name.startswith("net.")}
