"""What a motion generator does besides following lips: latency, seeds, long runs, odd sounds."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from talkgen.motion.generator import MotionGenerator
from talkgen.training.motion_score import correlation
from talkgen.types import ENGINE_FPS, ENGINE_RATE, MOTION_CHANNELS, Audio, Motion

Float32 = NDArray[np.float32]
Gap = Callable[[Float32], Float32]
BROWS = [i for i, n in enumerate(MOTION_CHANNELS) if n.startswith("brow")]


def first_motion_ms(generator: MotionGenerator, sound: Float32, chunk_ms: int = 10) -> dict:
    """Time from the first sample of `sound` to the first frame of motion, were it live.

    Chunks of `chunk_ms` arrive on time; waiting for sound and computing (CPU time of this
    process, the machine being shared) add up. `later_ms`: the same for the last frame of a block in
    the steady state, from the sound of that frame to its motion.
    """
    step = ENGINE_RATE * chunk_ms // 1000
    stream = generator.open()
    first, later, frames = 0.0, [], 0
    for number, start in enumerate(range(0, len(sound) - step, step)):
        heard_ms = (number + 1) * chunk_ms
        began = time.process_time()
        pieces = list(stream.push(sound[start : start + step]))
        spent = (time.process_time() - began) * 1000
        for piece in pieces:
            if frames == 0:
                first = heard_ms + spent
            later.append(heard_ms + spent - frames * 1000 / ENGINE_FPS)
            frames += len(piece)
    return {"first_motion_ms": round(first, 1),
            "first_frame_of_a_block_ms": round(float(np.median(later)), 1)}  # fmt: skip


def seeds_agree(
    generator: MotionGenerator, sounds: list[Float32], gap: Gap, seeds: int = 5
) -> dict[str, float]:
    """Mean correlation between seeds of lip gap, jaw, head turn and brows over pairs of seeds."""
    out: dict[str, list[float]] = {"lips": [], "head": [], "brows": []}
    for sound in sounds:
        made = [generator.generate(Audio(sound, ENGINE_RATE), seed=s) for s in range(seeds)]
        for i in range(seeds):
            for j in range(i):
                a, b = made[i], made[j]
                pairs = {
                    "lips": (gap(a.blendshapes), gap(b.blendshapes)),
                    "head": (a.rotation.T.ravel(), b.rotation.T.ravel()),
                    "brows": (a.blendshapes[:, BROWS].sum(1), b.blendshapes[:, BROWS].sum(1)),
                }
                for name, (x, y) in pairs.items():
                    if min(x.std(), y.std()) > 1e-9:  # what does not move agrees with nothing
                        out[name].append(float(np.corrcoef(x, y)[0, 1]))
    return {name: round(float(np.mean(v)), 3) for name, v in out.items() if v}


def long_run(
    generator: MotionGenerator, sound: Float32, real: Float32, gap: Gap, minutes: float
) -> dict[str, Any]:
    """`sound` again and again for `minutes` through a stream: scores of its first and last rounds.

    real : (T,) tracked lip gap of `sound`
    """
    frames = int(len(sound) * ENGINE_FPS // ENGINE_RATE)
    sound = sound[: round(frames * ENGINE_RATE / ENGINE_FPS)]
    rounds = int(minutes * 60 * ENGINE_FPS / frames) + 1
    stream = generator.open()
    ends: dict[str, list[Motion]] = {"first": [], "last": []}
    memory, made = [], 0
    began = time.process_time()
    for number in range(rounds):
        for piece in stream.push(sound):
            if made < 2 * frames:
                ends["first"].append(piece)
            if made >= (rounds - 3) * frames:
                ends["last"].append(piece)
            made += len(piece)
        if number in (rounds // 10, rounds - 1):
            memory.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    scores: dict[str, Any] = {
        "minutes": round(made / ENGINE_FPS / 60, 1),
        "times_real_time": round(made / ENGINE_FPS / (time.process_time() - began), 1),
        "memory_growth_mb": round(memory[-1] - memory[0], 1),
    }
    for name, pieces in ends.items():
        shapes = np.concatenate([p.blendshapes for p in pieces])
        turns = np.concatenate([p.rotation for p in pieces])
        # the last pieces begin somewhere in a round: line them up with it
        start = 0 if name == "first" else made - len(shapes)
        skip = (-start) % frames
        lips = gap(shapes)[skip : skip + frames]
        scores[f"{name}_r"] = round(correlation(lips, real[: len(lips)])[0], 3)
        scores[f"{name}_gap_std"] = round(float(lips.std()), 4)
        scores[f"{name}_turn_std_deg"] = round(float(np.degrees(turns.std())), 2)
    return scores


def describe(motion: Motion, gap: Gap, sound: Float32) -> dict[str, float]:
    """A few figures of motion for a sound of no known truth."""
    lips = gap(motion.blendshapes)
    turns = np.degrees(motion.rotation)
    count = min(len(lips), len(sound) // 640)
    loud = np.abs(sound[: count * 640]).reshape(count, 640).max(1)
    heard = loud > 0.02 * max(float(loud.max()), 1e-6)
    return {
        "seconds": round(len(lips) / ENGINE_FPS, 1),
        "open_share": round(float((lips > 0.03).mean()), 3),
        "open_in_silence": round(float((lips[:count][~heard] > 0.03).mean()) if (~heard).any()
                                 else 0.0, 3),
        "gap_std": round(float(lips.std()), 4),
        "gap_max": round(float(lips.max()), 3),
        "jitter": round(float(np.median(np.abs(np.diff(lips, 2)))), 4),
        "turn_speed_deg_s": round(float(np.abs(np.diff(turns, axis=0)).mean() * ENGINE_FPS), 2),
    }  # fmt: skip
