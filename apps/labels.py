"""What the page's head holds: names for screen readers, wrong files refused at their field, sight,
and a question to who leaves while something is being made.

They mend what Gradio's own parts leave out. A picture, sound or video that is uploaded has a
caption that no element refers to, and buttons that all say "Drop an image file here to upload"; a
file of the wrong kind is refused in a corner of the page, for ten seconds; what a button leads to
may lie out of sight.
"""

from __future__ import annotations

from pathlib import Path

ASSETS = Path(__file__).with_name("assets")
SCRIPTS = ("labels.js", "refused.js", "sight.js", "leaving.js")

HEAD = "\n".join(f"<script>\n{(ASSETS / n).read_text('utf-8')}</script>" for n in SCRIPTS)
"""Goes into the page's head."""
