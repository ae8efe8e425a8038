"""The fit of the matte network: what `scripts/train_matte.py` calls."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from talkgen.face.landmarks import as_input
from talkgen.face.matte import MatteConfig, MatteNet
from talkgen.training import loop
from talkgen.training.matte_views import Backgrounds, PeopleSet, scene

SCHEDULES = {
    "cpu": loop.Schedule(minutes=14.0, rate=3e-3, average=0.997),
    "tiny": loop.Schedule(minutes=1.0, steps=3, save_every_s=1e9),
}
BATCH = 16


def batch_of(
    people: PeopleSet, backgrounds: Backgrounds, config: MatteConfig, count: int, rng: Any,
    *, jitter: float = 1.0,
) -> tuple[Any, Any, Any]:  # fmt: skip
    """Return pictures (B, S, S, 3) uint8, parts (B, S, S, 5) and weights (B, S, S)."""
    chosen = rng.choice(len(people), count, p=people.chance)
    drawn = [scene(people, int(i), backgrounds, config.side, rng, jitter=jitter) for i in chosen]
    return tuple(np.stack(rows) for rows in zip(*drawn, strict=True))  # type: ignore[return-value]


def loss_of(logits: Tensor, parts: Tensor, weight: Tensor) -> Tensor:
    """Return cross-entropy with soft shares, plus L1 of the person's and the head's matte.

    logits, parts : (B, 5, S, S); weight : (B, S, S). Seams between parts weigh more.
    """
    logs = torch.log_softmax(logits, dim=1)
    shares = logs.exp()
    seam = (parts.max(1).values < 0.95).float()
    seam = nn.functional.max_pool2d(seam, 5, 1, 2)
    heavy = weight * (1 + 2 * seam)
    total = heavy.sum().clamp_min(1)
    entropy = -(parts * logs).sum(1)
    person = (shares[:, 0] - parts[:, 0]).abs()
    head = (shares[:, 1:3].sum(1) - parts[:, 1:3].sum(1)).abs()
    return ((entropy + 2 * person + head) * heavy).sum() / total


def errors(net: MatteNet, pictures: Any, parts: Any, weight: Any) -> dict[str, float]:
    """Return the mean absolute errors of the person's, the head's and each part's share."""
    out = []
    with torch.inference_mode():
        for rows in loop.in_batches(len(pictures), 16):
            out.append(torch.softmax(net(as_input(pictures[rows])), 1).numpy())
    found = np.concatenate(out).transpose(0, 2, 3, 1)
    total = weight.sum()
    gap = (np.abs(found - parts) * weight[..., None]).sum((0, 1, 2)) / total
    head = np.abs(found[..., 1:3].sum(3) - parts[..., 1:3].sum(3))
    names = ("person", "hair", "face", "neck", "clothes")
    result = dict(zip(names, gap.tolist(), strict=True))
    return {k: round(v, 4) for k, v in result.items()} | {
        "head": round(float((head * weight).sum() / total), 4)
    }


def fit(
    folder: Path, state_path: Path, schedule: loop.Schedule, *, seed: int = 0,
    config: MatteConfig | None = None, restart: bool = False, batch: int = BATCH,
) -> MatteNet:  # fmt: skip
    """Return a trained network; go on where `state_path` left off."""
    torch.manual_seed(seed)
    net = MatteNet(config).to(memory_format=torch.channels_last)
    people, backgrounds = PeopleSet(folder), Backgrounds(folder)
    held = PeopleSet(folder, held=True, files=("people.npz",))
    aside: Any = None
    if len(held):
        aside = batch_of(held, Backgrounds(folder, held=True), net.config, 64,
                         np.random.default_rng(1))  # fmt: skip

    def draw_and_compare(moment: loop.Moment) -> Tensor:
        pictures, parts, weight = batch_of(people, backgrounds, net.config, batch, moment.rng)
        with torch.autocast("cpu", torch.bfloat16):
            logits = net(as_input(pictures))
        wanted = torch.from_numpy(parts).permute(0, 3, 1, 2)
        return loss_of(logits.float(), wanted, torch.from_numpy(weight))

    def report(average: loop.Weights) -> dict[str, float]:
        return errors(averaged(net.config, average), *aside) if aside else {}

    average = loop.fit(net, draw_and_compare, schedule, state_path, seed=seed, name="matte",
                       report=report, restart=restart)  # fmt: skip
    return averaged(net.config, average)


def averaged(config: MatteConfig, weights: loop.Weights) -> MatteNet:
    """Return a network with the averaged weights, ready to use."""
    net = MatteNet(config)
    net.load_state_dict(weights)
    return net.eval()
