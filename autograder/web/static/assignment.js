"use strict";

// The assignment's page while one writes: drafts are saved by themselves, checks come without loading the page again.
const work = document.getElementById("work");
const state = document.getElementById("state");
const say = work.dataset;
const SAVE_AFTER_MS = 700;
const LONGEST_PAUSE_MS = 30000;
const kept = new Map();
let timer = 0;
let pause = SAVE_AFTER_MS;
let saving = Promise.resolve();

const cells = () => [...work.querySelectorAll("textarea:not([readonly])")];
const changed = () => cells().filter((cell) => cell.value !== kept.get(cell.name));

for (const cell of cells()) kept.set(cell.name, cell.value);

function show(words, failed = false) {
  state.textContent = words;
  state.classList.toggle("failed", failed);
}

async function send(path, sent, extra = {}) {
  const form = new FormData();
  form.set("form_token", work.elements.form_token.value);
  for (const cell of sent) form.set(cell.name, cell.value);
  for (const [name, value] of Object.entries(extra)) form.set(name, value);
  const answer = await fetch(path, { method: "POST", body: form, redirect: "error" });
  if (!answer.ok) {
    const reason = await answer.json().then((said) => said.error, () => answer.statusText);
    throw Object.assign(new Error(reason), { refused: true });
  }
  return answer;
}

function saveSoon(after = SAVE_AFTER_MS) {
  clearTimeout(timer);
  timer = setTimeout(() => { saving = saving.then(save); }, after);
}

async function save() {
  const sent = changed();
  if (!sent.length) return;
  const values = sent.map((cell) => [cell.name, cell.value]);
  show(say.saving);
  try {
    await send(`${work.getAttribute("action")}?as=json`, sent);
    for (const [name, value] of values) kept.set(name, value);
    pause = SAVE_AFTER_MS;
    show(say.saved);
    if (changed().length) saveSoon();
  } catch (error) {
    show(error.refused ? say.failed.replace("%s", error.message) : say.offline, true);
    pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
    saveSoon(pause);
  }
}

async function check(button) {
  const verdicts = button.parentElement.querySelector(".verdicts");
  const values = cells().map((cell) => [cell.name, cell.value]);
  button.disabled = true;
  verdicts.setAttribute("aria-busy", "true");
  show(say.checking);
  try {
    const path = button.getAttribute("formaction").split("#")[0];
    const answer = await send(`${path}?as=stream`, cells(), { exercise: button.value });
    await showVerdicts(answer, verdicts);
    for (const [name, value] of values) kept.set(name, value);
    show(say.saved);
  } catch (error) {
    show(error.refused ? say.failed.replace("%s", error.message) : say.offline, true);
    saveSoon(pause);
  } finally {
    button.disabled = false;
    verdicts.removeAttribute("aria-busy");
  }
}

work.addEventListener("input", () => {
  if (!state.classList.contains("failed")) show(""); // it is not saved any more
  saveSoon();
});
window.addEventListener("online", () => saveSoon(0));
window.addEventListener("beforeunload", (event) => { if (changed().length && !work.dataset.leaving) event.preventDefault(); });

work.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (button && button.name === "exercise") {
    event.preventDefault();
    if (!button.disabled) check(button);
  } else {
    work.dataset.leaving = "yes"; // the form itself brings what was written
  }
});

work.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.target.tagName !== "TEXTAREA") return;
  event.preventDefault();
  const buttons = [...work.querySelectorAll("button[name=exercise]")];
  const next = buttons.find((b) => event.target.compareDocumentPosition(b) & Node.DOCUMENT_POSITION_FOLLOWING);
  if (next && !next.disabled) check(next);
});
