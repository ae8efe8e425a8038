"""What all tabs share: a button that runs commands, where it stands, and what went wrong where."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr

from talkgen.apps.uploads import visitor_of
from talkgen.errors import InputError, TalkgenError

if TYPE_CHECKING:
    from talkgen.apps.call import Call
    from talkgen.apps.jobs import Job
    from talkgen.apps.page import Page

Updates = dict[Any, Any]
"""Components of the page to their new values."""
PRIVATE = "private"
"""Visibility of the page's own handlers: the documented API stands in `apps/api.py`."""
_QUOTED = re.compile(r"`(?:--)?([\w-]+)`")


class FieldError(InputError):
    """What is wrong, and the field that caused it."""

    def __init__(self, at: str, text: str) -> None:
        super().__init__(text)
        self.at = at


@contextlib.contextmanager
def at(field_name: str) -> Iterator[None]:
    """Blame a field for the errors raised meanwhile."""
    try:
        yield
    except FieldError:
        raise
    except TalkgenError as error:
        raise FieldError(field_name, str(error)) from error


class Faults:
    """Places for error lines, each next to a field.

    `slot` makes one where the layout stands; its words tell which of a command's errors belong
    there: names of parameters, then any word of the message. What fits nowhere goes to `rest`,
    the work area's own line. No line tells of the server's folders.
    """

    def __init__(self, page: Page) -> None:
        self._page = page
        self.slots: dict[str, gr.HTML] = {}
        self._words: dict[str, tuple[str, ...]] = {}
        self.rest: gr.HTML | None = None

    def slot(self, name: str, *words: str) -> gr.HTML:
        """Return a new, empty place for the errors of a field."""
        self.slots[name] = gr.HTML("", elem_classes="fault", visible=False)
        self._words[name] = (name, *words)
        return self.slots[name]

    def place(self, text: str) -> str | None:
        """Return the field that an error line speaks of."""
        for named in [name.replace("-", "_") for name in _QUOTED.findall(text)]:
            for name, words in self._words.items():
                if named in words:
                    return name
        low = text.lower()
        for name, words in self._words.items():
            if any(re.search(rf"\b{re.escape(word.lower())}", low) for word in words):
                return name
        return None

    def _slot_of(self, word: str | None) -> str | None:
        return next((name for name, words in self._words.items() if word in words), None)

    def cleared(self) -> Updates:
        """Return the updates that take every error away."""
        return {slot: gr.update(value="", visible=False) for slot in self.slots.values()}

    def shown(
        self,
        error: str | Exception,
        field_name: str | None = None,
        *,
        otherwise: str | None = None,
    ) -> Updates:
        """Return the updates that show one error next to what caused it, and no other.

        otherwise : the field it is shown at where it speaks of none; None: `rest`
        """
        from talkgen.apps.status import error_html

        text = plain(self._page, str(error))
        known = field_name or getattr(error, "at", None)
        if known not in self.slots:
            known = self._slot_of(known) or self.place(text)
        slot = self.slots.get(known or otherwise or "", self.rest)
        return {**self.cleared(), slot: gr.update(value=error_html(text), visible=True)}


@dataclass
class WorkArea:
    """A button that runs commands, one that cancels them, and a line that says where they are."""

    name: str
    run: gr.Button
    cancel: gr.Button
    status: gr.HTML
    faults: Faults
    _jobs: dict[str, Job] = field(default_factory=dict)

    def runs(
        self,
        page: Page,
        inputs: Sequence[Any],
        make: Callable[[Mapping[Any, Any], gr.Request], Sequence[Call]],
        show: Callable[[Job, Sequence[Call]], Updates],
        outputs: Sequence[Any],
        empty: Updates | None = None,
    ) -> None:
        """Tie the buttons to what they do.

        make : values of `inputs` by component, and the request, to the calls; raises InputError
            (within `at(...)` where a field is to blame)
        show : updates of `outputs` for what is there so far; asked whenever a file or a note comes
            and at the end
        empty : updates of `outputs` at the start
        """
        slots = list(self.faults.slots.values())
        every = [self.run, self.cancel, self.status, *slots, *outputs]

        async def work(values: dict[Any, Any], request: gr.Request) -> AsyncIterator[Updates]:
            try:
                calls = await asyncio.to_thread(make, values, request)  # it reads whole files
                job = page.jobs.submit(calls, visitor_of(request))
            except TalkgenError as error:
                yield {**self._idle(), **self.faults.shown(error)}
                return
            session = request.session_hash or ""
            self._jobs[session] = job
            page.begun(session, job)
            try:
                yield {**self._busy(), **self.faults.cleared(), **(empty or {})}
                seen: Any = None
                sent: Updates = {}
                async for now in job.updates():
                    updates = self._said(now)
                    there = (tuple(now.files), len(now.notes), now.state)
                    if there != seen:
                        seen = there
                        updates |= _new(show(now, calls), sent)
                    yield updates
                yield {**self._ended(job), **_new(show(job, calls), sent)}
            finally:
                self._jobs.pop(session, None)
                page.ended(session, job)

        def cancel(request: gr.Request) -> None:
            if (job := self._jobs.get(request.session_hash or "")) is not None:
                job.cancel()

        self.run.click(
            work, set(inputs), every, show_progress="hidden", concurrency_limit=None,
            api_visibility=PRIVATE,
        )  # fmt: skip
        self.cancel.click(cancel, queue=False, show_progress="hidden", api_visibility=PRIVATE)

    def _busy(self) -> Updates:
        return {self.run: gr.update(interactive=False), self.cancel: gr.update(visible=True)}

    def _idle(self) -> Updates:
        return {
            self.run: gr.update(interactive=True), self.cancel: gr.update(visible=False),
            self.status: gr.update(value="", visible=False),
        }  # fmt: skip

    def _said(self, job: Job) -> Updates:
        from talkgen.apps.status import status_html

        return {self.status: gr.update(value=status_html(job), visible=True)}

    def _ended(self, job: Job) -> Updates:
        if job.error is None:
            return {**self._idle(), **self._said(job)}
        return {**self._idle(), **self.faults.shown(job.error, job.error_at)}


def work_area(label: str, name: str, faults: Faults) -> WorkArea:
    """Return the buttons and the line under them, made where the layout stands.

    label : of the button, "Make the video"; name : of the tab, for ids in the page
    """
    with gr.Row(elem_classes="work"):
        run = gr.Button(label, variant="primary", size="lg", elem_id=f"{name}-run", scale=3)
        cancel = gr.Button(
            "Cancel", variant="stop", size="lg", visible=False, elem_id=f"{name}-cancel", scale=1,
            min_width=90,
        )  # fmt: skip
    status = gr.HTML("", visible=False, elem_id=f"{name}-status", elem_classes="status")
    faults.rest = status
    return WorkArea(name, run, cancel, status, faults)


def command_lines(calls: Sequence[Call]) -> str:
    """Return what a person would type to get the same."""
    return "\n".join(call.shell(calls[:number]) for number, call in enumerate(calls))


def notes_html(notes: Sequence[str]) -> str:
    """Return what the commands remarked as a list, empty where they remarked nothing."""
    if not notes:
        return ""
    return f'<ul class="notes">{"".join(f"<li>{escape(note)}</li>" for note in notes)}</ul>'


def plain(page: Page, text: str) -> str:
    """Return a message with the server's own folders taken out of its file names."""
    return re.sub(rf"{re.escape(str(page.root))}/[^'\"\s]*/", "", text)


def _new(updates: Updates, sent: Updates) -> Updates:
    """Return the updates that say something new, and remember them: a film plays on meanwhile."""
    out = {part: update for part, update in updates.items() if sent.get(part) != update}
    sent |= out
    return out
