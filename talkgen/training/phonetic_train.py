"""Training of the phonetic encoder: cross-entropy on the phone of every 20 ms."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from talkgen.audio.features import level_features
from talkgen.audio.phonetic import PhoneticEncoder
from talkgen.training.loop import Moment, Schedule, Weights, fit
from talkgen.training.phonetic_data import Crops, Speech

SMOOTHING = 0.05


def phone_loss(logits: Tensor, phones: Tensor) -> Tensor:
    """Cross-entropy at frames whose phone is known (class >= 0)."""
    return functional.cross_entropy(
        logits.flatten(0, 1), phones.flatten(), ignore_index=-1, label_smoothing=SMOOTHING
    )


def train(
    encoder: PhoneticEncoder,
    crops: Crops,
    schedule: Schedule,
    state_path: Path,
    *,
    batch: int = 24,
    seed: int = 0,
    bfloat16: bool = True,
    report: Callable[[Weights], dict[str, Any]] | None = None,
) -> Weights:
    """Return averaged weights of `encoder` after training on `crops`; resumable."""

    def loss_of(moment: Moment) -> Tensor:
        features, phones = crops.batch(batch, moment.rng)
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            output = encoder(torch.from_numpy(features))
        return phone_loss(output.phones, torch.from_numpy(phones))

    return fit(
        encoder, loss_of, schedule, state_path, seed=seed, name="phonetic", report=report
    )


@torch.no_grad()
def frame_accuracy(encoder: PhoneticEncoder, speech: Speech, seconds: float = 120.0) -> float:
    """Share of the frames of known phone in the first `seconds` that the encoder names rightly."""
    count = min(int(seconds * 25), len(speech))
    power = (10.0 ** speech.log_mel[: 4 * count].astype(np.float32)).astype(np.float32)
    encoder.eval()
    logits = encoder(torch.from_numpy(level_features(power))[None]).phones[0]
    truth = speech.phones[: 2 * count]
    known = truth >= 0
    return float((logits.argmax(-1).numpy() == truth)[known].mean())
