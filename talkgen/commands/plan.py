"""A job table becomes jobs, or all that is wrong with it, row by row, before anything is begun."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import talkgen
from talkgen.commands.rows import Commands, Row, digest, read_table
from talkgen.commands.runner import CommandRunner, Task
from talkgen.errors import InputError, TalkgenError
from talkgen.io.fetch import fetched, is_url
from talkgen.io.output import make_folder

if TYPE_CHECKING:
    from talkgen.pipelines.batch import Job

VIDEOS = (".mp4", ".mkv", ".mov")
"""Endings of outputs that are scored."""


@dataclass
class Planned:
    """A row on its way to a job.

    outputs : column to paths below the folder; files : what it reads, to what its content is
    after : indices of the rows whose files it reads
    """

    row: Row
    outputs: dict[str, list[str]] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    after: set[int] = field(default_factory=set)
    key: str = ""

    @property
    def written(self) -> tuple[str, ...]:
        """All paths that the row writes."""
        return tuple(file for files in self.outputs.values() for file in files)

    @property
    def name(self) -> str:
        """The job's name."""
        return digest([self.row.command, *sorted(self.written)])[:16]


class Plan:
    """Plans the jobs of a table.

    state : the batch's `StateFolder`; runner : what will run them
    allow_url : fetch inputs that are web addresses; scored : score the videos that are made
    """

    def __init__(
        self, state: Any, runner: CommandRunner, *, allow_url: bool = False, scored: bool = False
    ) -> None:
        self.state = state
        self.runner = runner
        self.allow_url = allow_url
        self.scored = scored
        self.faults: dict[int, str] = {}

    @property
    def commands(self) -> Commands:
        """The commands that rows may name."""
        return self.runner.commands

    def __call__(self, table: Path) -> list[Job]:
        """Return the jobs of a table, each after those whose files it reads.

        `faults` then holds, by line, what is wrong; no job may be begun unless it is empty.
        """
        planned = self._rows(table)
        self._distinct(planned)
        self._linked(planned)
        if not self.faults:
            self._keyed(planned)
        self._checked(planned)
        return [] if self.faults else [self._job(one, planned) for one in planned]

    def _rows(self, table: Path) -> list[Planned]:
        planned = []
        for number, cells in read_table(table):
            try:
                if isinstance(cells, InputError):
                    raise cells
                one = Planned(self.commands.row(number, cells))
                self._placed(one, table.parent)
                self.commands.parsed(one.row)
                planned.append(one)
            except TalkgenError as error:
                self.faults[number] = str(error)
        if not planned and not self.faults:
            raise InputError(f"job table {str(table)!r} holds no job")
        return planned

    def _placed(self, one: Planned, home: Path) -> None:
        """Make a row's paths absolute, those that it writes below a folder for checks."""
        from talkgen.pipelines.batch_state import inside

        row = one.row
        for name, place, value in list(self.commands.of_kind(row, "written")):
            safe = inside(self.state.folder, value)
            one.outputs.setdefault(name, []).append(safe)
            row.values[name][place] = str(self._trial / Path(safe).name)
        for name, place, value in list(self.commands.of_kind(row, "read")):
            if is_url(value):
                if not self.allow_url:
                    raise InputError(
                        f"`{name}` is the address {value!r}; fetch it yourself, or allow that by "
                        "`--allow-url`"
                    )
                path = fetched(value, self.state.home / "fetched")
            else:
                path = Path(os.path.abspath(home / value))
                listed = self.commands.columns[row.command][name].kind == "value"
                if listed and not _there(path):
                    continue  # text after all
            row.values[name][place] = str(path)
            one.files[str(path)] = ""

    @property
    def _trial(self) -> Path:
        """The folder that outputs are put in for checks; none is written."""
        return make_folder(self.state.home / "trial")

    def _distinct(self, planned: list[Planned]) -> None:
        """Find outputs that two rows, or one row twice, would write."""
        first: dict[str, int] = {}
        for one in planned:
            for file in one.written:
                if (other := first.setdefault(file.casefold(), one.row.number)) != one.row.number:
                    self.faults[one.row.number] = (
                        f"output {file!r} is that of row {other} too; name another"
                    )
            if len({f.casefold() for f in one.written}) < len(one.written):
                self.faults[one.row.number] = f"output {one.written[0]!r} is named twice in it"

    def _linked(self, planned: list[Planned]) -> None:
        """Find which rows read what others write, and that none reads its own, in a circle too."""
        made = {
            os.path.realpath(self.state.folder / file): index
            for index, one in enumerate(planned)
            for file in one.written
        }
        for one in planned:
            for file in one.files:
                maker = made.get(os.path.realpath(file))
                if maker is not None:
                    one.after.add(maker)
                elif not _there(Path(file)):
                    self.faults.setdefault(one.row.number, f"no such file: {file!r}")
        free: set[int] = set()
        while more := {i for i, one in enumerate(planned) if one.after <= free} - free:
            free |= more
        for index in set(range(len(planned))) - free:
            self.faults.setdefault(
                planned[index].row.number, "it reads what it makes, by itself or by other rows"
            )

    def _keyed(self, planned: list[Planned]) -> None:
        """Give each row the key that changes with all that its result hangs on."""
        made = {
            os.path.realpath(self.state.folder / file): file
            for one in planned
            for file in one.written
        }
        for one in planned:
            for file in one.files:  # what other rows make counts when it is there
                maker = made.get(os.path.realpath(file))
                one.files[file] = self._content(Path(file)) if maker is None else f"made: {maker}"
            trial = str(self._trial)
            outputs = {value: "" for value in _flat(one.row.values) if value.startswith(trial)}
            meaning = self.commands.meaning(one.row, {**one.files, **outputs})
            one.key = digest([talkgen.__version__, one.row.command, meaning, sorted(one.written)])
        self.state.digests.save()

    def _content(self, path: Path) -> str:
        """Return what stands for a file's content; with that of files that a .json names."""
        found = self.state.digests.of(path)
        if path.suffix.lower() != ".json":
            return str(found)
        try:
            names = [path.parent / text for text in _strings(json.loads(path.read_text("utf-8")))]
        except (OSError, ValueError, RecursionError):  # the command will say so
            return str(found)
        with contextlib.suppress(OSError):
            named = [self.state.digests.of(name) for name in names if name.is_file()]
            return digest([found, *named])
        return str(found)

    def _checked(self, planned: list[Planned]) -> None:
        """Let each command look at what it was given, as far as that is there yet and not done."""
        for one in planned:
            if one.after or one.row.number in self.faults:
                continue
            if one.key and self.state.is_done(one.name, one.key, one.written, ()):
                continue
            try:
                self.runner.check(one.row)
            except TalkgenError as error:
                text = str(error).replace(str(self._trial) + os.sep, "")
                self.faults[one.row.number] = text
            except Exception as error:
                self.faults[one.row.number] = f"unexpected {type(error).__name__}: {error}"
        with contextlib.suppress(OSError):
            self._trial.rmdir()

    def _job(self, one: Planned, planned: list[Planned]) -> Job:
        from talkgen.pipelines.batch import Job

        row = one.row
        films = [f for f in one.outputs.get("output", []) if Path(f).suffix.lower() in VIDEOS]
        source = next(iter(row.values.get("portrait", [])), None)
        scored = scoring = None
        if films and self.scored:
            scored = (films[0], source)
            scoring = Task(None, {}, (str(self.state.folder / films[0]), source))
        return Job(
            name=one.name, row=row.number, command=row.command,
            task=Task(row, one.outputs, scored), key=one.key, outputs=one.written,
            after=frozenset(planned[i].name for i in one.after), scoring=scoring,
        )  # fmt: skip


def _there(path: Path) -> bool:
    """Return whether there is such a file or folder; no name is too long to ask."""
    try:
        return path.exists()
    except OSError:
        return False


def _strings(value: Any) -> list[str]:
    """Return the texts of a JSON value that may be names of files."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [text for part in value for text in _strings(part)]
    return [value] if isinstance(value, str) and 0 < len(value) < 1024 and "\0" not in value else []


def _flat(values: Mapping[str, list[str]]) -> list[str]:
    return [value for part in values.values() for value in part]
