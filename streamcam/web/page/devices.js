// The source, which can be changed while the program runs, and where pictures can go.

import { announce, byId, make } from "./elements.js";
import { ask } from "./program.js";

export function begin() {
  byId("source").addEventListener("change", select);
  byId("devices-again").addEventListener("click", () => show().then(() => announce("looked again"), say));
}

/** What there is now. */
export async function show() {
  const found = await ask("/api/devices");
  const names = found.sources.map((one) => one.choice);
  const own = names.includes(found.source) ? [] : [{ choice: found.source, what: "", where: "" }];
  byId("source").replaceChildren(...[...own, ...found.sources].map((one) =>
    make("option", { value: one.choice }, [one.choice, one.what, one.where].filter(Boolean).join(" · "))));
  byId("source").value = found.source;
  byId("places-to-go").replaceChildren(...found.outputs.flatMap((one) =>
    [make("dt", {}, one.choice), make("dd", {}, one.what)]));
}

async function select() {
  const box = byId("source");
  byId("source-said").classList.remove("refused");
  byId("source-said").textContent = `${box.value} is being opened …`;
  box.setAttribute("aria-busy", "true");
  try {
    byId("source-said").textContent = (await ask("/api/source", { name: box.value })).label;
  } catch (error) {
    say(error);
  } finally {
    box.removeAttribute("aria-busy");
    await show().catch(say);
  }
}

function say(error) {
  byId("source-said").textContent = error.message;
  byId("source-said").classList.add("refused");
}
