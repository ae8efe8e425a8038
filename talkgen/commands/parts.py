"""The parts that commands share: options checked, files read, a video drawn and written."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from talkgen.errors import InputError
from talkgen.options import RendererName
from talkgen.terminal import Say


def pixels(size: str) -> int | None:
    """Return the longer side that `--size` asks for, None for the source's own."""
    if size == "source":
        return None
    if not size.isascii() or not size.isdigit():
        raise InputError(f"`--size` is {size!r}, 'source' or a number of pixels is needed")
    return int(size)


def look(renderer: RendererName, *options: Any) -> Any:
    """Return what was asked of the renderer, checked."""
    from talkgen.render.choose import RendererOptions

    return RendererOptions(renderer.value, *options)


def chosen(look: Any, say: Say) -> dict[str, Any]:
    """Say aloud which renderer it is; return the pipelines' options for it."""
    from talkgen.render.choose import choose

    choice = choose(look)
    say.stage(str(choice))
    return {"renderer": look.renderer, "choice": choice, **look.given}


def must_exist(path: Path) -> None:
    """Raise InputError where there is no such file."""
    if not path.exists():
        raise InputError(f"no such file: {str(path)!r}")


def read_picture(path: Path) -> Any:
    """Return a picture as an (H, W, 3) uint8 array."""
    from talkgen.io.image import read_image

    return read_image(path)


def read_speech(path: Path) -> Any:
    """Return the sound of a file, read once from end to end."""
    from talkgen.io.audio import open_speech

    return open_speech(path)


def draw(video: Any, output: Path, say: Say) -> None:
    """Draw a `TalkOutput` into a file."""
    start = time.monotonic()
    with say.counted("drawing", video.num_frames) as step:
        video.save(output, on_frame=lambda: step(1))
    took = max(time.monotonic() - start, 1e-9)
    if video.limits.limited:
        say.note(str(video.limits))
    say.done(output, f"{video.num_frames} frames, {video.num_frames / took:.0f} a second")
