"""How far a job is, what went wrong, and what helps: small pieces of the page."""

from __future__ import annotations

from html import escape

from talkgen.apps.job import Job

CSS = """
.tg-status {display: grid; gap: 6px; padding: 10px 12px; border-radius: 8px;
  border: 1px solid var(--border-color-primary); background: var(--background-fill-secondary);
  color: var(--body-text-color);}
.tg-status p {margin: 0; overflow-wrap: anywhere;}
.tg-status .tg-row {display: flex; flex-wrap: wrap; justify-content: space-between; gap: 2px 16px;}
.tg-status .tg-count {font-variant-numeric: tabular-nums;}
.tg-status progress {width: 100%; height: 8px; accent-color: var(--color-accent);}
.tg-error, .tg-hint {margin: 0; padding: 8px 12px; border-radius: 8px; overflow-wrap: anywhere;
  color: var(--body-text-color); border: 1px solid var(--border-color-primary);
  border-left-width: 4px; background: var(--background-fill-secondary);}
.tg-error {border-left-color: #d32f2f;}
.tg-error b {color: #b71c1c;}
.dark .tg-error b {color: #ff8a80;}
.tg-hint {border-left-color: var(--color-accent);}
"""
"""For the page's style sheet."""


def status_html(job: Job) -> str:
    """Return where a job is, for eyes and for screen readers: what is done, how much, time left.

    What is read aloud is the stage alone, which changes now and then; the count is beside it.
    """
    what, counted = _words(job)
    busy = job.state in ("waiting", "working")
    return (
        f'<div class="tg-status tg-{job.state}"><div class="tg-row">'
        f'<p role="status" aria-live="polite">{escape(what)}</p>'
        f'<p class="tg-count" aria-hidden="true">{escape(counted)}</p></div>'
        f"{_bar(job, counted) if busy else ''}</div>"
    )


def error_html(text: str) -> str:
    """Return an error, read aloud at once; "" for no text."""
    return f'<p class="tg-error" role="alert"><b>Error:</b> {escape(text)}</p>' if text else ""


def hint_html(text: str) -> str:
    """Return something good to know; "" for no text."""
    return f'<p class="tg-hint" role="note">{escape(text)}</p>' if text else ""


def clock(seconds: float) -> str:
    """Return a time as people say it: "8 s", "1 min 20 s", "2 h 5 min"."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _words(job: Job) -> tuple[str, str]:
    """Return what is being done, and how much of it."""
    title = _capital(job.call.title or job.call.command)
    if job.state == "waiting":
        ahead = job.ahead
        begins = job.begins_in
        return (
            f"Waiting: {f'{ahead} before you' if ahead else 'you are next'}",
            f"begins in about {clock(begins)}" if begins else "",
        )
    if job.state == "done":
        return f"Done in {clock(job.seconds)}", ""
    if job.state == "cancelled":
        return f"Cancelled{', what was finished is kept' if job.files else ''}", ""
    if job.state == "failed":
        return f"{title} failed", ""
    if job.cancelling:
        return f"{title}: cancelling", ""
    of = f" (part {job.number + 1} of {len(job.calls)})" if len(job.calls) > 1 else ""
    what = f"{title}{of}: {job.stage or 'starting'}"
    counted = []
    if job.done or job.total:
        counted.append(f"{job.done} of {job.total}" if job.total else f"{job.done}")
        counted[-1] += " frames" if job.total != 1 else " frame"
    left = job.seconds_left if job.total else None
    counted.append(f"{clock(left)} left" if left else f"{clock(job.seconds)} so far")
    return what, ", ".join(counted)


def _bar(job: Job, counted: str) -> str:
    value = f' value="{job.done}" max="{job.total}"' if job.total and job.done else ""
    return f'<progress{value} aria-label="{escape(counted or "waiting", quote=True)}"></progress>'


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
