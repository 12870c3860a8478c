// What the page asks of the program, and what the program tells it.

const TOKEN = document.querySelector("meta[name=token]").content;
const PATIENCE = 30000;  // ms: the first words of a model, or a camera, take seconds on a busy machine
const AGAIN = 1000;  // ms between tries to reach it

/** The answer to a GET or, with a body, to a POST or PATCH. Throws an Error that says why not. */
export async function ask(path, body, method = "POST") {
  const options = { signal: AbortSignal.timeout(PATIENCE) };
  if (body !== undefined) {
    options.method = method;
    options.headers = { "Content-Type": "application/json", "X-Streamcam-Token": TOKEN };
    options.body = JSON.stringify(body);
  }
  const answer = await fetch(path, options);
  const found = await answer.json();
  if (answer.status === 403 && body !== undefined) location.reload();  // it was started anew
  if (!answer.ok) throw new Error(found.error || answer.statusText);
  return found;
}

/** Offer a WebRTC connection, with all its addresses in it, and take the answer. Throws an Error. */
export async function offer(path, connection) {
  await connection.setLocalDescription();
  while (connection.iceGatheringState !== "complete") {
    await new Promise((go) => connection.addEventListener("icegatheringstatechange", go, { once: true }));
  }
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/sdp", "X-Streamcam-Token": TOKEN },
    body: connection.localDescription.sdp,
    signal: AbortSignal.timeout(PATIENCE),
  });
  if (!answer.ok) throw new Error((await answer.json()).error || answer.statusText);
  await connection.setRemoteDescription({ type: "answer", sdp: await answer.text() });
}

/** Call `hear` with all that the feed tells, `reached` with whether the program is there. */
export function listen(hear, reached) {
  const socket = new WebSocket(`ws://${location.host}/api/feed`);
  socket.addEventListener("open", () => reached(true));
  socket.addEventListener("message", (event) => hear(JSON.parse(event.data)));
  socket.addEventListener("close", () => {
    reached(false);
    setTimeout(() => listen(hear, reached), AGAIN);
  });
}

const SETTLING = 3000;  // ms after a change in which the feed may still tell of what was before
const waiting = new Map();  // by key: the newest value, and who hears what became of it
const touched = new Map();  // by key: when it was changed here, and to what
let sent = new Map();
let changing = false;
let settled = () => {};

/** Change values by key. While one request is on its way newer values take the place of older ones.
 * `heard(key, why)` is called for each: why it was refused, or "". */
export function change(values, heard = () => {}) {
  for (const [key, value] of Object.entries(values)) {
    waiting.set(key, { value, heard });
    touched.set(key, { at: Date.now(), value });
  }
  if (!changing) send();
}

/** Whether that key is being changed here, and `told`, from the feed, may be what it was before. */
export function isChanging(key, told) {
  const last = touched.get(key);
  const settling = last !== undefined && last.value !== told && Date.now() - last.at < SETTLING;
  return waiting.has(key) || sent.has(key) || settling;
}

/** What the feed tells from now on is what was asked for: another look, an undo. */
export function letGo() {
  touched.clear();
}

/** Call `act` a moment after the last change. */
export function onSettled(act) {
  settled = act;
}

async function send() {
  changing = true;
  while (waiting.size) {
    sent = new Map(waiting);
    waiting.clear();
    const why = await refusal(sent);
    if (why === "" || sent.size === 1) tell(sent, why);
    else for (const one of sent) tell([one], await refusal([one]));  // one of them was wrong
    for (const [key, one] of sent) if (touched.has(key)) touched.set(key, { at: Date.now(), value: one.value });
    sent = new Map();
  }
  changing = false;
  setTimeout(() => { if (!changing) settled(); }, SETTLING + 50);
}

async function refusal(changes) {
  const values = Object.fromEntries([...changes].map(([key, one]) => [key, one.value]));
  try {
    await ask("/api/values", values, "PATCH");
    return "";
  } catch (error) {
    return error.message;
  }
}

function tell(changes, why) {
  for (const [key, one] of changes) {
    if (why) touched.delete(key);  // it is as the feed says
    one.heard(key, why);
  }
}
