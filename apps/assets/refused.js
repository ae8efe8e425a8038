/* A file of the wrong kind, or too large, is refused next to its field: Gradio's own word of it, in
   a corner, goes away by itself. What a file holds is checked by the server, whatever its name. */
(() => {
  const KINDS = { image: "picture", audio: "sound", video: "video" };
  const LINE = "refused";
  const clear = (block) => {
    const next = block.nextElementSibling;
    if (next && next.classList.contains(LINE)) next.remove();
  };
  const check = (event, input, files) => {
    const block = input.closest(".block");
    const wanted = Object.keys(KINDS).find((kind) => input.accept.includes(`${kind}/`));
    if (!block || !wanted || !files.length) return;
    clear(block);
    const file = files[0];
    const most = window.gradio_config?.max_file_size ?? Infinity;
    const good = file.type.startsWith(`${wanted}/`);
    if (good && file.size <= most) return;
    const mega = (bytes) => `${Math.ceil(bytes / 1e5) / 10} MB`;
    const kind = KINDS[file.type.split("/")[0]];
    const is = good
      ? `has ${mega(file.size)}, at most ${mega(most)} are taken here; make it smaller`
      : `is ${kind ? `a ${kind}` : `no ${KINDS[wanted]}`}, a ${KINDS[wanted]} is needed`;
    const line = document.createElement("p");
    line.className = `${LINE} tg-error`;
    line.setAttribute("role", "alert");
    const error = document.createElement("b");
    error.textContent = "Error:";
    line.append(error, ` '${file.name}' ${is}`);
    block.after(line);
    input.value = "";
    event.preventDefault();
    event.stopImmediatePropagation();
  };
  window.addEventListener("change", (event) => {
    if (event.target.matches?.('input[type="file"]')) check(event, event.target, event.target.files);
  }, true);
  window.addEventListener("drop", (event) => {
    const input = event.target.closest?.(".block")?.querySelector('input[type="file"]');
    if (input) check(event, input, event.dataTransfer.files);
  }, true);
})();
