"""The face picker in the browser: its style sheet and what its buttons do."""

from __future__ import annotations

CSS = """
.board { position: relative; display: inline-block; max-width: 100%; line-height: 0;
  border-radius: 6px; overflow: hidden; user-select: none; }
.board img { max-width: 100%; max-height: 420px; display: block; margin: 0; }
.board.marks { cursor: crosshair; touch-action: manipulation; }
.board:focus-visible { outline: 3px solid var(--color-accent); outline-offset: 2px; }
.face { position: absolute; transform: translate(-50%, -50%); min-width: 28px; min-height: 28px;
  box-sizing: border-box; padding: 0; background: transparent; cursor: pointer; border-radius: 6px;
  border: 2px solid #fff; box-shadow: 0 0 0 1px #000, inset 0 0 0 1px #000; }
.face.unusable { border-style: dashed; }
.face:hover { background: rgb(255 255 255 / 18%); }
.face[aria-pressed="true"] { border: 4px solid #2dd4bf;
  box-shadow: 0 0 0 1px #000, inset 0 0 0 1px #000, 0 0 0 2000px rgb(0 0 0 / 28%); z-index: 1; }
.face[aria-pressed="false"] { z-index: 2; }
.face:focus-visible, .point:focus-visible { outline: 3px solid #fff; outline-offset: 2px; }
.face span { position: absolute; left: -2px; bottom: 100%; min-width: 22px; height: 22px;
  margin: 3px 0; padding: 0 4px; box-sizing: border-box; font: 700 14px/22px var(--font);
  text-align: center; color: #fff; background: #000; border-radius: 4px; }
.face.below span { bottom: auto; top: 100%; }
.face[aria-pressed="true"] span { background: #2dd4bf; color: #042f2e; }
.point { position: absolute; transform: translate(-50%, -50%); width: 26px; height: 26px;
  padding: 0; border: 0; background: transparent; cursor: move; touch-action: none; z-index: 2; }
.point::before { content: ""; position: absolute; left: 8px; top: 8px; width: 6px; height: 6px;
  border-radius: 50%; background: #2dd4bf; border: 2px solid #000; outline: 1px solid #fff; }
.point span { position: absolute; left: 20px; top: -6px; min-width: 16px;
  font: 700 12px/16px var(--font); color: #fff; background: #000; border-radius: 4px; }
.cross { position: absolute; display: none; width: 24px; height: 24px; left: 50%; top: 50%;
  transform: translate(-50%, -50%); pointer-events: none; z-index: 3; filter:
  drop-shadow(0 0 1px #000); background:
  linear-gradient(#fff, #fff) center/2px 100% no-repeat,
  linear-gradient(#fff, #fff) center/100% 2px no-repeat; }
.board.keys .cross { display: block; }
.tools { display: flex; flex-wrap: wrap; gap: 8px; margin-top: 6px; }
.tool { min-height: 32px; padding: 4px 12px; cursor: pointer; font-size: var(--text-sm);
  color: var(--button-secondary-text-color); border-radius: var(--button-small-radius);
  background: var(--button-secondary-background-fill);
  border: 1px solid var(--button-secondary-border-color); }
.tool:hover { background: var(--button-secondary-background-fill-hover); }
.tool:focus-visible { outline: 3px solid var(--color-accent); outline-offset: 1px; }
"""

SCRIPT = """
const board = () => element.querySelector('.board');
const marks = () => [...element.querySelectorAll('.point')];
const inside = (v) => Math.min(1, Math.max(0, v));
const put = (mark, x, y) => {
  mark.style.left = (100 * inside(x)).toFixed(3) + '%';
  mark.style.top = (100 * inside(y)).toFixed(3) + '%';
};
const at = (mark) => [parseFloat(mark.style.left) / 100, parseFloat(mark.style.top) / 100];
const over = (event) => {
  const box = board().getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
};
const send = () => trigger('points', {points: marks().map(at)});
const place = (x, y) => {
  const names = JSON.parse(board().dataset.names), count = marks().length;
  if (count >= names.length) return;
  const mark = document.createElement('button');
  mark.type = 'button';
  mark.className = 'point';
  mark.setAttribute('aria-label', names[count] + '; arrow keys move it');
  mark.innerHTML = '<span>' + (count + 1) + '</span>';
  put(mark, x, y);
  board().append(mark);
  send();
};
const STEPS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
let dragged = null, moved = false;

element.addEventListener('click', (event) => {
  const button = event.target.closest('button');
  if (button && button.dataset.face) {
    for (const face of element.querySelectorAll('.face'))
      face.setAttribute('aria-pressed', String(face === button));
    trigger('pick', {face: Number(button.dataset.face)});
  } else if (button && button.dataset.do === 'switch') {
    trigger('switch', {});
  } else if (button && button.dataset.do === 'undo') {
    if (marks().length) { marks().at(-1).remove(); send(); }
  } else if (button && button.dataset.do === 'clear') {
    if (marks().length) { for (const mark of marks()) mark.remove(); send(); }
  } else if (!button && event.target.closest('.board.marks')) {
    board().classList.remove('keys');
    place(...over(event));
  }
});
element.addEventListener('pointerdown', (event) => {
  const mark = event.target.closest('.point');
  if (!mark) return;
  dragged = mark; moved = false;
  mark.setPointerCapture(event.pointerId);
});
element.addEventListener('pointermove', (event) => {
  if (!dragged) return;
  moved = true;
  put(dragged, ...over(event));
});
const drop = () => {
  if (dragged && moved) send();
  dragged = null;
};
element.addEventListener('pointerup', drop);
element.addEventListener('pointercancel', drop);
element.addEventListener('keydown', (event) => {
  const step = STEPS[event.key], mark = event.target.closest('.point');
  const far = event.shiftKey ? 0.002 : 0.01;
  if (mark && step) {
    const [x, y] = at(mark);
    put(mark, x + far * step[0], y + far * step[1]);
    send();
  } else if (event.target === board() && board().classList.contains('marks')) {
    const cross = element.querySelector('.cross');
    if (step) {
      board().classList.add('keys');
      const [x, y] = at(cross).map((v) => Number.isNaN(v) ? 0.5 : v);
      put(cross, x + 2 * far * step[0], y + 2 * far * step[1]);
    } else if (event.key === 'Enter' || event.key === ' ') {
      const [x, y] = at(cross).map((v) => Number.isNaN(v) ? 0.5 : v);
      place(x, y);
    } else if (event.key === 'Backspace' && marks().length) {
      marks().at(-1).remove(); send();
    } else return;
  } else return;
  event.preventDefault();
});
"""
