"""The fit loop that the perception networks share: AdamW, a cosine, averaged weights, a state."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

log = logging.getLogger(__name__)

Weights = dict[str, Tensor]


@dataclass(frozen=True)
class Schedule:
    """How long and how fast a module learns.

    minutes, steps : processor time of this process, and steps, at most; what is reached first ends
    rate, floor : highest learning rate, and the share of it that the cosine ends at
    warmup : share of the whole in which the rate rises
    decay : weight decay of the matrices (biases and norms have none)
    average : how much of the averaged weights a step keeps
    clip : largest norm of the gradient
    """

    minutes: float = 20.0
    steps: int = 1_000_000
    rate: float = 2e-3
    floor: float = 0.01
    warmup: float = 0.02
    decay: float = 0.02
    average: float = 0.998
    clip: float = 1.0
    save_every_s: float = 120.0

    def rate_at(self, progress: float) -> float:
        """Return the learning rate when a share of the whole, 0 to 1, is done."""
        rise = min(1.0, (progress + 1e-4) / max(self.warmup, 1e-6))
        fall = 0.5 * (1 + np.cos(np.pi * min(progress, 1.0)))
        return float(self.rate * rise * (fall * (1 - self.floor) + self.floor))


@dataclass
class Moment:
    """Where a fit stands: what a loss gets to draw its batch with.

    step : steps done before this one, over all runs; progress : share of the whole, 0 to 1
    """

    step: int
    progress: float
    rng: np.random.Generator


def fit(
    module: nn.Module, loss_of: Callable[[Moment], Tensor], schedule: Schedule, state_path: Path,
    *, seed: int = 0, name: str = "", report: Callable[[Weights], Mapping[str, Any]] | None = None,
    restart: bool = False,
) -> Weights:  # fmt: skip
    """Return the averaged weights of `module` after training it; go on where `state_path` left off.

    loss_of : draws a batch and returns its loss (a scalar) through `module`
    report : what to log beside the loss whenever the state is saved, from the averaged weights
    restart : take the averaged weights of the state as the start of a schedule of its own
    """
    optimizer = adamw(module, schedule)
    average = {k: v.clone() for k, v in module.state_dict().items()}
    step, elapsed, begun = 0, 0.0, 0
    if state_path.exists():
        state = torch.load(state_path, weights_only=False)
        begun = state.get("begun", 0)
        step, elapsed, average = state["step"], state["elapsed"], state["average"]
        module.load_state_dict(average if restart else state["module"])
        if restart:
            begun, elapsed = step, 0.0
        else:
            optimizer.load_state_dict(state["optimizer"])
        log.info("%s: going on at step %d, %.1f min", name, step, elapsed / 60)
    moment = Moment(step, 0.0, np.random.default_rng(seed + step))
    started, saved = time.process_time() - elapsed, time.monotonic()
    running: list[float] = []
    while True:
        elapsed = time.process_time() - started
        moment.progress = max(
            elapsed / (60 * schedule.minutes), (moment.step - begun) / schedule.steps
        )
        done = moment.progress >= 1
        if done or time.monotonic() - saved > schedule.save_every_s:
            saved = time.monotonic()
            save_state(state_path, {
                "module": module.state_dict(), "optimizer": optimizer.state_dict(),
                "average": average, "step": moment.step, "elapsed": elapsed, "begun": begun,
            })  # fmt: skip
            log.info("%s step %d %.0f%% loss %.4f %s", name, moment.step, 100 * moment.progress,
                     float(np.mean(running[-200:] or [0])),
                     dict(report(average)) if report else "")  # fmt: skip
        if done:
            return average
        for group in optimizer.param_groups:
            group["lr"] = schedule.rate_at(moment.progress)
        module.train()
        loss = loss_of(moment)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(module.parameters(), schedule.clip)
        optimizer.step()
        running.append(float(loss.detach()))
        moment.step += 1
        own = moment.step - begun
        blend(average, module, min(schedule.average, own / (own + 10)))


def adamw(module: nn.Module, schedule: Schedule) -> torch.optim.Optimizer:
    """Return AdamW over the trainable parameters; only those of two axes and more decay."""
    wanted = [p for p in module.parameters() if p.requires_grad]
    deep, flat = [p for p in wanted if p.ndim >= 2], [p for p in wanted if p.ndim < 2]
    return torch.optim.AdamW(
        [
            {"params": deep, "weight_decay": schedule.decay},
            {"params": flat, "weight_decay": 0.0},
        ],
        lr=schedule.rate,
    )


def blend(average: Weights, module: nn.Module, keep: float) -> None:
    """Move a running average of weights towards a module's, in place."""
    with torch.no_grad():
        for key, value in module.state_dict().items():
            if value.dtype.is_floating_point:
                average[key].lerp_(value, 1 - keep)
            else:
                average[key].copy_(value)


def save_state(path: Path, state: Mapping[str, Any]) -> None:
    """Write a state whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(dict(state), path.with_suffix(".part"))
    path.with_suffix(".part").replace(path)


def in_batches(count: int, size: int) -> Iterator[slice]:
    """Yield slices of at most `size` that cover `count` rows in order."""
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))
