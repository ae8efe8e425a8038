"""Training of the flow on the tracked clips: frames of motion beside what the trunk heard there.

Emotions are laid under tracked motion (motion_emotion: none of the people was asked to feel
anything). A share of the windows has none, and there the net is not told of any: its velocity
without emotion is that of plain tracked motion. Of the others some are not told of it either and
still have to return to plain motion, whatever the past was: that is the velocity which
`emotion_guidance` starts from. The sound is left out on its own.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from talkgen.audio.features import level_features, mel_power
from talkgen.motion.behaviour import speaking_share
from talkgen.motion.controls import FROM_CHANNELS, PAIRS, SHAPES, UPPER
from talkgen.motion.flow import CONDITION, SIZE, TURN, FlowConfig, FlowNet
from talkgen.motion.liveliness import head_pace
from talkgen.motion.speech_motion import SpeechMotion
from talkgen.training.behaviour_measure import speech_frames
from talkgen.training.motion_data import ClipMotion, resting_levels
from talkgen.training.motion_emotion import (
    enlivened,
    laid_offsets,
    random_conditions,
    usual_size,
)
from talkgen.types import MOTION_CHANNELS

Float32 = NDArray[np.float32]

EMOTION_SHARE = 0.4  # of what emotions add, in the unit of each output


@dataclass(frozen=True)
class FlowTrainConfig:
    """How long and how."""

    steps: int = 2500
    batch: int = 64
    learning_rate: float = 1.5e-3
    weight_decay: float = 0.02
    average: float = 0.995
    drop_audio: float = 0.1
    drop_style: float = 0.3
    drop_shape: float = 0.3
    felt_share: float = 0.55
    drop_emotion: float = 0.15
    past_noise: float = 0.1


@dataclass(frozen=True, eq=False)
class FlowClip:
    """(T, SIZE) motion in natural units, (T, heard), (T,) valid, style index and (50,) shape.

    speaking : (T,) in [0, 1], how much somebody speaks; only where emotions are laid under
    """

    motion: Float32
    heard: Float32
    valid: NDArray[np.bool_]
    style: int
    shape: Float32
    speaking: Float32 | None = None


def flow_motion(clip: ClipMotion, rest: Float32, said: Float32) -> Float32:
    """(T, SIZE) of a clip: see talkgen.motion.flow; said : (T, C + 4) of the mean head."""
    weights = clip.weights - rest
    controls = weights @ FROM_CHANNELS
    turn = (clip.rotation - np.median(clip.rotation[clip.valid], 0)) / 0.1
    left = [MOTION_CHANNELS.index(n + "Left") for n in PAIRS]
    right = [MOTION_CHANNELS.index(n + "Right") for n in PAIRS]
    uneven = (weights[:, left] - weights[:, right]) / 2
    count = min(len(said), len(weights))
    shaped = controls[:count, SHAPES] - said[:count, SHAPES]
    return np.concatenate(
        [turn[:count], controls[:count, UPPER], shaped, uneven[:count]], 1
    ).astype(np.float32)


def flow_clips(model: SpeechMotion, clips: list[ClipMotion]) -> list[FlowClip]:
    """What the flow learns from: every clip with what `model` hears in it. Styles count from 1."""
    rests = resting_levels(clips)
    people = sorted(rests)
    out = []
    for clip in clips:
        feature = level_features(mel_power(clip.sound))
        frames = min(len(feature) // 4, len(clip.gap))
        with torch.inference_mode():
            _, said = model(torch.from_numpy(feature[None, : 4 * frames]))
        tracked = said.tracked[0].numpy()
        heard = np.concatenate([said.hidden[0].numpy(), tracked], 1)
        motion = flow_motion(clip, rests[clip.person][0], tracked)
        shape = np.zeros(50, np.float32) if clip.shape is None else clip.shape[:50]
        style = people.index(clip.person) + 1
        talks = np.zeros(frames, bool)
        found = speech_frames(clip.sound)[:frames]
        talks[: len(found)] = found
        out.append(
            FlowClip(motion, heard, clip.valid[:frames], style, shape, speaking_share(talks))
        )
    return out


def spread_of_motion(clips: list[FlowClip], *, emotional: bool = False) -> tuple[float, ...]:
    """(SIZE,) standard deviation of each output, at least 0.01.

    emotional : with a share of what emotions add, so that they are not far outside
    """
    values = np.concatenate([c.motion[c.valid] for c in clips]).std(0)
    if emotional:
        added = EMOTION_SHARE * usual_size(np.random.default_rng(0))
        values = np.sqrt(values**2 + added**2)
    return tuple(round(float(max(s, 0.01)), 4) for s in values)


def paced(motion: Float32, part: slice, arousal: float) -> Float32:
    """(N, 3) head turns of frames `part`, at the pace of `arousal` from their middle."""
    middle = (part.start + part.stop - 1) / 2
    pace = float(head_pace(np.float32(arousal)))
    at = middle + pace * (np.arange(part.start, part.stop) - middle)
    at = np.clip(at, 0, len(motion) - 1)
    low = np.minimum(at.astype(int), len(motion) - 2) if len(motion) > 1 else at.astype(int)
    share = (at - low)[:, None].astype(np.float32)
    high = np.minimum(low + 1, len(motion) - 1)
    return np.asarray(motion[low, TURN] * (1 - share) + motion[high, TURN] * share)


class _Windows:
    """Random windows of history and block; a person's chance is the square root of their frames."""

    def __init__(
        self, clips: list[FlowClip], config: FlowConfig, seed: int, share: float, drop: float
    ):
        self._clips, self._config = clips, config
        self._rng = np.random.default_rng(seed)
        frames: dict[int, int] = {}
        for clip in clips:
            frames[clip.style] = frames.get(clip.style, 0) + len(clip.valid)
        chances = np.array([len(c.valid) / np.sqrt(frames[c.style]) for c in clips])
        self._chances = chances / chances.sum()
        self._scale = np.asarray(config.scale, np.float32)
        self._felt_share, self._drop = share, drop

    def batch(self, size: int) -> dict[str, Tensor]:
        config, rng = self._config, self._rng
        moved = rng.random(size) < self._felt_share if config.emotional else np.zeros(size, bool)
        block = config.most if rng.random() < 0.7 else int(rng.integers(1, config.most + 1))
        past = config.history
        motion = np.zeros((size, past + block, SIZE), np.float32)
        heard = np.zeros((size, past + block, config.heard), np.float32)
        known = np.zeros((size, past + block), bool)
        valid = np.zeros((size, block), bool)
        style = np.zeros(size, np.int64)
        shape = np.zeros((size, config.shape_size), np.float32)
        felt = np.zeros((size, past + block, CONDITION), np.float32)
        felt[..., 0] = 1.0
        told = moved & (rng.random(size) >= self._drop)
        felt[moved] = random_conditions(rng, int(moved.sum()), past + block)
        speaking = np.zeros((size, past + block), np.float32)
        for row, pick in enumerate(rng.choice(len(self._clips), size, p=self._chances)):
            clip = self._clips[pick]
            start = int(rng.integers(0, len(clip.valid) - block + 1))
            # a stream begins without a past; so does a tenth of the windows
            reach = 0 if rng.random() < 0.1 else min(start, past)
            part = slice(start - reach, start + block)
            motion[row, past - reach :] = clip.motion[part]
            if moved[row] and clip.speaking is not None:
                arousal = felt[row, past - reach :, -1]
                if told[row]:
                    pace_of = float(arousal.mean())
                    motion[row, past - reach :, TURN] = paced(clip.motion, part, pace_of)
                speaking[row, past - reach :] = clip.speaking[part]
            heard[row, past - reach :] = clip.heard[part]
            known[row, past - reach :] = True
            valid[row] = clip.valid[start : start + block]
            style[row], shape[row] = clip.style, clip.shape
        motion = np.clip(motion, -4 * self._scale, 4 * self._scale)
        if moved.any():
            changed = enlivened(motion[moved], felt[moved, :, -1])
            changed += laid_offsets(felt[moved], speaking[moved], rng)
            # one that is not told goes back to plain motion
            changed[~told[moved], past:] = motion[moved & ~told, past:]
            changed[~known[moved]] = 0.0
            motion[moved] = changed
        return {
            "motion": torch.from_numpy(motion / self._scale),
            "felt": torch.from_numpy(felt), "feel": torch.from_numpy(told),
            "heard": torch.from_numpy(heard), "known": torch.from_numpy(known),
            "valid": torch.from_numpy(valid),
            "style": torch.from_numpy(style), "shape": torch.from_numpy(shape),
        }  # fmt: skip


def train_flow(
    flow_config: FlowConfig,
    config: FlowTrainConfig,
    clips: list[FlowClip],
    seed: int,
    *,
    report: Callable[[str], None] = print,
) -> FlowNet:
    """A flow with averaged weights; `flow_config.scale` is set from the clips."""
    torch.manual_seed(seed)
    scale = spread_of_motion(clips, emotional=flow_config.emotional)
    flow_config = replace(flow_config, scale=scale)
    windows = _Windows(clips, flow_config, seed, config.felt_share, config.drop_emotion)
    net = FlowNet(flow_config)
    averaged = copy.deepcopy(net).eval()
    adam = torch.optim.AdamW(net.parameters(), config.learning_rate,
                             weight_decay=config.weight_decay)  # fmt: skip
    pace = torch.optim.lr_scheduler.OneCycleLR(adam, config.learning_rate, config.steps,
                                               pct_start=0.1)  # fmt: skip
    past, began, total = flow_config.history, time.time(), 0.0
    for step in range(config.steps):
        batch = windows.batch(config.batch)
        size = len(batch["motion"])
        before, wanted = batch["motion"][:, :past], batch["motion"][:, past:]
        # what is drawn is never quite what was seen in training: the past is blurred a little
        before = before + config.past_noise * torch.randn_like(before) * torch.rand(size, 1, 1)
        noise, at = torch.randn_like(wanted), torch.rand(size)
        noisy = noise + at[:, None, None] * (wanted - noise)
        style = torch.where(torch.rand(size) < config.drop_style, 0, batch["style"])
        shape = batch["shape"] * (torch.rand(size, 1) >= config.drop_shape)
        found = net(noisy, at, before, batch["heard"], known=batch["known"],
                    listen=torch.rand(size) >= config.drop_audio, style=style,
                    shape=shape, felt=batch["felt"], feel=batch["feel"])  # fmt: skip
        error = (found - (wanted - noise)).square().mean(-1)
        loss = (error * batch["valid"]).sum() / batch["valid"].sum().clamp(min=1)
        adam.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        adam.step()
        pace.step()
        total += loss.item()
        with torch.no_grad():
            keep = min(config.average, (step + 1) / (step + 10))
            for slow, fast in zip(averaged.parameters(), net.parameters(), strict=True):
                slow.lerp_(fast, 1 - keep)
        if (step + 1) % 250 == 0 or step == config.steps - 1:
            report(f"flow step {step + 1} {total / 250:.3f} {time.time() - began:.0f} s")
            total = 0.0
    return averaged
