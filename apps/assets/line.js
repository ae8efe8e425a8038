// A line of text that tells typing and pasting from what the server wrote, at once.
const field = () => element.querySelector("input");
const read = () => {
  if (field().value !== (props.value || "")) field().value = props.value || "";
};
element.addEventListener("input", () => {
  props.value = field().value;
  trigger("input");
  trigger("change");
});
element.addEventListener("keydown", (event) => { if (event.key === "Enter") trigger("submit"); });
element.addEventListener("focusout", () => trigger("blur"));
watch("value", () => { read(); trigger("change"); });
read();
