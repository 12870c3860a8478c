// Single keys. What they do is the program's to say: the same in its terminal.

import { byId } from "./elements.js";

const SWITCH = "streamcam.keys";  // whether single keys are taken, in this browser

/** `acts[verb](name)` for "look 3", "curtain card", "tap" …; `keys()`: by key, what it does. */
export function begin(keys, acts) {
  const box = byId("keys-on");
  box.checked = localStorage.getItem(SWITCH) !== "off";
  box.addEventListener("change", () => localStorage.setItem(SWITCH, box.checked ? "on" : "off"));
  document.addEventListener("keydown", (event) => {
    if (event.repeat || event.altKey || typing(event.target)) return;
    if (event.ctrlKey || event.metaKey) {
      if (event.key.toLowerCase() !== "z") return;
      event.preventDefault();
      acts[event.shiftKey ? "redo" : "undo"]();
      return;
    }
    const own = { s: "save", w: "full" }[event.key.toLowerCase()];
    const said = own || keys()[event.key.toLowerCase()];
    if (!said || !box.checked) return;
    const [verb, name] = said.split(" ");
    event.preventDefault();
    acts[verb](name);
  });
}

/** Keys that go into a field are text. */
function typing(element) {
  return element.matches("textarea, select, dialog *, input:not([type=range], [type=checkbox])");
}
