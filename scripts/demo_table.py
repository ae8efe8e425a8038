"""Write README's table of the page and of edited stills from results/{demo, edit, asked}.json.

    python scripts/demo_table.py [--print]

It goes between `<!-- demo -->` and `<!-- /demo -->`; with --print, to the terminal only.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent.parent / "results"


def main() -> None:
    """Replace what stands between the markers."""
    from readme_part import table_command

    table_command("demo", table, __doc__)


def table() -> str:
    """Return the table in markdown."""
    found = {name: _read(name) for name in ("demo", "edit", "asked")}
    rows = [*_page(found["demo"]), *_stills(found["edit"]), *_smiling(found["asked"])]
    lines = "\n".join(f"| {what} | {target} | {value} |" for what, target, value in rows)
    made = found["demo"]
    return (
        f"| what | target | measured |\n|---|---|---|\n{lines}\n\n"
        f"{made['date']}, {made['machine']}; all figures: `results/{{demo, edit, asked}}.json`. "
        "Our critic learned from other people drawn by the same renderer."
    )


def _read(name: str) -> dict[str, Any]:
    return dict(json.loads((RESULTS / f"{name}.json").read_text("utf-8")))


def _page(demo: dict[str, Any]) -> list[tuple[str, str, str]]:
    start, preview, talks = demo["startup"], demo["preview"], demo["talks"]
    alone, busy = preview["alone"], preview["busy"]
    grown = talks["memory_mib"]["grown_after_3"]
    return [
        ("`talkgen demo` to the page's answer ↓", "≤ 10 s",
         f"{max(start['answers_s']):.1f} s (slowest of {start['n']})"),
        ("slider to the new preview on the screen, median; slowest ↓", "≤ 0.5 s",
         f"{alone['median_s']:.2f}; {alone['most_s']:.2f} s (n = {alone['n']})"),
        ("the same while another visitor's videos are made ↓", "≤ 0.5 s",
         f"{busy['median_s']:.2f}; {busy['most_s']:.2f} s (n = {busy['n']})"),
        (f"{talks['n']} videos with reports asked for at once: whole; last one ↑", "all",
         f"{talks['whole']}; after {talks['seconds']:.0f} s"),
        ("memory meanwhile, more after the third: server; worker ↓", "flat",
         f"{grown['server']:+d}; {grown['workers']:+d} MiB"),
    ]  # fmt: skip


def _stills(edit: dict[str, Any]) -> list[tuple[str, str, str]]:
    plain, smiling = edit["neutral sources"], edit["smiling sources"]
    return [
        ("`edit`: emotion asked for seen first by our critic, neutral; smiling sources ↑", "",
         f"{plain['emotion, all']:.0%}; {smiling['emotion, all']:.0%} "
         f"(8 × {edit['people']} people)"),
    ]  # fmt: skip


def _smiling(asked: dict[str, Any]) -> list[tuple[str, str, str]]:
    if "smiling" not in asked:
        return []
    ours, other = asked["smiling"]["our critic"], asked["smiling"]["independent"]
    return [
        ("`talk`, smiling sources, while speaking: our critic; another's (7 classes) ↑", "",
         f"{ours['speaking']['top1']:.0%}; {other['speaking']['top1']:.0%}"),
    ]  # fmt: skip


if __name__ == "__main__":
    main()
