"""Scores of the motion generator, from the geometry of the head model (nothing is drawn).

    python scripts/evaluate_motion.py --cache ../cache --checkpoint motion --out results/motion.json

Mouth correlation (EVALUATION.md) on clips/evaluate with both baselines, closures, silence, jitter,
blinks, speed. Real gaps come from the tracks of prepare_tracks.py. `--set train --fold N`
scores the held-out people of a fold instead (give that fold's checkpoint).
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

import numpy as np


class Measure:
    """Generated motion with what it looks like on the mean head."""

    def __init__(self, checkpoint: str):
        import torch

        from talkgen.face.head import HeadModel
        from talkgen.motion.generator import MotionGenerator

        torch.set_num_threads(1)
        self.head = HeadModel.from_pretrained("head")
        self.generator = MotionGenerator.from_pretrained(checkpoint, self.head)
        self.neutral = self.head.neutral(None)
        # the geometry of a few vertices only: those of the landmarks 13, 14
        self.corners = self.head.landmark_faces[[13, 14]]
        self.bary = self.head.landmark_bary[[13, 14]]
        self.shapes = self.head.expression_basis[:, self.corners]

    def gap(self, weights: np.ndarray, neutral: np.ndarray | None = None) -> np.ndarray:
        """(T,) inner-lip gap of the head under (T, 52) weights, over its inter-ocular distance."""
        neutral = self.neutral if neutral is None else neutral
        points = neutral[self.corners][None] + np.einsum("tc,cnkd->tnkd", weights, self.shapes)
        lips = np.einsum("nk,tnkd->tnd", self.bary, points)
        rest = np.einsum("nk,nkd->nd", self.bary, neutral[self.corners])
        # signed by the way down: lips pressed into each other are not apart
        down = lips[:, 1, 1] - lips[:, 0, 1]
        apart = np.linalg.norm((lips[:, 1] - lips[:, 0])[:, :2], axis=1) * np.sign(down)
        rest_gap = max(0.0, float(rest[1, 1] - rest[0, 1]))
        return np.maximum(0.0, apart - rest_gap) / self.head.interocular_of(neutral)

    def motion(self, sound: np.ndarray, **options: Any) -> Any:
        from talkgen.types import Audio

        return self.generator.generate(Audio(sound, 16000), **options)


def band_energy_gap(sound: np.ndarray, count: int) -> np.ndarray:
    """Baseline (a): log energy in 300-1200 Hz, smoothed over 80 ms, as an opening."""
    from talkgen.audio.features import mel_power
    from talkgen.critic.hearing import band_level, opening, smooth

    level = smooth(band_level(mel_power(sound)))
    out = 0.17 * opening(level[: len(level) // 4 * 4].reshape(-1, 4).mean(1))
    return np.pad(out, (0, max(0, count - len(out))))[:count].astype(np.float32)


def viseme_gap(measure: Measure, sound: np.ndarray, count: int) -> np.ndarray:
    """Baseline (b): posteriors of our phone recogniser times a fixed opening for each phone."""
    import torch

    from talkgen.audio.features import level_features, mel_power
    from talkgen.training.viseme_rules import TARGETS

    feature = level_features(mel_power(sound))
    feature = feature[: len(feature) // 4 * 4]
    with torch.inference_mode():
        phones = measure.generator.model(torch.from_numpy(feature)[None])[0][0].numpy()
    gap = np.convolve(phones @ TARGETS[:, -1], np.ones(4) / 4, "same").reshape(-1, 2).mean(1)
    return np.pad(gap, (0, max(0, count - len(gap))))[:count].astype(np.float32)


def steady_vowels(measure: Measure, sound: np.ndarray, count: int) -> np.ndarray:
    """(count,) frames inside a vowel that the recogniser names alike for 0.2 s."""
    import torch

    from talkgen.audio.features import level_features, mel_power
    from talkgen.critic.hearing import steady_vowels as steady

    feature = level_features(mel_power(sound))
    with torch.inference_mode():
        given = torch.from_numpy(feature[: len(feature) // 4 * 4])[None]
        same = steady(measure.generator.model(given)[0][0].numpy())[::2]
    return np.pad(same, (0, max(0, count - len(same))))[:count]


def jitter_of(gap: np.ndarray, where: np.ndarray) -> list[float]:
    """Absolute second differences of `gap` whose three frames all lie in `where`."""
    count = min(len(gap), len(where))
    inside = where[: count - 2] & where[1 : count - 1] & where[2:count]
    return np.abs(np.diff(gap[:count], 2))[inside].tolist()


def score_clips(measure: Measure, clips: list[Any]) -> list[dict[str, Any]]:
    """One row a clip: r and lag of the generator and both baselines, spread, silence, jitter."""
    from talkgen.audio.vad import detect_speech, silent_stretches
    from talkgen.training.motion_score import correlation

    rows = []
    for clip in clips:
        began = time.process_time()
        motion = measure.motion(clip.sound)
        spent = time.process_time() - began
        gap = measure.gap(motion.blendshapes)
        r, lag = correlation(gap, clip.gap, clip.valid)
        count = min(len(gap), len(clip.gap))
        a, _ = correlation(band_energy_gap(clip.sound, count), clip.gap, clip.valid)
        b, _ = correlation(viseme_gap(measure, clip.sound, count), clip.gap, clip.valid)
        speech = detect_speech(clip.sound, 16000)
        quiet = silent_stretches(speech, 30)[: len(gap) * 4]
        quiet = np.pad(quiet, (0, len(gap) * 4 - len(quiet))).reshape(-1, 4).all(1)
        real_quiet = quiet[:count] & clip.valid[:count]
        vowel = steady_vowels(measure, clip.sound, count) & clip.valid[:count]
        rows.append({
            "clip": clip.name, "person": clip.person, "r": r, "lag": lag, "band": a, "visemes": b,
            "ratio": float(gap[:count][clip.valid[:count]].std()
                           / max(clip.gap[:count][clip.valid[:count]].std(), 1e-6)),
            "silent": int(quiet.sum()), "parted": int((gap[quiet] > 0.03).sum()),
            "real_silent": int(real_quiet.sum()),
            "real_parted": int((clip.gap[:count][real_quiet] > 0.03).sum()),
            "jitter": float(np.median(np.abs(np.diff(gap, 2)))),
            "real_jitter": float(np.median(np.abs(np.diff(clip.gap, 2)))),
            "blinks": int((np.diff((motion.blendshapes[:, 0] > 0.5).astype(int)) == 1).sum()),
            "seconds": len(gap) / 25, "spent": spent,
            "jitters": {"quiet": jitter_of(gap, real_quiet), "vowel": jitter_of(gap, vowel),
                        "real_quiet": jitter_of(clip.gap, real_quiet),
                        "real_vowel": jitter_of(clip.gap, vowel)},
        })  # fmt: skip
    return rows


def closure_share(
    measure: Measure, seconds: float, seed: int, **options: Any
) -> dict[str, Any]:
    """Share of p, b, m of synthetic speech in ten languages with lips shut at some frame of it.

    options : of the generator (an emotion)
    """
    from talkgen.audio.phones import BILABIALS
    from talkgen.training.synthetic_speech import Cast, make_utterances

    languages = ("en", "de", "fr", "es", "it", "pt", "pl", "tr", "cmn", "hi")
    shut, total, per = 0, 0, {}
    for spoken in make_utterances(seconds, seed, Cast(languages)):
        gap = measure.gap(measure.motion(spoken.samples, **options).blendshapes)
        own = [0, 0]
        for phone, start, end in zip(spoken.phones, spoken.starts, spoken.ends, strict=True):
            if phone in BILABIALS:
                first, last = int(start * 25), min(int(np.ceil(end * 25)), len(gap))
                if last > first:
                    own[0] += bool(gap[first:last].min() < 0.02)
                    own[1] += 1
        language = spoken.voice.split("+")[0].split("-")[0].replace("flite", "en")
        before = per.get(language, [0, 0])
        per[language] = [before[0] + own[0], before[1] + own[1]]
        shut, total = shut + own[0], total + own[1]
    shares = {k: round(v[0] / max(v[1], 1), 3) for k, v in sorted(per.items())}
    return {"share": round(shut / max(total, 1), 4), "n": total, "languages": shares}


def grid_closures(measure: Measure, cache: Path, data: Path, clips: list[Any]) -> dict[str, Any]:
    """Share of GRID words that begin with p, b, m (letters too) with lips shut near their start."""
    import csv

    sounds = {c.name: c for c in clips}
    with open(data / "data" / "clips" / "train" / "grid_words.csv", newline="") as file:
        words = [w for w in csv.DictReader(file) if w["file"][:-4] in sounds]
    gaps: dict[str, np.ndarray] = {}
    made, real, total = 0, 0, 0
    for word in words:
        if word["word"] not in ("bin", "blue", "by", "place", "please", "b", "p", "m"):
            continue
        clip = sounds[word["file"][:-4]]
        if clip.name not in gaps:
            gaps[clip.name] = measure.gap(measure.motion(clip.sound).blendshapes)
        start = float(word["start_s"])
        first, last = max(0, int((start - 0.1) * 25)), int((start + 0.12) * 25) + 1
        if word["word"] == "m":  # said "em": its closure ends the word
            first, last = int(start * 25), int(float(word["end_s"]) * 25) + 1
        made += bool(gaps[clip.name][first:last].min() < 0.02)
        real += bool(clip.gap[first:last].min() < 0.02)
        total += 1
    return {"share": made / max(total, 1), "real": real / max(total, 1), "n": total}


def under_emotions(measure: Measure, clips: list[Any], seconds: float) -> dict[str, Any]:
    """Closures and parted silence with an emotion at full strength."""
    from talkgen.audio.vad import detect_speech, silent_stretches
    from talkgen.motion.emotion import parse_emotion

    out = {}
    for name in ("angry:1", "happy:1", "surprise:1"):
        feeling = parse_emotion(name)
        closures = closure_share(measure, seconds, 90210, emotion=feeling)
        parted = silent = 0
        for clip in clips:
            gap = measure.gap(measure.motion(clip.sound, emotion=feeling).blendshapes)
            quiet = silent_stretches(detect_speech(clip.sound, 16000), 30)[: len(gap) * 4]
            quiet = np.pad(quiet, (0, len(gap) * 4 - len(quiet))).reshape(-1, 4).all(1)
            parted, silent = parted + int((gap[quiet] > 0.03).sum()), silent + int(quiet.sum())
        out[name] = {"closures": closures["share"], "n": closures["n"],
                     "parted_share": round(parted / max(1, silent), 4),
                     "n_frames": silent}  # fmt: skip
    return out


def behaves(measure: Measure, clips: list[Any], minutes: float) -> dict[str, Any]:
    """Latency, seeds and a long run (talkgen.training.motion_judge)."""
    from talkgen.training import motion_judge

    sounds = [c.sound for c in clips[:5]]
    out: dict[str, Any] = motion_judge.first_motion_ms(measure.generator, sounds[0][: 16000 * 6])
    out["seeds"] = motion_judge.seeds_agree(measure.generator, sounds, measure.gap)
    if minutes:
        clip = max(clips, key=lambda c: len(c.sound))
        out["long_run"] = motion_judge.long_run(
            measure.generator, clip.sound, clip.gap, measure.gap, minutes
        )
    return out


def mean_of(rows: list[dict[str, Any]], key: str) -> float:
    return float(np.mean([r[key] for r in rows])) if rows else float("nan")


def main() -> None:
    from talkgen.training.motion_data import load_clips
    from talkgen.training.motion_score import OUT_OF_SYNC, UNFIT

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, default=Path("../cache"))
    data = Path(os.environ.get("TALKGEN_DATA", "../shared"))
    parser.add_argument("--data", type=Path, default=data)
    parser.add_argument("--checkpoint", default="motion")
    parser.add_argument("--set", dest="which", default="evaluate", choices=["evaluate", "train"])
    parser.add_argument("--fold", type=int, default=None)
    parser.add_argument("--closure-seconds", type=float, default=300.0)
    parser.add_argument("--emotions", action="store_true", help="closures and silence under them")
    parser.add_argument("--minutes", type=float, default=None, help="of the long run; also seeds")
    parser.add_argument("--out", type=Path, default=None)
    args = parser.parse_args()

    measure = Measure(args.checkpoint)
    clips = load_clips(args.cache, args.which, fitted=False)
    if args.fold is not None:
        import sys

        sys.path.insert(0, str(Path(__file__).parent))
        from train_motion import fold_of

        clips = [c for c in clips if fold_of(c.person) == args.fold]
    rows = score_clips(measure, clips)
    for row in rows:
        print("{clip:36s} r {r:6.3f} lag {lag:2d} band {band:6.3f} visemes {visemes:6.3f} "
              "ratio {ratio:.2f} parted {parted}/{silent} real {real_parted}/{real_silent} "
              "jitter {jitter:.4f} real {real_jitter:.4f}".format(**row))  # fmt: skip
    fit = [r for r in rows if r["clip"] not in UNFIT]
    sync = [r for r in fit if r["clip"] not in OUT_OF_SYNC]
    groups = {"fit": fit, "fit_and_in_sync": sync}
    if args.which == "train":
        groups = {"GRID": [r for r in rows if r["person"].startswith("GRID")],
                  "others": [r for r in rows if not r["person"].startswith("GRID")]}  # fmt: skip
    scores: dict[str, Any] = {
        name: {k: round(mean_of(group, k), 4)
               for k in ("r", "band", "visemes", "ratio", "lag", "jitter", "real_jitter")}
        | {"n": len(group), "median_ratio": round(float(np.median([r["ratio"] for r in group])), 3)}
        for name, group in groups.items() if group
    }  # fmt: skip
    jitters = {
        name: [value for r in rows for value in r["jitters"][name]]
        for name in ("quiet", "real_quiet", "vowel", "real_vowel")
    }
    scores["jitter"] = {
        name: {"mean": round(float(np.mean(values)), 5), "n": len(values)}
        for name, values in jitters.items() if values
    }  # fmt: skip
    scores["silence"] = {
        "parted_share": round(
            sum(r["parted"] for r in rows) / max(1, sum(r["silent"] for r in rows)), 4
        ),
        "real_parted_share": round(
            sum(r["real_parted"] for r in rows) / max(1, sum(r["real_silent"] for r in rows)), 4
        ),
        "n_frames": sum(r["silent"] for r in rows),
    }
    scores["closures_synthetic"] = closure_share(measure, args.closure_seconds, 90210)
    if args.which == "train":
        scores["closures_grid"] = grid_closures(measure, args.cache, args.data, clips)
    if args.emotions:
        scores["emotions"] = under_emotions(measure, clips, args.closure_seconds / 2)
    if args.minutes is not None:
        scores["behaviour"] = behaves(measure, clips, args.minutes)
    minutes = sum(r["seconds"] for r in rows) / 60
    scores["blinks_per_minute"] = round(sum(r["blinks"] for r in rows) / minutes, 1)
    scores["times_real_time_one_thread"] = round(minutes * 60 / sum(r["spent"] for r in rows), 1)
    print(json.dumps(scores, indent=1))
    if args.out is not None:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        report = {
            "what": "mouth motion from sound, geometry of the mean head, 25 fps, best lag in +-2",
            "set": args.which, "fold": args.fold, "checkpoint": Path(args.checkpoint).name,
            "date": datetime.date.today().isoformat(), "seed": 0,
            "machine": f"{platform.machine()}, {os.cpu_count()} cores, one thread",
            "scores": scores, "clips": [
                {k: (round(v, 4) if isinstance(v, float) else v) for k, v in row.items()
                 if k not in ("spent", "jitters")} for row in rows
            ],
        }  # fmt: skip
        args.out.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
