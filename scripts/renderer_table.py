"""Write README's table of the mesh renderer from results/renderer.json (and its speed).

    python scripts/renderer_table.py [--print]

It goes between `<!-- renderer -->` and `<!-- /renderer -->`; with --print, to the terminal only.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Replace what stands between the markers."""
    from readme_part import table_command

    table_command(
        "renderer",
        lambda: table(json.loads((ROOT / "results" / "renderer.json").read_text("utf-8"))),
        __doc__,
    )


def table(result: dict[str, Any]) -> str:
    """Return the table in markdown."""
    mean, median, wins, n = result["mean"], result["median"], result["wins"], result["n"]

    def gain(name: str) -> str:
        return " / ".join(f"{mean[f'{name}_{r}_gain_db']:+.2f}" for r in ("face", "mouth"))

    def middle(name: str) -> str:
        return " / ".join(f"{median[f'{name}_{r}_gain_db']:+.2f}" for r in ("face", "mouth"))

    def won(name: str, other: str) -> str:
        return " / ".join(str(wins[f"{name}_over_{other}_{r}"]) for r in ("face", "mouth"))

    def each(name: str, form: str = ".2f") -> str:
        return " / ".join(
            format(mean[f"{name}_{k}"], form) for k in ("mesh", "pose", "moved", "refined")
        )

    rows = [
        ("plain track, weights + pose", "+3.5 / +5", gain("mesh"), middle("mesh"),
         won("mesh", "still"), won("mesh", "warp")),
        ("refined track (`--refine`), weights + pose", "", gain("pose"), middle("pose"),
         won("pose", "still"), won("pose", "warp")),
        ("refined track, residual and field", "", gain("moved"), middle("moved"),
         won("moved", "still"), won("moved", "warp")),
        ("refined track, all extras", "+6 / +7", gain("refined"), middle("refined"),
         won("refined", "still"), won("refined", "warp")),
        ("flat landmark warp, same plain track", "", gain("warp"), middle("warp"), "", ""),
    ]  # fmt: skip
    lines = [
        f"| PSNR above the still frame, dB, face / mouth ↑ | target | mean | median | clips of {n} "
        "better than still | than the warp |",
        "|---|---|---|---|---|---|",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
        "| plain / refined: pose / + residual and field / all extras | target | measured |",
        "|---|---|---|",
        f"| lips, M-LMD, % of the distance of the eyes ↓ | ≤ 3 | {each('lips')} |",
        f"| identity: CSIM to the source over the real clip's ↑ | ≥ 0.9 | {each('csim_ratio')} |",
        f"| flicker of the face over the real clip's ↓ | ≤ 1.2 | {each('flicker_over_real')} |",
        "| most a pixel outside the moved region changes, levels of 255 ↓ | 0 | "
        f"{max(row['outside'] for row in result['clips'].values()):.0f} |",
        "",
        f"Self-reenactment on {n} clips of `{result['set']}` that nothing was tuned on, the first "
        f"{result['frames']} frames of each, every {result['step']}th scored; the source is the "
        "first clear frame. The extras see the frame they draw (the steps of the landmarks, a "
        "coarse field, 28 colours inside the mouth), so they belong to the tracker, not to speech. "
        f"{result['date']}, {result['machine']}, seed {result['seed']}. Each clip: "
        "`results/renderer.json`.",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
