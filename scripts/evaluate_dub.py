"""Dub the clips of `evaluate` with each other's speech; measure mouths, pictures and speed.

    python scripts/evaluate_dub.py [--seconds 4] [--clips NAME ...] [--sheets FOLDER]
        [--out results/dub.json] [--no-talk] [--speed]

Every clip gets the speech of another one whose mouth counts (DATA.md says which do not). The mouth
of the dubbed pictures, tracked before they are encoded, is held against the real mouth of the
speech's own clip; beside it stands what `talk` makes of the same speech and the dubbed clip's
clearest picture. Data: TALKGEN_DATA (default ../shared).
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import av
import cv2
import numpy as np

SPEECHES = ("hdtf_radio34", "retalk_1", "hdtf_radio8", "retalk_5", "marlin_3", "latentsync_1")
"""Clips whose mouth can be held against (DATA.md says of which it cannot)."""
TIMED = "marlin_4"
"""A clip of 1280 x 720, for the speed."""
TALK_SIZE = 320
SHEET = 6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    root = Path(os.environ.get("TALKGEN_DATA", "../shared"))
    parser.add_argument("--data", type=Path, default=root)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each clip, at most")
    parser.add_argument("--clips", nargs="*")
    parser.add_argument("--sheets", type=Path, help="folder: a picture of each clip")
    parser.add_argument("--no-talk", action="store_true", help="leave the comparison out")
    parser.add_argument("--speed", action="store_true", help="only time a dub, on an idle machine")
    parser.add_argument("--out", type=Path, default=Path("results/dub.json"))
    args = parser.parse_args()
    import torch

    from talkgen import DubPipeline

    torch.set_num_threads(1)
    folder = args.data / "data" / "clips" / "evaluate"
    paths = [p for p in sorted(folder.glob("*.mp4")) if not args.clips or p.stem in args.clips]
    pipeline = DubPipeline.from_pretrained()
    if args.speed:
        torch.set_num_threads(os.cpu_count() or 1)
        found = json.loads(args.out.read_text("utf-8")) if args.out.exists() else {}
        found["speed"] = speed(pipeline, folder, args.seconds)
        print(json.dumps(found["speed"]))
        args.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        return
    real = Real(pipeline.analyzer, folder, args.seconds)
    rows = json.loads(args.out.read_text("utf-8"))["clips"] if args.out.exists() else {}
    for number, path in enumerate(paths):
        others = [name for name in SPEECHES if name != path.stem]
        began = time.monotonic()
        row = dub_row(pipeline, path, others[number % len(others)], real, args)
        rows[path.stem] = row
        print(path.stem, json.dumps(row), f"{time.monotonic() - began:.0f} s", flush=True)
        write(rows, args)


def dub_row(pipeline: Any, path: Path, name: str, real: Real, args: Any) -> dict[str, Any]:
    """Return the figures of one clip under the speech of another."""
    from talkgen.critic.mouth import correlation, lip_gap
    from talkgen.errors import NoFaceError
    from talkgen.io.pictures import open_pictures
    from talkgen.io.planes import planes_of
    from talkgen.io.remux import PictureWriter

    with tempfile.TemporaryDirectory() as place:
        clip = first_seconds(path, Path(place) / "clip.mp4", args.seconds)
        speech = real.folder / f"{name}.mp4"
        began = time.process_time()
        made = pipeline(clip, speech)
        row: dict[str, Any] = {"speech": name, "frames": made.num_frames, "drawn": made.drawn}
        marks, outside, changed, shown = [], 0, 0, []
        records = dict(made._found.records())
        old = open_pictures(clip)
        with PictureWriter(Path(place) / "out.mp4", old, speech=made.speech) as writer:

            def pictures() -> Iterator[Any]:
                nonlocal outside, changed
                for k, (new, was) in enumerate(zip(made.pictures, old.pictures(), strict=True)):
                    differs = planes_of(new.frame)[0] != planes_of(was.frame)[0]
                    changed += int(differs.sum())
                    for points in records.get(k, {}).values():
                        differs[mask(points, differs.shape)] = False
                    outside += int(differs.sum())
                    rgb = new.rgb
                    if k in np.linspace(5, made.num_frames - 5, SHEET).astype(int):
                        shown.append((was.rgb, rgb.copy(), records.get(k, {})))
                    writer.write(new)
                    yield rgb

            for faces in pipeline.analyzer.track(pictures()):
                marks.append(largest(faces))
        took = time.process_time() - began
        with av.open(str(Path(place) / "out.mp4")) as file:
            row["frames_written"] = sum(1 for p in file.demux(video=0) if p.size)
        with av.open(str(clip)) as file:
            row["frames_given"] = sum(1 for p in file.demux(video=0) if p.size)
        row["changed_outside_mask"] = outside
        row["changed_share"] = round(changed / max(made.num_frames, 1) / np.prod(made.size), 4)
        row["cpu_ms_a_frame_with_tracking_again"] = round(1000 * took / made.num_frames, 1)
        own = real.landmarks(name)
        dubbed = at_25(np.stack(marks), made.fps)
        row |= mouths("dub", dubbed, own, real.sound(name), correlation, lip_gap)
        if not args.no_talk and made.people:
            try:
                said = talk_marks(pipeline, made, speech, args.seconds)
            except NoFaceError as error:  # a face that is too small to be animated by itself
                row["talk"] = str(error)
            else:
                row |= mouths("talk", said, own, real.sound(name), correlation, lip_gap)
        if args.sheets is not None and shown:
            args.sheets.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(args.sheets / f"{path.stem}.png"), sheet(shown)[..., ::-1])
    return row


def mouths(
    label: str, marks: Any, own: Any, sound: Any, correlation: Any, lip_gap: Any
) -> dict[str, float]:
    """Return correlation and lag of lip gaps, and what the sync critic says."""
    from talkgen.critic.sync import SyncCritic

    count = min(len(marks), len(own))
    seen = np.isfinite(marks[:count, 0, 0]) & np.isfinite(own[:count, 0, 0])
    if seen.sum() < 25:
        return {}
    known = np.nan_to_num(marks[:count])
    r, lag = correlation(lip_gap(known), lip_gap(np.nan_to_num(own[:count])), seen)
    sync = SyncCritic.from_pretrained().of_lips(marks, sound)
    return {
        f"{label}_mouth_r": round(r, 3), f"{label}_lag": lag,
        f"{label}_offset": sync.offset, f"{label}_confidence": round(sync.confidence, 3),
    }  # fmt: skip


class Real:
    """The real mouths and sounds of clips, read once each."""

    def __init__(self, analyzer: Any, folder: Path, seconds: float) -> None:
        self.analyzer, self.folder, self.seconds = analyzer, folder, seconds
        self._marks: dict[str, Any] = {}

    def landmarks(self, name: str) -> Any:
        """(T, 478, 3) at 25 a second, NaN where no face is seen."""
        from talkgen.io.video import open_video

        if name not in self._marks:
            frames = open_video(self.folder / f"{name}.mp4").frames(25.0)
            few = (f for _, f in zip(range(round(25 * self.seconds)), frames, strict=False))
            self._marks[name] = np.stack([largest(f) for f in self.analyzer.track(few)])
        return self._marks[name]

    def sound(self, name: str) -> Any:
        """The first seconds of its sound."""
        from talkgen.io.audio import read_audio
        from talkgen.types import Audio

        sound = read_audio(self.folder / f"{name}.mp4")
        return Audio(sound.samples[: round(self.seconds * sound.rate)], sound.rate)


def talk_marks(pipeline: Any, made: Any, speech: Path, seconds: float) -> Any:
    """(T, 478, 3) of `talk` with the dubbed person's clearest picture."""
    from talkgen.pipelines.talk import TalkPipeline
    from talkgen.types import Audio

    key, _ = made.voices[0].person.clearest.portraits()
    talk = TalkPipeline(pipeline.analyzer, pipeline.generator, pipeline.renderer)
    from talkgen.io.audio import read_audio

    sound = read_audio(speech)
    sound = Audio(sound.samples[: round(seconds * sound.rate)], sound.rate)
    video = talk(key, sound, size=min(TALK_SIZE, max(key.image.shape[:2])))
    return np.stack([largest(f) for f in pipeline.analyzer.track(video.frames)])


def largest(faces: list[Any]) -> Any:
    """(478, 3) of the largest face, NaN without one."""
    if not faces:
        return np.full((478, 3), np.nan, np.float32)
    return max(faces, key=lambda f: f.size).landmarks


def at_25(marks: Any, fps: float) -> Any:
    """Landmarks at 25 a second, those of the picture on show."""
    count = round(len(marks) * 25 / fps)
    return marks[np.minimum((np.arange(count) * fps / 25).astype(int), len(marks) - 1)]


def mask(points: Any, shape: tuple[int, ...]) -> Any:
    """(H, W) bool: below the eyes and within a distance of the eyes of the lower face."""
    iod = float(np.linalg.norm(points[33, :2] - points[263, :2]))
    eyes = points[[33, 133, 362, 263, 145, 374], :2]
    lower = points[:468, :2]
    out = np.zeros(shape, np.uint8)
    hull = cv2.convexHull(lower.astype(np.float32)).astype(np.int32)
    cv2.fillPoly(out, [hull], 1)
    side = 2 * int(1.1 * iod) + 1
    out = cv2.dilate(out, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
    along = points[263, :2] - points[33, :2]
    down = np.array([-along[1], along[0]]) / max(float(np.hypot(*along)), 1e-6)
    y, x = np.mgrid[: shape[0], : shape[1]]
    under = (x - eyes[:, 0].mean()) * down[0] + (y - eyes[:, 1].mean()) * down[1] > 0.0
    return out.astype(bool) & under


def first_seconds(path: Path, into: Path, seconds: float) -> Path:
    """Copy the packets of the first seconds of a clip."""
    with av.open(str(path)) as given, av.open(str(into), "w") as made:
        tracks = {s.index: made.add_stream_from_template(s)
                  for s in (given.streams.video[0], *given.streams.audio[:1])}  # fmt: skip
        for packet in given.demux([s for s in given.streams if s.index in tracks]):
            if packet.pts is None or float(packet.pts * packet.time_base) >= seconds:
                continue
            packet.stream = tracks[packet.stream_index]
            made.mux(packet)
    return into


def sheet(shown: list[Any]) -> Any:
    """Return real pictures above dubbed ones, cut about the face."""
    columns = []
    for was, now, faces in shown:
        points = max(faces.values(), key=lambda p: np.ptp(p[:, 0]), default=None)
        x0, y0, x1, y1 = 0, 0, was.shape[1], was.shape[0]
        if points is not None:
            middle, half = points[:, :2].mean(axis=0), 0.8 * np.ptp(points[:, 1])
            (x0, y0), (x1, y1) = (
                np.maximum(middle - half, 0).astype(int),
                (middle + half).astype(int),
            )
        size = (240, 240)
        columns.append(np.vstack([cv2.resize(p[y0:y1, x0:x1], size) for p in (was, now)]))
    return np.hstack(columns)


def write(rows: dict[str, Any], args: Any) -> None:
    """Write everything, with means over the clips that both `dub` and `talk` made."""
    both = [r for r in rows.values() if "dub_mouth_r" in r and "talk_mouth_r" in r]
    names = ("dub_mouth_r", "talk_mouth_r", "dub_confidence", "talk_confidence")
    found: dict[str, Any] = {
        "n": len(both),
        **{n: round(float(np.mean([r[n] for r in both])), 3) for n in names if both},
    }
    for who in ("dub", "talk"):
        near = sum(abs(r[f"{who}_offset"]) <= 1 for r in both)
        found[f"{who}_offset_within_1"] = f"{near} of {len(both)}"
    outside = [r["changed_outside_mask"] for r in rows.values()]
    kept = json.loads(args.out.read_text("utf-8")) if args.out.exists() else {}
    result = {
        "mouths": found,
        "pictures": {
            "n": len(rows),
            "frame_count_exact": sum(
                r["frames_written"] == r["frames_given"] for r in rows.values()
            ),
            "changed_outside_mask": sum(outside),
            "clips_with_changes_outside": sum(count > 0 for count in outside),
        },
        "speed": kept.get("speed"),
        "what": "mouth_r: Pearson r of the lip gap of dubbed pictures, before encoding, against "
                "that of the speech's own clip, best lag within 2 frames; talk: the same of `talk` "
                "with the dubbed person's clearest picture, 320 px; offset and confidence: sync "
                "critic; changed_outside_mask: stored values of light that differ below the eyes "
                "further than 1.1 distances of the eyes from the face, or above the eyes",
        "seconds": args.seconds, "clips": dict(sorted(rows.items())), "seed": 0,
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
    }  # fmt: skip
    args.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def speed(pipeline: Any, folder: Path, seconds: float) -> dict[str, Any]:
    """Return frames a second of a whole dub, loaded before: look, draw and write."""
    with tempfile.TemporaryDirectory() as place:
        clip = first_seconds(folder / f"{TIMED}.mp4", Path(place) / "clip.mp4", seconds)
        speech = folder / f"{SPEECHES[0]}.mp4"
        pipeline(first_seconds(clip, Path(place) / "warm.mp4", 0.5), speech).save(
            Path(place) / "warm_out.mp4"
        )
        began = time.perf_counter()
        made = pipeline(clip, speech)
        looked = time.perf_counter() - began
        made.save(Path(place) / "out.mp4")
        took = time.perf_counter() - began
    return {
        "clip": TIMED, "size": list(made.size), "frames": made.num_frames,
        "frames_a_second": round(made.num_frames / took, 1),
        "look_s": round(looked, 2), "draw_and_write_s": round(took - looked, 2),
    }  # fmt: skip


if __name__ == "__main__":
    main()
