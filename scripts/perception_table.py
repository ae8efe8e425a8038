"""Write README's table of face perception from the files in results/.

python scripts/perception_table.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from readme_part import write_part

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = ("detector", "landmarks", "identity", "matte")


def main() -> None:
    """Replace what stands between the markers."""
    seen, found = _results("perception"), _results("detector")
    fit, who, matte = _results("head_fit")["errors"], _results("identity"), _results("matte")
    heads = _results("synthetic")
    sets = [seen["clips_evaluate"], seen["portraits_human"], seen["congress_held_out"]]
    clips, jitter = sets[0], seen["still_jitter"]
    turn = seen["rendered_held_out"]["yaw_0_60"]["rotation_deg"]
    size = sum(_bytes(name) for name in SHIPPED) / 1e6
    speed = seen["tracking_512_two_threads"]
    best, alone = found["analyzer"]["in_use"], found["detector"]["at_precision_0.99"]

    def each(name: str) -> str:
        return " / ".join(f"{table[name]:.2f}" for table in sets)

    rows = [
        ("landmarks to the teacher's, clips / portraits / congress, mean ↓", "≤ 2.5 %",
         each("nme_mean")),
        ("the same, lips ↓", "≤ 2.0 %", each("nme_lips")),
        ("the same, eyes ↓", "≤ 2.0 %", each("nme_eyes")),
        ("scores to the teacher's, clips, mean abs. error ↓", "≤ 0.04",
         f"{clips['scores_mae']:.3f}"),
        ("r of jawOpen / mouthSmile / eyeBlink ↑", "≥ .95 / .90 / .85",
         " / ".join(f"{clips[f'r_{n}']:.2f}" for n in ("jawOpen", "mouthSmile", "eyeBlink"))),
        ("head rotation, rendered heads to ±60°, pitch / yaw / roll ↓", "≤ 2.5°",
         " / ".join(f"{v:.1f}°" for v in turn)),
        ("head fit, London / clips ↓", "≤ 0.9 / 1.6 %",
         f"{fit['london_neutral']['inner_percent']:.2f} / {_clips(fit):.2f}"),
        ("faces found in composed pictures, recall at precision ↑", "≥ .97 at ≥ .99",
         f"{best['recall']:.3f} at {best['precision']:.3f} (detector alone {alone['recall']:.2f})"),
        ("jitter of a noisy still, ours / teacher's ↓", "≤ teacher's",
         f"{jitter['all']:.2f} / {jitter['teacher_all']:.2f} %"),
        ("identity, people held out, TAR at FAR 1 %: web faces / London / pooled ↑", "≥ 80 %",
         _identity(who)),
        ("matte, London held out, mean abs. error ↓", "≤ 0.03", _matte(matte)),
        ("tracking 512 × 512, two cores, frames a second ↑", "≥ 60",
         f"{speed['frames_a_second']:.0f}"),
        ("start-up once torch is in ↓", "≤ 1 s", f"{seen['start_up_s']:.2f} s"),
        ("all perception checkpoints ↓", "≤ 14 MB", f"{size:.1f} MB"),
        ("rendered heads a second, 256 × 256, two cores ↑", "≥ 10",
         f"{heads['speed']['pictures_a_second_two_processes']:.0f}"),
    ]  # fmt: skip
    lines = ["| what | target | measured |", "|---|---|---|"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    lines.append(
        f"\nOn pictures and people that trained nothing, {seen['about']['date']}, "
        f"{seen['about']['machine']}, seed 0; % are of the distance of the outer eye corners. "
        "Numbers, and who is read worse, in `results/{perception,detector,head_fit,identity,matte,"
        "quality,gaze,synthetic}.json` and the model cards."
    )
    write_part("perception", "\n".join(lines))
    print("\n".join(lines))


def _results(name: str) -> Any:
    return json.loads((ROOT / "results" / f"{name}.json").read_text("utf-8"))


def _bytes(name: str) -> int:
    return sum(p.stat().st_size for p in (ROOT / "checkpoints" / name).glob("*") if p.is_file())


def _clips(fit: Any) -> float:
    return float(fit["clips_evaluate"]["inner_percent"])


def _identity(who: Any) -> str:
    rates = who["rates"]
    sets = ("expressions", "london", "both")
    return " / ".join(f"{rates[f'embedding / {name}']['tar_at_1']:.0%}" for name in sets)


def _matte(matte: Any) -> str:
    return f"{matte['mean_absolute_error']['london']['person, network']:.3f}"


if __name__ == "__main__":
    main()
