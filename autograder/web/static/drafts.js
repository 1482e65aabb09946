"use strict";

// Keeps what one writes: on the server soon, in this browser at once, so that neither a lost connection nor a closed tab
// loses a keystroke. Where another tab or device has saved another text meanwhile, the person chooses.
const work = document.getElementById("work");
const state = document.getElementById("state");
const say = work.dataset;
const SAVE_AFTER_MS = 700;
const LONGEST_PAUSE_MS = 10000;
const MOST_SENT = 50;
const shelf = `autograder ${say.person} ${work.getAttribute("action")} `;
const tab = Math.random().toString(36).slice(2);
const editors = new Map(); // textarea -> what shows it, where that is more than a textarea
const kept = new Map(); // name of a cell -> the text that the server has, as far as we know
const sent = new Map(); // name of a cell -> texts that this tab has sent: no other tab has written these
const elsewhere = new Map(); // name of a cell -> the text saved by another tab or device, until one has chosen
let timer = 0;
let pause = SAVE_AFTER_MS;
let saving = Promise.resolve();
let leaving = false;
let stashed = true;

const cells = () => [...work.querySelectorAll("textarea[name^='cell:']:not([readonly])")];
const cellNamed = (name) => work.elements[`cell:${name}`];
const nameOf = (cell) => cell.name.slice("cell:".length);
const base = (cell) => work.elements[`base:${nameOf(cell)}`];
const frame = (cell) => cell.closest(".answer-cell");
const fieldOf = (cell) => frame(cell).querySelector(".cm-content") || cell;
const isKept = (cell) => cell.value === kept.get(cell.name);
const changed = () => cells().filter((cell) => !isKept(cell) && !elsewhere.has(cell.name));

function show(words, failed = false) {
  state.textContent = words;
  state.classList.toggle("failed", failed);
}

function put(cell, source) {
  if (cell.value === source) return;
  if (editors.has(cell)) editors.get(cell)(source);
  else cell.value = source;
  cell.dispatchEvent(new Event("input", { bubbles: true }));
}

// -- the server --------------------------------------------------------------------------------------------------------

async function send(path, what, extra = {}, options = {}) {
  const form = new FormData();
  form.set("form_token", work.elements.form_token.value);
  for (const cell of what) {
    form.set(cell.name, cell.value);
    form.set(base(cell).name, base(cell).value);
    if (!sent.has(cell.name)) sent.set(cell.name, []);
    sent.get(cell.name).push(cell.value);
    sent.get(cell.name).splice(0, sent.get(cell.name).length - MOST_SENT);
  }
  for (const [name, value] of Object.entries(extra)) form.set(name, value);
  const answer = await fetch(path, { method: "POST", body: form, redirect: "error", ...options });
  await refuse(answer);
  return answer;
}

async function refuse(answer) {
  if (answer.ok) return;
  const reason = await answer.json().then((said) => said.error, () => answer.statusText || answer.status);
  throw Object.assign(new Error(reason), { refused: true });
}

function saveSoon(after = SAVE_AFTER_MS) {
  clearTimeout(timer);
  timer = setTimeout(() => { saving = saving.then(save); }, after);
}

function failed(error) {
  show(error.refused ? say.failed.replace("%s", error.message) : say.offline, true);
}

async function save() {
  const what = changed();
  if (!what.length) return;
  const values = new Map(what.map((cell) => [cell.name, cell.value]));
  show(say.saving);
  try {
    const options = { keepalive: document.visibilityState === "hidden" };
    const answer = await send(`${work.getAttribute("action")}?as=json`, what, {}, options);
    learn(await answer.json(), values);
    pause = SAVE_AFTER_MS;
    if (elsewhere.size) show(say.choose, true);
    else show(say.saved);
    if (changed().length) saveSoon();
  } catch (error) {
    failed(error);
    pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
    saveSoon(pause);
  }
}

async function refresh() {
  try {
    const answer = await fetch(`${work.getAttribute("action")}?as=json`, { redirect: "error" });
    await refuse(answer);
    learn(await answer.json());
    if (changed().length) saveSoon();
    else if (!elsewhere.size && state.classList.contains("failed")) show(say.saved);
  } catch (error) {
    failed(error);
    if (changed().length) saveSoon(pause);
  }
}

function refreshSoon() {
  saving = saving.then(refresh); // never beside a save, whose answer is newer
}

// -- what the server has, and what stands here -------------------------------------------------------------------------

function learn(found, values = new Map()) {
  for (const [name, there] of Object.entries(found.cells)) {
    const cell = cellNamed(name);
    if (cell && !cell.readOnly) compare(cell, { ...there, source: there.source ?? values.get(cell.name) });
  }
  showProgress(found);
}

function compare(cell, there) {
  const waiting = elsewhere.get(cell.name);
  if (waiting && (waiting.shelf || waiting.version === there.version)) return;
  if (there.source === cell.value) {
    settle(cell, there);
  } else if (waiting) {
    offer(cell, there);
  } else if (isKept(cell)) {
    settle(cell, there);
    put(cell, there.source);
    note(cell, say.brought);
  } else if (there.version === base(cell).value || (sent.get(cell.name) || []).includes(there.source)) {
    settle(cell, there); // what stands here goes on from there, and is saved next
  } else {
    offer(cell, there);
  }
}

function settle(cell, there) {
  kept.set(cell.name, there.source);
  base(cell).value = there.version;
  if (elsewhere.delete(cell.name)) withdraw(cell);
  stash(cell);
}

function offer(cell, there) {
  const old = frame(cell).querySelector(".elsewhere");
  if (old) old.remove();
  elsewhere.set(cell.name, there);
  const box = document.getElementById("elsewhere").content.firstElementChild.cloneNode(true);
  const moment = there.at ? `(${new Date(there.at).toLocaleString(document.documentElement.lang)})` : "";
  box.querySelector("time").textContent = moment;
  box.querySelector("pre").textContent = there.source;
  box.querySelector("input").remove();
  for (const button of box.querySelectorAll("button")) button.value = nameOf(cell);
  frame(cell).append(box); // below: nothing moves while one types
  show(say.choose, true);
}

// who was in what goes away goes on in the cell
function withdraw(cell) {
  const box = frame(cell).querySelector(".elsewhere");
  const isInIt = box.contains(document.activeElement);
  box.remove();
  if (isInIt) fieldOf(cell).focus({ preventScroll: true });
}

function choose(cell, mine) {
  const there = elsewhere.get(cell.name);
  elsewhere.delete(cell.name);
  withdraw(cell);
  if (there.shelf) localStorage.removeItem(there.shelf);
  else {
    base(cell).value = there.version;
    kept.set(cell.name, there.source);
  }
  if (!mine) replace(cell, there.source, say.taken);
  stash(cell);
  saveSoon(0);
}

function note(cell, words, undo) {
  const line = frame(cell).querySelector(".note");
  line.textContent = words;
  if (!undo) return;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = say.undo;
  button.addEventListener("click", () => {
    line.textContent = "";
    undo();
    fieldOf(cell).focus({ preventScroll: true });
  });
  line.append(" ", button);
}

function replace(cell, source, words) {
  const before = cell.value;
  put(cell, source);
  note(cell, words, () => put(cell, before));
}

function showProgress(found) {
  for (const [name, [how, words]] of Object.entries(found.exercises)) {
    for (const element of document.querySelectorAll(`[data-exercise="${CSS.escape(name)}"]`)) {
      element.dataset.state = how;
      element.querySelector(".how").textContent = words;
    }
  }
  const [right, words] = found.progress;
  for (const meter of document.querySelectorAll("#progress meter")) meter.value = right;
  document.querySelector("#progress .words").textContent = words;
}

// -- in this browser ---------------------------------------------------------------------------------------------------

function stash(cell) {
  const key = `${shelf}${tab} ${cell.name}`;
  try {
    if (isKept(cell)) localStorage.removeItem(key);
    else localStorage.setItem(key, JSON.stringify({ source: cell.value, base: base(cell).value, at: Date.now() }));
    stashed = true;
  } catch {
    stashed = false; // full, or forbidden: then the browser asks before it closes the page
  }
}

function leftOver() {
  const found = [];
  for (const key of Object.keys(localStorage).filter((one) => one.startsWith(shelf))) {
    const cell = work.elements[key.slice(key.indexOf(" ", shelf.length) + 1)];
    try {
      if (cell && !cell.readOnly) found.push({ key, cell, ...JSON.parse(localStorage.getItem(key)) });
    } catch {
      localStorage.removeItem(key);
    }
  }
  return found.sort((one, other) => other.at - one.at);
}

function restore() {
  for (const { key, cell, source, base: version, at } of leftOver()) {
    if (typeof source !== "string" || source === cell.value) {
      localStorage.removeItem(key);
    } else if (isKept(cell) && !elsewhere.has(cell.name)) {
      base(cell).value = version; // the server tells whether another text has been saved since
      put(cell, source);
      note(cell, say.restored);
      stash(cell);
      localStorage.removeItem(key);
    } else if (!elsewhere.has(cell.name)) {
      offer(cell, { source, at, shelf: key });
    }
  }
}

// -- what one does -----------------------------------------------------------------------------------------------------

// where this page answers a form, to load it again is not to send the form again
if (location.pathname !== work.getAttribute("action")) history.replaceState(null, "", work.getAttribute("action"));

for (const cell of cells()) kept.set(cell.name, cell.value);
for (const box of work.querySelectorAll(".elsewhere")) {
  const cell = box.closest(".answer-cell").querySelector("textarea");
  const there = { source: box.querySelector("pre").textContent, version: box.querySelector("input").value };
  elsewhere.set(cell.name, there);
  kept.set(cell.name, there.source);
  stash(cell);
}

work.addEventListener("input", (event) => {
  if (!event.target.name || !event.target.name.startsWith("cell:")) return;
  stash(event.target);
  if (!state.classList.contains("failed")) show(""); // it is not saved any more
  saveSoon(Math.max(pause, SAVE_AFTER_MS));
});

work.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  const cell = button && ["keep", "take", "reset"].includes(button.name) && cellNamed(button.value);
  if (!cell) return;
  event.preventDefault();
  if (button.name === "reset") replace(cell, frame(cell).dataset.stub, say.wasreset);
  else choose(cell, button.name === "keep");
});

work.addEventListener("submit", (event) => { leaving = !(event.submitter && event.submitter.name === "exercise"); });
work.addEventListener("checked", refreshSoon);
window.addEventListener("online", () => saveSoon(0));
window.addEventListener("pageshow", (event) => { if (event.persisted) { leaving = false; refreshSoon(); } });
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") refreshSoon();
  else if (changed().length) saveSoon(0);
});
window.addEventListener("beforeunload", (event) => {
  if (changed().length && !stashed && !leaving) event.preventDefault();
});

try {
  restore();
} catch {
  stashed = false; // this browser keeps nothing
}
if (changed().length) saveSoon(0);
