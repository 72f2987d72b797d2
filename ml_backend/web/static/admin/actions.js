// Buttons and forms that call the REST API with the session's CSRF token, and say what came of it.
import { refresh } from "./live.js";
import { hush, say } from "./said.js";

const dialog = (id) => document.getElementById(id);
const token = () => document.querySelector("meta[name=csrf-token]").content;

// "{version} serves again." with what the answer says; an empty value is said as data-empty says.
function sentence(text, answer, empty) {
  const said = text.replace(/\{(\w+)\}/g, (_, name) => String(answer[name] ?? "") || empty || "");
  return said.replace(/ {2,}/g, " ").trim();
}

async function call(path, method, body) {
  const headers = { "X-CSRF-Token": token(), Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch {
    throw new Error("docloop does not answer. Nothing is known to have happened: look again in a moment.");
  }
  const text = await answer.text();
  let said = {};
  try {
    said = text ? JSON.parse(text) : {};
  } catch {
    said = {};
  }
  if (answer.status === 401) throw new Error("Your session is over: load the page again to log in.");
  if (!answer.ok) throw new Error(said.detail || `docloop answered ${answer.status}.`);
  return said;
}

let unanswered = null; // takes the answer to the question that is open

function asked(button) {
  const shown = dialog("confirm");
  dialog("confirm-title").textContent = button.dataset.ask;
  dialog("confirm-detail").textContent = button.dataset.detail;
  dialog("confirm-yes").textContent = button.dataset.sure;
  dialog("confirm-yes").classList.toggle("danger", button.classList.contains("danger"));
  unanswered?.(false);
  shown.returnValue = "no";
  shown.onclose = () => {
    if (shown.open) return; // the question before was closed a moment ago, and is told only now
    unanswered?.(shown.returnValue === "yes");
    unanswered = null;
  };
  shown.showModal();
  return new Promise((done) => { unanswered = done; });
}

async function act(button) {
  const { act: path, method, said, body, empty } = button.dataset; // as they are now: a poll may change the button meanwhile
  if (button.getAttribute("aria-disabled") === "true") return;
  if (button.dataset.ask && !(await asked(button))) return;
  hush();
  button.setAttribute("aria-disabled", "true");
  try {
    say(sentence(said, await call(path, method, body ? JSON.parse(body) : undefined), empty));
  } catch (error) {
    say(error.message, true);
  } finally {
    button.removeAttribute("aria-disabled");
  }
  refresh(true);
}

// The fields of a form as a JSON object; "filters.since" goes into an object of its own.
function fields(form) {
  const body = {};
  for (const field of form.elements) {
    if (!field.name) continue;
    let value = field.value;
    if (field.type === "checkbox") value = field.checked;
    else if (field.type === "number" && value !== "") value = Number(value);
    if ((value === "" && field.dataset.empty) || (value === false && field.dataset.off)) continue;
    const path = field.name.split(".");
    const last = path.pop();
    let place = body;
    for (const step of path) place = place[step] ??= {};
    place[last] = value;
  }
  return body;
}

async function send(form) {
  const shown = form.closest("dialog");
  const fault = form.querySelector(".fault-text");
  const button = form.querySelector("[type=submit]");
  if (button.getAttribute("aria-disabled") === "true") return;
  fault.hidden = true;
  button.setAttribute("aria-disabled", "true");
  try {
    const path = form.dataset.act.replace("{which}", form.querySelector("[data-which]")?.value ?? "");
    const answer = await call(path, "POST", fields(form));
    shown.close();
    form.reset();
    say(sentence(form.dataset.said, answer));
    if (form.dataset.secret) reveal(form.dataset.secret, answer.token);
  } catch (error) {
    fault.textContent = error.message;
    fault.hidden = false;
  } finally {
    button.removeAttribute("aria-disabled");
  }
  refresh(true);
}

// A secret is in the page only while its dialog is open.
function reveal(id, secret) {
  const field = dialog(`${id}-text`);
  field.value = secret;
  dialog(id).addEventListener("close", () => { field.value = ""; }, { once: true });
  dialog(id).showModal();
  field.focus();
  field.select();
}

async function copy(button) {
  const field = dialog(button.dataset.copy);
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Press Ctrl-C"; // without https a page may not write to the clipboard
    field.focus();
  }
}

// A list that is asked for when its dialog opens; where it cannot be had, the field that it fills is there all the same.
async function offer(list) {
  let found = [];
  try {
    found = (await call(list.dataset.options, "GET")).projects;
  } catch {
    found = [];
  }
  const first = new Option(found.length ? "Choose…" : "", "");
  list.replaceChildren(first, ...found.map(({ value, label }) => new Option(label, value)));
  list.parentElement.hidden = !found.length;
}

function open(shown) {
  shown.showModal();
  shown.querySelectorAll("select[data-options]").forEach(offer);
}

export function listen() {
  document.addEventListener("change", (event) => {
    if (event.target.dataset.into && event.target.value) dialog(event.target.dataset.into).value = event.target.value;
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.act) act(button);
    else if (button.dataset.open) open(dialog(button.dataset.open));
    else if ("close" in button.dataset) button.closest("dialog").close();
    else if (button.dataset.copy) copy(button);
    else if (button.id === "said-close") hush();
  });
  document.addEventListener("submit", (event) => {
    if (!event.target.dataset.act) return;
    event.preventDefault();
    send(event.target);
  });
}
