// Rows of sliders as one value, JSON of numbers by name; "moved" is the one that a hand is on.
const rows = () => [...element.querySelectorAll("[data-name]")];
const range = (row) => row.querySelector("input[type=range]");
const number = (row) => row.querySelector("input[type=number]");
const value = (row) => Number(range(row).value);
const LET_GO_MS = 1200;
let held = null, last = null, typing = null, waiting = false, timer = 0;
const put = (row, v) => {
  range(row).value = v;
  range(row).style.setProperty("--at", `${100 * v}%`);
  if (row !== typing) number(row).value = v;
};
const read = () => {
  let values = {};
  try { values = JSON.parse(props.value || "{}"); } catch { return; }
  for (const row of rows()) if (row !== held) put(row, values[row.dataset.name] || 0);
};
const say = () => {
  const values = Object.fromEntries(rows().map((row) => [row.dataset.name, value(row)]));
  props.value = JSON.stringify({ moved: last.dataset.name, ...values });
};
const send = () => {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    if (!held) return;
    say();
    trigger("input");
  });
};
element.addEventListener("input", (event) => {
  const row = event.target.closest("[data-name]");
  if (!row) return;
  const v = Math.min(1, Math.max(0, Number(event.target.value) || 0));
  clearTimeout(timer);
  held = last = row;
  typing = event.target.type === "number" ? row : null;
  put(row, v);
  send();
});
// Once let go for a while, the row shows what comes of it: an earlier move may still be on its way,
// and its answer must not undo the last one. Between two presses of an arrow key it is not let go.
for (const kind of ["change", "focusout"])
  element.addEventListener(kind, () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (held && !held.contains(document.activeElement)) held = typing = null;
    }, LET_GO_MS);
  });
watch("value", () => {
  read();
  if (last) say(); // what is sent next names what was moved; a held row has gone further than this
});
read();
