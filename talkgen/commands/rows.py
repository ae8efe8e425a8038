"""Rows of a job table as calls of the commands: columns are the commands' own options.

Nothing here names an option: what a command takes is read off the command itself, so that a new
command can be used in a table at once. Of a command's files, those in `WRITTEN` (or whose name
ends with `_out`) are written, all others are read.
"""

from __future__ import annotations

import csv
import hashlib
import inspect
import io
import json
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from talkgen.errors import InputError

WRITTEN = frozenset({"output", "motion_out", "json", "html", "overlay", "masks", "people"})
SILENT = frozenset({"help", "version", "quiet", "debug"})
"""Options that make no sense in a row."""
COMMAND, DEFAULT = "command", "talk"
"""The column that names the command, and what an empty one stands for."""
SEPARATOR = ";"
"""Between the values of one cell of a CSV."""
_TRUE, _FALSE = ("true", "yes", "1", "on"), ("false", "no", "0", "off")
_LISTS = (".csv", ".json")
"""Endings of files that an option of text may name (an emotion's track)."""


@dataclass(frozen=True)
class Column:
    """An option or argument of a command.

    name : as the command's function has it; option : how it is called, "" for an argument
    off : the option that turns a switch off, where there is one
    kind : "read" or "written" for files, "switch", or "value"; many : takes several values
    short : its one letter, as "-o"; usual : its value if left out
    """

    name: str
    option: str
    off: str
    kind: str
    many: bool
    required: bool
    short: str = ""
    usual: Any = None


@dataclass
class Row:
    """A row of a table.

    number : its line in the file; values : by column, each as the command line would have it
    """

    number: int
    command: str
    values: dict[str, list[str]] = field(default_factory=dict)


class Commands:
    """The commands that rows may name. group : the program's, as typer makes it"""

    def __init__(self, group: Any) -> None:
        found = {name: _columns(command) for name, command in group.commands.items()}
        self._commands = dict(group.commands)
        self.columns: dict[str, dict[str, Column]] = {
            name: {column.name: column for column in columns}
            for name, columns in found.items()
            if name != "batch" and any(c.kind == "written" for c in columns)
        }

    def row(self, number: int, cells: Mapping[str, Any]) -> Row:
        """Return a row of a table; raise InputError for what no command has."""
        given = {_plain(name): value for name, value in cells.items() if not _empty(value)}
        command = str(given.pop(COMMAND, DEFAULT)).strip().lower()
        if command not in self.columns:
            raise InputError(f"`command` is {command!r}, choose one of {', '.join(self.columns)}")
        known = self.columns[command]
        called = {_plain(c.option): c.name for c in known.values() if c.option}
        row = Row(number, command)
        for given_name, value in given.items():
            name = given_name if given_name in known else called.get(given_name, given_name)
            if name not in known:
                raise InputError(f"`{command}` has no {name!r}; it has {', '.join(known)}")
            row.values[name] = _texts(known[name], value)
        plain = [c for c in known.values() if not c.option]
        last = max((i for i, c in enumerate(plain) if c.name in row.values), default=-1)
        needed = [*(c for c in known.values() if c.required), *plain[:last]]
        lacking = [c.name for c in needed if c.name not in row.values]
        if lacking:
            raise InputError(f"`{lacking[0]}` is missing, which `{command}` needs")
        if not any(known[name].kind == "written" for name in row.values):
            names = [c.name for c in known.values() if c.kind == "written"]
            raise InputError(f"the row writes nothing; give one of {', '.join(names)}")
        return row

    def of_kind(self, row: Row, kind: str) -> Iterator[tuple[str, int, str]]:
        """Yield column, place in it, and value of a row's files that are "read" or "written"."""
        for name, values in row.values.items():
            for place, value in enumerate(values):
                if self.columns[row.command][name].kind == kind or (
                    kind == "read" and self._listed(row, name, value)
                ):
                    yield name, place, value

    def _listed(self, row: Row, name: str, value: str) -> bool:
        kind = self.columns[row.command][name].kind
        return kind == "value" and Path(value).suffix.lower() in _LISTS

    def arguments(self, row: Row) -> list[str]:
        """Return the row as a command line's arguments; no value can pass for an option."""
        options, plain = [], []
        for column in self.columns[row.command].values():
            values = row.values.get(column.name, [])
            if column.kind == "switch":
                wanted = [column.option if v == "true" else column.off for v in values]
                options += [option for option in wanted if option]
            elif column.option:
                options += [f"{column.option}={value}" for value in values]
            else:
                plain += values
        return [*options, "--", *plain]

    def typed(self, row: Row) -> list[str]:
        """Return the row as a person would type it: what is needed first, no value that is usual.

        Its values are not checked; a wrong one stays as it is.
        """
        plain: list[str] = []
        output: list[str] = []
        options: list[str] = []
        for column in self.columns[row.command].values():
            values = row.values.get(column.name, [])
            if column.kind == "switch":
                values = [] if values == [str(column.usual).lower()] else values
                wanted = [column.option if v == "true" else column.off for v in values]
                options += [option for option in wanted if option]
            elif not column.option:
                plain += [value if not value.startswith("-") else f"./{value}" for value in values]
            elif not _is_usual(values, column.usual):
                for value in values:
                    apart = [column.short or column.option, value]
                    pair = [f"{column.option}={value}"] if value.startswith("-") else apart
                    (output if column.short else options).extend(pair)
        return [*plain, *output, *options]

    def parsed(self, row: Row) -> Any:
        """Return the command's context with its values parsed; raise InputError where one is wrong.

        `ctx.params` holds them, `ctx.command.invoke(ctx)` runs the command.
        """
        try:
            return self._commands[row.command].make_context(row.command, self.arguments(row))
        except Exception as error:
            if (usage := getattr(error, "format_message", None)) is None:
                raise
            text = " ".join(usage().split()).rstrip(".")
            given = row.values.get(getattr(getattr(error, "param", None), "name", ""), [])
            raise InputError(text + (f"; it is {';'.join(given)!r}" if given else "")) from error

    def meaning(self, row: Row, files: Mapping[str, str]) -> dict[str, Any]:
        """Return all that a row asks for, defaults too, with files by their content.

        files : path as it stands in the row, to what stands for its content
        """
        params = self.parsed(row).params
        return {
            name: _stood_for(params[name], files)
            for name in sorted(params)
            if name not in SILENT and params[name] is not None
        }


def read_table(path: Path) -> Iterator[tuple[int, dict[str, Any] | InputError]]:
    """Yield line and cells of each row of a .csv or .jsonl file, or what is wrong with it."""
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        reason = (error.strerror or "unreadable").lower()
        raise InputError(f"job table {str(path)!r} cannot be read ({reason})") from error
    except UnicodeDecodeError as error:
        raise InputError(f"job table {str(path)!r} is not UTF-8 text; save it as that") from error
    suffix = path.suffix.lower()
    if suffix == ".csv":
        yield from _csv_rows(path, text)
    elif suffix in (".jsonl", ".ndjson"):
        for number, line in enumerate(text.splitlines(), 1):
            if line.strip():
                yield number, _json_row(line)
    else:
        raise InputError(f"job table {str(path)!r} must end with .csv or .jsonl")


def _csv_rows(path: Path, text: str) -> Iterator[tuple[int, dict[str, Any] | InputError]]:
    lines = csv.reader(io.StringIO(text, newline=""))
    try:
        names = next(lines, [])
        plain = [_plain(name) for name in names]
        twice = sorted({name for name in plain if plain.count(name) > 1})
        if not any(plain) or twice:
            wrong = f"names {twice[0]!r} twice" if twice else "is empty"
            raise InputError(f"the first line of {str(path)!r} {wrong}; it must name the columns")
        start = lines.line_num + 1
        for cells in lines:
            number, start = start, lines.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) > len(names):
                yield number, InputError(f"{len(cells)} cells, but {len(names)} columns are named")
                continue
            yield number, dict(zip(names, cells, strict=False))
    except csv.Error as error:
        raise InputError(f"line {lines.line_num} of {str(path)!r} is no CSV ({error})") from error


def _json_row(line: str) -> dict[str, Any] | InputError:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        return InputError(f"no JSON ({error})")
    return found if isinstance(found, dict) else InputError("no JSON object, {...} is needed")


def _columns(command: Any) -> list[Column]:
    function = inspect.unwrap(command.callback)
    hints = typing.get_type_hints(function)
    out = []
    for param in command.params:
        if param.name in SILENT:
            continue
        is_option = param.opts[0].startswith("-")
        long = [o for o in param.opts if o.startswith("--")] or param.opts
        switch = bool(getattr(param, "is_flag", False))
        written = param.name in WRITTEN or param.name.endswith("_out")
        kind = "value"
        if switch:
            kind = "switch"
        elif _is_path(hints.get(param.name)):
            kind = "written" if written else "read"
        many = bool(getattr(param, "multiple", False)) or param.nargs == -1
        off = next((o for o in param.secondary_opts if o.startswith("--")), "")
        short = next((o for o in param.opts if is_option and not o.startswith("--")), "")
        out.append(Column(
            param.name, long[0] if is_option else "", off, kind, many, bool(param.required),
            short, getattr(param.default, "value", param.default),
        ))  # fmt: skip
    return out


def _is_path(hint: Any) -> bool:
    """Return whether a type is Path, or made of it, as in `list[Path] | None`."""
    return hint is Path or any(_is_path(part) for part in typing.get_args(hint))


def _is_usual(values: list[str], usual: Any) -> bool:
    """Return whether a text is what would hold without it; 1 is 1.0."""
    if len(values) != 1 or usual is None:
        return False
    if isinstance(usual, int | float):
        try:
            return float(values[0]) == usual
        except ValueError:
            return False
    return values[0] == str(usual)


def _plain(name: Any) -> str:
    return str(name).strip().lstrip("-").replace("-", "_").replace(" ", "_").lower()


def _empty(value: Any) -> bool:
    return value is None or (isinstance(value, str | list) and not len(value)) or (
        isinstance(value, str) and not value.strip()
    )  # fmt: skip


def _texts(column: Column, value: Any) -> list[str]:
    """Return a cell's value as texts, as a command line would have them."""
    if isinstance(value, list):
        parts = value
    elif column.many and isinstance(value, str):
        parts = [part for part in value.split(SEPARATOR) if part.strip()]
    else:
        parts = [value]
    if any(isinstance(part, dict | list) or part is None for part in parts):
        raise InputError(f"`{column.name}` is {json.dumps(value)}, text or a number is needed")
    if len(parts) > 1 and not column.many:
        raise InputError(f"`{column.name}` has {len(parts)} values, one is needed")
    texts = [str(part).lower() if isinstance(part, bool) else str(part).strip() for part in parts]
    if column.kind != "switch":
        return texts
    word = texts[0].lower()
    if word not in _TRUE + _FALSE:
        raise InputError(f"`{column.name}` is {texts[0]!r}, true or false is needed")
    return ["true" if word in _TRUE else "false"]


def _stood_for(value: Any, files: Mapping[str, str]) -> Any:
    if isinstance(value, list | tuple):
        return [_stood_for(part, files) for part in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Path | str):
        return files.get(str(value), str(value))
    return value


def digest(parts: Sequence[Any] | Mapping[str, Any]) -> str:
    """Return a SHA-256 of plain values, hexadecimal."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
