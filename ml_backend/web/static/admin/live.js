// Keeps the page up to date: asks for its content every few seconds, and for nothing while nobody looks.
import { morph } from "./morph.js";
import { tell } from "./times.js";

const EVERY = 3000; // milliseconds
const LONGEST = 12000; // between tries while docloop does not answer
const PATIENCE = 20000; // a page takes a second, and some more where a large project is counted for the first time
let mark = "";
let wait = EVERY;
let timer;
let asking = false;
let askAgain = false; // something was done while an answer was on its way
let silentSince = null;

const main = () => document.getElementById("main");

function strip(text) {
  const place = document.getElementById("offline");
  if (place.textContent !== text) place.textContent = text;
  place.hidden = !text;
}

// Where the button that had the focus is gone, the next key still starts from its group.
function keepFocus(change) {
  const had = document.activeElement;
  const group = had?.closest("[role=group], [data-key], main");
  change();
  if (!had || had === document.activeElement || document.querySelector("dialog[open]")) return;
  const next = had.isConnected ? had : group?.isConnected ? group.querySelector("button, a") : null;
  (next || main()).focus({ preventScroll: true });
}

function show(text) {
  const page = new DOMParser().parseFromString(text, "text/html");
  keepFocus(() => morph(main(), page.body));
  tell(main());
}

// Where docloop takes the question and never answers, what is shown grows old: that is silence, too.
async function ask(fresh) {
  const stop = new AbortController();
  const late = setTimeout(() => stop.abort(), PATIENCE);
  try {
    return await look(fresh, stop.signal);
  } finally {
    clearTimeout(late);
  }
}

async function look(fresh, signal) {
  const headers = { Accept: "text/html" };
  if (mark) headers["If-None-Match"] = mark;
  const answer = await fetch(`${main().dataset.live}?live=1${fresh ? "&fresh=1" : ""}`, { headers, cache: "no-store", signal });
  if (answer.status === 401) {
    strip("Your session is over: load the page again to log in.");
    return false;
  }
  if (answer.status === 404) {
    const said = await answer.text();
    if (!said.includes('data-key="verdict"')) throw new Error("404 of a proxy");
    show(said); // what the page is about is gone
    strip("");
    return false;
  }
  if (answer.status !== 304) {
    if (!answer.ok) throw new Error(String(answer.status));
    show(await answer.text());
    mark = answer.headers.get("ETag") || "";
  }
  return true;
}

export async function refresh(fresh = false) {
  if (asking) {
    askAgain ||= fresh;
    return;
  }
  asking = true;
  clearTimeout(timer);
  let again = true;
  try {
    again = await ask(fresh);
    wait = EVERY;
    silentSince = null;
    if (again) strip("");
  } catch {
    silentSince ??= new Date();
    wait = Math.min(LONGEST, wait * 2);
    strip(`docloop does not answer since ${silentSince.toLocaleTimeString()}. What you see is older; it is tried again.`);
  } finally {
    asking = false;
  }
  if (again && askAgain) {
    askAgain = false;
    refresh(true);
  } else if (again && !document.hidden) {
    timer = setTimeout(refresh, wait);
  }
}

export function watch() {
  timer = setTimeout(refresh, EVERY);
  setInterval(() => { if (!document.hidden) tell(main()); }, 1000);
  window.addEventListener("online", () => refresh());
  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (!document.hidden) refresh();
  });
}
