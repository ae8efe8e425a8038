"""The parts of README that scripts write: between `<!-- NAME -->` and `<!-- /NAME -->`."""

from __future__ import annotations

from pathlib import Path

README = Path(__file__).resolve().parent.parent / "README.md"


def write_part(name: str, text: str) -> None:
    """Put `text` between README's markers of `name`, in place of what is there."""
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, rest = README.read_text("utf-8").split(start)
    README.write_text(f"{before}{start}\n{text}\n{end}{rest.split(end)[1]}", "utf-8")
