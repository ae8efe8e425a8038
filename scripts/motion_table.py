"""Write README's table of speech to motion from the files in results/.

    python scripts/motion_table.py [--print]

It goes between `<!-- motion -->` and `<!-- /motion -->`; with --print, to the terminal only.
"""

from __future__ import annotations

import json
from pathlib import Path
from statistics import fmean
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Replace what stands between the markers."""
    from readme_part import table_command

    table_command(
        "motion",
        lambda: table(_results("motion"), _results("motion_fold1"), _results("phonetic")),
        __doc__,
    )


def table(motion: dict[str, Any], fold: dict[str, Any], phones: dict[str, Any]) -> str:
    """Return the table in markdown."""
    all_, held, real = motion["scores"], fold["scores"], phones["real"]
    fit, sync, ran = all_["fit"], all_["fit_and_in_sync"], all_["behaviour"]
    calm, feelings = all_["jitter"], all_["emotions"].values()

    def r(scores: dict[str, Any]) -> str:
        return (f"{scores['r']:.2f} ({scores['band']:.2f}; {scores['visemes']:.2f}), "
                f"amplitude {scores['ratio']:.2f}, n = {scores['n']}")  # fmt: skip

    rows = [
        ("mouth correlation, `clips/evaluate` (band energy; phones × fixed visemes) ↑", "≥ 0.60",
         r(fit)),
        ("the same, without two clips that are out of sync ↑", "≥ 0.60", r(sync)),
        ("people left out of training, four folds, addresses ↑", "≥ 0.60", r(folds(grid=False))),
        ("people left out of training, four folds, GRID ↑", "≥ 0.80", r(folds(grid=True))),
        ("fold 1 with the whole recipe (the others without teachers), addresses ↑", "≥ 0.60",
         r(held["others"])),
        ("the same, GRID ↑", "≥ 0.80", r(held["GRID"])),
        ("p, b, m with shut lips, synthetic speech, ten languages ↑", "≥ 95 %",
         f"{all_['closures_synthetic']['share']:.1%} of {all_['closures_synthetic']['n']}"),
        ("frames with parted lips in silence ↓", "≤ 2 %",
         f"{all_['silence']['parted_share']:.1%} of {all_['silence']['n_frames']}"),
        ("both under `angry:1`, `happy:1`, `surprise:1` ↑ ↓", "≥ 90 %, ≤ 5 %",
         f"{min(f['closures'] for f in feelings):.1%}, "
         f"{max(f['parted_share'] for f in feelings):.1%}"),
        ("lip jitter in silence; steady vowels (real people) ↓", "≤ real",
         "; ".join(f"{calm[k]['mean']:.4f} ({calm['real_' + k]['mean']:.4f})"
                   for k in ("quiet", "vowel"))),
        ("phoneme error rate, unheard GRID speakers; LJSpeech (pocketsphinx) ↓", "",
         "; ".join(f"{real[k]['ours']['phoneme_error_rate']:.2f} "
                   f"({real[k]['pocketsphinx']['phoneme_error_rate']:.2f})"
                   for k in ("grid", "ljspeech"))),
        ("× real time after load, one thread ↑", "≥ 10",
         f"{all_['times_real_time_one_thread']:.1f}"),
        ("first motion of a stream after its first sound ↓", "≤ 300 ms",
         f"{ran['first_motion_ms']:.0f} ms"),
        ("60 minutes: memory; r in the first and the last round", "constant",
         f"{ran['long_run']['memory_growth_mb']:+.1f} MB; {ran['long_run']['first_r']:.2f}, "
         f"{ran['long_run']['last_r']:.2f}"),
        ("five seeds agree in lips; brows; head", "≥ 0.9; differ",
         "; ".join(f"{ran['seeds'][k]:.2f}" for k in ("lips", "brows", "head"))),
    ]  # fmt: skip
    return "\n".join([
        "| what | target | measured |", "|---|---|---|",
        *(f"| {' | '.join(row)} |" for row in rows), "",
        "On people and sentences that trained nothing (of the people left out, the encoder had "
        f"learned phones from some voices), {motion['date']}, {motion['machine']}, "
        f"seed {motion['seed']}. Each clip, and the rest: `results/motion*.json`, "
        "`results/{phonetic,behaviour,emotion,voice_emotion,odd_sounds}.json` and the model cards.",
    ])  # fmt: skip


def folds(*, grid: bool) -> dict[str, Any]:
    """Return scores averaged over the clips of a person, then over the people of all folds."""
    people: dict[str, list[dict[str, Any]]] = {}
    for path in sorted((ROOT / "results").glob("motion_fold*.json")):
        for clip in json.loads(path.read_text("utf-8"))["clips"]:
            if clip["person"].startswith("GRID") == grid:
                people.setdefault(clip["person"], []).append(clip)

    def mean(name: str) -> float:
        return fmean(fmean(clip[name] for clip in own) for own in people.values())

    return {name: mean(name) for name in ("r", "band", "visemes", "ratio")} | {
        "n": f"{sum(map(len, people.values()))} of {len(people)} people"
    }


def _results(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((ROOT / "results" / f"{name}.json").read_text("utf-8"))
    return loaded


if __name__ == "__main__":
    main()
