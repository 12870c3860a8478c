// Arranging looks: another order, other names, one more or less. Saving the preset keeps it.

import { announce, byId, failed, make } from "./elements.js";
import { ask } from "./program.js";

const ICONS = { up: "M12 19V6m-5 5 5-5 5 5", down: "M12 5v13m-5-5 5 5 5-5", remove: "M6 6l12 12M18 6 6 18" };
let names = [];  // of the looks, without the preset's own

export function begin() {
  byId("looks-edit").addEventListener("click", () => edit(byId("places").hidden));
  byId("look-add").addEventListener("click", () => add().catch(failed));
}

/** All looks, the preset's own first. */
export function show(looks) {
  if (looks.slice(1).join("\n") === names.join("\n")) return;
  names = looks.slice(1);
  draw();
}

function edit(on) {
  byId("looks-edit").setAttribute("aria-pressed", on);
  byId("places").hidden = !on;
  byId("looks").hidden = on;
  if (on) draw();
}

function draw() {
  const focused = document.activeElement.closest?.("#places [data-name]")?.dataset.name;
  const act = document.activeElement.dataset?.act;
  byId("places").replaceChildren(...names.map(place));
  if (!focused) return;
  const row = [...byId("places").children].find((one) => one.dataset.name === focused);
  (row?.querySelector(`[data-act=${act}]:enabled`) || row?.querySelector("input") || byId("looks-edit")).focus();
}

function place(name, index) {
  const text = make("input", { type: "text", value: name, maxlength: 40, "aria-label": `Name of look ${name}`, "data-act": "name", spellcheck: "false" });
  text.addEventListener("change", () => rename(name, text));
  text.addEventListener("keydown", (event) => { if (event.key === "Escape") { text.value = name; text.blur(); } });
  return make("li", { "data-name": name }, text,
    button("up", `Move ${name} up`, index === 0, () => move(index, index - 1)),
    button("down", `Move ${name} down`, index === names.length - 1, () => move(index, index + 1)),
    button("remove", `Remove ${name}`, false, () => remove(name)));
}

function button(act, label, disabled, press) {
  const made = make("button", { type: "button", "data-act": act, "aria-label": label, title: label, disabled });
  made.innerHTML = `<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><path d="${ICONS[act]}"/></svg>`;
  made.addEventListener("click", () => press().catch(failed));
  return made;
}

const same = () => names.map((name) => ({ name, was: name }));

async function arrange(looks, said) {
  await ask("/api/looks", { looks });
  announce(said);
}

function add() {
  let number = names.length + 1;
  while (names.includes(`look ${number}`)) number += 1;
  const name = `look ${number}`;
  return arrange([...same(), { name }], `${name} is what plays now`);
}

function rename(name, text) {
  const wanted = text.value.trim();
  if (!wanted || wanted === name) { text.value = name; return; }
  arrange(same().map((one) => (one.was === name ? { name: wanted, was: name } : one)), `${name} is called ${wanted}`)
    .catch((error) => { text.value = name; failed(error); });
}

function move(from, to) {
  const looks = same();
  looks.splice(to, 0, ...looks.splice(from, 1));
  return arrange(looks, `${names[from]} is number ${to + 1}`);
}

const remove = (name) => arrange(same().filter((one) => one.was !== name), `${name} is gone`);
