"""The teacher of the motion model, from the caches of the prepare scripts.

    python scripts/train_teacher.py --cache ../cache --out ../cache/teacher [--preset cpu|tiny]
        [--hold-out NUMBER] [--seeds 1 2 3]

Members (one a seed) are trained one after the other, each kept in OUT/member_SEED.pt, so that an
interrupted run goes on where it ended; then OUT/checkpoint is written with all of them. With
`--hold-out N` the people of fold N (of four) are left out and scored while training goes on.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from train_motion import FOLDS, fold_of

CHECK = 11  # shard of synthetic speech that is only checked on


def main() -> None:  # noqa: PLR0915
    import torch

    from talkgen.audio.features import level_features, mel_power
    from talkgen.motion.controls import CONTROLS
    from talkgen.training import motion_data
    from talkgen.training.motion_score import correlation
    from talkgen.training.motion_teacher import MotionNet, MotionTeacher, MotionTeacherConfig
    from talkgen.training.motion_train import TrainConfig, train_motion, train_phones

    presets = {
        "cpu": (MotionTeacherConfig(), TrainConfig()),
        "tiny": (
            MotionTeacherConfig(width=16, stem_dilations=(1,), num_heads=2, hidden=32,
                                    look_ahead=(1,), num_members=1),
            TrainConfig(phone_steps=(2, 2), motion_steps=4, phone_batch=2, motion_batch=2,
                        speech_batch=2),
        ),
    }  # fmt: skip
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, default=Path("../cache"))
    parser.add_argument("--out", type=Path, default=Path("../cache/teacher"))
    parser.add_argument("--preset", choices=presets, default="cpu")
    parser.add_argument("--hold-out", type=int, default=None, choices=range(FOLDS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--stage", choices=["phones", "all"], default="all")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    model_config, config = presets[args.preset]
    model_config = MotionTeacherConfig(
        **{**model_config.to_dict(), "num_members": len(args.seeds)}
    )
    args.out.mkdir(parents=True, exist_ok=True)

    clips = motion_data.load_clips(args.cache, "train")
    rests = motion_data.resting_levels(clips)

    def held_out(person: str) -> bool:
        return args.hold_out is not None and fold_of(person) == args.hold_out

    seconds: dict[str, float] = {}
    for clip in clips:
        seconds[clip.person] = seconds.get(clip.person, 0.0) + len(clip.gap) / 25
    tracks, weights, judges = [], [], []
    for clip in clips:
        targets = motion_data.clip_targets(clip, rests[clip.person], model_config.gap_unit)
        if held_out(clip.person):
            judges.append((clip, level_features(mel_power(clip.sound))))
            continue
        for track in motion_data.real_tracks(clip, targets, motion_data.SPEEDS):
            tracks.append(track)
            weights.append(len(track) / np.sqrt(seconds[clip.person]))
    synthetic = motion_data.synthetic_tracks(args.cache / "speech", model_config.gap_unit)
    checking = synthetic.pop(min(CHECK, len(synthetic) - 1))
    print(f"{len(tracks)} tracks of {len(seconds)} people, {len(judges)} clips held out; "
          f"{sum(map(len, synthetic)) / 25 / 3600:.1f} h synthetic", flush=True)  # fmt: skip
    check_features = level_features(checking.power[:20000])

    def check(net: MotionNet) -> str:
        by_person: dict[str, list[float]] = {}
        with torch.no_grad():
            logits = net(torch.from_numpy(check_features)[None]).phones[0].argmax(-1).numpy()
            accuracy = float((logits == checking.phones[: len(logits)]).mean())
            for clip, feature in judges:
                whole = torch.from_numpy(feature[: len(feature) // 4 * 4])[None]
                gap = net(whole).tracked[0, :, len(CONTROLS)].numpy()
                r, _ = correlation(gap, clip.gap, clip.valid)
                by_person.setdefault(clip.person, []).append(r)
        text = f"| phones {accuracy:.3f}"
        if by_person:
            grid = [np.mean(r) for p, r in by_person.items() if p.startswith("GRID")] or [0]
            rest = [np.mean(r) for p, r in by_person.items() if not p.startswith("GRID")] or [0]
            text += f" | held out: GRID {np.mean(grid):.3f} others {np.mean(rest):.3f}"
        return text

    def report(text: str) -> None:
        print(text, flush=True)

    model = MotionTeacher(model_config)
    for index, seed in enumerate(args.seeds):
        suffix = "" if args.hold_out is None else f"_fold{args.hold_out}"
        done = args.out / f"member_{seed}{suffix}.pt"
        started = None
        for round_ in range(len(config.phone_steps)):
            path = args.out / f"phones_{seed}_{round_}.pt"
            if not path.exists():
                state = train_phones(
                    model_config, config, synthetic, seed, round_, started, report
                )
                torch.save(state, path)
            started = torch.load(path)
        if args.stage == "phones":
            continue
        if not done.exists():
            net = train_motion(
                model_config, config, started, synthetic, tracks, weights, seed,
                report=report, check=check,
            )  # fmt: skip
            torch.save(net.state_dict(), done)
        model.members[index].load_state_dict(torch.load(done))
    if args.stage == "phones":
        return
    name = "checkpoint" if args.hold_out is None else f"checkpoint_fold{args.hold_out}"
    model.save_pretrained(args.out / name, half=True)
    print(f"wrote {args.out / name}")


if __name__ == "__main__":
    main()
