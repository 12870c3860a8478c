// The page: what the feed tells goes to the parts that show it.

import * as choices from "./choices.js";
import * as devices from "./devices.js";
import { announce, byId, failed, notice } from "./elements.js";
import * as figures from "./figures.js";
import * as keyboard from "./keyboard.js";
import * as looks from "./looks.js";
import * as midi from "./midi.js";
import * as picture from "./picture.js";
import * as previews from "./previews.js";
import { ask, letGo, listen, onSettled } from "./program.js";
import * as prompt from "./prompt.js";
import * as save from "./save.js";
import * as values from "./values.js";

const CURTAINS = ["freeze", "card", "off"];
const AGAIN = 5000;  // ms between looks at what seldom changes
const clean = new URLSearchParams(location.search).has("clean");
const now = { values: {} };  // what the feed has told so far
let state = null;  // what else there is to know
let built = false;

function hear(news) {
  const { stats, refused, values: changed, ...rest } = news;
  Object.assign(now, rest);
  if ("look" in rest || "preset" in rest) letGo();
  if (changed) {
    for (const [key, value] of Object.entries(changed)) {
      if (value === null) delete now.values[key];
      else now.values[key] = value;
    }
    if (built) showValues(changed);
  }
  if (refused) failed(new Error(refused));
  if (Object.keys(rest).length) showChoices();
  if (stats) {
    figures.show(stats);
    notice(stats.notice);
  }
  if ("preset" in rest || "looks" in rest) refresh();
}

function showValues(changed) {
  prompt.show(now.values);
  values.show(changed);
  values.keep(now.values);
}

function showChoices() {
  if (!state || !now.looks) return;
  const keyOf = (does) => Object.entries(state.keys).find(([, one]) => one === does)?.[0] || "";
  choices.buttons("looks", now.looks, now.look, choices.selectLook, (_, index) => keyOf(`look ${index}`));
  choices.buttons("curtain", CURTAINS, now.curtain,
    (name) => choices.drawCurtain(name, now.curtain), (name) => keyOf(`curtain ${name}`));
  choices.buttons("presets", state.presets, now.preset, choices.selectPreset);
  looks.show(now.looks);
  byId("undo").disabled = !now.undo;
  byId("redo").disabled = !now.redo;
  byId("undo").title = now.undo ? `Undo ${now.undo} (U)` : "Nothing to undo";
  byId("redo").title = now.redo ? `Redo ${now.redo} (R)` : "Nothing to redo";
  picture.caption(now.look, now.preset);
}

async function refresh() {
  state = await ask("/api/state");
  byId("tools").hidden = !state.picture;
  byId("outputs").textContent = state.outputs.join(", ");
  if (!state.picture) picture.veil("The picture is in the virtual camera", "Add --output web to see it here as well.");
  showChoices();
}

async function reached(on) {
  document.body.classList.toggle("live", on);
  byId("badge").textContent = on ? "LIVE" : "OFFLINE";
  if (!on) {
    picture.watch(false);
    picture.veil("streamcam is not running", "This page comes back by itself when it is.");
    return;
  }
  picture.veil("Waiting for the first picture");
  await refresh();
  picture.watch(state.picture, clean || !document.hidden);
  if (!clean && !built) await build();
}

async function build() {
  built = true;
  fetch("/phone.svg", { method: "HEAD" }).then((answer) => { byId("phone").hidden = !answer.ok; }, () => {});
  devices.show().catch(failed);
  const hasKnobs = await midi.begin();
  const found = await ask("/api/values");
  values.build(found.settings, hasKnobs ? midi.button : () => null);
  Object.assign(now.values, found.values);
  showValues(now.values);
}

const acts = {
  look: (number) => byId("looks").children[Number(number)]?.click(),
  curtain: (name) => byId("curtain").querySelector(`[data-name=${name}]`).click(),
  tap: () => ask("/api/tap", {}).then(() => announce("tapped"), failed),
  undo: () => choices.undo().catch(failed),
  redo: () => choices.redo().catch(failed),
  plate: () => ask("/api/plate", {}).then((kept) => announce(`The empty room is kept in ${kept.path}`), failed),
  save: () => byId("save-picture").click(),
  full: picture.fullScreen,
};

document.body.classList.toggle("clean", clean);
picture.begin(clean);
prompt.begin();
onSettled(() => { if (built) showValues(now.values); });
looks.begin();
devices.begin();
if (!clean) previews.begin();
save.begin(() => now.preset);
keyboard.begin(() => state?.keys || {}, acts);
byId("phone-code").addEventListener("toggle", (event) => {
  const code = event.target.querySelector("img");
  if (event.target.open) code.src = "/phone.svg"; else code.removeAttribute("src");
});
byId("undo").addEventListener("click", acts.undo);
byId("redo").addEventListener("click", acts.redo);
byId("tap").addEventListener("click", acts.tap);
byId("plate").addEventListener("click", acts.plate);
listen(hear, (on) => reached(on).catch(failed));
setInterval(() => { if (!document.hidden && document.body.classList.contains("live")) refresh().catch(() => {}); }, AGAIN);
