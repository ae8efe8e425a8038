"""Augmentation of batches of mel power, (B, 4 T, 80), with the features that follow.

Tempo, vocal tract, equaliser, band limits, rooms, noise; then levelling (the same arithmetic as
`MelLeveler`, all rows of a batch in lockstep) and masks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from talkgen.audio import activity, features

Float32 = NDArray[np.float32]
Rng = np.random.Generator
BANDS = features.NUM_MELS


def _curve(rng: Rng, size: int, knots: int, spread: float) -> Float32:
    """(B, 80) smooth random curves in dB."""
    points = rng.normal(0.0, spread, (size, knots))
    at = np.linspace(0, knots - 1, BANDS)
    low = np.minimum(at.astype(int), knots - 2)
    share = at - low
    return (points[:, low] * (1 - share) + points[:, low + 1] * share).astype(np.float32)


def warp_tempo(batch: dict[str, NDArray], rng: Rng, spread: float = 0.13) -> None:
    """Stretch time of whole rows by up to `spread`, targets and phones along."""
    frames = batch["targets"].shape[1]
    for row in range(len(batch["power"])):
        speed = 1.0 + rng.uniform(-spread, spread)
        for name, rate in (("power", 4), ("phones", 2), ("targets", 1), ("valid", 1)):
            count = frames * rate
            at = np.minimum((np.arange(count) + 0.5) * speed - 0.5, count - 1)
            nearest = np.clip(np.rint(at), 0, count - 1).astype(int)
            values = batch[name][row]
            if name in ("phones", "valid"):
                batch[name][row] = values[nearest]
            else:
                low = np.clip(np.floor(at), 0, count - 1).astype(int)
                high = np.minimum(low + 1, count - 1)
                share = np.clip(at - low, 0, 1)[:, None].astype(np.float32)
                batch[name][row] = values[low] * (1 - share) + values[high] * share
        if speed > 1.0:  # what lies beyond the row's end is unknown
            batch["valid"][row, int(frames / speed) :] = False
            batch["phones"][row, int(2 * frames / speed) :] = -1


def change_voice(power: Float32, rng: Rng) -> Float32:
    """Vocal-tract warp by up to 12 %, an equaliser, band limits and loudness."""
    size = len(power)
    bands = np.arange(BANDS)
    out = np.empty_like(power)
    for row in range(size):
        at = np.clip(bands * (1.0 + rng.uniform(-0.12, 0.12)), 0, BANDS - 1)
        low = np.minimum(at.astype(int), BANDS - 2)
        share = (at - low).astype(np.float32)
        out[row] = power[row][:, low] * (1 - share) + power[row][:, low + 1] * share
    gain = _curve(rng, size, 7, 4.0)
    for row in range(size):
        draw = rng.random()
        if draw < 0.12:  # telephone: 300-3400 Hz
            gain[row, :13] -= 30
            gain[row, 60:] -= 40
        elif draw < 0.3:
            gain[row, rng.integers(50, BANDS) :] -= 40
        elif draw < 0.4:
            gain[row, : rng.integers(2, 12)] -= 25
    gain += rng.uniform(-20, 10, (size, 1))
    return out * (10.0 ** (gain / 10)).astype(np.float32)[:, None]


def add_room(power: Float32, rng: Rng) -> Float32:
    """A third of the rows with an exponential tail of 0.15-0.7 s."""
    from scipy.signal import lfilter

    out = power
    for row in np.flatnonzero(rng.random(len(power)) < 0.35):
        decay = 10.0 ** (-6.0 / (rng.uniform(0.15, 0.7) * 100))
        share = rng.uniform(0.02, 0.25) * (1 - decay)
        tail = lfilter([share], [1, -decay], power[row], axis=0)
        out[row] = power[row] + tail.astype(np.float32)
    return out


def add_noise(power: Float32, rng: Rng) -> Float32:
    """Noise of a random colour, and sometimes another row's speech, 2-40 dB below the voice."""
    size, frames, _ = power.shape
    loud = power.mean((1, 2)) + 1e-9
    ratio = 10.0 ** (-rng.uniform(2, 40, size) / 10)
    ratio[rng.random(size) < 0.2] = 1e-7
    colour = 10.0 ** ((_curve(rng, size, 6, 7.0) - rng.uniform(0, 20, (size, 1))
                       * np.linspace(0, 1, BANDS)) / 10)  # fmt: skip
    colour /= colour.mean(1, keepdims=True)
    swell = 10.0 ** (np.cumsum(rng.normal(0, 0.02, (size, frames)), 1) * 0.5)
    grain = rng.gamma(2.0, 0.5, (size, frames, BANDS)).astype(np.float32)
    noise = grain * (colour[:, None] * swell[:, :, None]).astype(np.float32)
    out = power + noise * (loud * ratio).astype(np.float32)[:, None, None]
    for row in np.flatnonzero(rng.random(size) < 0.12):
        other = int(rng.integers(size))
        level = loud[row] / loud[other] * 10.0 ** (-rng.uniform(8, 25) / 10)
        out[row] += power[other] * level
    return out


def level_batch(power: Float32) -> Float32:
    """(B, N, 80) mel power to features: every row as `MelLeveler` would give it, in lockstep."""
    size, frames, _ = power.shape
    ahead = features.LEVEL_LOOKAHEAD
    decay = 1.0 - 1.0 / features.LEVEL_MEMORY
    mean = power[:, :, features.LOUD_BAND].mean(2).astype(np.float64)
    loud = np.maximum(10 * np.log10(mean + 1e-12), activity.LOWEST_DB - 12.0)
    level_sum, level_weight = np.zeros(size), np.zeros(size)
    colour_sum = np.tile(features.average_colour().astype(np.float64) * features.COLOUR_PRIOR,
                         (size, 1))  # fmt: skip
    colour_weight = np.full(size, features.COLOUR_PRIOR)
    idle = np.zeros(size)
    smooth = loud[:, 0].copy()
    peak = np.full(size, activity.LOWEST_DB)
    block_min = np.full(size, np.inf)
    minima: list[NDArray[np.float64]] = []
    keep = activity.FLOOR_FRAMES // activity.BLOCK
    level_db = np.full(size, features.START_LEVEL_DB)
    out = np.empty(power.shape, np.float32)
    for step in range(frames + ahead):
        if step < frames:
            if step:
                smooth += activity.SMOOTH * (loud[:, step] - smooth)
            block_min = np.minimum(block_min, smooth)
            floor = np.minimum.reduce([block_min, *minima])
            if step + 1 < 50:
                floor = np.minimum(floor, activity.START_FLOOR_DB)
            if (step + 1) % activity.BLOCK == 0:
                minima = ([*minima, block_min])[-keep:]
                block_min = smooth.copy()
            peak = np.maximum(peak - activity.PEAK_FALL_DB, smooth)
            bar = np.maximum(floor + activity.ABOVE_FLOOR_DB, peak - activity.BELOW_PEAK_DB)
            active = np.maximum(loud[:, step], smooth) > np.maximum(bar, activity.LOWEST_DB)
            own = level_db - features.ACTIVE_BELOW_LEVEL_DB
            own -= features.LEAK_DB * np.maximum(0, idle - features.PATIENCE)
            idle += 1
            active &= (level_weight == 0) | (smooth >= own)
            idle[active] = 0
            rows = np.flatnonzero(active)
            level_sum[rows] = level_sum[rows] * decay + mean[rows, step]
            level_weight[rows] = level_weight[rows] * decay + 1.0
            level_db[rows] = 10 * np.log10(level_sum[rows] / level_weight[rows] + 1e-10)
            level = 10.0 ** (level_db[rows] / 10)
            relative = np.log(power[rows, step] / level[:, None] + features.FLOOR)
            colour_sum[rows] = colour_sum[rows] * decay + relative
            colour_weight[rows] = colour_weight[rows] * decay + 1.0
        if step >= ahead:
            level = 10.0 ** (level_db / 10)
            relative = np.log(power[:, step - ahead] / level[:, None] + features.FLOOR)
            out[:, step - ahead] = relative - colour_sum / colour_weight[:, None]
    return out


def mask_features(feature: Float32, rng: Rng) -> Float32:
    """SpecAugment: up to two bands of frequency and two short stretches of time set to zero."""
    size, frames, _ = feature.shape
    for row in range(size):
        for _ in range(rng.integers(0, 3)):
            width, start = int(rng.integers(2, 14)), int(rng.integers(0, BANDS))
            feature[row, :, start : start + width] = 0
        for _ in range(rng.integers(0, 3)):
            width, start = int(rng.integers(2, 12)), int(rng.integers(0, frames))
            feature[row, start : start + width] = 0
    return feature


def augmented_features(
    batch: dict[str, NDArray], rng: Rng, history: int, *, disturb: bool = True
) -> dict[str, NDArray]:
    """Change a batch at random and replace `power` by `features`.

    disturb : False leaves the sound as it is (levelled, nothing else)

    history : motion frames in front that only settle level and colour, for a random half of the
        rows; they are cut off everywhere
    """
    power = batch["power"]
    if disturb:
        warp_tempo(batch, rng)
        power = add_noise(add_room(change_voice(power, rng), rng), rng)
    cold = rng.random(len(power)) < 0.5
    feature = np.empty((len(power), power.shape[1] - 4 * history, BANDS), np.float32)
    if cold.any():
        feature[cold] = level_batch(power[cold, 4 * history :])
    if (~cold).any():
        feature[~cold] = level_batch(power[~cold])[:, 4 * history :]
    return {
        "features": mask_features(feature, rng) if disturb else feature,
        "targets": batch["targets"][:, history:],
        "valid": batch["valid"][:, history:],
        "phones": batch["phones"][:, 2 * history :],
    }
