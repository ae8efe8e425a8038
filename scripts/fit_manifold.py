"""Prints the tables of talkgen/motion/manifold.py: mean and covariance of real mouths.

    python scripts/fit_manifold.py --cache ../cache

Reads the tracks and fits of `train` (prepare_tracks.py, fit_tracks.py); every person weighs by the
square root of their seconds. Last line: quantiles of the distance over those frames.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np


def main() -> None:
    from talkgen.motion.controls import CONTROLS, FROM_CHANNELS, MOUTH_CONTROLS
    from talkgen.motion.manifold import NOISE
    from talkgen.training.motion_data import load_clips, resting_levels

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, default=Path("../cache"))
    args = parser.parse_args()

    clips = load_clips(args.cache, "train")
    rest = resting_levels(clips)
    rows, people = [], []
    for clip in clips:
        moved = (clip.weights - rest[clip.person][0]) @ FROM_CHANNELS
        rows.append(np.maximum(moved[clip.valid][:, list(MOUTH_CONTROLS)], 0))
        people += [clip.person] * int(clip.valid.sum())
    mouths, names = np.concatenate(rows), np.array(people)
    share = np.zeros(len(mouths))
    for person in set(people):
        own = names == person
        share[own] = own.sum() ** -0.5
    share /= share.sum()
    mean = share @ mouths
    apart = mouths - mean
    spread = (apart * share[:, None]).T @ apart
    print("_MEAN:", np.round(mean * 1e3).astype(int).tolist())
    for row, index in enumerate(MOUTH_CONTROLS):
        numbers = ", ".join(str(v) for v in np.round(spread[row, : row + 1] * 1e5).astype(int))
        print(f"    ({numbers},),  # {CONTROLS[index]}")
    inverse = np.linalg.inv(spread + NOISE * np.eye(len(spread)))
    distance = np.sqrt(np.einsum("ti,ij,tj->t", apart, inverse, apart))
    print("quantiles 50 90 99 99.9 %:", np.quantile(distance, [0.5, 0.9, 0.99, 0.999]).round(2))


if __name__ == "__main__":
    main()
