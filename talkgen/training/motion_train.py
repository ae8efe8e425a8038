"""Training of one member of the teacher.

First synthetic speech alone (phones and the rule), then mixed with tracked people. The loss of
motion is (1 - Pearson) over a crop, which every speaker's own range leaves alone, and smooth L1.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from talkgen.motion.controls import CONTROLS
from talkgen.training.motion_augment import augmented_features
from talkgen.training.motion_data import Track, TrackSampler
from talkgen.training.motion_loss import motion_loss, output_weights, phone_loss
from talkgen.training.motion_teacher import MotionNet, MotionTeacherConfig

HISTORY = 25  # motion frames in front of a crop that only settle the level
FRAMES = 75  # motion frames of a crop (3 s)


@dataclass(frozen=True)
class TrainConfig:
    """How long and how; a preset of scripts/train_motion.py."""

    phone_steps: tuple[int, ...] = (600, 700)
    motion_steps: int = 330
    phone_batch: int = 24
    motion_batch: int = 16
    speech_batch: int = 8
    learning_rate: float = 1.5e-3
    motion_rate: float = 7e-4
    weight_decay: float = 0.05
    average: float = 0.99
    phone_weight: float = 0.3
    rule_weight: float = 0.3
    bfloat16: bool = True


def _tensors(batch: dict[str, NDArray[Any]]) -> dict[str, Tensor]:
    return {name: torch.from_numpy(np.ascontiguousarray(a)) for name, a in batch.items()}


class _Trainer:
    """What both stages share: one net, synthetic speech, and the loss."""

    def __init__(
        self, model_config: MotionTeacherConfig, config: TrainConfig, synthetic: list[Track],
        seed: int, stage: int,
    ):  # fmt: skip
        torch.manual_seed(seed * 10 + stage)
        self.config = config
        self.rng = np.random.default_rng([seed, stage])
        self.net = MotionNet(model_config)
        self.speech = TrackSampler(
            synthetic, [len(t) for t in synthetic], FRAMES + HISTORY, seed * 10 + stage
        )
        self.weights = torch.from_numpy(output_weights())
        self.rule_weights = self.weights.clone()
        self.rule_weights[len(CONTROLS) + 1 :] = 0.0
        self.rule_scale = scale_of(synthetic)
        self.tracked_scale = self.rule_scale

    def loss(self, batch: dict[str, Tensor], count: int) -> tuple[Tensor, str]:
        """Loss and its text; the first `count` rows are synthetic, the others tracked."""
        config = self.config
        with torch.autocast("cpu", torch.bfloat16, enabled=config.bfloat16):
            phones, tracked, rule = self.net(batch["features"])
        phones, tracked, rule = phones.float(), tracked.float(), rule.float()
        targets, valid = batch["targets"], batch["valid"]
        named = phone_loss(phones[:count], batch["phones"][:count])
        ruled = motion_loss(
            rule[:count], targets[:count], valid[:count], self.rule_scale, self.rule_weights
        )
        total = config.phone_weight * named + config.rule_weight * ruled
        text = f"phone {named.item():.3f} rule {ruled.item():.3f}"
        if count < len(tracked):
            moved = motion_loss(
                tracked[count:], targets[count:], valid[count:], self.tracked_scale, self.weights
            )
            total = total + moved
            text += f" tracked {moved.item():.3f}"
        return total, text

    def plan(self, rate: float, steps: int) -> tuple[Any, Any]:
        adam = torch.optim.AdamW(
            self.net.parameters(), lr=rate, weight_decay=self.config.weight_decay,
            betas=(0.9, 0.98),
        )  # fmt: skip
        pace = torch.optim.lr_scheduler.OneCycleLR(
            adam, rate, total_steps=max(steps, 2), pct_start=0.12
        )
        return adam, pace

    def step(self, batch: dict[str, NDArray[Any]], count: int, adam: Any, pace: Any) -> str:
        self.net.train()
        loss, text = self.loss(_tensors(augmented_features(batch, self.rng, HISTORY)), count)
        adam.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        adam.step()
        pace.step()
        return text


def scale_of(tracks: list[Track]) -> Tensor:
    """(C + 4,) spread of each target, at least 0.02."""
    values = np.concatenate([t.targets[t.valid] for t in tracks])
    return torch.from_numpy(np.maximum(values.std(0), 0.02).astype(np.float32))


def train_phones(
    model_config: MotionTeacherConfig,
    config: TrainConfig,
    synthetic: list[Track],
    seed: int,
    round_: int = 0,
    start: dict[str, Tensor] | None = None,
    report: Callable[[str], None] = print,
) -> dict[str, Tensor]:
    """The state of a net that knows phones and the rule, from synthetic speech alone.

    round_ : which of `config.phone_steps`, each with its own rise and fall of the learning rate
    start : the state after the round before
    """
    trainer = _Trainer(model_config, config, synthetic, seed, stage=3 + round_ if round_ else 1)
    if start is not None:
        trainer.net.load_state_dict(start)
    adam, pace = trainer.plan(config.learning_rate, config.phone_steps[round_])
    began = time.time()
    for step in range(config.phone_steps[round_]):
        batch = trainer.speech.batch(config.phone_batch)
        text = trainer.step(batch, config.phone_batch, adam, pace)
        if step % 100 == 99:
            report(f"seed {seed} phones {step + 1} {text} {time.time() - began:.0f} s")
    return copy.deepcopy(trainer.net.state_dict())


def train_motion(
    model_config: MotionTeacherConfig,
    config: TrainConfig,
    start: dict[str, Tensor],
    synthetic: list[Track],
    real: list[Track],
    real_weights: list[float],
    seed: int,
    *,
    report: Callable[[str], None] = print,
    check: Callable[[MotionNet], str] | None = None,
) -> MotionNet:
    """A net (averaged weights) trained on from `start` with tracked people and synthetic speech.

    check : called every 60 steps with the averaged net; its text is reported
    """
    trainer = _Trainer(model_config, config, synthetic, seed, stage=2)
    trainer.net.load_state_dict(start)
    trainer.tracked_scale = scale_of(real)
    people = TrackSampler(real, real_weights, FRAMES + HISTORY, seed)
    averaged = copy.deepcopy(trainer.net).eval()
    adam, pace = trainer.plan(config.motion_rate, config.motion_steps)
    began, size = time.time(), config.speech_batch
    for step in range(config.motion_steps):
        first, second = trainer.speech.batch(size), people.batch(config.motion_batch)
        joined = {name: np.concatenate([first[name], second[name]]) for name in first}
        text = trainer.step(joined, size, adam, pace)
        with torch.no_grad():
            keep = min(config.average, (step + 1) / (step + 10))
            for slow, fast in zip(averaged.parameters(), trainer.net.parameters(), strict=True):
                slow.lerp_(fast, 1 - keep)
        if step % 60 == 59 or step == config.motion_steps - 1:
            seen = check(averaged) if check is not None else ""
            report(f"seed {seed} motion {step + 1} {text} {time.time() - began:.0f} s {seen}")
    return averaged
