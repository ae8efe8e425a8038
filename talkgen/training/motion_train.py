"""Training of one member of the motion transformer.

First synthetic speech alone (phones and the rule), then mixed with tracked people. The loss of
motion is (1 - Pearson) over a crop, which every speaker's own range leaves alone, and smooth L1.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from talkgen.motion.controls import BROW_CONTROLS, CONTROLS, MOUTH_CONTROLS
from talkgen.motion.transformer import MotionNet, MotionTransformerConfig
from talkgen.training.motion_augment import augmented_features
from talkgen.training.motion_data import Track, TrackSampler

HISTORY = 25  # motion frames in front of a crop that only settle the level
FRAMES = 75  # motion frames of a crop (3 s)


@dataclass(frozen=True)
class TrainConfig:
    """How long and how; a preset of scripts/train_motion.py."""

    phone_steps: int = 600
    motion_steps: int = 420
    phone_batch: int = 24
    motion_batch: int = 16
    learning_rate: float = 1.5e-3
    motion_rate: float = 7e-4
    weight_decay: float = 0.05
    average: float = 0.99
    phone_weight: float = 0.3
    rule_weight: float = 0.3
    bfloat16: bool = True


def output_weights() -> NDArray[np.float32]:
    """(C + 4,) importance of each output: the gap above all, then mouth, little brows and pose."""
    weights = np.full(len(CONTROLS) + 4, 0.02, np.float32)
    weights[list(MOUTH_CONTROLS)] = 1.0 / len(MOUTH_CONTROLS)
    weights[CONTROLS.index("jawOpen")] = 0.3
    weights[list(BROW_CONTROLS)] = 0.04
    weights[len(CONTROLS)] = 1.0
    weights[len(CONTROLS) + 1 :] = 0.03
    return weights


def motion_loss(
    predicted: Tensor, target: Tensor, valid: Tensor, scale: Tensor, weights: Tensor
) -> Tensor:
    """Weighted (1 - Pearson) + smooth L1 over (B, F, K) with (B, F) validity; scale (K,)."""
    mask = valid[..., None].float()
    count = mask.sum(1, keepdim=True).clamp(min=1)
    p, t = predicted / scale, target / scale
    pc = (p - (p * mask).sum(1, keepdim=True) / count) * mask
    tc = (t - (t * mask).sum(1, keepdim=True) / count) * mask
    # a floor under the variances: a still stretch has no shape to follow
    spread = ((pc**2).sum(1) + 0.02 * count[:, 0]) * ((tc**2).sum(1) + 0.02 * count[:, 0])
    pearson = (pc * tc).sum(1) / spread.sqrt()
    close = (functional.smooth_l1_loss(p, t, reduction="none") * mask).sum(1) / count[:, 0]
    enough = (valid.sum(1) > 15).float()[:, None]
    total = ((1 - pearson) + close) * enough * weights
    return total.sum() / enough.sum().clamp(min=1) / weights.sum()


def phone_loss(logits: Tensor, phones: Tensor) -> Tensor:
    """Cross-entropy at frames whose phone is known (class >= 0)."""
    return functional.cross_entropy(
        logits.flatten(0, 1), phones.flatten(), ignore_index=-1, label_smoothing=0.05
    )


def _tensors(batch: dict[str, NDArray]) -> dict[str, Tensor]:
    return {name: torch.from_numpy(np.ascontiguousarray(a)) for name, a in batch.items()}


def train_member(
    model_config: MotionTransformerConfig,
    config: TrainConfig,
    synthetic: list[Track],
    real: list[Track],
    real_weights: list[float],
    seed: int,
    *,
    start: dict[str, Tensor] | None = None,
    report: Callable[[str], None] = print,
    check: Callable[[MotionNet], str] | None = None,
) -> tuple[MotionNet, dict[str, Tensor]]:
    """A trained net (averaged weights) and the state after the phone stage.

    start : such a state: skips the phone stage
    check : called every 60 steps of the motion stage with the averaged net; its text is reported
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng([seed, 7])
    net = MotionNet(model_config)
    crop = FRAMES + HISTORY
    speech = TrackSampler(synthetic, [len(t) for t in synthetic], crop, seed + 1)
    weights = torch.from_numpy(output_weights())
    rule_weights = weights.clone()
    rule_weights[len(CONTROLS) + 1 :] = 0.0

    def scale_of(tracks: list[Track]) -> Tensor:
        values = np.concatenate([t.targets[t.valid] for t in tracks])
        return torch.from_numpy(np.maximum(values.std(0), 0.02).astype(np.float32))

    rule_scale = scale_of(synthetic)

    def losses(batch: dict[str, Tensor], count: int) -> tuple[Tensor, str]:
        """Synthetic rows come first: `count` of them."""
        with torch.autocast("cpu", torch.bfloat16, enabled=config.bfloat16):
            phones, tracked, rule = net(batch["features"])
        phones, tracked, rule = phones.float(), tracked.float(), rule.float()
        named = phone_loss(phones[:count], batch["phones"][:count])
        ruled = motion_loss(
            rule[:count], batch["targets"][:count], batch["valid"][:count], rule_scale, rule_weights
        )
        total = config.phone_weight * named + config.rule_weight * ruled
        text = f"phone {named.item():.3f} rule {ruled.item():.3f}"
        if count < len(tracked):
            moved = motion_loss(
                tracked[count:], batch["targets"][count:], batch["valid"][count:], scale, weights
            )
            total = total + moved
            text += f" tracked {moved.item():.3f}"
        return total, text

    def optimizer(rate: float) -> torch.optim.Optimizer:
        return torch.optim.AdamW(
            net.parameters(), lr=rate, weight_decay=config.weight_decay, betas=(0.9, 0.98)
        )

    began = time.time()
    if start is None:
        net.train()
        steps = config.phone_steps
        adam = optimizer(config.learning_rate)
        plan = torch.optim.lr_scheduler.OneCycleLR(
            adam, config.learning_rate, total_steps=steps, pct_start=0.15
        )
        for step in range(steps):
            batch = augmented_features(speech.batch(config.phone_batch), rng, HISTORY)
            loss, text = losses(_tensors(batch), config.phone_batch)
            adam.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            adam.step()
            plan.step()
            if step % 50 == 49:
                report(f"seed {seed} phones {step + 1}/{steps} {text} {time.time() - began:.0f} s")
        start = copy.deepcopy(net.state_dict())
    else:
        net.load_state_dict(start)

    scale = scale_of(real)
    people = TrackSampler(real, real_weights, crop, seed + 2)
    averaged = copy.deepcopy(net).eval()
    adam = optimizer(config.motion_rate)
    steps, size = config.motion_steps, config.motion_batch
    plan = torch.optim.lr_scheduler.OneCycleLR(
        adam, config.motion_rate, total_steps=max(steps, 2), pct_start=0.1
    )
    for step in range(steps):
        net.train()
        first, second = speech.batch(size), people.batch(size)
        joined = {name: np.concatenate([first[name], second[name]]) for name in first}
        batch = augmented_features(joined, rng, HISTORY)
        loss, text = losses(_tensors(batch), size)
        adam.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        adam.step()
        plan.step()
        with torch.no_grad():
            keep = min(config.average, (step + 1) / (step + 10))
            for slow, fast in zip(averaged.parameters(), net.parameters(), strict=True):
                slow.lerp_(fast, 1 - keep)
        if step % 60 == 59 or step == steps - 1:
            seen = check(averaged) if check is not None else ""
            report(f"seed {seed} motion {step + 1}/{steps} {text} {time.time() - began:.0f} s {seen}")
    return averaged, start
