"""What the tabs of the page are given, and what they offer each other."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from talkgen.apps.files import MADE

if TYPE_CHECKING:
    from talkgen.apps.jobs import Job, Jobs
    from talkgen.apps.settings import Settings
    from talkgen.apps.stills import Stills

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
"""Beside `apps` in the repository and in an installed package alike."""
SUFFIXES = (".jpg", ".png", ".webp", ".flac", ".wav", ".mp4")


@dataclass
class Page:
    """What every tab is given.

    settings : of the server; jobs : where commands run; stills : previews of a portrait
    root : the server's own folder; examples : by name, files that load with one click, copied
        below the root, since nothing else is served
    tabs : the row of tabs, to bring one to the front; fields : of one tab that others may fill,
        by names such as "talk.emotion"
    """

    settings: Settings
    jobs: Jobs
    stills: Stills
    root: Path
    examples: dict[str, Path] = field(default_factory=dict)
    tabs: Any = None
    fields: dict[str, Any] = field(default_factory=dict)
    _at_work: dict[str, set[Job]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.examples:
            self.examples = set_out(EXAMPLES, self.root / "examples")

    def folder(self, visitor: str) -> Path:
        """Return where files that are made for a visitor lie."""
        return self.root / MADE / visitor

    def begun(self, session: str, job: Job) -> None:
        """Remember a job of an open page."""
        self._at_work.setdefault(session, set()).add(job)

    def ended(self, session: str, job: Job) -> None:
        """Forget a job that came to its end."""
        self._at_work.get(session, set()).discard(job)

    def left(self, session: str) -> None:
        """Cancel what an open page still had at work, when it is closed."""
        for job in self._at_work.pop(session, set()):
            job.cancel()


def set_out(source: Path, folder: Path) -> dict[str, Path]:
    """Copy the pictures and sounds of a folder; return them by name, none where there is none."""
    found = {}
    for path in sorted(source.glob("*")):
        if path.suffix.lower() in SUFFIXES:
            folder.mkdir(parents=True, exist_ok=True)
            found[path.name] = Path(shutil.copy(path, folder))
    return found
