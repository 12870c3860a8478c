// Sliders, switches, choices and lines of text, made from what the program says of each value.

import { byId, make, words } from "./elements.js";
import { change, isChanging } from "./program.js";

const OWN_PLACE = new Set(["prompt", "negative_prompt"]);
const OF_THE_LOOK = "look";
const GROUPS = {
  "": "Transitions and errors", gate: "Gate", resolve: "Between the engine's pictures", output: "Output",
  modulation: "Modulation", control: "Control and tempo",
};
const controls = new Map();  // by key: { row, show }

/** Build them for these settings, once; `learn(key)` makes a button for a knob, or null. */
export function build(settings, learn) {
  const groups = new Map();
  for (const setting of settings) {
    if (OWN_PLACE.has(setting.key)) continue;
    if (setting.takes !== "frame") { later(setting); continue; }
    const control = row(setting, learn);
    controls.set(setting.key, control);
    if (setting.scope === OF_THE_LOOK) { byId("look-values").append(control.row); continue; }
    const [table, name] = setting.key.includes(".") ? setting.key.split(/\.(.*)/) : ["", setting.key];
    if (!groups.has(table)) groups.set(table, group(GROUPS[table] || words(table)));
    control.row.querySelector(".name").textContent = words(name);
    groups.get(table).append(control.row);
  }
}

/** What the program has now, by key; null for what there is not any more. */
export function show(values) {
  for (const [key, value] of Object.entries(values)) {
    const control = controls.get(key);
    if (control && !isChanging(key, value)) control.show(value);
  }
}

/** Once all is known: only the parts of the blend that there are. */
export function keep(values) {
  for (const [key, control] of controls) control.row.hidden = (values[key] ?? null) === null;
}

function group(title) {
  const box = make("div", { class: "values" });
  byId("groups").append(make("details", {}, make("summary", {}, title), box));
  return box;
}

function later(setting) {
  byId("later").append(
    make("dt", {}, words(setting.key)),
    make("dd", {}, `${setting.description} It ${setting.refusal}`),
  );
  byId("later-box").hidden = false;
}

function row(setting, learn) {
  const kinds = { number: slider, integer: slider, switch: toggle, choice, text: line, wave: line };
  const id = `value-${setting.key}`;
  const why = make("p", { class: "refused", role: "status" });
  const set = (value) => change({ [setting.key]: value }, (_, said) => {
    why.textContent = said;
    made.input.setAttribute("aria-invalid", said ? "true" : "false");
  });
  const made = kinds[setting.kind](setting, id, set);
  const unit = setting.unit ? ` (${setting.unit})` : "";
  const label = make("label", { for: id }, make("span", { class: "name" }, words(setting.key)), unit);
  const head = make("div", { class: "head" }, label, ...(made.beside || []));
  const button = ["text", "wave"].includes(setting.kind) ? null : learn(setting.key, words(setting.key));
  if (button) head.append(button);
  const box = make("div", { class: "value", "data-key": setting.key }, head, ...(made.below || []),
    make("p", { class: "what", id: `${id}-what` }, setting.description), why);
  made.input.setAttribute("aria-describedby", `${id}-what`);
  return { row: box, show: made.show };
}

function slider(setting, id, set) {
  const whole = setting.kind === "integer";
  const least = setting.above ? setting.least + setting.step : setting.least;
  const digits = whole ? 0 : Math.max(0, Math.round(-Math.log10(setting.step)));
  const number = (value) => (whole ? Math.round(value) : Number(Number(value).toFixed(4)));
  const range = make("input", { type: "range", id, min: least, max: setting.usual, step: setting.step });
  const exact = make("input", {
    type: "number", min: setting.above ? null : setting.least, max: setting.most, step: "any",
    "aria-label": `${words(setting.key)}, exact`, inputmode: whole ? "numeric" : "decimal",
  });
  const fill = () => range.style.setProperty(
    "--part", `${100 * (range.value - range.min) / (range.max - range.min)}%`);
  range.addEventListener("input", () => { exact.value = range.value; fill(); set(number(range.value)); });
  exact.addEventListener("change", () => { if (exact.value !== "") set(number(exact.value)); });
  return {
    input: range, beside: [exact], below: [range],
    show(value) {
      if (value === null) return;
      range.value = value;
      range.setAttribute("aria-valuetext", Number(value).toFixed(digits));
      if (document.activeElement !== exact) exact.value = number(value);
      fill();
    },
  };
}

function toggle(setting, id, set) {
  const box = make("input", { type: "checkbox", role: "switch", id });
  box.addEventListener("change", () => set(box.checked));
  return { input: box, beside: [box], show(value) { box.checked = Boolean(value); } };
}

function choice(setting, id, set) {
  const box = make("select", { id }, ...setting.choices.map((name) => make("option", { value: name }, name)));
  box.addEventListener("change", () => set(box.value));
  return { input: box, beside: [box], show(value) { box.value = value; } };
}

function line(setting, id, set) {
  const wave = setting.kind === "wave";
  const box = make("input", {
    type: "text", id, spellcheck: "false", autocomplete: "off", placeholder: wave ? "sine 0.2 4 beats" : null,
    list: wave ? "waves" : null,
  });
  box.addEventListener("change", () => set(box.value));
  return {
    input: box, below: [box],
    show(value) { if (document.activeElement !== box) box.value = value ?? ""; },
  };
}
