"""Learn our 3D head from ICT-FaceKit and from real faces; write checkpoints/head.

python scripts/build_head.py   (from the repository root; data: TALKGEN_DATA, default ../shared)
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def main() -> None:
    """Build the head and write its checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", type=Path, default=Path(os.environ.get("TALKGEN_DATA", "../shared"))
    )
    parser.add_argument("--out", type=Path, default=Path("checkpoints/head"))
    parser.add_argument("--faces", type=Path, help="folder that keeps the teacher's landmarks")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    from talkgen.training.head_build import build_head

    build_head(args.data, args.out, faces=args.faces, rounds=args.rounds)


if __name__ == "__main__":
    main()
