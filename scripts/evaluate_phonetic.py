"""Measure the phonetic encoder: held-out synthetic voices and languages, real speech, pocketsphinx.

    python scripts/evaluate_phonetic.py --speech ../cache/speech [--checkpoint phonetic]
        [--out results/phonetic.json] [--most 60]

`--speech` is what `scripts/prepare_speech.py` wrote (its folder held_out is read). Needs
libespeak-ng for the phones of known words; pocketsphinx (pip) is compared with where installed.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("TALKGEN_DATA", "../shared"))
    parser.add_argument("--speech", type=Path, required=True)
    parser.add_argument("--checkpoint", default="phonetic")
    parser.add_argument("--out", type=Path, default=Path("results/phonetic.json"))
    parser.add_argument("--most", type=int, default=60, help="real files of a kind")
    parser.add_argument("--seconds", type=float, default=600.0, help="of each synthetic set")
    args = parser.parse_args()

    import torch

    from talkgen.audio.phonetic import PhoneticEncoder
    from talkgen.training import phonetic_evaluate

    torch.set_num_threads(1)
    encoder = PhoneticEncoder.from_pretrained(args.checkpoint)
    result = {
        "synthetic": phonetic_evaluate.synthetic(encoder, args.speech / "held_out", args.seconds),
        "real": phonetic_evaluate.real(encoder, Path(args.data), args.most),
        "what": "edit distance of 29 phone classes, repeats joined, silence dropped, against "
                "espeak-ng's phones of the words; pocketsphinx 5: phone loop mapped to the classes",
        "change_cost_nats": phonetic_evaluate.CHANGE_COST,
        "date": datetime.date.today().isoformat(), "seed": 0,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, one thread",
    }  # fmt: skip
    args.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
