"""One run of a command, as the page asks for it: what it is given, and what it shall write."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from talkgen.commands.rows import Commands, Row
from talkgen.commands.runner import CommandRunner, Task
from talkgen.errors import InputError
from talkgen.terminal import NAME

SPOKEN = frozenset({"text"})
"""Parameters whose text is never taken for a file, though it may end as a file name does."""


@dataclass(frozen=True)
class Made:
    """Stands for a file that an earlier call of the same job wrote; made by `made`.

    output : the parameter that named it there
    """

    output: str


def made(output: str = "output") -> Made:
    """Return what stands for a file of an earlier call, by the parameter that named it there.

    `made("output")` as the `video` of `score` is the video that `talk` wrote. Of several calls
    that have such an output it is the last one's.
    """
    return Made(output)


One = str | float | bool | None | Path | Made
Value = One | Sequence[One]


@dataclass(frozen=True)
class Call:
    """One run of a command.

    command : "talk", "score", ...
    values : by the names of the command's parameters (`talkgen.commands.rows`): text, numbers, True
        or False for a switch, several as a list; what is left out, None or empty is as the command
        has it. Files that are read are absolute `Path`s, or `made(...)`:
        no text that somebody typed is taken for a file
    outputs : parameters that name what is written, each to a file name in the job's folder
    title : what is being done, as "making the video"
    """

    command: str
    values: Mapping[str, Value]
    outputs: Mapping[str, str] = field(default_factory=dict)
    title: str = ""

    def shell(self, before: Sequence[Call] = ()) -> str:
        """Return what a person would type to get the same; files without their folders.

        before : the calls of the same job whose files this one reads
        """
        row = self.row(written(before))
        for name, place, value in list(_commands().of_kind(row, "read")):
            row.values[name][place] = Path(value).name
        return shlex.join([NAME, row.command, *_commands().typed(row)])

    def row(self, earlier: Mapping[str, str]) -> Row:
        """Return the call as a row of a table would have it, outputs by their names.

        earlier : what `made` stands for, by output
        Raises InputError for what the command does not have.
        """
        cells: dict[str, object] = {"command": self.command, **self.outputs}
        for name, value in self.values.items():
            texts = [_text(part, earlier) for part in _parts(value)]
            if kept := [text for text in texts if text.strip()]:
                cells[name] = kept
        return _commands().row(0, cells)

    def task(self, folder: Path, earlier: Mapping[str, str]) -> Task:
        """Return what a worker does for this call; raise InputError where its values are wrong.

        folder : where the job writes; earlier : file names there that `made` stands for
        """
        row = self.row({name: str(folder / file) for name, file in earlier.items()})
        _commands().parsed(row)
        given = {path for _, path in self.read()} | {str(folder / f) for f in earlier.values()}
        for name, _, value in _commands().of_kind(row, "read"):
            if value not in given and name not in SPOKEN:  # typed by somebody
                raise InputError(f"`{name}` is {value!r}; no file can be named here, give one")
        outputs = {name: [file] for name, file in self.outputs.items()}
        return Task(row, outputs)

    def named(self, error: str) -> tuple[str, str | None]:
        """Return a command's error with files by their names, and the parameter that it is about.

        The parameter is None where the error does not say.
        """
        at = None
        for name, path in sorted(self.read(), key=lambda pair: -len(pair[1])):
            if path in error:
                at = at or name
                error = error.replace(path, Path(path).name)
        columns = _commands().columns[self.command]
        for name, column in columns.items():
            if at is None and (f"`{name}`" in error or f"'{column.option or name}'" in error):
                at = name
        for name, value in self.values.items():
            if at is None and any(isinstance(v, str) and repr(v) in error for v in _parts(value)):
                at = name
        for name, value in self.values.items():
            if at is None and value and re.search(rf"\b{name}\b", error):
                at = name
        return error, at

    def read(self) -> Iterator[tuple[str, str]]:
        """Yield parameter and path of the files given to read."""
        for name, value in self.values.items():
            for part in _parts(value):
                if isinstance(part, Path) and part.is_absolute():
                    yield name, str(part)


def written(calls: Sequence[Call]) -> dict[str, str]:
    """Return, by output, the file names that `made` stands for after these calls."""
    return {name: file for call in calls for name, file in call.outputs.items()}


def _parts(value: Value) -> Sequence[One]:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return value
    return [value]


def _text(value: One, earlier: Mapping[str, str]) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # as the page's number fields have it
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, Made):
        return str(value)
    if value.output not in earlier:
        raise ValueError(f"no earlier call of the job writes {value.output!r}")
    return earlier[value.output]


@cache
def _commands() -> Commands:
    return CommandRunner().commands
