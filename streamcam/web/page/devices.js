// The source, which can be changed while the program runs, and where pictures can go.

import { announce, byId, make } from "./elements.js";
import { ask, offer } from "./program.js";

export function begin() {
  byId("source").addEventListener("change", select);
  byId("devices-again").addEventListener("click", () => show().then(() => announce("looked again"), say));
  byId("send-camera").addEventListener("click", sendCamera);
}

/** What there is now. */
export async function show() {
  const found = await ask("/api/devices");
  const names = found.sources.map((one) => one.choice);
  const own = names.includes(found.source) ? [] : [{ choice: found.source, what: "", where: "" }];
  byId("source").replaceChildren(...[...own, ...found.sources].map((one) =>
    make("option", { value: one.choice }, [one.choice, one.what, one.where].filter(Boolean).join(" · "))));
  byId("source").value = found.source;
  // Browsers give a camera to pages of this machine and of https alone.
  byId("send-camera").hidden = !names.includes("whip") || !navigator.mediaDevices;
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

let sending = null;  // the connection that carries this device's camera

/** This device's camera becomes the source, for as long as the page is open. */
async function sendCamera() {
  byId("source-said").classList.remove("refused");
  byId("source-said").textContent = "this device's camera is being asked for …";
  try {
    const wanted = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } };
    const camera = await navigator.mediaDevices.getUserMedia({ video: wanted });
    const connection = new RTCPeerConnection();
    const [track] = camera.getVideoTracks();
    track.contentHint = "motion";  // where the network is slow, fewer pixels, not fewer pictures
    connection.addTransceiver(track, { direction: "sendonly", streams: [camera] });
    connection.addEventListener("connectionstatechange", () => {
      if (["failed", "closed"].includes(connection.connectionState)) track.stop();
    });
    sending?.close();
    sending = connection;
    await offer("/whip", connection);
    await ask("/api/source", { name: "whip" });
    byId("source-said").textContent = `${track.label} of this device is the source`;
    await show();
  } catch (error) {
    say(error);
  }
}

function say(error) {
  byId("source-said").textContent = error.message;
  byId("source-said").classList.add("refused");
}
