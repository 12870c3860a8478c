// The live picture, what veils it, and the tools on it.

import { byId, make } from "./elements.js";

const picture = byId("picture");
let wanted = false;  // there is one, and the page is looked at

export function begin(clean) {
  picture.addEventListener("load", () => {
    picture.hidden = false;
    byId("stage").style.setProperty("--ratio", picture.naturalWidth / picture.naturalHeight);
    veil(null);
  });
  picture.addEventListener("error", () => {
    picture.hidden = true;
    setTimeout(() => { if (wanted) watch(true); }, 1000);
  });
  document.addEventListener("visibilitychange", () => { if (!clean) watch(wanted, !document.hidden); });
  byId("full").addEventListener("click", fullScreen);
}

/** Show the live picture, or nothing; while the page is hidden nothing is sent. */
export function watch(there, seen = !document.hidden) {
  wanted = there;
  if (there && seen) picture.src = `/stream.mjpg?${Date.now()}`;
  else { picture.removeAttribute("src"); picture.hidden = true; }
}

export function veil(title, text) {
  byId("veil").hidden = title === null;
  byId("veil-title").textContent = title;
  byId("veil-text").textContent = text || "";
}

export function caption(look, preset) {
  const line = byId("caption");
  line.hidden = !look;
  line.replaceChildren(look);
  if (look !== preset) line.append(make("span", {}, ` · ${preset}`));
}

export function fullScreen() {
  if (document.fullscreenElement) document.exitFullscreen();
  else byId("stage").requestFullscreen();
}
