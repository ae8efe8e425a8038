"""Write README's table of the critics, dubbing, driving and batches from results/.

    python scripts/critics_table.py [--print]

It goes between `<!-- critics -->` and `<!-- /critics -->`; with --print, to the terminal only.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent.parent / "results"
Rows = list[tuple[str, str, str]]


def main() -> None:
    """Replace what stands between the markers."""
    from readme_part import table_command

    table_command("critics", table, __doc__)


def table() -> str:
    """Return the table in markdown."""
    rows: Rows = []
    for name, make in PARTS.items():
        path = RESULTS / f"{name}.json"
        if path.exists():
            rows += make(json.loads(path.read_text("utf-8")))
    lines = ["| what | target | measured |", "|---|---|---|"]
    lines += [f"| {what} | {target} | {value} |" for what, target, value in rows]
    names = ", ".join(PARTS)
    return "\n".join([
        *lines, "",
        "People in these figures trained nothing (for `expressions`: five folds by person). On two "
        f"cores; dates, machines, counts and each clip: `results/{{{names}}}.json` and the model "
        "cards.",
    ])  # fmt: skip


def expression(found: dict[str, Any]) -> Rows:
    """Return the rows of the FER critic."""
    held, heads = found["people held out"], found["rendered heads of people never seen"]
    posed = found["posed portraits of people never seen"]["still"]
    drawn = heads["prototypes of strength 0.5 and more named"]
    clips = found.get("emotional clips", {})
    rows = [
        ("balanced accuracy, people held out, six classes / without disgust ↑", "≥ .62 / .70",
         f"{held['balanced accuracy, six classes']:.3f} / "
         f"{held['balanced accuracy, without disgust']:.3f} of {held['faces']} faces"),
        ("calibration error on them; all classes equally common ↓", "≤ .05",
         f"{held['calibration error']:.3f}; "
         f"{held['calibration error, classes equally common']:.3f}"),
        ("action units, rendered heads, mean r ↑", "≥ .85",
         f"{heads['mean r']:.2f} of {len(heads['units r'])} units"),
        ("disgust, fear, contempt named: rendered heads; posed portraits, to half strength ↑",
         "≥ 80 %",
         "; ".join(" / ".join(f"{100 * part.get(n, 0):.0f} %" for n in ("disgust", "fear",
                   "contempt")) for part in (drawn, posed))),
    ]  # fmt: skip
    if clips:
        places = [c["place"] for c in clips.values()]
        rows.append(("speaking people of MEAD: place of the clip's emotion ↓", "≤ 2",
                     ", ".join(map(str, places))))  # fmt: skip
    return rows


def sync(found: dict[str, Any]) -> Rows:
    """Return the rows of the sync critic."""
    shifted, made = found["shifted"], found["made by talkgen talk"]
    left = found["people left out of training"]
    return [
        ("offset within ±1 frame, people left out of training: addresses; GRID ↑", "",
         f"{100 * left['addresses']['within_1']:.1f} %; {100 * left['grid']['within_1']:.1f} %"),
        ("the same, clips of `evaluate` shifted by up to 12 frames; less each clip's own offset ↑",
         "≥ 80 %", f"{100 * shifted['as shifted']['within_1']:.0f} %; "
         f"{100 * shifted['less its own']['within_1']:.0f} % (n = {shifted['clips']})"),
        ("the same, our own clips ↑", "100 %",
         f"{100 * made['within_1']:.0f} % (n = {made['n']})"),
        ("our clips' confidence inside that of real stretches as long ↑", "all",
         f"{100 * made['inside confidences of real stretches as long']['share_inside']:.0f} %"),
    ]  # fmt: skip


def heat(found: dict[str, Any]) -> Rows:
    """Return the row of the heatmaps."""
    one = found["posed"]["deletion, blur"]
    low, high = one["difference, 95 %"]
    return [(
        "hiding what a heatmap marks, drop of the probability; a random part ↑", "marked > random",
        f"{one['drop, marked']:.2f}; {one['drop, random']:.2f} (difference {low:.2f} to "
        f"{high:.2f}, n = {one['n']})",
    )]  # fmt: skip


def asked(found: dict[str, Any]) -> Rows:
    """Return the rows of what was asked for and what was seen."""
    rows: Rows = []
    for name, what in (("still", "still frames of `talk`"), ("speaking", "while speaking")):
        ours, other = found["our critic"][name], found["independent"][name]
        seen = f"{100 * ours['top1']:.0f} %; {100 * other['top1']:.0f} %"
        rows.append((
            f"emotion asked for, 8 × {ours['people']} people, {what}: our critic; another's "
            "(7 classes) ↑", "≥ 85 %; –", seen,
        ))  # fmt: skip
    for name, what in (("candidates", "`--candidates 4` against 1, guided"),
                       ("seeds", "the same, not guided")):  # fmt: skip
        if name in found:
            rows.append((f"{what}: emotion; sync ↑", "up", changes(found[name])))
    return rows


def changes(found: dict[str, Any]) -> str:
    """Return what paired measurements say, "0.55 → 0.61 (p .004); 0.30 → 0.31 (p .2), n = 24"."""
    said = [
        f"{one['before']:.2f} → {one['after']:.2f} (p {one['sign test p']:.3f})"
        for one in (found["emotion"], found["sync"])
    ]
    return f"{'; '.join(said)}, n = {found['emotion']['n']}"


def drive(found: dict[str, Any]) -> Rows:
    """Return the rows of driving."""
    itself, across = found["by_itself"], found["across"]["csim_ratio"]
    return [
        ("`drive`, a clip by itself: PSNR less the mesh renderer's table, face; mouth", "0 dB",
         f"{itself['mesh_face_db_over_table']['mean']:.2f}; "
         f"{itself['mesh_mouth_db_over_table']['mean']:.2f} (n = {itself['mesh_face_db']['n']})"),
        ("`drive`, other people: CSIM over the still's, mean; lowest pair ↑", "≥ .85",
         f"{across['mean']:.3f}; {across['min']:.3f} (n = {across['n']})"),
    ]  # fmt: skip


def dub(found: dict[str, Any]) -> Rows:
    """Return the rows of dubbing."""
    mouths, pictures = found["mouths"], found["pictures"]
    return [
        ("`dub`: mouth correlation to the speech's own clip; `talk`'s ↑", "within 10 %",
         f"{mouths['dub_mouth_r']:.2f}; {mouths['talk_mouth_r']:.2f} (n = {mouths['n']})"),
        ("`dub`: offset within ±1 frame by the sync critic; `talk` ↑", "all",
         f"{mouths['dub_offset_within_1']}; {mouths['talk_offset_within_1']}"),
        ("`dub`: frame counts exact; stored values changed further than the mask reaches", "all; 0",
         f"{pictures['frame_count_exact']} of {pictures['n']}; "
         f"{pictures['changed_outside_mask']} in {pictures['clips_with_changes_outside']} clips"),
        ("`dub`: frames a second at 720p ↑", "≥ 20", f"{found['speed']['frames_a_second']:.0f}"),
    ]  # fmt: skip


def batch(found: dict[str, Any]) -> Rows:
    """Return the rows of batches."""
    killed, ray = found["killed"], found["ray"]
    rows = [(
        "`batch`: jobs, SIGKILLs; whole outputs; made twice after the last kill", "100, 3; 100; 0",
        f"{killed['jobs']}, {killed['kills']}; {killed['whole']}; {killed['remade_though_done']}",
    )]  # fmt: skip
    rows.append((
        "Ray against `--workers`, first to last job ↓", "≤ 10 %",
        f"{100 * ray['overhead']:+.1f} % ({ray['jobs']} jobs)",
    ))  # fmt: skip
    return rows


PARTS: dict[str, Callable[[dict[str, Any]], Rows]] = {
    "expression": expression, "heat": heat, "sync": sync, "asked": asked, "dub": dub,
    "drive": drive, "batch": batch,
}  # fmt: skip


if __name__ == "__main__":
    main()
