"""Upload fields that hand over the file as it came; what it holds is checked by `apps.uploads`.

Gradio's own open a picture to turn it and convert it, and fail without a word of help where it is
none; the commands read orientation and colours themselves.
"""

from __future__ import annotations

from abc import ABCMeta
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.component_meta import ComponentMeta
from gradio.data_classes import FileData


class _Unstubbed(ComponentMeta):
    """Makes components without the stub file that Gradio would write beside this one."""

    def __new__(mcs, name: str, bases: tuple[type, ...], attrs: dict[str, Any]) -> Any:
        return ABCMeta.__new__(mcs, name, bases, attrs)


class Picture(gr.Image, metaclass=_Unstubbed):
    """A picture field whose value is the path of what was uploaded."""

    is_template = True

    def __init__(self, label: str, **options: Any) -> None:
        chosen = {
            "type": "filepath", "image_mode": None, "sources": ["upload", "webcam", "clipboard"],
            "buttons": ["fullscreen"], "height": 300,
        }  # fmt: skip
        super().__init__(label=label, **(chosen | options))

    def get_config(self, cls: Any = None) -> dict[str, Any]:
        """Return what the browser is told: all that Gradio's own field takes."""
        return super().get_config(cls or gr.Image)

    def preprocess(self, payload: Any) -> str | None:
        """Return the path of the file."""
        return None if payload is None else payload.path


class Sound(gr.Audio, metaclass=_Unstubbed):
    """A sound field, for files and the microphone."""

    is_template = True

    def __init__(self, label: str, **options: Any) -> None:
        chosen = {"type": "filepath", "sources": ["upload", "microphone"], "buttons": []}
        super().__init__(label=label, **(chosen | options))

    def get_config(self, cls: Any = None) -> dict[str, Any]:
        """Return what the browser is told: all that Gradio's own field takes."""
        return super().get_config(cls or gr.Audio)

    def preprocess(self, payload: Any) -> str | None:
        """Return the path of the file."""
        return None if payload is None else payload.path


class Film(gr.Video, metaclass=_Unstubbed):
    """A video field, for files and the webcam."""

    is_template = True

    def __init__(self, label: str, **options: Any) -> None:
        chosen = {"sources": ["upload", "webcam"], "buttons": [], "height": 300}
        super().__init__(label=label, **(chosen | options))

    def get_config(self, cls: Any = None) -> dict[str, Any]:
        """Return what the browser is told: all that Gradio's own field takes."""
        return super().get_config(cls or gr.Video)

    def preprocess(self, payload: Any) -> str | None:
        """Return the path of the file."""
        return None if payload is None else payload.path

    def postprocess(self, value: Any) -> FileData | None:
        """Return the file as it is; nothing is read or converted for showing it."""
        return None if value is None else FileData(path=str(value), orig_name=Path(value).name)
