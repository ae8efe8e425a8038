"""Speed and memory of the mesh renderer alone, measured; needs nothing but the repository.

    python scripts/benchmark_renderer.py                # all sizes, into
        results/renderer_speed.json
    python scripts/benchmark_renderer.py --profile 4k   # where the time of a frame goes

The pictures are cuts of the example portrait, enlarged: a head crop as square, and 16:9 cuts in
which the face takes 38 % of the height. The motion is seeded speech-like movement of jaw, lips,
lids, gaze and pose in which every frame moves. Each size runs in a process of its own, so that the
peak memory is its own; frames a second are those of the fastest block of frames, because other
programs may be running (the median stands beside it). Landmarks are given: finding the face is not
the renderer's; the matte that tells person from background is, with the network's library.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "results" / "renderer_speed.json"
PORTRAIT = ROOT / "examples" / "portrait.jpg"
LANDMARKS = ROOT / "tests" / "render" / "astronaut_face.npz"

CASES = {  # name: cut of the portrait (x0, y0, width, height), size of the frames
    "512": ((95, 0, 260, 260), (512, 512)),
    "1080p": ((0, 0, 512, 288), (1920, 1080)),
    "4k": ((0, 0, 512, 288), (3840, 2160)),
}
TARGETS = {"512": 40.0, "1080p": 15.0, "4k": 4.0}
BLOCK = 20
LONG = 1000


def enlarged(case: str) -> Any:
    """Return the portrait of a case."""
    import cv2
    import numpy as np
    from PIL import Image

    from talkgen.types import Face, Portrait

    (x0, y0, width, height), size = CASES[case]
    image = np.array(Image.open(PORTRAIT).convert("RGB"))[y0 : y0 + height, x0 : x0 + width]
    factor = np.array([size[0] / width, size[1] / height, size[0] / width], np.float32)
    with np.load(LANDMARKS) as read:
        values = {name: read[name] for name in read.files}
    values["landmarks"] = (values["landmarks"] - np.float32([x0, y0, 0])) * factor
    values["box"] = (values["box"] - np.float32([x0, y0, x0, y0])) * np.tile(factor[:2], 2)
    return Portrait(cv2.resize(image, size, interpolation=cv2.INTER_LANCZOS4), Face(**values))


def with_matte(portrait: Any) -> Any:
    """Return the portrait with the person told from the background, as the pipelines do it."""
    from dataclasses import replace

    from talkgen.pipelines.portrait import person_matte

    return replace(portrait, alpha=person_matte(portrait.image, portrait.face))


def spoken(count: int, seed: int) -> Any:
    """Return `count` frames of seeded movement like that of speech."""
    import numpy as np

    from talkgen.types import MOTION_CHANNELS, Motion

    rng = np.random.default_rng(seed)
    times = np.arange(count) / 25.0

    def wave(size: float, hertz: float) -> Any:
        return size * np.sin(2 * np.pi * (hertz * times + rng.random()))

    weights = np.zeros((count, len(MOTION_CHANNELS)), np.float32)
    for name, size, hertz in (
        ("jawOpen", 0.35, 2.7), ("mouthPucker", 0.4, 1.9), ("mouthSmileLeft", 0.3, 0.6),
        ("mouthSmileRight", 0.3, 0.6), ("browInnerUp", 0.3, 0.4), ("eyeLookInLeft", 0.3, 0.3),
        ("eyeLookOutRight", 0.3, 0.3),
    ):  # fmt: skip
        weights[:, MOTION_CHANNELS.index(name)] = np.clip(wave(size, hertz), 0, 1)
    blink = np.clip(1 - np.abs((times + 1) % 3 - 1.5) / 0.12, 0, 1)
    for name in ("eyeBlinkLeft", "eyeBlinkRight"):
        weights[:, MOTION_CHANNELS.index(name)] = blink
    turn = np.stack([wave(0.05, 0.7), wave(0.1, 0.4), wave(0.04, 0.5)], axis=1)
    shift = np.stack([wave(0.04, 0.3), wave(0.03, 0.5), wave(0.03, 0.2)], axis=1)
    return Motion(weights, turn.astype(np.float32), shift.astype(np.float32))


def peak_mb() -> float:
    """Return the most memory that this process has held, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(case: str, frames: int, seed: int) -> dict[str, float]:
    """Return the figures of one case, measured in this process."""
    import numpy as np

    from talkgen.render.mesh import MeshRenderer

    portrait = enlarged(case)
    renderer = MeshRenderer.from_pretrained(threads=2)
    started = peak_mb()
    renderer.prepare(with_matte(portrait))  # fills the caches of compiled code
    prepared = []
    for _ in range(3):
        start = time.perf_counter()
        ready = renderer.prepare(with_matte(portrait))
        prepared.append(time.perf_counter() - start)
    list(renderer.render(ready, spoken(3, seed)))
    spent, busy, short = [], time.process_time(), 0.0
    last = time.perf_counter()
    for number, _ in enumerate(renderer.render(ready, spoken(frames, seed))):
        now = time.perf_counter()
        spent.append(now - last)
        last = now
        if number == BLOCK:
            short = peak_mb()
    busy = time.process_time() - busy
    blocks = np.array(spent[: frames // BLOCK * BLOCK]).reshape(-1, BLOCK).mean(axis=1)
    height, width = portrait.image.shape[:2]
    return {
        "width": width, "height": height, "face_px": round(float(portrait.face.size)),
        "frames": frames,
        "frames_per_s": round(1 / float(blocks.min()), 1),
        "frames_per_s_median": round(1 / float(np.median(blocks)), 1),
        "cpu_ms_a_frame": round(1000 * busy / frames, 1),
        "prepare_s": round(min(prepared), 2),
        "imported_mb": round(started), "peak_mb_20_frames": round(short),
        "peak_mb": round(peak_mb()),
    }  # fmt: skip


def profile(case: str, seed: int) -> None:
    """Print where the time of preparing and of 40 frames goes."""
    import cProfile
    import pstats

    from talkgen.render.mesh import MeshRenderer

    renderer = MeshRenderer.from_pretrained(threads=2)
    portrait = with_matte(enlarged(case))
    ready = renderer.prepare(portrait)
    list(renderer.render(ready, spoken(3, seed)))
    for work in (
        lambda: renderer.prepare(portrait),
        lambda: [None for _ in renderer.render(ready, spoken(40, seed))],
    ):
        watch = cProfile.Profile()
        watch.runcall(work)
        pstats.Stats(watch).sort_stats("tottime").print_stats(22)


def main() -> None:
    """Measure every case in its own process and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--frames", type=int, default=200, help=f"a size; 512 takes {LONG}")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--profile", choices=list(CASES))
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--dry", action="store_true", help="print, write nothing")
    options = parser.parse_args()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    if options.profile:
        profile(options.profile, options.seed)
        return
    if options.here:
        print(json.dumps(measure(options.cases[0], options.frames, options.seed)))
        return
    from benchmark import commit, machine

    everything = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    for case in options.cases:
        frames = max(options.frames, LONG) if case == "512" and not options.dry else options.frames
        script = [sys.executable, __file__, "--here", "--frames", str(frames), "--cases", case]
        done = subprocess.run(
            [*script, "--seed", str(options.seed)], check=True, capture_output=True, text=True
        )
        figures = json.loads(done.stdout.splitlines()[-1]) | {"target_frames_per_s": TARGETS[case]}
        print(case, json.dumps(figures))
        everything[case] = figures | {
            "seed": options.seed, "date": datetime.date.today().isoformat(),
            "machine": machine(), "commit": commit(), "load": round(os.getloadavg()[0], 1),
        }  # fmt: skip
    if not options.dry:
        RESULTS.write_text(json.dumps(everything, indent=2) + "\n")


if __name__ == "__main__":
    main()
