"""A judged clip as a table, a JSON file and an HTML page."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from talkgen.critic.page import arrow, html_page, usual_of
from talkgen.critic.report import group_of
from talkgen.critic.score import Judged
from talkgen.io.output import check_output, whole_file


def score_table(judged: Judged) -> Any:
    """Return a rich table: a line a score with unit, direction, count and the usual range."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in ("", "score", "value", "unit", "better", "n", ""):
        table.add_column(column, justify="right" if column in ("value", "n") else "left")
    group = ""
    for name, found in judged.report.scores.items():
        first = group_of(name) != group
        group = group_of(name)
        words = {True: "higher", False: "lower", None: ""}[found.higher_is_better]
        table.add_row(
            group if first else "", name, f"{found.value:.4g}", found.unit,
            f"{arrow(found)} {words}".rstrip(), str(found.n), usual_of(name),
        )  # fmt: skip
    for missing, why in judged.absent.items():
        table.add_row(missing, "absent", "-", "", "", "", why)
    return table


def write_json(path: str | os.PathLike[str], judged: Judged) -> None:
    """Write all numbers; the file appears whole or not at all."""
    with whole_file(check_output(path, (".json",))) as part:
        part.write_text(json.dumps(judged.to_dict(), indent=1, ensure_ascii=False), "utf-8")


def write_html(path: str | os.PathLike[str], judged: Judged, name: str) -> None:
    """Write the page; `name` is the video's."""
    with whole_file(check_output(path, (".html", ".htm"))) as part:
        part.write_text(html_page(judged, f"talkgen score: {Path(name).name}"), "utf-8")
