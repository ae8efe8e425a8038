/* What a press of a button leads to is brought in sight: where the work stands, or what is wrong.
   On a narrow page either may lie far from the button, which sticks to the lower edge. */
(() => {
  const EVERY_MS = 100, FOR_MS = 4000;
  const seen = (part) => part.checkVisibility() && part.textContent.trim();
  const show = (part, button) => {
    const row = button.closest(".work");
    const sticks = row && getComputedStyle(row).position === "sticky";
    part.style.scrollMarginBlock = sticks ? `40vh ${row.offsetHeight + 8}px` : "8px";
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    part.scrollIntoView({ block: "nearest", behavior: calm ? "auto" : "smooth" });
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.(".work button[id$='-run']");
    const panel = button?.closest("[role=tabpanel]");
    if (!panel) return;
    const status = button.id.replace(/-run$/, "-status");
    const before = new Set(panel.querySelectorAll("[role=alert]"));
    const start = performance.now();
    const look = () => {
      const wrong = [...panel.querySelectorAll("[role=alert]")].find((p) => seen(p) && !before.has(p));
      const part = wrong ?? [document.getElementById(status)].find((p) => p && seen(p));
      if (part) show(part, button);
      else if (performance.now() - start < FOR_MS) setTimeout(look, EVERY_MS);
    };
    setTimeout(look, 3 * EVERY_MS);
  }, true);
})();
