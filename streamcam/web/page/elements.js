// Making and finding elements, and what is said to those who do not see the page.

export const byId = (id) => document.getElementById(id);

/** <name attributes>children</name>; an attribute that is false or null is left out. */
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

/** For a screen reader, when it has time. */
export function announce(text) {
  byId("said").textContent = text;
}

const SHOWN = 8000;  // ms that a notice of the page's own stays
let until = 0;

/** A line that everybody sees: the page's own, or, once that is old, the program's. */
export function notice(text, { failed = false, own = false } = {}) {
  if (!own && Date.now() < until) return;
  until = own ? Date.now() + SHOWN : 0;
  const line = byId("notice");
  line.hidden = !text;
  if (line.textContent !== text) line.textContent = text;
  line.classList.toggle("failed", failed);
}

export const failed = (error) => notice(error.message, { failed: true, own: true });

/** "max_skip" as people write it. */
export const words = (key) => {
  const text = key.replaceAll("_", " ").replaceAll(".", " ");
  return text[0].toUpperCase() + text.slice(1);
};
