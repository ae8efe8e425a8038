/* Who closes or reloads the page while something is being made is asked first: leaving cancels it. */
(() => {
  const busy = () => [...document.querySelectorAll(".work button[id$='-cancel']")];
  window.addEventListener("beforeunload", (event) => {
    if (busy().length) event.preventDefault();
  });
})();
