"""What the tabs of the page are given, and what they offer each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from talkgen.apps.jobs import Job, Jobs
    from talkgen.apps.settings import Settings
    from talkgen.apps.stills import Stills

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
"""Beside `apps` in the repository and in an installed package alike."""


@dataclass
class Page:
    """What every tab is given.

    settings : of the server; jobs : where commands run; stills : previews of a portrait
    root : the server's own folder; examples : by name, files that load with one click
    tabs : the row of tabs, to bring one to the front; fields : of one tab that others may fill,
        by names such as "talk.emotion"
    """

    settings: Settings
    jobs: Jobs
    stills: Stills
    root: Path
    examples: dict[str, Path] = field(default_factory=lambda: examples_of(EXAMPLES))
    tabs: Any = None
    fields: dict[str, Any] = field(default_factory=dict)
    _at_work: dict[str, set[Job]] = field(default_factory=dict)

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


def examples_of(folder: Path) -> dict[str, Path]:
    """Return the pictures and sounds of a folder by file name, empty where there is none."""
    suffixes = (".jpg", ".png", ".webp", ".flac", ".wav")
    return {p.name: p for p in sorted(folder.glob("*")) if p.suffix.lower() in suffixes}
