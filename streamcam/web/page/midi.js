// Knobs: a button beside each value that a knob can play, if MIDI is open.

import { announce, byId, failed, make } from "./elements.js";
import { ask } from "./program.js";

const WAIT = 500;  // ms between looks at whether a knob was turned
const buttons = new Map();  // by key
let armed = "";

/** Ask whether MIDI is open. Call it before `button`. */
export async function begin() {
  const state = await ask("/api/control");
  byId("midi-box").hidden = !state.midi;
  if (state.midi) show(state.midi);
  return Boolean(state.midi);
}

/** A button that binds the next knob that is turned to a value. */
export function button(key, name) {
  const made = make("button", { type: "button", class: "knob", "aria-label": `Bind a knob to ${name}` }, "knob");
  made.addEventListener("click", () => learn(key).catch(failed));
  made.addEventListener("keydown", (event) => {
    if (event.key === "Delete" && !event.repeat) forget(key).catch(failed);
  });
  buttons.set(key, made);
  return made;
}

async function learn(key) {
  show((await ask("/api/midi/learn", { name: key })).midi);
  announce("turn a knob");
  while (armed) {
    await new Promise((done) => setTimeout(done, WAIT));
    show((await ask("/api/control")).midi);
  }
}

async function forget(key) {
  show((await ask("/api/midi/forget", { name: key })).midi);
  announce("no knob plays it any more");
}

export function show(midi) {
  armed = midi.armed;
  const places = new Map(Object.entries(midi.controllers).map(([place, key]) => [key, place]));
  for (const [key, made] of buttons) {
    const place = places.get(key);
    made.textContent = key === armed ? "turn one …" : place ? `knob ${place}` : "knob";
    made.classList.toggle("bound", Boolean(place));
    made.title = place ? "Press for another knob, Delete for none" : "Press, then turn a knob";
  }
  byId("midi-inputs").textContent = midi.inputs.join(", ") || "none is plugged in yet";
}
