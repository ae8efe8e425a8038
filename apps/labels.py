"""Names for screen readers where Gradio shows a label and does not tie it to its part of the page.

A picture, sound or video that is uploaded has a caption that no element refers to, and buttons that
all say "Drop an image file here to upload". Here each such part becomes a group with its caption as
name, and its upload button says whose it is. The same for groups of choices.
"""

from __future__ import annotations

HEAD = """
<script>
(() => {
  const set = (element, name, value) => {
    if (element && value && element.getAttribute(name) !== value) element.setAttribute(name, value);
  };
  const words = (element) => (element ? element.textContent.trim().replace(/\\s+/g, " ") : "");
  const name = () => {
    for (const caption of document.querySelectorAll('label[data-testid="block-label"]')) {
      const block = caption.closest(".block"), label = words(caption);
      if (!block || !label) continue;
      set(block, "role", "group");
      set(block, "aria-label", label);
      for (const button of block.querySelectorAll("button[aria-dropeffect]")) {
        button.dataset.says ||= button.getAttribute("aria-label");
        set(button, "aria-label", `${label}: ${button.dataset.says.toLowerCase()}`);
      }
      for (const media of block.querySelectorAll("video, audio")) set(media, "aria-label", label);
    }
    for (const choices of document.querySelectorAll("fieldset.block"))
      set(choices, "aria-label", words(choices.querySelector('[data-testid="block-info"]')));
  };
  let waiting = false;
  new MutationObserver(() => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; name(); });
  }).observe(document.documentElement, { childList: true, subtree: true, characterData: true });
})();
</script>
"""
"""Goes into the page's head."""
