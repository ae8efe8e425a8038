"""Phones of the real `train` speech by an encoder that knows synthetic speech, as one npz.

    python scripts/label_speech.py --encoder ../cache/phonetic/v1 --out ../cache/phonetic/real.npz

GRID sentences (the file name spells them) and EmoDB (ten known sentences) are aligned; for what
nobody wrote down, frames count where the encoder is sure. Held-out speakers stay out
(talkgen/training/phonetic_real.py).
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    data = Path(os.environ.get("TALKGEN_DATA", "../shared"))
    parser.add_argument("--data", type=Path, default=data)
    parser.add_argument("--encoder", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()

    import torch

    from talkgen.audio.phonetic import PhoneticEncoder
    from talkgen.training.phonetic_real import label

    torch.set_num_threads(1)
    counts = label(args.data, PhoneticEncoder.from_pretrained(args.encoder), args.out)
    for kind, (files, seconds, known) in counts.items():
        print(f"{kind}: {files} files, {seconds:.0f} s, {known:.0%} of the frames known")


if __name__ == "__main__":
    main()
