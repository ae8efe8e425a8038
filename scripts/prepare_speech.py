"""Synthetic speech as mel power with phones and rule-made motion, cached as npz shards.

    python scripts/prepare_speech.py --out ../cache/speech [--preset cpu|tiny]

Needs the Debian packages libespeak-ng1 and flite. A shard `OUT/NUMBER.npz` holds one long track:

    log_mel   (4 T, 80) float16, log10 of mel power at 100 frames a second
    phones    (2 T,) uint8, phone class at 50 frames a second
    motion    (T, C + 1) float16, rule-made controls and lip gap at 25 frames a second
    segments  (P, 3) float32, start and end in seconds and class of each phone, where the rule is
              to be played again

Every utterance is played a little faster or slower (pitch and formants move along) and follows a
pause of random length; one in four comes from a room, one in ten through an 8 kHz line. Two thirds
of the shards speak all languages, one third English (half of it by flite). No held-out voice or
language is in them: those speak in `OUT/held_out/{voices,languages}.npz` (for training speech that
was only never seen, the last shard is kept for checking).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from talkgen.training.synthetic_speech import Cast

PRESETS = {"cpu": (30, 900.0), "tiny": (2, 20.0)}  # shards, seconds each


def in_room(sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """`sound` in a made-up room: direct sound, few early echoes, an exponential tail."""
    from scipy.signal import fftconvolve

    decay_s = rng.uniform(0.1, 0.6)
    count = int(decay_s * 16000)
    tail = rng.normal(size=count) * np.exp(-6.9 * np.arange(count) / count)
    tail[: int(rng.uniform(0.002, 0.02) * 16000)] = 0.0
    tail *= rng.uniform(0.1, 0.8) / np.sqrt((tail**2).sum() + 1e-9)
    tail[0] = 1.0
    return fftconvolve(sound, tail)[: len(sound)]


def on_line(sound: np.ndarray) -> np.ndarray:
    """`sound` through an 8 kHz line with mu-law steps."""
    import soxr

    low = soxr.resample(sound, 16000, 8000)
    low = low / (np.abs(low).max() + 1e-6)
    coded = np.sign(low) * np.log1p(255 * np.abs(low)) / np.log(256)
    coded = np.rint(coded * 127) / 127
    low = np.sign(coded) * np.expm1(np.abs(coded) * np.log(256)) / 255
    out = soxr.resample(low, 8000, 16000)
    return np.pad(out, (0, max(0, len(sound) - len(out))))[: len(sound)] * np.abs(sound).max()


def make_shard(seconds: float, seed: int, cast: Cast, *, disturbed: bool = True) -> dict:
    """One track of about `seconds` (see the module's docstring)."""
    import soxr

    from talkgen.audio.features import HOP, mel_power
    from talkgen.training.synthetic_speech import make_utterances
    from talkgen.training.viseme_rules import phone_frames, rule_motion
    from talkgen.types import ENGINE_RATE

    rng = np.random.default_rng([seed, 1])
    mels, phones, motion, segments = [], [], [], []
    before = 0.0
    for spoken in make_utterances(seconds, seed, cast):
        factor = float(rng.uniform(0.85, 1.2)) if disturbed else 1.0
        sound = soxr.resample(spoken.samples, ENGINE_RATE, ENGINE_RATE / factor)
        pause = float(rng.choice([0.1, 0.3, 0.6, 1.2]) * rng.uniform(0.5, 1.5))
        starts = np.concatenate([[0.0], spoken.starts / factor + pause])
        ends = np.concatenate([[pause], spoken.ends / factor + pause])
        classes = np.concatenate([[0], spoken.phones])
        whole = np.concatenate([np.zeros(int(pause * ENGINE_RATE), np.float32), sound])
        if disturbed and rng.random() < 0.25:
            whole = in_room(whole, rng)
        if disturbed and rng.random() < 0.1:
            whole = on_line(whole)
        count = len(whole) // (4 * HOP)  # motion frames
        whole = whole[: count * 4 * HOP] * 10.0 ** rng.uniform(-1.0, 0.3)
        mels.append(np.log10(mel_power(whole.astype(np.float32)) + 1e-9).astype(np.float16))
        phones.append(phone_frames(starts, ends, classes, 2 * count).astype(np.uint8))
        times = (np.arange(count) + 0.5) / 25.0
        motion.append(rule_motion(starts, ends, classes, times).astype(np.float16))
        segments.append(np.stack([starts + before, ends + before, classes], 1))
        before += count / 25.0
    return {
        "log_mel": np.concatenate(mels),
        "phones": np.concatenate(phones),
        "motion": np.concatenate(motion),
        "segments": np.concatenate(segments).astype(np.float32),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("../cache/speech"))
    parser.add_argument("--preset", choices=PRESETS, default="cpu")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    from talkgen.training import synthetic_speech as speech

    shards, seconds = PRESETS[args.preset]
    several, english = speech.Cast(), speech.Cast(("en",), flite_share=0.5)
    held = args.out / "held_out"
    plans = [
        (held / "voices.npz", 1, speech.Cast(variants=speech.HELD_OUT_VARIANTS,
                                             flite_voices=speech.HELD_OUT_FLITE)),
        (held / "languages.npz", 2, speech.Cast(speech.HELD_OUT_LANGUAGES)),
    ]  # fmt: skip
    plans += [
        (args.out / f"{n:02d}.npz", 100 + n, english if n % 3 == 2 else several)
        for n in range(shards)
    ]
    held.mkdir(parents=True, exist_ok=True)
    for target, number, cast in plans:
        if target.exists():
            continue
        shard = make_shard(
            seconds, args.seed * 1000 + number, cast, disturbed=target.parent != held
        )
        part = target.with_suffix(".part.npz")
        np.savez(part, **shard)
        part.rename(target)
        print(f"{target.name}: {len(shard['motion']) / 25:.0f} s", flush=True)


if __name__ == "__main__":
    main()
