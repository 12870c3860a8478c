// What is in front of the camera, in every look: on its button. Asked for while somebody looks.

import { byId, make } from "./elements.js";
import { ask } from "./program.js";

const AGAIN = 2000;  // ms
const shown = new WeakMap();  // by button: the number of its picture

export function begin() {
  setInterval(() => {
    if (document.hidden || byId("looks").hidden || !document.body.classList.contains("live")) return;
    refresh().catch(() => {});  // the feed says that the program is gone
  }, AGAIN);
}

async function refresh() {
  const { previews } = await ask("/api/previews");
  for (const button of byId("looks").children) {
    const number = previews[button.dataset.name];
    if (number !== undefined && number !== shown.get(button)) await draw(button, number);
  }
}

async function draw(button, number) {
  const picture = make("img", { alt: "" });
  picture.src = `/preview.jpg?look=${encodeURIComponent(button.dataset.name)}&number=${number}`;
  await picture.decode();
  button.querySelector("img")?.remove();
  button.prepend(picture);
  button.classList.add("pictured");
  shown.set(button, number);
}
