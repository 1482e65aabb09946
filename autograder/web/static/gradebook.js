"use strict";

// All students come after the first rows are there; from then on sorting and searching ask nobody.
const table = document.getElementById("scores");
const search = document.getElementById("search");
const count = document.getElementById("count");
const say = table.dataset;
const heads = [...table.querySelectorAll("th[data-sort]")];
const LOGIN = 0, NAME = 1, TOTAL = 2, TOTAL_WORDS = 3, NEEDS = 4, CELLS = 5;
const SCORE = 0, WORDS = 1, REASONS = 2, BY_HAND = 3, COMES = 4;
const ROWS = 60;
let students = [];

function element(name, attributes, ...inside) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...inside);
  return made;
}

function cellOf(student, cell, column) {
  const link = `${say.at}/${encodeURIComponent(student[LOGIN])}/${encodeURIComponent(column)}`;
  if (!cell) return element("td", { class: "n" }, element("a", { class: "none", href: link, "aria-label": say.none }, "–"));
  const made = element("td", { class: cell[REASONS] ? "n odd" : "n" }, element("a", { href: link }, cell[WORDS] || (cell[COMES] ? say.comes : "–")));
  if (cell[BY_HAND]) made.append(element("span", { class: "hand", title: say.hand }, "✎"));
  if (cell[REASONS]) {
    made.firstChild.title = cell[REASONS];
    made.append(element("span", { class: "wait", role: "img", "aria-label": cell[REASONS] }, "!"));
  }
  return made;
}

function rowOf(student) {
  if (student.row) return student.row;
  const name = element("th", { scope: "row" }, student[NAME] || student[LOGIN]);
  if (student[NAME] && student[NAME] !== student[LOGIN]) name.append(" ", element("span", { class: "soft" }, student[LOGIN]));
  const columns = heads.slice(1, -1).map((head) => head.dataset.sort);
  const cells = student[CELLS].map((cell, place) => cellOf(student, cell, columns[place]));
  student.row = element("tr", {}, name, ...cells, element("td", { class: "n" }, student[TOTAL_WORDS]));
  return student.row;
}

function keyOf(sort) {
  if (sort === "login") return (student) => student[LOGIN];
  if (sort === "total") return (student) => student[TOTAL];
  const place = heads.findIndex((head) => head.dataset.sort === sort) - 1;
  return (student) => (student[CELLS][place] ? student[CELLS][place][SCORE] ?? -1 : -1);
}

function chosen() {
  const words = search.elements.q.value.toLowerCase().split(/\s+/).filter(Boolean);
  const needs = search.elements.needs.checked;
  const found = students.filter((student) => (!needs || student[NEEDS]) && words.every((word) => student.words.includes(word)));
  const sort = search.elements.sort.value || "login";
  const key = keyOf(sort.replace(/^-/, ""));
  const turn = sort.startsWith("-") ? -1 : 1;
  const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
  return found.sort((a, b) => turn * (compare(key(a), key(b)) || compare(a[LOGIN], b[LOGIN])));
}

// Rows are drawn as one comes to them: a table of all of them would take seconds on a small machine.
const end = document.getElementById("end");
let found = [];
const drawn = () => table.tBodies[0].rows.length;
const more = () => table.tBodies[0].append(...found.slice(drawn(), drawn() + ROWS).map(rowOf));

function draw() {
  found = chosen();
  count.textContent = say.of.replace("{shown}", found.length).replace("{count}", students.length);
  table.tBodies[0].replaceChildren(...found.slice(0, ROWS).map(rowOf));
  table.parentElement.scrollTop = 0;
  watch.unobserve(end);
  watch.observe(end);
  remember();
}

const watch = new IntersectionObserver((seen) => {
  if (students.length && drawn() < found.length && seen.some((one) => one.isIntersecting)) {
    more();
    watch.unobserve(end);
    watch.observe(end); // which looks again, in case the end is still near
  }
}, { root: table.parentElement, rootMargin: "600px" });
watch.observe(end);

function remember() {
  const asked = new URLSearchParams(new FormData(search));
  for (const [name, value] of [...asked]) if (!value) asked.delete(name);
  history.replaceState(null, "", asked.size ? `?${asked}` : location.pathname);
}

function sortBy(head) {
  const field = search.elements.sort;
  const name = head.dataset.sort;
  field.value = (field.value || "login") === name ? `-${name}` : name;
  for (const one of heads) one.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", field.value === name ? "ascending" : "descending");
  draw();
}

async function load() {
  const answer = await fetch(`${say.at}?as=json`);
  if (!answer.ok) throw new Error(answer.statusText);
  students = await answer.json();
  for (const student of students) student.words = `${student[LOGIN]} ${student[NAME]}`.toLowerCase();
  document.getElementById("pages")?.remove();
  search.querySelector("button").hidden = true;
  for (const head of heads) {
    head.querySelector("a").addEventListener("click", (event) => { event.preventDefault(); sortBy(head); });
  }
  search.addEventListener("input", draw);
  search.addEventListener("submit", (event) => { event.preventDefault(); draw(); });
  draw();
}

load().catch(() => { count.textContent = say.failed; });
