// A line over the curves follows the video of the same tab; a click goes to that moment.
const tab = element.closest('[role="tabpanel"]') || document;
const film = () => tab.querySelector("video");
const place = () => {
  const plot = element.querySelector(".motion"), video = film();
  if (!plot || !video) return;
  const share = Math.min(Math.max(video.currentTime / Number(plot.dataset.end), 0), 1);
  const left = Number(plot.dataset.left), right = Number(plot.dataset.right);
  const head = plot.querySelector(".playhead");
  if (head) head.style.left = `${left + share * (right - left)}%`;
};
let running = false;
const follow = () => {
  const video = film();
  place();
  running = Boolean(video && !video.paused && element.isConnected);
  if (running) requestAnimationFrame(follow);
};
for (const kind of ["play", "playing"])
  tab.addEventListener(kind, () => { if (!running) { running = true; follow(); } }, true);
for (const kind of ["seeked", "timeupdate", "loadedmetadata"])
  tab.addEventListener(kind, place, true);
element.addEventListener("click", (event) => {
  const plot = element.querySelector(".motion"), video = film();
  if (!plot || !video || !event.target.closest("svg")) return;
  const box = plot.getBoundingClientRect();
  const at = (100 * (event.clientX - box.left)) / box.width;
  const left = Number(plot.dataset.left), right = Number(plot.dataset.right);
  const share = (at - left) / (right - left);
  if (share >= 0 && share <= 1) video.currentTime = share * Number(plot.dataset.end);
});
watch("value", place);
