"""The phonetic encoder from the caches of prepare_speech.py and align_speech.py.

    python scripts/train_phonetic.py --speech ../cache/speech --out ../cache/phonetic [--preset cpu]
        [--real ../cache/phonetic/real.npz --start ../cache/phonetic/v1]

Without --real the encoder learns from synthetic speech alone; that one aligns and labels the real
speech that a second run mixes in. Training resumes where `OUT/state.pt` stands.
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

PRESETS = {"cpu": (15.0, 1_000_000), "tiny": (1.0, 3)}  # processor minutes, steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--speech", type=Path, default=Path("../cache/speech"))
    parser.add_argument("--real", type=Path, default=None)
    parser.add_argument("--real-share", type=float, default=0.4)
    parser.add_argument("--start", type=Path, default=None, help="checkpoint to go on from")
    parser.add_argument("--out", type=Path, default=Path("../cache/phonetic"))
    parser.add_argument("--preset", choices=PRESETS, default="cpu")
    parser.add_argument("--minutes", type=float, default=None, help="instead of the preset's")
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    import torch

    from talkgen.audio.phonetic import PhoneticConfig, PhoneticEncoder
    from talkgen.training import phonetic_data, phonetic_train
    from talkgen.training.loop import Schedule

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    minutes, steps = PRESETS[args.preset]
    encoder = (
        PhoneticEncoder.from_pretrained(args.start)
        if args.start
        else PhoneticEncoder(PhoneticConfig())
    )
    shards = phonetic_data.synthetic_speech(args.speech)
    kinds = [(shards[:-1] or shards, 1.0)]
    if args.real:
        kinds = [(kinds[0][0], 1.0 - args.real_share)]
        kinds.append((phonetic_data.real_speech(args.real), args.real_share))
    held = phonetic_data.synthetic_speech(args.speech / "held_out")
    checker = PhoneticEncoder(encoder.config)

    def report(weights: phonetic_train.Weights) -> dict[str, float]:
        checker.load_state_dict(weights)
        checker.save_pretrained(args.out / "latest")
        return {
            t.name: round(phonetic_train.frame_accuracy(checker, t), 4) for t in [*held, shards[-1]]
        }

    schedule = Schedule(
        minutes=args.minutes or minutes, steps=steps, rate=args.rate, average=0.995, decay=0.05
    )
    weights = phonetic_train.train(
        encoder, phonetic_data.Crops(kinds), schedule, args.out / "state.pt",
        seed=args.seed, report=report,
    )  # fmt: skip
    encoder.load_state_dict(weights)
    encoder.save_pretrained(args.out / "final")


if __name__ == "__main__":
    main()
