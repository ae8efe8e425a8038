"""Training of encoder and trunk together: synthetic speech, tracked people, FACEGOOD's actor.

The encoder comes knowing the phones of synthetic voices and goes on slowly, so that it learns real
rooms and people; phones of synthetic speech stay in the loss. The loss of motion is (1 - Pearson)
over a crop, which every speaker's own range leaves alone, and smooth L1. The lip gap is trained
behind the closure gate, as it will be used; so real lips also teach when p, b and m are heard.
Each kind of data has a head of its own (`tracked`, `rule`, `facegood`); the trunk is one.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from talkgen.audio.phones import BILABIALS
from talkgen.motion.controls import CONTROLS
from talkgen.motion.mouth import GATE_SHOULDER, SHUT_SLOPE, SHUT_START
from talkgen.motion.speech_motion import SpeechMotion
from talkgen.training.motion_crops import CropSet
from talkgen.training.motion_facegood import moving
from talkgen.training.motion_loss import motion_loss, output_weights, phone_loss

GAP = len(CONTROLS)


@dataclass(frozen=True)
class HeadsConfig:
    """How long and how; a preset of scripts/train_motion.py."""

    steps: int = 360
    batch: int = 16
    speech_batch: int = 6
    actor_batch: int = 3
    learning_rate: float = 1.5e-3
    encoder_rate: float = 8e-4
    weight_decay: float = 0.05
    average: float = 0.99
    rule_weight: float = 0.3
    phone_weight: float = 0.3
    actor_weight: float = 0.15
    teacher_weight: float = 0.5
    gated: bool = True
    learn_gate: bool = True
    bilabial_weight: float = 2.0
    bfloat16: bool = True


def gate_of(phones: Tensor) -> Tensor:
    """(B, 2 T, P) posteriors to (B, T), as talkgen.motion.mouth.closing_gate."""
    shut = phones[..., list(BILABIALS)].sum(-1)
    shut = shut.reshape(*shut.shape[:-1], -1, 2).amax(-1)
    gate = 1.0 - (SHUT_SLOPE * shut - SHUT_START).clamp(0.0, 1.0)
    padded = torch.cat([gate[:, :1], gate, gate[:, -1:]], 1)
    beside = torch.minimum(padded[:, :-2], padded[:, 2:])
    return torch.minimum(gate, 1.0 - GATE_SHOULDER * (1.0 - beside))


class CropBatches:
    """Random batches of the crops whose index is in `keep`; step and seed say which."""

    def __init__(
        self, crops: CropSet, keep: NDArray[np.int64], size: int, seed: int,
        taught: NDArray[np.float16] | None,
    ):  # fmt: skip
        self._crops, self._keep, self._size, self._seed = crops, keep, size, seed
        self._taught = taught

    def at(self, step: int) -> dict[str, Tensor]:
        crops = self._crops
        rng = np.random.default_rng([self._seed, step])
        rows = rng.choice(self._keep, self._size, replace=len(self._keep) < self._size)
        taught = crops.targets if self._taught is None else self._taught
        return {
            "taught": torch.from_numpy(taught[rows].astype(np.float32)),
            "features": torch.from_numpy(crops.features[rows].astype(np.float32)),
            "targets": torch.from_numpy(crops.targets[rows].astype(np.float32)),
            "valid": torch.from_numpy(crops.valid[rows]),
            "phones": torch.from_numpy(crops.phones[rows].astype(np.int64)),
        }


def spread_of(crops: CropSet, keep: NDArray[np.int64]) -> Tensor:
    """(C + 4,) spread of each target, at least 0.02."""
    values = crops.targets[keep][crops.valid[keep]].astype(np.float32)
    return torch.from_numpy(np.maximum(values.std(0), 0.02))


def with_gate(tracked: Tensor, gate: Tensor) -> Tensor:
    """`tracked` (B, T, C + 4) with its gap behind the gate (B, T)."""
    return torch.cat(
        [tracked[..., :GAP], tracked[..., GAP : GAP + 1] * gate[..., None],
         tracked[..., GAP + 1 :]], -1
    )  # fmt: skip


def train_trunk(  # noqa: PLR0915
    model: SpeechMotion,
    config: HeadsConfig,
    real: tuple[CropSet, NDArray[np.int64]],
    synthetic: CropSet,
    seed: int,
    *,
    report: Callable[[str], None] = print,
    check: Callable[[SpeechMotion], str] | None = None,
    check_every: int = 70,
    teacher: tuple[NDArray[np.float16], NDArray[np.float16]] | None = None,
    state_path: Path | None = None,
    actor: CropSet | None = None,
) -> SpeechMotion:
    """`model` with averaged weights. `real`: the tracked crops and which of them to use.

    teacher : (N, F, C + 4) what another model says of the tracked crops, and of the synthetic ones:
        a second target, less noisy than people are
    actor : crops of FACEGOOD (motion_facegood), for the head of that name; None: it stays as it is
    state_path : where the run is kept every `check_every` steps, to go on from there
    """
    averaged = copy.deepcopy(model).eval()
    weights = torch.from_numpy(output_weights())
    rule_weights = weights.clone()
    rule_weights[GAP + 1 :] = 0.0
    every = np.arange(len(synthetic))
    scale, rule_scale = spread_of(*real), spread_of(synthetic, every)
    taught = teacher if teacher is not None else (None, None)
    people = CropBatches(*real, config.batch, seed, taught[0])
    speech = CropBatches(synthetic, every, config.speech_batch, seed + 100, taught[1])
    acted, acted_scale, acted_weights = None, torch.ones(0), torch.ones(0)
    if actor is not None:
        all_acted = np.arange(len(actor))
        acted = CropBatches(actor, all_acted, config.actor_batch, seed + 200, None)
        acted_scale, acted_weights = spread_of(actor, all_acted), torch.from_numpy(moving(actor))
    rates = [config.encoder_rate, config.learning_rate]
    groups = [{"params": model.encoder.parameters()}, {"params": model.members.parameters()}]
    adam = torch.optim.AdamW(groups, config.learning_rate, weight_decay=config.weight_decay)
    pace = torch.optim.lr_scheduler.OneCycleLR(adam, rates, config.steps, pct_start=0.15)
    began, sums, first_step = time.time(), np.zeros(4), 0
    parts: dict[str, Any] = {"model": model, "averaged": averaged, "adam": adam, "pace": pace}
    if state_path is not None and state_path.exists():
        state = torch.load(state_path)
        first_step = state["step"]
        for name, part in parts.items():
            part.load_state_dict(state[name])
    for step in range(first_step, config.steps):
        model.train()
        torch.manual_seed(seed * 100_000 + step)  # a resumed run drops out the same
        first, second = people.at(step), speech.at(step)
        third = acted.at(step) if acted is not None else None
        heard_ = [b["features"] for b in (first, second, third) if b is not None]
        features = torch.cat(heard_)
        with torch.autocast("cpu", torch.bfloat16, enabled=config.bfloat16):
            heard = model.encoder(features)
            posteriors = heard.phones.softmax(-1)
            said = model.say(heard.hidden, posteriors)
        size, both = config.batch, config.batch + config.speech_batch
        gate = gate_of(posteriors if config.learn_gate else posteriors.detach())
        tracked = said.tracked.float()
        if config.gated:
            tracked = with_gate(tracked, gate)
        tracked, gate = tracked[:both], gate[:both]
        own = motion_loss(tracked[:size], first["targets"], first["valid"], scale, weights)
        if teacher is not None:
            taught_ = with_gate(torch.cat([first["taught"], second["taught"]]), gate.detach())
            own = own + config.teacher_weight * motion_loss(
                tracked, taught_, torch.ones_like(gate, dtype=torch.bool), scale, weights
            )
        rule = motion_loss(
            said.rule[size:both].float(), second["targets"], second["valid"], rule_scale,
            rule_weights,
        )  # fmt: skip
        named = phone_loss(heard.phones[size:both], second["phones"], config.bilabial_weight)
        loss = own + config.rule_weight * rule + config.phone_weight * named
        if third is not None:
            shown = motion_loss(
                said.facegood[both:].float(), third["targets"], third["valid"], acted_scale,
                acted_weights,
            )  # fmt: skip
            loss = loss + config.actor_weight * shown
            sums[3] += shown.item()
        adam.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()
        pace.step()
        sums[:3] += [own.item(), rule.item(), named.item()]
        with torch.no_grad():
            keep = min(config.average, (step + 1) / (step + 10))
            for slow, fast in zip(averaged.parameters(), model.parameters(), strict=True):
                slow.lerp_(fast, 1 - keep)
        if (step + 1) % check_every == 0 or step == config.steps - 1:
            seen = check(averaged) if check is not None else ""
            own_, rule_, named_, shown_ = sums / check_every
            facegood = f" facegood {shown_:.3f}" if acted is not None else ""
            report(f"seed {seed} step {step + 1} tracked {own_:.3f} rule {rule_:.3f} phones "
                   f"{named_:.3f}{facegood} {time.time() - began:.0f} s {seen}")  # fmt: skip
            sums[:] = 0
            if state_path is not None:
                state = {name: part.state_dict() for name, part in parts.items()}
                torch.save(state | {"step": step + 1}, state_path)
    return averaged
