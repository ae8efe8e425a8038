"""Score folders of results against a folder of real clips of the same speech.

    python scripts/evaluate.py --references REAL ours=FOLDER [other=FOLDER ...] [--sources FOLDER]
        [--out results/evaluate.json] [--still] [--clips NAME ...] [--syncnet FILE]

A result belongs to the reference of the same file name (NAME.mp4). Every folder is a method; the
table gives mean, 95 % confidence interval (bootstrap over clips, seed 0) and n of each score, and
in how many clips a method beats the first one. Baselines beside them: `--still`, the reference's
first clear frame for as long as the reference lasts, and the band-energy mouth (EVALUATION.md).
"FID": Frechet distance of mouth crops in features of the shipped landmark network (named in the
result; it compares with itself only). FVD is absent: no video network is at hand offline.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

DRAWS = 2000
"""Bootstrap samples of a confidence interval."""
FRECHET_EVERY = 5
ENERGY = "band energy"
STILL = "still frame"
TABLE = (
    "mouth_r", "mouth_lag", "m_lmd", "lmd", "lve_mm", "fdd", "face_psnr", "mouth_psnr", "face_ssim",
    "mouth_ssim", "mouth_sharpness", "csim", "csim_within", "parted_in_silence", "closures_kept",
    "jitter_vowel", "jitter_silence", "flicker_ratio", "detail", "seam", "blockiness",
    "teeth_sharpness", "blink_rate", "face_seen", "frame_count_error", "av_offset",
    "sync_confidence", "sync_distance", "lse_d", "lse_c", "valence", "arousal",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("methods", nargs="+", metavar="NAME=FOLDER")
    parser.add_argument("--references", type=Path, required=True)
    parser.add_argument("--sources", type=Path, help="pictures NAME.png or .jpg, for CSIM")
    parser.add_argument("--still", action="store_true", help="score the still frame too")
    parser.add_argument("--clips", nargs="*", help="only these names")
    parser.add_argument("--syncnet", type=Path, help="the published syncnet_v2.model, for LSE")
    parser.add_argument("--out", type=Path, help="JSON of everything")
    args = parser.parse_args()
    methods = dict(method_of(text) for text in args.methods)
    names = shared_names(methods, args.references, args.clips)
    from talkgen.pipelines.score import ScorePipeline, published_sync

    mouths = Mouths()
    more = [] if args.syncnet is None else [published_sync(args.syncnet)]
    pipeline = ScorePipeline.from_pretrained(more=[mouths, *more])
    rows: dict[str, dict[str, dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            reference = args.references / f"{name}.mp4"
            tried = {method: path / f"{name}.mp4" for method, path in methods.items()}
            if args.still:
                tried[STILL] = still_clip(pipeline, reference, Path(folder) / f"{name}.mp4")
            source = source_of(args.sources, name)
            for method, path in tried.items():
                mouths.method = method
                judged = pipeline(path, reference=reference, source=source)
                row = {k: s.value for k, s in judged.report.scores.items()}
                rows.setdefault(method, {})[name] = row
                print(name, method, json.dumps({k: round(v, 3) for k, v in row.items()}),
                      file=sys.stderr, flush=True)  # fmt: skip
            rows.setdefault(ENERGY, {})[name] = energy_row(judged)
    result = {
        "what": "scores of talkgen.critic.report.DEFINITIONS at 25 fps against real clips of the "
                "same speech; mean, 95 % interval by bootstrap over clips, n clips",
        "n": len(names), "methods": {m: summary(r) for m, r in rows.items()},
        "better_than_first": wins(rows, next(iter(methods))),
        "mouth_frechet": mouths.distances(), "frechet_features": mouths.features,
        "fvd": "absent: no video network at hand offline", "clips": rows, "seed": 0,
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
    }  # fmt: skip
    if args.out is not None:
        from talkgen.io.output import whole_file

        with whole_file(args.out) as part:
            part.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(table(result))


def method_of(text: str) -> tuple[str, Path]:
    """Return name and folder of NAME=FOLDER; leave with a line where it is none."""
    name, _, folder = text.partition("=")
    if not name or not Path(folder).is_dir() or not folder:
        sys.exit(f"{text!r} is no NAME=FOLDER of an existing folder")
    return name, Path(folder)


def shared_names(
    methods: Mapping[str, Path], references: Path, wanted: list[str] | None
) -> list[str]:
    """Return the clips that every method and the references have; say which are left out."""
    have = [{p.stem for p in folder.glob("*.mp4")} for folder in (*methods.values(), references)]
    names = sorted(set.intersection(*have) & (set(wanted) if wanted else set.union(*have)))
    missing = sorted(set.union(*have[:-1]) - set(names)) if not wanted else []
    if missing:
        print(f"left out, not everywhere: {', '.join(missing)}", file=sys.stderr)
    if not names:
        sys.exit(f"no NAME.mp4 that lies in every folder and in {str(references)!r}")
    return names


def source_of(folder: Path | None, name: str) -> Path | None:
    if folder is None:
        return None
    found = [p for s in (".png", ".jpg", ".jpeg") if (p := folder / f"{name}{s}").is_file()]
    return found[0] if found else None


def still_clip(pipeline: Any, reference: Path, path: Path) -> Path:
    """Write the reference's first clear frame for as long as it lasts, with its sound."""
    from talkgen.errors import MediaError
    from talkgen.io.audio import open_speech
    from talkgen.io.video import open_video
    from talkgen.io.writer import VideoWriter
    from talkgen.motion.extras import clearness

    video = open_video(reference)
    best, least, count = None, np.inf, 0
    for frame in video.frames(25.0):
        if count < 50:
            faces = pipeline.analyzer.analyze(frame)
            worth = clearness(faces[0].landmarks, faces[0].scores) if faces else np.inf
            if best is None or worth < least:
                best, least = frame, worth
        count += 1
    try:
        speech = open_speech(reference) if video.has_sound else None
    except MediaError:
        speech = None
    assert best is not None
    with VideoWriter(path, size=video.size, fps=25, speech=speech) as writer:
        for _ in range(count):
            writer.write(best)
    return path


def energy_row(judged: Any) -> dict[str, float]:
    """Return the mouth correlation of the band-energy baseline with the reference."""
    from talkgen.critic.contracts import gaps
    from talkgen.critic.mouth import correlation

    if judged.video.sound is None or judged.reference is None:
        return {}
    real = gaps(judged.reference)
    energy = judged.video.sound.energy
    count = min(len(real), len(energy))
    r, lag = correlation(energy[:count], np.nan_to_num(real[:count]), np.isfinite(real[:count]))
    return {"mouth_r": r, "mouth_lag": float(lag)}


class Mouths:
    """A critic that scores nothing but keeps features of mouth crops, made and real."""

    fills: tuple[str, ...] = ()
    every, bad = FRECHET_EVERY, {}

    def __init__(self) -> None:
        from talkgen.training.frechet import FEATURES, MouthFeatures

        self.features, self._of = FEATURES, MouthFeatures.from_pretrained()
        self.method = ""
        self._rows: dict[str, list[Any]] = {}

    def reader(self) -> Mouths:
        return self

    def look(self, look: Any) -> dict[str, Any]:
        from talkgen.critic.pictures import crop, crop_box

        for key, image, face in (
            (self.method, look.image, look.face), (f"real {self.method}", look.real, look.real_face)
        ):  # fmt: skip
            if face is not None:
                picture = crop(image, crop_box(face.landmarks, "mouth"))
                self._rows.setdefault(key, []).append(self._of(picture))
        return {}

    def score(self, video: Any, **_: Any) -> Any:
        from talkgen.types import Report

        return Report({})

    def distances(self) -> dict[str, dict[str, float] | str]:
        """Return distance and number of crops of each method; "floor": real clips halved."""
        from talkgen.training.frechet import frechet_distance

        out: dict[str, dict[str, float] | str] = {}
        for name, rows in self._rows.items():
            real = self._rows.get(f"real {name}", [])
            if name.startswith("real "):
                continue
            least = 2 * len(rows[0])
            if min(len(rows), len(real)) < least:
                out[name] = f"absent: {len(rows)} crops, at least {least} are needed"
                continue
            pair, all_ = np.stack(rows), np.stack(real)
            out[name] = {"distance": round(frechet_distance(pair, all_), 3), "n": len(rows),
                         "floor": round(frechet_distance(all_[::2], all_[1::2]), 3)}  # fmt: skip
        return out


def interval(values: list[float], seed: int = 0) -> tuple[float, float]:
    """Return the 95 % interval of the mean, percentiles of a bootstrap over clips."""
    array = np.asarray(values, np.float64)
    chosen = np.random.default_rng(seed).integers(0, len(array), (DRAWS, len(array)))
    low, high = np.quantile(array[chosen].mean(1), [0.025, 0.975])
    return float(low), float(high)


def summary(rows: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, Any]]:
    """Return mean, interval and count of every score over clips."""
    out = {}
    for name in dict.fromkeys(key for row in rows.values() for key in row):
        values = [row[name] for row in rows.values() if name in row]
        low, high = interval(values)
        out[name] = {"mean": round(float(np.mean(values)), 4),
                     "interval": [round(low, 4), round(high, 4)], "n": len(values)}  # fmt: skip
    return out


def wins(
    rows: Mapping[str, Mapping[str, Mapping[str, float]]], first: str
) -> dict[str, dict[str, Any]]:
    """Return, for scores with a direction, in how many clips each method beats the first one and
    the 95 % interval of the paired difference."""
    from talkgen.critic.report import DEFINITIONS

    out: dict[str, dict[str, Any]] = {}
    for method, clips in rows.items():
        for name, about in DEFINITIONS.items() if method != first else ():
            if about.higher_is_better is None:
                continue
            pairs = [(row[name], rows[first][clip][name]) for clip, row in clips.items()
                     if name in row and name in rows[first][clip]]  # fmt: skip
            if not pairs:
                continue
            sign = 1 if about.higher_is_better else -1
            steps = [own - other for own, other in pairs]
            low, high = interval(steps)
            out.setdefault(method, {})[name] = {
                "better": sum(sign * s > 0 for s in steps), "n": len(steps),
                "difference": round(float(np.mean(steps)), 4),
                "interval": [round(low, 4), round(high, 4)],
            }  # fmt: skip
    return out


def table(result: Mapping[str, Any]) -> str:
    """Return a Markdown table: a row a score, a column a method."""
    from talkgen.critic.report import DEFINITIONS

    methods = result["methods"]
    arrows = {True: "↑", False: "↓", None: "·"}
    lines = [f"| score | {' | '.join(methods)} |", "|---|" + "---|" * len(methods)]
    for name in TABLE:
        if not any(name in scores for scores in methods.values()):
            continue
        about = DEFINITIONS[name]
        cells = []
        for scores in methods.values():
            found = scores.get(name)
            cells.append("–" if found is None else "{mean:.3g} [{0:.3g}, {1:.3g}] n {n}".format(
                *found["interval"], **found))  # fmt: skip
        label = f"{name} {arrows[about.higher_is_better]} {about.unit}".rstrip()
        lines.append(f"| {label} | {' | '.join(cells)} |")
    cells = []
    for method in methods:
        found = result["mouth_frechet"].get(method, "–")
        cells.append(
            found
            if isinstance(found, str)
            else f"{found['distance']:.3g} (floor {found['floor']:.3g}) n {found['n']}"
        )
    lines.append(f"| mouth Frechet distance ↓ | {' | '.join(cells)} |")
    lines.append(f"| FVD | {' | '.join('absent' for _ in methods)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
