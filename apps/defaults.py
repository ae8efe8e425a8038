"""What a command has where nothing is said: the page's fields begin with that."""

from __future__ import annotations

from functools import cache
from typing import Any

from talkgen.commands.rows import Commands
from talkgen.commands.runner import CommandRunner


def usual(command: str, name: str) -> Any:
    """Return the value of a command's parameter if it is left out."""
    return _commands().columns[command][name].usual


def has(command: str) -> bool:
    """Return whether there is such a command that writes files."""
    return command in _commands().columns


@cache
def _commands() -> Commands:
    return CommandRunner().commands
