"""The parts of README that scripts write: between `<!-- NAME -->` and `<!-- /NAME -->`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

README = Path(__file__).resolve().parent.parent / "README.md"


def write_part(name: str, text: str) -> None:
    """Put `text` between README's markers of `name`, in place of what is there."""
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, rest = README.read_text("utf-8").split(start)
    README.write_text(f"{before}{start}\n{text}\n{end}{rest.split(end)[1]}", "utf-8")


def table_command(name: str, make: Callable[[], str], about: str | None) -> None:
    """Print the table that `make` returns and, unless --print is given, put it into README."""
    parser = argparse.ArgumentParser(description=(about or "").splitlines()[0])
    parser.add_argument("--print", action="store_true", help="leave README as it is")
    alone = parser.parse_args().print
    made = make()
    print(made)
    if not alone:
        write_part(name, made)
