"""Two pictures over each other with a slider between them, for a mouse, a finger and a keyboard."""

from __future__ import annotations

import gradio as gr

from talkgen.apps.inline import data_url
from talkgen.types import ImageArray

CSS = """
.pair-of { position: relative; width: fit-content; max-width: 100%; line-height: 0;
  overflow: hidden; border-radius: 8px; cursor: ew-resize; touch-action: pan-y; user-select: none; }
.pair-of img { display: block; max-width: 100%; max-height: 70vh; margin: 0; }
.pair-of .edited { position: absolute; inset: 0; width: 100%; height: 100%;
  clip-path: inset(0 0 0 var(--at, 0%)); }
.pair-of .edge { position: absolute; top: 0; bottom: 0; left: var(--at, 0%); width: 2px;
  margin-left: -1px; background: #fff; box-shadow: 0 0 0 1px rgb(0 0 0 / 45%);
  pointer-events: none; }
.compared { width: fit-content; max-width: 100%; }
.between { display: flex; align-items: center; gap: 10px; margin-top: 8px; max-width: 100%;
  font-size: var(--text-sm); color: var(--body-text-color); }
.between input { flex: 1; min-width: 60px; appearance: none; height: 4px; border-radius: 2px;
  margin: 10px 0; background: var(--border-color-primary); cursor: ew-resize; }
.between input::-webkit-slider-thumb { appearance: none; width: 20px; height: 20px;
  border-radius: 50%; background: var(--background-fill-primary); }
.between input::-moz-range-thumb { width: 20px; height: 20px; border: 0; border-radius: 50%;
  background: var(--background-fill-primary); }
"""
SCRIPT = """
const move = (share) => {
  const percent = 100 * Math.min(1, Math.max(0, share));
  element.style.setProperty('--at', percent + '%');
  const slider = element.querySelector('input');
  if (slider) slider.value = percent;
};
element.addEventListener('input', (event) => move(event.target.value / 100));
const over = (event) => {
  const pair = event.target.closest('.pair-of');
  if (!pair || (event.type === 'pointermove' && !event.buttons)) return;
  const box = pair.getBoundingClientRect();
  move((event.clientX - box.left) / box.width);
};
element.addEventListener('pointerdown', over);
element.addEventListener('pointermove', over);
"""
"""The slider's place is kept on the component itself, so that a new picture does not move it."""


def comparison(elem_id: str) -> gr.HTML:
    """Return an empty place for `compared`, made where this is called."""
    return gr.HTML(
        "", css_template=CSS, js_on_load=SCRIPT, apply_default_css=False, visible=False,
        elem_id=elem_id,
    )  # fmt: skip


def compared(before: ImageArray, after: ImageArray) -> str:
    """Return two pictures (H, W, 3) uint8 of one size as HTML, the first under the second."""
    return (
        '<div class="compared"><div class="pair-of">'
        f'<img alt="The photograph" draggable="false" src="{data_url(before)}">'
        '<img class="edited" alt="The photograph, edited" draggable="false" '
        f'src="{data_url(after)}">'
        '<span class="edge" aria-hidden="true"></span></div>'
        '<label class="between"><span>edited</span><input type="range" min="0" max="100" '
        'value="0" aria-label="How much of the photograph covers the edited picture, percent">'
        "<span>original</span></label></div>"
    )
