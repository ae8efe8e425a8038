// The plane of valence and arousal: drag, click or arrow keys; the value is "valence,arousal".
const pad = () => element.querySelector(".pad");
const inside = (v) => Math.min(1, Math.max(-1, v));
let valence = 0, arousal = 0, held = false, waiting = false;
const show = () => {
  const dot = element.querySelector(".dot");
  dot.style.left = `${50 + 50 * valence}%`;
  dot.style.top = `${50 - 50 * arousal}%`;
  const words = `valence ${valence.toFixed(2)}, arousal ${arousal.toFixed(2)}`;
  pad().setAttribute("aria-valuenow", valence.toFixed(2));
  pad().setAttribute("aria-valuetext", words);
  element.querySelector(".at").textContent = words;
};
const read = () => {
  if (held) return;
  const [x, y] = String(props.value || "0,0").split(",").map(Number);
  valence = inside(x || 0); arousal = inside(y || 0);
  show();
};
const send = () => {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    props.value = `${valence.toFixed(2)},${arousal.toFixed(2)}`;
    trigger("input");
  });
};
const go = (x, y) => { valence = inside(x); arousal = inside(y); show(); send(); };
const over = (event) => {
  const box = pad().getBoundingClientRect();
  go((2 * (event.clientX - box.left)) / box.width - 1, 1 - (2 * (event.clientY - box.top)) / box.height);
};
element.addEventListener("pointerdown", (event) => {
  if (!event.target.closest(".pad")) return;
  held = true;
  pad().setPointerCapture(event.pointerId);
  pad().focus();
  over(event);
  event.preventDefault();
});
element.addEventListener("pointermove", (event) => { if (held) over(event); });
for (const kind of ["pointerup", "pointercancel"])
  element.addEventListener(kind, () => { held = false; });
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
element.addEventListener("keydown", (event) => {
  if (!event.target.closest(".pad")) return;
  const step = STEPS[event.key], far = event.shiftKey ? 0.2 : 0.05;
  if (step) go(valence + far * step[0], arousal + far * step[1]);
  else if (event.key === "Home") go(0, 0);
  else return;
  event.preventDefault();
});
watch("value", read);
read();
