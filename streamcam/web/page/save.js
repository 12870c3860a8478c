// Saving what plays as a preset.

import { announce, byId, failed, notice } from "./elements.js";
import { ask } from "./program.js";

/** `running()`: the preset that plays. */
export function begin(running) {
  const dialog = byId("save-dialog");
  const name = byId("save-name");
  byId("save").addEventListener("click", () => {
    name.value = running();
    byId("save-refused").textContent = "";
    dialog.showModal();
    name.select();
  });
  byId("save-cancel").addEventListener("click", () => dialog.close());
  byId("save-form").addEventListener("submit", (event) => {
    event.preventDefault();
    save(name.value.trim()).catch(failed);
  });

  async function save(wanted) {
    try {
      const { path } = await ask("/api/save", { name: wanted });
      dialog.close();
      notice(`Saved to ${path}`, { own: true });
      announce(`saved as ${wanted}`);
    } catch (error) {
      byId("save-refused").textContent = error.message;
      name.setAttribute("aria-invalid", "true");
    }
  }
}
