"""What the critic reads in a preview, as `talkgen score` reads a video."""

from __future__ import annotations

import threading
from html import escape
from typing import Any

from talkgen.apps.results import bars_html, strengths_asked
from talkgen.errors import NoFaceError
from talkgen.types import ImageArray


class Reader:
    """Reads one picture at a time; its networks are loaded when first needed."""

    def __init__(self) -> None:
        self._critic: Any = None
        self._lock = threading.Lock()

    def __call__(self, image: ImageArray, asked: str | None = None) -> str:
        """Return what the face of a picture (H, W, 3) shows as HTML, beside what was asked for."""
        with self._lock:
            if self._critic is None:
                from talkgen.critic.fer import FERCritic

                self._critic = FERCritic.from_pretrained()
            try:
                seen = self._critic.predict(image)
            except NoFaceError:
                return '<p class="reading">The critic finds no face in it.</p>'
        return (
            f'<div class="reading"><p>The critic reads <b>{escape(seen.verdict)}</b> '
            f"<small>{escape(seen.evidence)}</small></p>"
            f"{bars_html(seen.emotions, strengths_asked(asked))}</div>"
        )
