"use strict";

// Answers are saved as they are given, each question by itself; the clock shows what the server keeps.
const quiz = document.getElementById("quiz");
const state = document.getElementById("state");
const clock = document.getElementById("clock");
const say = quiz.dataset;
const SAVE_AFTER_MS = 600;
const LONGEST_PAUSE_MS = 30000;
const LAST_SAVE_S = 3;
const WARNINGS_S = [300, 60];
const kept = new Map();
let timer = 0;
let pause = SAVE_AFTER_MS;
let busy = Promise.resolve();
let leaving = false;

const questions = () => [...quiz.querySelectorAll(".question")];
const values = (question) => [...question.querySelectorAll("input, select")]
  .filter((field) => !field.disabled && (!/^(radio|checkbox)$/.test(field.type) || field.checked))
  .map((field) => [field.name, field.value]);
const isMark = (name) => name.startsWith("was:");
const written = (question) => JSON.stringify(values(question).filter(([name]) => !isMark(name)));
const changed = () => questions().filter((question) => kept.get(question.id) !== written(question));

for (const question of questions()) kept.set(question.id, written(question));

function show(words, failed = false) {
  state.textContent = words;
  state.classList.toggle("failed", failed);
}

async function send(path, sent, extra = {}) {
  const form = new FormData();
  form.set("form_token", quiz.elements.form_token.value);
  for (const question of sent) {
    for (const [name, value] of values(question)) form.append(name, value);
    // from now on the server may know another answer than the page was made with, whether or not we hear of it
    for (const field of question.querySelectorAll("input[type=hidden]")) if (isMark(field.name)) field.value = "-";
    kept.delete(question.id);
  }
  for (const [name, value] of Object.entries(extra)) form.set(name, value);
  const answer = await fetch(path, { method: "POST", body: form });
  if (!answer.ok) {
    const reason = await answer.json().then((said) => said.error, () => answer.statusText);
    throw Object.assign(new Error(reason), { refused: true });
  }
  return answer;
}

function saveSoon(after = SAVE_AFTER_MS) {
  clearTimeout(timer);
  timer = setTimeout(() => { busy = busy.then(save); }, after);
}

function failed(error) {
  show(error.refused ? say.failed.replace("%s", error.message) : say.offline, true);
  pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
  if (!error.refused) saveSoon(pause);
}

// says that everything is saved only if it is
function settle() {
  const rest = changed().length > 0;
  show(rest ? say.saving : say.saved);
  if (rest) saveSoon();
}

async function save() {
  const sent = changed();
  if (!sent.length) { settle(); return; }
  const before = sent.map((question) => [question, written(question)]);
  show(say.saving);
  try {
    const said = await (await send(`${quiz.getAttribute("action")}?as=json`, sent)).json();
    for (const [question, words] of before) {
      kept.set(question.id, words);
      complain(question, said.problems[question.dataset.question]);
    }
    pause = SAVE_AFTER_MS;
    settle();
  } catch (error) {
    failed(error);
  }
}

function complain(question, problem) {
  const place = question.querySelector(".said");
  let box = place.querySelector(".complaint");
  if (!problem) { if (box) box.remove(); return; }
  if (!box) {
    box = document.createElement("p");
    box.className = "complaint partly";
    place.prepend(box);
  }
  box.textContent = `${problem} · ${say.free}`;
}

async function ask(button) {
  const question = button.closest(".question");
  const path = button.getAttribute("formaction").split("#")[0];
  const sent = written(question);
  button.setAttribute("aria-disabled", "true"); // not disabled: that would take the focus from it
  clearTimeout(timer);
  show(say.checking);
  try {
    const answer = await send(`${path}?as=part`, [question], { question: button.value });
    if (answer.redirected) { location.reload(); return; }
    const html = await answer.text();
    const id = question.id;
    const meanwhile = written(question) === sent ? null : values(question);
    const focused = question.contains(document.activeElement) && document.activeElement;
    question.outerHTML = html;
    const fresh = document.getElementById(id);
    kept.set(id, written(fresh));
    if (meanwhile) restore(fresh, meanwhile);
    if (focused) goOnIn(fresh, focused);
    settle();
  } catch (error) {
    button.removeAttribute("aria-disabled");
    failed(error);
    if (error.refused) saveSoon(3000); // it was not judged, but is to be saved
  }
}

// the focus stays where it was, or goes to the question if that can no longer be used
function goOnIn(question, before) {
  const same = [...question.querySelectorAll("input, select, button")].find((one) => !one.disabled && one.name === before.name
    && one.type === before.type && one.getAttribute("formaction") === before.getAttribute("formaction")
    && (!/^(radio|checkbox)$/.test(one.type) || one.value === before.value));
  (same || question.querySelector("h2")).focus({ preventScroll: true });
}

// what was changed while the answer was judged stays
function restore(question, given) {
  for (const field of question.querySelectorAll("input, select")) {
    if (field.disabled || isMark(field.name)) continue;
    const mine = given.filter(([name]) => name === field.name).map(([, value]) => value);
    if (/^(radio|checkbox)$/.test(field.type)) field.checked = mine.includes(field.value);
    else if (mine.length) field.value = mine[0];
  }
}

function heed({ target: box }) {
  if (box.type === "checkbox" && box.checked) { // «none of these» and others exclude each other
    const none = (other) => other.value === "-";
    for (const other of quiz.elements[box.name]) if (none(other) !== none(box)) other.checked = false;
  }
  if (!changed().length) return;
  if (!state.classList.contains("failed")) show("");
  saveSoon();
}
for (const kind of ["input", "change"]) quiz.addEventListener(kind, heed); // a list changed by a program says only the second
window.addEventListener("online", () => saveSoon(0));
window.addEventListener("beforeunload", (event) => { if (!leaving && changed().length) event.preventDefault(); });
window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

quiz.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (button && button.name === "question") {
    event.preventDefault();
    if (!button.hasAttribute("aria-disabled")) busy = busy.then(() => ask(button));
  } else {
    leaving = true; // the form itself brings what was answered
  }
});

quiz.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.target.tagName !== "INPUT") return;
  const check = event.target.closest(".question").querySelector("button.main");
  event.preventDefault();
  if (check) check.click(); else saveSoon(0);
});

if (clock) {
  const end = performance.now() + 1000 * Number(clock.dataset.seconds);
  const warning = document.getElementById("warning");
  const inDigits = (seconds) => {
    const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
    return (parts[0] ? parts : parts.slice(1)).map((part) => String(part).padStart(2, "0")).join(":");
  };
  let last = Infinity;
  const tick = () => {
    const left = Math.max(0, Math.ceil((end - performance.now()) / 1000));
    clock.textContent = left ? say.left.replace("%s", inDigits(left)) : say.over;
    clock.classList.toggle("failed", left <= WARNINGS_S[1]);
    for (const seconds of WARNINGS_S) if (left <= seconds && last > seconds && last !== Infinity) warning.textContent = clock.textContent;
    if (left <= LAST_SAVE_S && last > LAST_SAVE_S) saveSoon(0);
    last = left;
    if (left) { setTimeout(tick, 250); return; }
    leaving = true;
    busy.then(() => setTimeout(() => location.assign(say.end), 500));
  };
  tick();
}
