"""Synthetic speech as mel power with phones and rule-made motion, cached as npz shards.

    python scripts/prepare_speech.py --out ../cache/speech [--preset cpu|tiny]

Needs the Debian packages libespeak-ng1 and flite. A shard `OUT/NUMBER.npz` holds one long track:

    log_mel  (4 T, 80) float16, log10 of mel power at 100 frames a second
    phones   (2 T,) uint8, phone class at 50 frames a second
    motion   (T, C + 1) float16, rule-made controls and lip gap at 25 frames a second

Every utterance is played a little faster or slower (pitch and formants move along) and follows a
pause of random length. Training keeps shard CHECK out for checking.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

PRESETS = {"cpu": (16, 900.0), "tiny": (2, 20.0)}  # shards, seconds each
FIRST_ENGLISH = 12  # shards from this one on are English, two thirds of it by flite


def make_shard(seconds: float, seed: int, english: bool) -> dict[str, np.ndarray]:
    """One track of about `seconds` (see the module's docstring)."""
    import soxr

    from talkgen.audio.features import HOP, mel_power
    from talkgen.training.synthetic_speech import LANGUAGES, make_utterances
    from talkgen.training.viseme_rules import phone_frames, rule_motion
    from talkgen.types import ENGINE_RATE

    rng = np.random.default_rng([seed, 1])
    mels, phones, motion = [], [], []
    languages = ("en",) if english else LANGUAGES
    for spoken in make_utterances(seconds, seed, languages, 0.67 if english else 0.3):
        factor = float(rng.uniform(0.85, 1.2))
        sound = soxr.resample(spoken.samples, ENGINE_RATE, ENGINE_RATE / factor)
        pause = float(rng.choice([0.1, 0.3, 0.6, 1.2]) * rng.uniform(0.5, 1.5))
        starts = np.concatenate([[0.0], spoken.starts / factor + pause])
        ends = np.concatenate([[pause], spoken.ends / factor + pause])
        classes = np.concatenate([[0], spoken.phones])
        whole = np.concatenate([np.zeros(int(pause * ENGINE_RATE), np.float32), sound])
        count = len(whole) // (4 * HOP)  # motion frames
        whole = whole[: count * 4 * HOP] * 10.0 ** rng.uniform(-1.0, 0.3)
        mels.append(np.log10(mel_power(whole.astype(np.float32)) + 1e-9).astype(np.float16))
        phones.append(phone_frames(starts, ends, classes, 2 * count).astype(np.uint8))
        times = (np.arange(count) + 0.5) / 25.0
        motion.append(rule_motion(starts, ends, classes, times).astype(np.float16))
    return {
        "log_mel": np.concatenate(mels),
        "phones": np.concatenate(phones),
        "motion": np.concatenate(motion),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("../cache/speech"))
    parser.add_argument("--preset", choices=PRESETS, default="cpu")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    args.out.mkdir(parents=True, exist_ok=True)
    shards, seconds = PRESETS[args.preset]
    for number in range(shards):
        target = args.out / f"{number:02d}.npz"
        if target.exists():
            continue
        shard = make_shard(seconds, args.seed * 1000 + number, number >= FIRST_ENGLISH)
        part = target.with_suffix(".part.npz")
        np.savez(part, **shard)
        part.rename(target)
        print(f"{target.name}: {len(shard['motion']) / 25:.0f} s", flush=True)


if __name__ == "__main__":
    main()
