"""A small page behind the real server and its guard: what goes in, what comes out, whose it is."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from talkgen.apps.settings import Settings
from talkgen.errors import InputError

gr: Any = pytest.importorskip("gradio", reason="no gradio: pip install 'talkgen[demo]'")
ROOT = Path(__file__).resolve().parents[2]
PORTRAIT = ROOT / "examples" / "portrait.jpg"
SPEECH = ROOT / "examples" / "speech.flac"
API = "/gradio_api"


class NoJobs:
    """Stands for the workers, where a test needs none."""

    workers = 1

    def __init__(self, root: Path, **_: Any) -> None:
        self.root = root

    def start(self) -> None: ...

    def close(self) -> None: ...

    def sweep(self, _: float) -> int:
        return 0

    def of(self, _: str) -> list[Any]:
        return []


class NoStills:
    """Stands for the previews, where a test needs none."""

    def warm(self) -> None: ...


def build(page: Any) -> Any:
    """Return a page with a field of each kind, a picture made on the spot and a file made."""
    from talkgen.apps import uploads
    from talkgen.apps.fields import Film, Picture, Sound

    def checked(kind: str) -> Any:
        def check(given: str | None, request: gr.Request) -> str:
            try:
                path = getattr(uploads, kind)(given, page, request)
            except InputError as error:
                return f"error: {error}"
            return f"{kind} {path.name} of {path.stat().st_size}"

        return check

    def shade(level: float) -> np.ndarray:
        return np.full((8, 8, 3), int(level), np.uint8)

    def make(text: str, request: gr.Request) -> str:
        folder = page.folder(uploads.visitor_of(request)) / "job"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "made.txt").write_text(text)
        return str(folder / "made.txt")

    def who(request: gr.Request) -> str:
        return uploads.visitor_of(request)

    with gr.Blocks(analytics_enabled=False) as blocks:
        said = gr.Textbox()
        for kind, field in (("picture", Picture), ("sound", Sound), ("video", Film)):
            given = field(kind)
            gr.Button(kind).click(checked(kind), given, said, api_name=kind)
        level, shown = gr.Number(), gr.Image()
        gr.Button("shade").click(shade, level, shown, api_name="shade")
        made = gr.File()
        gr.Button("make").click(make, said, made, api_name="make")
        gr.Button("echo").click(lambda text: text, said, said, api_name="echo")
        gr.Button("who").click(who, None, said, api_name="who")
    return blocks


@contextlib.contextmanager
def small(**options: Any) -> Iterator[Any]:
    """Serve the small page; give the running server."""
    from talkgen.apps import jobs, server, stills

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jobs, "Jobs", NoJobs)
        patch.setattr(stills, "Stills", NoStills)
        with server.serving(Settings(port=0, **options), build) as running:
            yield running


class Visitor:
    """A program that keeps its cookies, as a browser or `gradio_client` does."""

    def __init__(self, url: str, **headers: str) -> None:
        self.http = httpx.Client(base_url=url, headers=headers, timeout=30, trust_env=False)
        self.http.get("/config")
        self.session = f"window{id(self)}"

    def upload(self, name: str, content: bytes) -> str:
        """Send a file; return the path that the server gives it."""
        answer = self.http.post(f"{API}/upload", files={"files": (name, content)})
        assert answer.status_code == 200, answer.text
        return str(answer.json()[0])

    def fetch(self, path: str) -> httpx.Response:
        """Ask for a file of the server."""
        return self.http.get(f"{API}/file={path}")

    def call(self, name: str, *data: Any) -> httpx.Response:
        """Begin a call."""
        return self.http.post(f"{API}/call/{name}", json={"data": list(data)})

    def ask(self, name: str, *data: Any) -> Any:
        """Return what a call answers."""
        answer = self.call(name, *data)
        assert answer.status_code == 200, answer.text
        return self.answer(name, answer.json()["event_id"])

    def answer(self, name: str, run: str) -> Any:
        """Return what came out of a call."""
        for line in self.http.get(f"{API}/call/{name}/{run}").text.split("\n"):
            if line.startswith("data:") and line != "data: null":
                last = json.loads(line[5:])
        return last[0] if isinstance(last, list) else last


def file(path: str, **more: Any) -> dict[str, Any]:
    """Return a file as Gradio's clients name it in a call."""
    return {"path": path, "meta": {"_type": "gradio.FileData"}, **more}
