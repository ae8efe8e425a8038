"""What visitors give: each file is theirs, is what it should be, and is not too large or long.

Nothing that a visitor typed is ever opened as a file. The checks read a file once from end to end
(0.2 s for 100 MB), so call them from plain functions, which Gradio runs in threads.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from talkgen.apps.files import Files
from talkgen.apps.media import PICTURE_SUFFIXES, SOUND_SUFFIXES, VIDEO_SUFFIXES, Media, look
from talkgen.errors import InputError

if TYPE_CHECKING:
    import gradio as gr

    from talkgen.apps.page import Page

VISITOR, FILES = "talkgen.visitor", "talkgen.files"
"""Where the guard notes, in a request's ASGI scope, who asks and whose files are whose."""
LONGEST_SPEC, LONGEST_TEXT = 500, 2000
"""Characters."""


def visitor_of(request: gr.Request | None) -> str:
    """Return who asks: one name for each browser, the same in all its windows.

    `request.session_hash` tells a browser's windows apart.
    """
    visitor = _scope(request).get(VISITOR)
    if not isinstance(visitor, str):
        raise InputError("it is not known who asks; open the page again")
    return visitor


def picture(given: Any, page: Page, request: gr.Request | None) -> Path:
    """Return a visitor's picture file, checked; raise InputError, one line.

    given : a path as Gradio has it, its file object, or None where nothing was given
    """
    path, holds = _checked(given, page, request, "picture")
    if not holds.has_picture:
        raise InputError(f"{path.name!r} is a {_kind(holds)}, a picture is needed")
    return _ending(path, PICTURE_SUFFIXES, "picture")


def sound(given: Any, page: Page, request: gr.Request | None) -> Path:
    """Return a visitor's file with a sound track, checked; raise InputError, one line."""
    path, holds = _checked(given, page, request, "recording")
    if not holds.has_sound:
        raise InputError(f"{path.name!r} is a {_kind(holds)} without sound, speech is needed")
    return _ending(path, SOUND_SUFFIXES, "sound")


def video(given: Any, page: Page, request: gr.Request | None) -> Path:
    """Return a visitor's video file, checked; raise InputError, one line."""
    path, holds = _checked(given, page, request, "video")
    if not holds.has_video:
        raise InputError(f"{path.name!r} is a {_kind(holds)}, a video is needed")
    return _ending(path, VIDEO_SUFFIXES, "video")


def spec(text: str | None) -> str | None:
    """Return the text of an emotion, checked, None where it is empty.

    Raises InputError for what is no emotion; a file with a track is never opened.
    """
    from talkgen.motion.emotion_text import FILE_SUFFIXES, parse_emotion
    from talkgen.pipelines.talk import AUTO

    text = (text or "").strip()
    if not text:
        return None
    if len(text) > LONGEST_SPEC:
        raise InputError(f"the emotion has {len(text)} characters, at most {LONGEST_SPEC} are read")
    if text.lower() == AUTO:
        return AUTO
    if text.lower().endswith(FILE_SUFFIXES) or any(c in text for c in "/\\\0\n\r"):
        raise InputError(
            f"emotion {text[:60]!r}: no file can be named here; write it as 'happy:0.7'"
        )
    parse_emotion(text)
    return text


def words(text: str | None, limit: int = LONGEST_TEXT) -> str:
    """Return a text that somebody typed, without control characters; raise InputError, one line."""
    kept = "".join(c if c.isprintable() else " " for c in text or "")
    kept = " ".join(kept.split())
    if not kept:
        raise InputError("the text is empty; write what shall be said")
    if len(kept) > limit:
        raise InputError(f"the text has {len(kept)} characters, at most {limit} are spoken here")
    return kept


def _checked(given: Any, page: Page, request: gr.Request | None, what: str) -> tuple[Path, Media]:
    if isinstance(given, Mapping):
        given = given.get("path")
    elif not isinstance(given, str | os.PathLike):
        given = getattr(given, "path", None)
    if not given:
        raise InputError(f"no {what} is given; upload one")
    files = _scope(request).get(FILES)
    if not isinstance(files, Files):
        raise InputError("it is not known who asks; open the page again")
    path = files.checked(visitor_of(request), given)
    settings = page.settings
    if path.stat().st_size > settings.most_bytes:
        raise InputError(too_large(path.name, path.stat().st_size, settings.most_mb))
    return path, look(path, settings.most_seconds)


def too_large(name: str, num_bytes: int, most_mb: float) -> str:
    """Return the line that refuses a file for its size."""
    have = f"{num_bytes / 1e6:.1f} MB"
    return f"{name!r} has {have}, at most {most_mb:g} MB are taken here; make it smaller"


def _ending(path: Path, endings: tuple[str, ...], what: str) -> Path:
    if path.suffix.lower() not in (*endings, ""):
        raise InputError(
            f"{path.name!r} ends with {path.suffix}, "
            f"a {what} is needed: {', '.join(endings[:4])}, ..."
        )
    return path


def _kind(holds: Media) -> str:
    if holds.has_video:
        return "video"
    return "picture" if holds.has_picture else "sound"


def _scope(request: Any) -> Mapping[str, Any]:
    scope = getattr(getattr(request, "request", None), "scope", None)
    return scope if isinstance(scope, Mapping) else {}
