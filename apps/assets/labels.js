/* Names for screen readers where Gradio shows a label and does not tie it to its part of the page. */
(() => {
  const set = (element, name, value) => {
    if (element && value && element.getAttribute(name) !== value) element.setAttribute(name, value);
  };
  const words = (element) => (element ? element.textContent.trim().replace(/\s+/g, " ") : "");
  const name = () => {
    /* uploads: a group with its caption as name; its button says whose it is */
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
      for (const bar of block.querySelectorAll("progress")) set(bar, "aria-label", `${label}: time`);
    }
    /* choices: a group with its caption as name */
    for (const choices of document.querySelectorAll("fieldset.block"))
      set(choices, "aria-label", words(choices.querySelector('[data-testid="block-info"]')));
    /* texts with a button in their label, which would be what the label names */
    for (const text of document.querySelectorAll("label textarea, label input"))
      if (text.closest("label").control !== text)
        set(text, "aria-label", words(text.closest("label").querySelector('[data-testid="block-info"]')));
    /* folds say whether they are open */
    for (const fold of document.querySelectorAll("button.label-wrap"))
      set(fold, "aria-expanded", String(fold.classList.contains("open")));
  };
  let waiting = false;
  new MutationObserver(() => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; name(); });
  }).observe(document.documentElement, {
    childList: true, subtree: true, characterData: true, attributeFilter: ["class"],
  });
})();
