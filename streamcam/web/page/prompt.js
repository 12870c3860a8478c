// The words: what is typed is applied after a pause, or at once with Enter.

import { byId } from "./elements.js";
import { change, isChanging } from "./program.js";

const PAUSE = 350;  // ms without a key after which what is typed counts
const FIELDS = ["prompt", "negative_prompt"];

export function begin() {
  for (const key of FIELDS) field(key);
}

/** What the program has now. What somebody types at that moment stays. */
export function show(values) {
  for (const key of FIELDS) {
    const text = byId(key);
    if (values[key] === undefined || text.dataset.typed || isChanging(key, values[key])) continue;
    if (text.value !== values[key]) text.value = values[key];
    fit(text);
  }
}

function field(key) {
  const text = byId(key);
  let pause = 0;
  const apply = () => {
    clearTimeout(pause);
    if (!text.dataset.typed) return;
    delete text.dataset.typed;
    tell("…");
    change({ [key]: text.value }, (_, why) => {
      text.setAttribute("aria-invalid", why ? "true" : "false");
      tell(why || "applied", why);
    });
  };
  text.addEventListener("input", () => {
    text.dataset.typed = "yes";
    fit(text);
    tell("");
    clearTimeout(pause);
    pause = setTimeout(apply, PAUSE);
  });
  text.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    apply();
  });
  text.addEventListener("blur", apply);
}

function fit(text) {
  text.style.height = "auto";
  text.style.height = `${text.scrollHeight + 2}px`;
}

function tell(said, why = "") {
  const line = byId("prompt-said");
  line.textContent = said;
  line.classList.toggle("refused", Boolean(why));
}
