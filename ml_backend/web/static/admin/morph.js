// Makes one piece of the page like another one, and touches nothing that is the same: focus, selection, open details and scroll
// positions stay. Children are matched by their data-key or id where they have one, else by place and kind.
const keyOf = (node) => (node.nodeType === Node.ELEMENT_NODE ? node.dataset.key || node.id || "" : "");

const alike = (one, other) => one.nodeType === other.nodeType && one.nodeName === other.nodeName && keyOf(one) === keyOf(other);

// What the browser and our scripts set: whether it is open, a time in words, a button whose deed is on its way.
const KEPT = { DETAILS: ["open"], TIME: ["title"], BUTTON: ["aria-disabled"] };

function attributes(old, fresh) {
  const kept = KEPT[old.nodeName] ?? [];
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !kept.includes(name)) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value && !kept.includes(name)) old.setAttribute(name, value);
  }
}

function morphNode(old, fresh) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  const sameTime = old.nodeName === "TIME" && old.getAttribute("datetime") === fresh.getAttribute("datetime");
  attributes(old, fresh);
  if (!sameTime) morph(old, fresh); // what the script made of a time stays
}

// The next child without a key that is of the wanted kind.
function next(from, wanted) {
  let found = from;
  while (found && (keyOf(found) || !alike(found, wanted))) found = found.nextSibling;
  return found ?? undefined;
}

export function morph(old, fresh) {
  const wantedKeys = new Set([...fresh.children].map(keyOf));
  const keyed = new Map();
  for (const child of [...old.children]) {
    const key = keyOf(child);
    if (key && !wantedKeys.has(key)) child.remove();
    else if (key) keyed.set(key, child);
  }
  let at = old.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    const key = keyOf(wanted);
    let found = key ? keyed.get(key) : next(at, wanted);
    if (found && !alike(found, wanted)) found = undefined;
    if (!found) {
      old.insertBefore(document.importNode(wanted, true), at);
      continue;
    }
    if (found === at) at = at.nextSibling;
    else old.insertBefore(found, at);
    morphNode(found, wanted);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}
