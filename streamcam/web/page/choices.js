// Looks, presets and the curtain: one of each is on.

import { announce, byId, failed, make } from "./elements.js";
import { ask, letGo } from "./program.js";

/** Buttons in the element `id`, one a name. `press(name)` is called for one that is pressed. */
export function buttons(id, names, chosen, press, keys = () => "") {
  const box = byId(id);
  const shown = [...box.children].map((button) => button.dataset.name);
  if (shown.join("\n") !== names.join("\n")) {
    box.replaceChildren(...names.map((name, index) => button(name, keys(name, index), press)));
  }
  for (const one of box.children) one.setAttribute("aria-pressed", one.dataset.name === chosen);
}

function button(name, key, press) {
  const made = make("button", { type: "button", "data-name": name, "aria-keyshortcuts": key || null });
  if (key) made.append(make("kbd", { "aria-hidden": "true" }, key));
  made.append(make("span", {}, name));
  made.addEventListener("click", () => busy(made, () => press(name)));
  return made;
}

/** Do what a button stands for; what goes wrong is said. */
export async function busy(element, act) {
  element.setAttribute("aria-busy", "true");
  try {
    await act();
  } catch (error) {
    failed(error);
  } finally {
    element.removeAttribute("aria-busy");
  }
}

export async function selectLook(name) {
  await ask("/api/look", { name });
  announce(`look ${name}`);
}

export async function selectPreset(name) {
  await ask("/api/preset", { name });
  announce(`preset ${name}`);
}

/** Draw that curtain, or open it if it is drawn. */
export async function drawCurtain(name, drawn) {
  const wanted = drawn === name ? "live" : name;
  await ask("/api/curtain", { name: wanted });
  announce(wanted === "live" ? "the picture is shown" : `curtain ${wanted}`);
}

export async function undo() {
  letGo();
  announce(`undone: ${(await ask("/api/undo", {})).undone}`);
}

export async function redo() {
  letGo();
  announce(`done again: ${(await ask("/api/redo", {})).undone}`);
}
