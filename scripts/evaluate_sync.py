"""Measure the sync critic on real clips shifted on purpose, and on our own generated ones.

    python scripts/evaluate_sync.py [--data ../shared] [--made FOLDER] [--checkpoint sync]
        [--tracks ../cache/sync_tracks] [--results results/sync.json]

Every clip of clips/evaluate is read as `talkgen score` reads it, then judged as it is and with
sound or picture cut so that the picture is late by random numbers of frames (seeds 0 to 4, -12 to
12). Beside it: the lag at which lip gap and band energy of the sound fit best, and, of
whole clips, the lag at which the lip gap fits that of motion made of their sound.
FOLDER is for videos of `talkgen talk`: London people say the first 5 s of the clips that count.
Readings are kept in --tracks.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

NO_LIVE_SPEECH = {
    "liveportrait_d6": "music or noise", "liveportrait_d10": "music or noise",
    "liveportrait_d12": "music or noise", "vox_681100216": "music or noise",
    "moore_3": "mouth rests open", "latentsync_2": "tracker in doubt",
}  # fmt: skip
KNOWN_OFFSETS = {"liveportrait_d20": -6, "hdtf_radio51": 4}
"""What DATA.md says of clips out of sync, frames, positive: the picture is late."""
SEEDS = range(5)
LEAST_S = 4.0
MADE_S, MADE_PX = 5.0, 320
"""Seconds and pixels of generated videos."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("TALKGEN_DATA", "../shared"))
    parser.add_argument("--made", type=Path)
    parser.add_argument("--tracks", type=Path, default=Path("../cache/sync_tracks"))
    parser.add_argument("--checkpoint", default="sync")
    parser.add_argument("--results", type=Path, default=Path("results/sync.json"))
    args = parser.parse_args()

    import torch

    from talkgen.critic.sync import SyncCritic
    from talkgen.training import sync_measure

    torch.set_num_threads(1)
    critic = SyncCritic.from_pretrained(args.checkpoint)
    real = readings(sorted((Path(args.data) / "data/clips/evaluate").glob("*.mp4")),
                    args.tracks / "evaluate")  # fmt: skip
    own = {name: critic.of_lips(*pair) for name, pair in real.items()}
    made_gaps = gaps_of_made_motion(real, args.tracks / "gaps")
    witness = {name: sync_measure.gap_offset(real[name][0], gap)
               for name, gap in made_gaps.items()}  # fmt: skip
    live = [n for n in real if n not in NO_LIVE_SPEECH and len(real[n][0]) >= 25 * LEAST_S]
    shifted = {
        name: sync_measure.shift_errors(critic, *real[name], sync_measure.draws(name, SEEDS))
        for name in live
    }
    result: dict[str, Any] = {
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, one thread",
        "real clips as they are": {
            name: {**verdict(found), "lag against made motion": witness[name]}
            for name, found in own.items()
        },
        "made motion agrees within 1": sync_measure.agreement(own, witness, live),
        "no live speech": {
            name: why + f": confidence {own[name].confidence:.3f}"
            for name, why in NO_LIVE_SPEECH.items()
        },
        "sound of another clip": sync_measure.foreign(critic, {n: real[n] for n in live}, own),
        "out of sync as DATA.md says": {
            name: f"{there:+d}, found {own[name].offset:+d}"
            for name, there in KNOWN_OFFSETS.items()
        },
        "shifted": sync_measure.shift_figures(
            shifted, own, [n for n in live if n not in KNOWN_OFFSETS], real
        ),
        "speed": speed(critic, real),
    }  # fmt: skip
    if args.made:
        make(args.made, Path(args.data) / "data", {n: real[n][1] for n in live[::2]})
        made = readings(sorted(args.made.glob("*.mp4")), args.tracks / "made")
        found = {name: critic.of_lips(*pair) for name, pair in made.items()}
        stretches = [
            found.confidence
            for name in live
            for found in sync_measure.stretches(critic, *real[name], round(25 * MADE_S))
        ]
        result["made by talkgen talk"] = {
            "clips": {name: verdict(one) for name, one in found.items()},
            **sync_measure.share_within(found.values()),
            "inside confidences of whole real clips": sync_measure.inside(
                found.values(), [own[n].confidence for n in live]
            ),
            "inside confidences of real stretches as long": sync_measure.inside(
                found.values(), stretches
            ),
        }  # fmt: skip
    known = json.loads(args.results.read_text()) if args.results.exists() else {}
    args.results.write_text(json.dumps({**known, **result}, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


def verdict(found: Any) -> dict[str, Any]:
    """Return offset, confidence and distance as plain numbers."""
    return {
        "offset": found.offset, "confidence": round(found.confidence, 3),
        "distance": round(found.distance, 3), "frames": found.frames,
    }  # fmt: skip


def readings(paths: list[Path], cache: Path) -> dict[str, tuple[Any, Any]]:
    """Return landmarks (T, 478, 3) at 25 frames a second and sound of videos, kept in `cache`."""
    import numpy as np

    from talkgen.pipelines.score import ScorePipeline
    from talkgen.types import Audio

    pipeline = None
    cache.mkdir(parents=True, exist_ok=True)
    out = {}
    for path in paths:
        kept = cache / f"{path.stem}.npz"
        if not kept.exists():
            pipeline = pipeline or ScorePipeline.from_pretrained()
            pipeline.critics = ()
            video = pipeline(path).video
            np.savez(kept, landmarks=video.landmarks, samples=video.sound.samples)
        track = np.load(kept)
        out[path.stem] = (track["landmarks"], Audio(track["samples"].astype(np.float32) / 32767))
    return out


def make(folder: Path, data: Path, sounds: dict[str, Any]) -> None:
    """Write one video of `talkgen talk` for each sound that has none, each of another person."""
    from talkgen.pipelines.talk import TalkPipeline
    from talkgen.types import Audio

    people = sorted((data / "faces/london").glob("*_neutral.jpg"))
    folder.mkdir(parents=True, exist_ok=True)
    pipeline = None
    for number, (name, sound) in enumerate(sounds.items()):
        path = folder / f"{name}.mp4"
        if path.exists():
            continue
        pipeline = pipeline or TalkPipeline.from_pretrained(renderer="mesh")
        part = Audio(sound.samples[: round(MADE_S * sound.rate)], sound.rate)
        person = people[(5 * number + 2) % len(people)]
        pipeline(person, part, size=MADE_PX, crop=True, seed=number).save(path)


def gaps_of_made_motion(clips: dict[str, tuple[Any, Any]], cache: Path) -> dict[str, Any]:
    """Return the lip gap (T,) of motion that `MotionGenerator` makes of each sound."""
    import numpy as np

    from talkgen.critic.lids import posed_landmarks
    from talkgen.critic.mouth import lip_gap
    from talkgen.face.head import HeadModel
    from talkgen.motion.generator import MotionGenerator

    cache.mkdir(parents=True, exist_ok=True)
    missing = [name for name in clips if not (cache / f"{name}.npy").exists()]
    if missing:
        head = HeadModel.from_pretrained("head")
        generator = MotionGenerator.from_pretrained(head=head)
        for name in missing:
            weights = generator.generate(clips[name][1], still=True).blendshapes
            np.save(cache / f"{name}.npy", lip_gap(posed_landmarks(head, weights)))
    return {name: np.load(cache / f"{name}.npy") for name in clips}


def speed(critic: Any, real: dict[str, tuple[Any, Any]]) -> str:
    """Return what judging the tracked clips cost."""
    started, seconds = time.process_time(), 0.0
    for points, sound in real.values():
        critic.of_lips(points, sound)
        seconds += sound.seconds
    spent = time.process_time() - started
    return f"{10 * spent / seconds:.3f} s of processor for 10 s of tracked video"


if __name__ == "__main__":
    main()
