"""The motion model from the caches of prepare_tracks.py, fit_tracks.py and prepare_speech.py.

    python scripts/train_motion.py --cache ../cache --encoder phonetic --out ../cache/motion
        [--teacher FOLDER ...] [--preset cpu|tiny] [--hold-out NUMBER] [--seeds 1 2] [--no-flow]

First crops of augmented sound are made (kept in OUT/crops), then encoder and trunk are trained,
then the flow on top. The run is kept in OUT every 70 steps, so that an interrupted one goes on
where it ended; OUT/checkpoint is written at the end. FACEGOOD (data/motion/facegood, TALKGEN_DATA
or ../shared) trains a head of its own where it is there; one take is held out and its r per channel
goes to OUT/facegood.json. With several seeds the trunks share the encoder of the first. What the
checkpoints of `--teacher` (train_teacher.py) say is a second target. With `--hold-out N`
the people of fold N (of four) are left out and scored while training goes on.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np

FOLDS = 4


def make_crop_sets(cache: Path, out: Path, clips: list[Any], real: int, synthetic: int) -> None:
    """`out`/{real,synthetic}.npz, where they are missing."""
    from talkgen.training import motion_data
    from talkgen.training.motion_crops import make_crops

    out.mkdir(parents=True, exist_ok=True)
    if not (out / "synthetic.npz").exists():
        speech = motion_data.synthetic_tracks(cache / "speech", GAP_UNIT)
        made = make_crops(speech, [len(t) for t in speech], synthetic, 11, report=say)
        made.save(out / "synthetic.npz")
    if (out / "real.npz").exists():
        return
    rests = motion_data.resting_levels(clips)
    seconds: dict[str, float] = {}
    for clip in clips:
        seconds[clip.person] = seconds.get(clip.person, 0.0) + len(clip.gap) / 25
    tracks, weights = [], []
    for clip in clips:
        targets = motion_data.clip_targets(clip, rests[clip.person], GAP_UNIT)
        for track in motion_data.real_tracks(clip, targets, motion_data.SPEEDS):
            tracks.append(track)
            weights.append(len(track) / np.sqrt(seconds[clip.person]))
    made = make_crops(tracks, weights, real, 12, report=say)
    made.save(out / "real.npz")


def make_actor_crops(takes: list[Any], out: Path, count: int) -> Any:
    """Crops of FACEGOOD's takes but the held-out one, made once; None without takes."""
    from talkgen.training import motion_data, motion_facegood
    from talkgen.training.motion_crops import CropSet, make_crops

    if not takes:
        return None
    if not (out / "facegood.npz").exists():
        kept = [take for take in takes if take.name != motion_facegood.HELD_OUT]
        tracks = motion_facegood.take_tracks(kept, motion_data.SPEEDS)
        made = make_crops(tracks, [len(t) for t in tracks], count, 13, report=say)
        made.save(out / "facegood.npz")
    return CropSet.load(out / "facegood.npz")


def report_actor(model: Any, takes: list[Any], path: Path) -> None:
    """Say and write the correlation of the held-out take, channel by channel."""
    from talkgen.training import motion_facegood

    for take in takes:
        if take.name == motion_facegood.HELD_OUT:
            found = motion_facegood.correlations(model, take)
            mean = float(np.mean(list(found.values())))
            shown = ", ".join(f"{channel} {r:.2f}" for channel, r in found.items())
            say(f"FACEGOOD take {take.name}, held out: mean r {mean:.3f} of {len(found)} moving "
                f"channels ({shown})")  # fmt: skip
            said = {"take": take.name, "mean_r": round(mean, 3), "r": found}
            path.write_text(json.dumps(said, indent=1) + "\n")


GAP_UNIT = 0.1


def say(text: str) -> None:
    print(text, flush=True)


def main() -> None:  # noqa: PLR0915
    import torch

    from talkgen.audio.features import level_features, mel_power
    from talkgen.audio.phonetic import PhoneticConfig, PhoneticEncoder
    from talkgen.motion.flow import FlowConfig
    from talkgen.motion.speech_motion import SpeechMotion, SpeechMotionConfig
    from talkgen.training import motion_data
    from talkgen.training.motion_calibrate import calibrated
    from talkgen.training.motion_crops import CropSet
    from talkgen.training.motion_facegood import load_takes
    from talkgen.training.motion_flow import FlowTrainConfig, flow_clips, train_flow
    from talkgen.training.motion_heads import GAP, HeadsConfig, gate_of, train_trunk
    from talkgen.training.motion_heard import (
        heard_crops,
        joined,
        load_teacher,
        speech_files,
        taught,
    )  # fmt: skip
    from talkgen.training.motion_score import correlation

    presets: dict[str, tuple[dict[str, Any], HeadsConfig, FlowTrainConfig, tuple[int, ...]]] = {
        "cpu": ({}, HeadsConfig(), FlowTrainConfig(), (6400, 1500, 500, 1200)),
        "tiny": (
            {"width": 16, "num_heads": 2, "hidden": 32, "look_back": (4,), "look_ahead": (1,)},
            HeadsConfig(steps=4, batch=2, speech_batch=2, actor_batch=2),
            FlowTrainConfig(steps=4, batch=4), (8, 8, 4, 4),
        ),
    }  # fmt: skip
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, default=Path("../cache"))
    parser.add_argument("--out", type=Path, default=Path("../cache/motion"))
    parser.add_argument("--crops", type=Path, default=None, help="default: OUT/crops")
    parser.add_argument("--encoder", default="phonetic", help="a PhoneticEncoder, name or folder")
    parser.add_argument("--preset", choices=presets, default="cpu")
    parser.add_argument("--hold-out", type=int, default=None, choices=range(FOLDS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument(
        "--teacher", nargs="*", default=[],
        help="checkpoints of train_teacher.py, or earlier ones of this script",
    )  # fmt: skip
    shared = Path(os.environ.get("TALKGEN_DATA", "../shared"))
    parser.add_argument(
        "--facegood", type=Path, default=shared / "data" / "motion" / "facegood",
        help="folder of FACEGOOD's takes; one that is not there: without them",
    )  # fmt: skip
    parser.add_argument(
        "--speech", type=Path, default=shared / "data" / "speech",
        help="speech nobody filmed, that the teachers say the motion of; not there: without it",
    )  # fmt: skip
    parser.add_argument(
        "--share-encoder", action="store_true",
        help="the encoder goes to OUT/phonetic, a checkpoint of its own, as it is shipped",
    )  # fmt: skip
    parser.add_argument("--no-flow", action="store_true")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    sizes, config, flow_config, counts = presets[args.preset]
    count_real, count_synthetic, count_actor, count_heard = counts

    args.out.mkdir(parents=True, exist_ok=True)
    clips = motion_data.load_clips(args.cache, "train")
    crops = args.crops if args.crops is not None else args.out / "crops"
    make_crop_sets(args.cache, crops, clips, count_real, count_synthetic)
    real, synthetic = CropSet.load(crops / "real.npz"), CropSet.load(crops / "synthetic.npz")
    kept = [c for c in clips if args.hold_out is None or fold_of(c.person) != args.hold_out]
    owners = [c.person for c in clips for _ in motion_data.SPEEDS]  # a track's person
    names = {c.person for c in kept}
    use = np.array([i for i, track in enumerate(real.track) if owners[track] in names])
    judges = [
        (c, level_features(mel_power(c.sound))) for c in clips if c.person not in names
    ]
    takes = load_takes(args.facegood)
    actor = make_actor_crops(takes, crops, count_actor)
    if actor is None:
        say(f"no FACEGOOD takes in {args.facegood}: its head is not trained")
    acted = 0 if actor is None else len(actor)
    say(f"{len(use)} crops of {len(names)} people, {len(judges)} clips held out; "
        f"{len(synthetic)} synthetic crops, {acted} of FACEGOOD")  # fmt: skip

    def check(model: SpeechMotion) -> str:
        by_group: dict[str, dict[str, list[float]]] = {"GRID": {}, "others": {}}
        with torch.inference_mode():
            for clip, feature in judges:
                whole = torch.from_numpy(feature[: len(feature) // 4 * 4])[None]
                phones, said = model(whole)
                gap = said.tracked[0, :, GAP].clamp(min=0) * gate_of(phones)[0]
                r, _ = correlation(gap.numpy(), clip.gap, clip.valid)
                group = by_group["GRID" if clip.person.startswith("GRID") else "others"]
                group.setdefault(clip.person, []).append(r)
        means = {n: np.mean([np.mean(r) for r in g.values()]) for n, g in by_group.items() if g}
        return "held out: " + " ".join(f"{n} {m:.3f}" for n, m in means.items()) if means else ""

    teachers = [load_teacher(folder) for folder in args.teacher]
    teacher = (taught(real, teachers), taught(synthetic, teachers)) if teachers else None
    files = speech_files(args.speech) if teachers else []
    if teacher is not None and files:
        more = heard_crops(files, teachers, count_heard)
        use = np.concatenate([use, len(real) + np.arange(len(more))])
        real = joined(real, more)
        teacher = (np.concatenate([teacher[0], more.targets]), teacher[1])
        config = dataclasses.replace(config, batch=config.batch * 5 // 4)
        say(f"{len(more)} crops of {len(files)} recordings that nobody filmed")
    suffix = "" if args.hold_out is None else f"_fold{args.hold_out}"
    encoder = PhoneticEncoder.from_pretrained(args.encoder)
    base = SpeechMotionConfig(encoder=encoder.config.to_dict(), gap_unit=GAP_UNIT, **sizes)
    members = []
    for index, seed in enumerate(args.seeds):
        done = args.out / f"member_{seed}{suffix}"
        if not (done / "config.json").exists():
            torch.manual_seed(seed)
            model = SpeechMotion(base)
            model.encoder.load_state_dict(encoder.state_dict())
            settings = config
            if index:  # the encoder is that of the first by now, and stays
                model.encoder.requires_grad_(False)
                settings = dataclasses.replace(config, steps=config.steps * 8 // 9)
            state = args.out / f"state_{seed}{suffix}.pt"
            model = train_trunk(
                model, settings, (real, use), synthetic, seed, report=say, check=check,
                teacher=teacher, state_path=state, actor=actor,
            )  # fmt: skip
            model.save_pretrained(done)
        members.append(SpeechMotion.from_pretrained(done))
        encoder = members[0].encoder

    model = SpeechMotion(dataclasses.replace(base, num_members=len(members)))
    model.encoder.load_state_dict(encoder.state_dict())
    for own, trained in zip(model.members, members, strict=True):
        own.load_state_dict(trained.members[0].state_dict())
    model.eval()
    model.config = calibrated(model, kept)
    if not args.no_flow:
        drawn = flow_clips(model, kept)
        flow = train_flow(
            FlowConfig(
                heard=base.width + base.num_outputs, num_styles=len(names), emotional=True
            ),
            flow_config, drawn, args.seeds[0], report=say,
        )  # fmt: skip
        settings_ = {k: v for k, v in flow.config.to_dict().items()}
        whole = SpeechMotion(dataclasses.replace(model.config, flow=settings_))
        whole.encoder.load_state_dict(model.encoder.state_dict())
        whole.members.load_state_dict(model.members.state_dict())
        assert whole.flow is not None
        whole.flow.load_state_dict(flow.state_dict())
        model = whole.eval()
    if args.share_encoder:
        model.share_encoder(args.out / "phonetic", half=True)
    report_actor(model, takes, args.out / f"facegood{suffix}.json")
    model.save_pretrained(args.out / f"checkpoint{suffix}", half=True)
    say(f"wrote {args.out / f'checkpoint{suffix}'}")
    assert PhoneticConfig.from_dict(model.config.encoder) == encoder.config


def fold_of(person: str) -> int:
    """The fold of a person; the two large GRID speakers are never held out together."""
    fixed = {"GRID s1": 3, "GRID s4": 2}
    return fixed.get(person, zlib.crc32(person.encode()) % FOLDS)


if __name__ == "__main__":
    main()
