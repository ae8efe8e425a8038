"""The figures that talkgen promises, measured: speed, memory, portraits, mouth, determinism.

    python scripts/benchmark.py speed memory same        # needs nothing
    python scripts/benchmark.py portraits mouth          # needs TALKGEN_DATA and mediapipe
    python scripts/benchmark.py picture table            # README's picture, and its table

Every part writes its section of results/benchmark.json with date, machine, commit and seed, and
goes on where it was interrupted (`--cache`). Definitions: see each part's docstring.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from readme_part import write_part

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "results" / "benchmark.json"
PORTRAIT = ROOT / "examples" / "portrait.jpg"
SPEECH = ROOT / "examples" / "speech.flac"

ANIMALS = ("s22", "s23", "s25", "s31", "s32", "s33", "s36", "s38", "s40", "s41")
"""Of data/faces/portraits; the other 18 are human faces, painted, drawn or photographed."""
PORTRAIT_SECONDS = 1.6

TIMED = """
import json, os, sys, time
import talkgen.io.writer as writer
seen = []
write = writer.VideoWriter.write
def timed(self, frame):
    write(self, frame)
    seen.append(time.time())
writer.VideoWriter.write = timed
from talkgen.cli import main
try:
    main(sys.argv[2:])
finally:
    with open(sys.argv[1], "w") as file:
        json.dump(seen, file)
"""
"""The whole command, with the times at which frames are handed to the encoder."""


def machine() -> str:
    """Return the processor's name, its cores in use and the system."""
    name = platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        names = [
            x.split(":")[1].strip() for x in info.read_text().splitlines() if "model name" in x
        ]
        name = names[0] if names else name
    cores = len(os.sched_getaffinity(0))
    return f"{name}, {cores} cores, Python {platform.python_version()}, {platform.system()}"


def commit() -> str:
    """Return the short commit of the tree, with a plus where it is changed."""
    git = ["git", "-C", str(ROOT)]
    head = subprocess.run(
        [*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
    )
    changed = subprocess.run(
        [*git, "diff", "--quiet", "HEAD", "--", "talkgen", "pipelines", "checkpoints"], check=False
    )
    return head.stdout.strip() + ("+" if changed.returncode else "")


def store(section: str, values: dict[str, Any]) -> None:
    """Put a section into results/benchmark.json."""
    everything = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    everything[section] = values | {
        "date": datetime.date.today().isoformat(), "machine": machine(), "commit": commit(),
        "load": round(os.getloadavg()[0], 1),
    }  # fmt: skip
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(everything, indent=2) + "\n")
    shown = {k: v for k, v in everything[section].items() if k != "rows"}
    print(section, json.dumps(shown))


def spoken(path: Path, seconds: float) -> Path:
    """Write the example speech, repeated to a length, as 16 kHz wav."""
    import wave

    from talkgen.io.audio import open_speech

    once = np.concatenate(list(open_speech(SPEECH).blocks()))
    data = (np.resize(once, round(seconds * 16_000)) * 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, len(data), "NONE", ""))
        file.writeframes(data.tobytes())
    return path


def command(folder: Path, seconds: float, size: int) -> dict[str, float]:
    """Run `talkgen talk` in a process of its own; return its times and its peak memory."""
    sound = spoken(folder / "speech.wav", seconds)
    log = folder / "times.json"
    arguments = ["talk", str(PORTRAIT), str(sound), "-o", str(folder / "o.mp4")]
    start = time.time()
    process = subprocess.Popen(
        [sys.executable, "-c", TIMED, str(log), *arguments, "--size", str(size), "-q"], cwd=ROOT
    )
    _, status, usage = os.wait4(process.pid, 0)
    end = time.time()
    if status:
        sys.exit(f"the command failed with status {status}")
    times = json.loads(log.read_text())
    return {
        "frames": len(times),
        "first_frame_s": times[0] - start,
        "frames_per_s": (len(times) - 1) / (end - times[0]),
        "whole_s": end - start,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "peak_mb": usage.ru_maxrss / 1024,
    }


def speed(options: argparse.Namespace) -> None:
    """Time the whole command at 512 x 512 on 10 s of speech.

    Start-up: from the start of the process to the first frame. Frames a second: all further frames
    over the time from then to the end of the process. The best of `--runs` after one that fills
    the caches of compiled code.
    """
    with tempfile.TemporaryDirectory() as folder:
        runs = [command(Path(folder), 10, 512) for _ in range(options.runs + 1)][1:]
    best = max(runs, key=lambda run: run["frames_per_s"])
    first = min(run["first_frame_s"] for run in runs)
    store(
        "speed", {"size": 512, "seconds": 10, "runs": options.runs, **best, "first_frame_s": first}
    )


def memory(options: argparse.Namespace) -> None:
    """Compare the peak memory for 20 s and for 20 minutes of speech (frames of `--size` px)."""
    with tempfile.TemporaryDirectory() as folder:
        short = command(Path(folder), 20, options.size)["peak_mb"]
        long = command(Path(folder), 1200, options.size)
    store(
        "memory",
        {"size": options.size, "peak_20_s_mb": short, "peak_20_min_mb": long["peak_mb"],
         "more_mb": long["peak_mb"] - short, "frames_per_s_20_min": long["frames_per_s"]},
    )  # fmt: skip


def same(options: argparse.Namespace) -> None:
    """Make the same motion twice, in two processes, and a third with another seed."""
    hashes = []
    with tempfile.TemporaryDirectory() as name:
        for seed in (options.seed, options.seed, options.seed + 1):
            out = Path(name) / "m.npz"
            arguments = ["motion", str(SPEECH), "-o", str(out), "--seed", str(seed), "-q"]
            subprocess.run([sys.executable, "-m", "talkgen", *arguments], cwd=ROOT, check=True)
            with np.load(out) as file:
                data = b"".join(
                    file[k].tobytes() for k in ("blendshapes", "rotation", "translation")
                )
            hashes.append(hashlib.sha256(data).hexdigest())
    store("same", {"same_seed_same_motion": hashes[0] == hashes[1],
                   "other_seed_other_motion": hashes[0] != hashes[2],
                   "seed": options.seed})  # fmt: skip


def data_folder() -> Path:
    """Return the folder of data sets; leave with a line where it is absent."""
    folder = Path(os.environ.get("TALKGEN_DATA", ROOT.parent / "shared"))
    if not (folder / "data").is_dir():
        sys.exit(f"no data in {folder}; set TALKGEN_DATA")
    os.environ["TALKGEN_DATA"] = str(folder)
    return folder


class Landmarker:
    """MediaPipe's Face Landmarker with its default options, on single whole pictures."""

    def __init__(self, task: Path) -> None:
        import mediapipe as mp
        from mediapipe.tasks import python as tasks
        from mediapipe.tasks.python import vision

        options = vision.FaceLandmarkerOptions(base_options=tasks.BaseOptions(str(task)))
        self._net = vision.FaceLandmarker.create_from_options(options)
        self._wrap = lambda a: mp.Image(mp.ImageFormat.SRGB, np.ascontiguousarray(a))

    def finds(self, image: np.ndarray) -> bool:
        return bool(self._net.detect(self._wrap(image)).face_landmarks)

    def close(self) -> None:
        self._net.close()


def human_portraits(data: Path) -> Iterator[tuple[str, Path]]:
    """Yield set and path of London's neutral pictures and the human faces of `portraits`."""
    for path in sorted((data / "data/faces/london").glob("*_neutral.jpg")):
        yield "london", path
    for path in sorted((data / "data/faces/portraits").glob("*.jpg")):
        if path.stem.removeprefix("liveportrait_") not in ANIMALS:
            yield "portraits", path


def portraits(options: argparse.Namespace) -> None:
    """Animate every portrait; a portrait counts when the landmarker finds 99 % of the frames.

    1.6 s of the example speech, at the picture's own size but at most 1024 px; a portrait that is
    refused (no face found) counts as failed.
    """
    from talkgen import TalkPipeline
    from talkgen.errors import TalkgenError
    from talkgen.io.image import read_image

    data = data_folder()
    finder = Landmarker(data / "models/face_landmarker.task")
    pipeline = TalkPipeline.from_pretrained()
    sound = spoken(Path(tempfile.mkdtemp()) / "s.wav", PORTRAIT_SECONDS)
    store_rows = Rows(options.cache / f"portraits_{options.tag or commit()}.jsonl")
    for kind, path in human_portraits(data):
        if path.stem in store_rows:
            continue
        row = {"name": path.stem, "set": kind, "frames": 0, "found": 0, "error": ""}
        try:
            image = read_image(path)
            size = min(1024, max(image.shape[:2]))
            for frame in pipeline(image, sound, size=size, seed=options.seed).frames:
                row["frames"] += 1
                row["found"] += finder.finds(frame)
        except TalkgenError as error:
            row["error"] = str(error)
        store_rows.add(row)
    finder.close()
    rows = list(store_rows.values())
    good = [r for r in rows if r["frames"] and r["found"] >= 0.99 * r["frames"]]
    share = {k: float(np.mean([r in good for r in rows if r["set"] == k]))
             for k in ("london", "portraits")}  # fmt: skip
    store("portraits", {"share": len(good) / len(rows), "n": len(rows), "share_by_set": share,
                        "failed": [r for r in rows if r not in good],
                        "seed": options.seed})  # fmt: skip


class Rows:
    """Results by name in a file of JSON lines, so that an interrupted run goes on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = path.read_text().splitlines() if path.is_file() else []
        self._rows = {row["name"]: row for row in map(json.loads, lines)}

    def __contains__(self, name: str) -> bool:
        return name in self._rows

    def add(self, row: dict[str, Any]) -> None:
        self._rows[row["name"]] = row
        with self.path.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(json.dumps(row), flush=True)

    def values(self) -> list[dict[str, Any]]:
        return list(self._rows.values())


def lip_gaps(analyzer: Any, frames: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return (T,) inner lip gap over inter-ocular distance, and where a face was found."""
    gaps, last = [], None
    for faces in analyzer.track(frames):
        if not faces:
            gaps.append(np.nan)
            continue
        near = 0  # keep to the face that was read before
        if last is not None:
            near = int(np.argmin([np.linalg.norm(face.box - last) for face in faces]))
        last, points = faces[near].box, faces[near].landmarks
        gaps.append(
            np.linalg.norm(points[13] - points[14]) / np.linalg.norm(points[33] - points[263])
        )
    gap = np.asarray(gaps, dtype=np.float64)
    return np.nan_to_num(gap), np.isfinite(gap)


def mouth(options: argparse.Namespace) -> None:
    """Correlate the lip gaps of generated and real clips (EVALUATION.md), through the pipeline.

    The first frame in which a face is found is the portrait, the clip's own sound the speech;
    25 fps, best lag within two frames, both sides read by the mediapipe backend.
    """
    from talkgen import FaceAnalyzer, TalkPipeline
    from talkgen.io.audio import open_speech
    from talkgen.io.video import open_video
    from talkgen.training.motion_score import OUT_OF_SYNC, UNFIT, correlation

    data = data_folder()
    reader = FaceAnalyzer.from_pretrained("mediapipe")
    pipeline = TalkPipeline.from_pretrained()
    real_cache = options.cache / "real_gaps"
    real_cache.mkdir(parents=True, exist_ok=True)
    rows = Rows(options.cache / f"mouth_{options.tag or commit()}.jsonl")
    for path in sorted((data / "data/clips/evaluate").glob("*.mp4")):
        if path.stem in (*UNFIT, *OUT_OF_SYNC) or path.stem in rows:
            continue
        video = open_video(path)
        kept = real_cache / f"{path.stem}.npz"
        if not kept.is_file():
            gap, valid = lip_gaps(reader, video.frames(25.0))
            np.savez(kept, gap=gap, valid=valid)
        with np.load(kept) as file:
            real, valid = file["gap"], file["valid"]
        first = first_clear(pipeline.analyzer, video)
        out = pipeline(first, open_speech(path), seed=options.seed)
        made, seen = lip_gaps(reader, out.frames)
        count = min(len(real), len(made))
        r, lag = correlation(made[:count], real[:count], (valid[:count] & seen[:count]))
        rows.add({"name": path.stem, "r": float(r), "lag": int(lag), "frames": count,
                  "unseen": int((~seen).sum())})  # fmt: skip
    values = rows.values()
    store("mouth", {"mean_r": float(np.mean([v["r"] for v in values])), "n": len(values),
                    "mean_lag": float(np.mean([v["lag"] for v in values])),
                    "rows": values, "seed": options.seed})  # fmt: skip


def first_clear(analyzer: Any, video: Any) -> np.ndarray:
    """Return the first frame that shows a face of at least 48 px."""
    for frame in video.frames(25.0):
        faces = analyzer.analyze(frame)
        if faces and faces[0].size >= 48:
            return frame
    sys.exit(f"{video.path.name}: no face in any frame")


def picture(options: argparse.Namespace) -> None:
    """Make README's picture: twelve frames of the bundled example, the head cut out."""
    from PIL import Image

    from talkgen import TalkPipeline

    frames = [f[10:290, 85:365] for f in TalkPipeline.from_pretrained()(
        PORTRAIT, SPEECH, seed=options.seed).frames]  # fmt: skip
    shown = [frames[i] for i in np.linspace(6, len(frames) - 8, 12).astype(int)]
    sheet = np.concatenate([np.concatenate(shown[:6], 1), np.concatenate(shown[6:], 1)], 0)
    size = (sheet.shape[1] * 3 // 4, sheet.shape[0] * 3 // 4)
    path = RESULTS.parent / "example.jpg"
    Image.fromarray(sheet).resize(size, Image.Resampling.LANCZOS).save(path, quality=88)
    print(path)


def table(_: argparse.Namespace) -> None:
    """Write README's table from the results."""
    done = json.loads(RESULTS.read_text())
    rows = ["| what | target | measured |", "|---|---|---|"]

    def row(section: str, what: str, target: str, text: str) -> None:
        if section in done:
            rows.append(f"| {what} | {target} | {text.format(**done[section])} |")

    row("speed", "frames a second after start-up, 512 × 512 ↑", "≥ 25", "{frames_per_s:.0f}")
    row("speed", "start-up to first frame ↓", "≤ 6 s", "{first_frame_s:.1f} s")
    row("speed", "peak memory ↓", "≤ 1.5 GB", "{peak_mb:.0f} MB")
    row("memory", "20 minutes need more memory than 20 s by ↓", "≤ 200 MB", "{more_mb:.0f} MB")
    row(
        "portraits",
        "portraits found by MediaPipe in 99 % of frames ↑",
        "≥ 95 %",
        "{share:.1%} of {n}",
    )
    row("mouth", "mouth correlation, unseen people ↑", "≥ 0.45", "{mean_r:.2f} (n = {n})")
    if "same" in done:
        rows.append(f"| same seed, same motion | yes | "
                    f"{'yes' if done['same']['same_seed_same_motion'] else 'NO'} |")  # fmt: skip
    dates = sorted({part["date"] for part in done.values()})
    machines = sorted({part["machine"] for part in done.values()})
    rows.append(
        f"\nMeasured {dates[-1]} on {'; '.join(machines)} by `scripts/benchmark.py`, seed 0; "
        "definitions there, numbers in `results/benchmark.json`."
    )
    write_part("benchmark", "\n".join(rows))
    print("\n".join(rows))


PARTS = {"speed": speed, "memory": memory, "same": same, "portraits": portraits, "mouth": mouth,
         "picture": picture, "table": table}  # fmt: skip


def main() -> None:
    """Measure the parts that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="+", choices=PARTS)
    parser.add_argument("--cache", type=Path, default=ROOT.parent / "cache" / "benchmark")
    parser.add_argument("--tag", help="name of the interrupted run to go on with (the commit)")
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=512, help="frames of `memory`, pixels")
    options = parser.parse_args()
    for part in options.parts:
        PARTS[part](options)


if __name__ == "__main__":
    main()
