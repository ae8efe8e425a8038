"""A file that is no good is said to be so when it comes, not when the button is pressed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import gradio as gr

from talkgen.apps.status import error_html
from talkgen.apps.work import PRIVATE, plain
from talkgen.errors import TalkgenError

if TYPE_CHECKING:
    from talkgen.apps.page import Page


def checked_at_once(
    page: Page, field: Any, place: gr.HTML, check: Callable[[Any, Page, gr.Request], object]
) -> None:
    """Show what is wrong with a field's file in `place` as soon as it is there.

    check : of `talkgen.apps.uploads`
    """

    def look(path: str | None, request: gr.Request) -> Any:
        try:
            if path:
                check(path, page, request)
        except TalkgenError as error:
            return gr.update(value=error_html(plain(page, str(error))), visible=True)
        return gr.update(value="", visible=False)

    field.change(
        look, field, place, show_progress="hidden", concurrency_limit=None,
        trigger_mode="always_last", api_visibility=PRIVATE,
    )  # fmt: skip
