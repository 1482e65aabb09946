"use strict";

// Everything by keyboard: Ctrl-Enter saves from the comment too, Alt-PageDown and Alt-PageUp turn the pages.
const form = document.getElementById("mark");
const points = form.elements.points;
points.select();

addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    form.requestSubmit();
  }
  const turn = { PageDown: "next", PageUp: "prev" }[event.key];
  if (turn && event.altKey) {
    event.preventDefault();
    form.querySelector(`a[rel=${turn}]`)?.click();
  }
});

// A second press while the first is on its way would be a form that has seen too little.
form.addEventListener("submit", (event) => {
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "yes";
});
addEventListener("pageshow", () => delete form.dataset.sent);
