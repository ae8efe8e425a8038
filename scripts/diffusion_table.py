"""Write README's table of the diffusion renderer from results/diffusion.json.

    python scripts/diffusion_table.py [--print]

It goes between `<!-- diffusion -->` and `<!-- /diffusion -->`; with --print, to the terminal only.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DRAWN = (
    ("still", "still frame"), ("warp", "flat warp"), ("mesh", "mesh"),
    ("diffusion_1", "1 step"), ("diffusion_4", "4 steps"), ("diffusion_20", "20 steps"),
)  # fmt: skip
SCORES = (
    ("mouth_db", "mouth: PSNR, dB ↑", "> mesh", ".2f"),
    ("mouth_ssim", "mouth: SSIM ↑", "> mesh", ".3f"),
    ("mouth_sharpness", "mouth: sharpness over the real one's (1 is right)", "", ".2f"),
    ("mouth_sharpness_off", "mouth: distance of its logarithm from 0 ↓", "< mesh", ".3f"),
    ("frechet", "mouth: Frechet distance to real ones ↓", "< mesh", ".2f"),
    ("inside_db", "between the lips: PSNR, dB ↑", "", ".2f"),
    ("eyes_db", "eyes and lids: PSNR, dB ↑", "", ".2f"),
    ("face_db", "face: PSNR, dB ↑", "", ".2f"),
    ("face_ssim", "face: SSIM ↑", "", ".3f"),
    ("lips", "lips read again, M-LMD, % of the distance of the eyes ↓", "≤ 1.05 × mesh", ".2f"),
    ("flicker_over_real", "flicker of the face over the real clip's ↓", "≤ 1.3", ".2f"),
)
MAIN = "diffusion_4"


def main() -> None:
    """Replace what stands between the markers."""
    from readme_part import table_command

    table_command(
        "diffusion",
        lambda: table(json.loads((ROOT / "results" / "diffusion.json").read_text("utf-8"))),
        __doc__,
    )


def table(result: dict[str, Any]) -> str:
    """Return the tables in markdown."""
    mean, frechet = result["mean"], result["mouth_frechet"]
    known = [(key, title) for key, title in DRAWN if f"{key}_mouth_db" in mean]
    paired = result["paired"].get(MAIN, {}).get("mesh", {})

    def value(key: str, score: str, form: str) -> str:
        there = frechet.get(key) if score == "frechet" else mean.get(f"{key}_{score}")
        return "" if there is None else format(there, form)

    def over(score: str, form: str) -> str:
        if score not in paired:
            return ""
        p = paired[score]
        low, high = (format(p[k], "+" + form) for k in ("low", "high"))
        return f"{p['wins']} of {p['of']}, {p['gain']:+{form}} ({low} to {high})"

    lines = [
        f"| {result['n']} clips of `{result['set']}`, mean | target | "
        + " | ".join(title for _, title in known)
        + " | 4 steps better than the mesh: clips, gain (95 %) |",
        "|" + "---|" * (len(known) + 3),
    ]
    for score, title, target, form in SCORES:
        cells = [value(key, score, form) for key, _ in known]
        lines.append(f"| {title} | {target} | {' | '.join(cells)} | {over(score, form)} |")
    return "\n".join([*lines, "", *_identity(mean), "", _seams(mean, result), "", _note(result)])


def _identity(mean: dict[str, float]) -> list[str]:
    """Return the table of who is recognised with and without the identity adapter."""
    columns = (
        ("real", "real clip"), ("mesh", "mesh"), (MAIN, "adapter on"), (f"{MAIN}_id0", "off"),
        (f"{MAIN}_wrong", "another person's"),
    )  # fmt: skip
    known = [(key, title) for key, title in columns if f"{key}_csim" in mean]
    rows = (
        ("cosine to the source (the embedder that the denoiser is told by) ↑", "csim"),
        ("overlap of local binary patterns (nothing is drawn by them) ↑", "likeness"),
    )
    return [
        f"| who is seen | {' | '.join(title for _, title in known)} |",
        "|" + "---|" * (len(known) + 1),
        *(f"| {title} | {' | '.join(format(mean[f'{k}_{name}'], '.3f') for k, _ in known)} |"
          for title, name in rows),
    ]  # fmt: skip


def _seams(mean: dict[str, float], result: dict[str, Any]) -> str:
    most = max(row.get("talk_most", 0.0) for row in result["clips"].values())
    parts = []
    if f"{MAIN}_seam_step_db" in mean:
        at, within = (mean[f"{MAIN}_{where}_step_db"] for where in ("seam", "within"))
        parts.append(
            f"steps from frame to frame against the real ones: {at:.2f} dB where batches begin, "
            f"{within:.2f} dB elsewhere"
        )
    if "talk_seam_step" in mean:
        parts.append(
            f"a talk drawn in pieces differs from one drawn whole by at most {most:.0f} of 255 "
            f"levels; what is added changes by {mean['talk_seam_step']:.2f} levels from frame to "
            f"frame at their seams, by {mean['talk_within_step']:.2f} elsewhere"
        )
    return f"Seams: {'; '.join(parts)}." if parts else ""


def _note(result: dict[str, Any]) -> str:
    return (
        f"Self-reenactment under the plain track, the first {result['frames']} frames of each "
        f"clip, every {result['step']}th scored, in the picture's own pixels; people never trained "
        "on. Frechet distance: features of the shipped landmark network's mouth part, in spreads "
        "of the real ones, over the same frames. "
        f"{result['date']}, {result['machine']}, seed {result['seed']}. Definitions and each clip: "
        "`results/diffusion.json`."
    )


if __name__ == "__main__":
    main()
