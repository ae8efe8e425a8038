"""Pairs of mesh renders and real frames for the diffusion renderer, one .npz a clip and portrait.

    python scripts/prepare_pairs.py --data ../shared --out ../cache/pairs [--set train|evaluate]
        [--part 1/2]

Train: every clip of the addresses twice (from its clearest frame and from another one), GRID once;
one man of GRID has 200 clips, 24 are taken. London's neutral and smiling pictures make pairs both
ways. `evaluate` is for measuring only. Files that exist are skipped. Seed 0.
"""

from __future__ import annotations

import argparse
import logging
import os
import time
import zlib
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

UNFIT = frozenset({"latentsync_2", "moore_3"})
ONE_MAN, HIS_CLIPS = "grid_s1_", 24
MOST = 240
"""Frames of a clip, at most; longer ones are thinned."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("TALKGEN_DATA", "../shared"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--set", choices=("train", "evaluate"), default="train")
    parser.add_argument("--part", default="1/1", help="n/of: every of-th clip, for several at once")
    args = parser.parse_args()
    logging.disable(logging.WARNING)
    from talkgen.pipelines.pairs import PairMaker

    maker = PairMaker()
    part, parts = (int(x) for x in args.part.split("/"))
    args.out.mkdir(parents=True, exist_ok=True)
    if args.set == "train":
        london(maker, Path(args.data), args.out, part, parts)
    paths = sorted((Path(args.data) / "data" / "clips" / args.set).glob("*.mp4"))
    his = [p for p in paths if p.stem.startswith(ONE_MAN)]
    left_out = set(his) - set(his[:: max(1, len(his) // HIS_CLIPS)])
    paths = [p for p in paths if p not in left_out and p.stem not in UNFIT]
    for number, path in enumerate(paths):
        if number % parts == part - 1:
            began = time.time()
            made = clip(maker, path, args.out, args.set)
            print(path.stem, made, f"{time.time() - began:.0f} s", flush=True)


def clip(maker: Any, path: Path, out: Path, which: str) -> int:
    """Write the pairs of a clip; return how many."""
    from talkgen.errors import TalkgenError
    from talkgen.io.audio import read_audio
    from talkgen.io.video import open_video
    from talkgen.training.render_scores import clear_frame

    sources = 2 if which == "train" and not path.stem.startswith("grid") else 1
    names = [out / f"{path.stem}__{k}.npz" for k in range(sources)]
    if all(name.exists() for name in names):
        return 0
    frames = []
    for frame in open_video(path).frames(25):
        frames.append(frame)
        if len(frames) == 2 * MOST:
            break
    try:
        motion = maker.track(frames)
    except TalkgenError as error:
        print(path.stem, error)
        return 0
    try:
        samples = read_audio(path).samples
    except TalkgenError:
        samples = None
    rng = np.random.default_rng(zlib.crc32(path.stem.encode()))
    first = clear_frame(motion.extra["landmarks"], motion.extra["scores"])
    step = 1 if which == "evaluate" else 2 if sources == 2 else 3
    count = 0
    for k, name in enumerate(names):
        own = first if k == 0 else int(rng.integers(len(frames)))
        last = 101 if which == "evaluate" else len(frames)
        wanted = [t for t in range(k % step, min(len(frames), last), step)]
        try:
            made = maker.clip(frames, motion, samples, own, wanted)
        except TalkgenError as error:
            print(path.stem, own, error)
            continue
        made.save(name)
        count += len(wanted)
    return count


def london(maker: Any, data: Path, out: Path, part: int, parts: int) -> None:
    """Write the pairs of neutral and smiling pictures, both ways."""
    from talkgen.io.image import as_image

    folder = data / "data" / "faces" / "london"
    paths = sorted(folder.glob("*_neutral.jpg"))
    for number, neutral in enumerate(paths):
        smiling = neutral.with_name(neutral.name.replace("neutral", "smiling"))
        if number % parts != part - 1 or not smiling.exists():
            continue
        for k, (one, other) in enumerate(((neutral, smiling), (smiling, neutral))):
            name = out / f"london_{neutral.stem}__{k}.npz"
            if not name.exists():
                maker.pictures(as_image(one), as_image(other)).save(name)


if __name__ == "__main__":
    main()
