// What happened, for eyes (a message that stays until it is closed or out of date) and for screen readers.
const SECONDS = 12;
let timer;

const box = () => document.getElementById("said");

export function say(text, bad = false) {
  clearTimeout(timer);
  box().hidden = false;
  box().classList.toggle("bad", bad);
  document.getElementById("said-text").textContent = text;
  const region = document.getElementById(bad ? "urgent" : "polite");
  region.textContent = "";
  setTimeout(() => { region.textContent = text; }, 60); // the same sentence a second time is a change, too
  if (!bad) timer = setTimeout(hush, SECONDS * 1000);
}

export function hush() {
  box().hidden = true;
}
