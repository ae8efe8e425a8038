"""Head-model weights and pose fitted to every cached track, for the training of motion.

    python scripts/fit_tracks.py --cache ../cache [--sets train evaluate]

Reads `CACHE/tracks/SET/CLIP.npz` (prepare_tracks.py), writes `CACHE/fits/SET/CLIP.npz` with
`weights` (T, 52), `rotation` (T, 3), `identity` (S,) and `error` (T,) in percent of the
inter-ocular distance. One identity a clip. Finished clips are skipped; `--again` fits them anew
(after a change of the head).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np


def main() -> None:
    from talkgen.face.fit import fit_clip
    from talkgen.face.head import HeadModel

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, default=Path("../cache"))
    parser.add_argument("--sets", nargs="+", default=["train"])
    parser.add_argument("--again", action="store_true")
    args = parser.parse_args()

    head = HeadModel.from_pretrained("head")
    for which in args.sets:
        out = args.cache / "fits" / which
        out.mkdir(parents=True, exist_ok=True)
        paths = sorted((args.cache / "tracks" / which).glob("*.npz"))
        # the people with one clip first: an interrupted run has seen everybody
        many = ("grid_s1_",)
        paths.sort(key=lambda p: (p.name.startswith(many), "silent" in p.name))
        for path in paths:
            target = out / path.name
            if path.name.endswith(".part.npz") or (target.exists() and not args.again):
                continue
            began = time.time()
            track = np.load(path)
            seen = np.flatnonzero(track["valid"])
            if not len(seen):
                continue
            # where no face was found the nearest frame stands in; `valid` tells them apart
            nearest = np.abs(np.arange(len(track["valid"]))[:, None] - seen[None]).argmin(1)
            identity, fits = fit_clip(head, track["landmarks"][seen[nearest]])
            part = target.with_suffix(".part.npz")
            np.savez(
                part,
                weights=np.stack([f.weights for f in fits]).astype(np.float32),
                rotation=np.stack([f.rotation for f in fits]).astype(np.float32),
                identity=np.asarray(identity, np.float32),
                error=np.array([f.error for f in fits], np.float32),
            )
            part.rename(target)
            error = np.mean([f.error for f in fits])
            spent = time.time() - began
            print(f"{path.stem}: {len(fits)} frames, {error:.2f} %, {spent:.1f} s", flush=True)


if __name__ == "__main__":
    main()
