"""Cut out the aligned faces that the identity network learns from and is measured on.

    python scripts/prepare_identity.py --out FOLDER
    python scripts/prepare_identity.py --out FOLDER --rendered 1000   # several views a person

Data: `TALKGEN_DATA` (default ../shared). Fifteen minutes each on one core.
"""

from __future__ import annotations

import argparse
import logging
import os
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("TALKGEN_DATA", "../shared"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--limit", type=int, help="stop each source after so many pictures")
    parser.add_argument("--rendered", type=int, metavar="N", help="render N people instead")
    parser.add_argument("--studio", type=Path, help="where the skins of rendered people are kept")
    args = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")

    import cv2
    import torch

    from talkgen.training.identity_prepare import prepare

    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    data = Path(args.data)
    if args.rendered:
        from talkgen.training.identity_rendered import render

        render(data, args.out, args.studio, people=args.rendered)
        return
    prepare(data / "data", args.out, limit=args.limit)


if __name__ == "__main__":
    main()
