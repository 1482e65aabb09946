"use strict";

// The way to the next exercise that is not right yet, by the link at the bottom or by F8.
const TO_DO = ["open", "not_yet", "changed"];
const nextLink = document.getElementById("next");

function nextExercise() {
  const checks = [...work.querySelectorAll("section.check")];
  const here = document.activeElement.closest("#work .answer-cell, #work section.check");
  const after = here ? checks.findIndex((one) => one === here || isBefore(here, one)) + 1 : 0;
  return [...checks.slice(after), ...checks.slice(0, after)].find((one) => TO_DO.includes(one.dataset.state));
}

const isBefore = (one, other) => one.compareDocumentPosition(other) & Node.DOCUMENT_POSITION_FOLLOWING;

function goOn(event) {
  const found = nextExercise();
  event.preventDefault();
  if (!found) {
    show(nextLink.dataset.none);
    return;
  }
  const place = document.getElementById(found.dataset.anchor);
  place.scrollIntoView({ block: "start" });
  const field = place.querySelector(".cm-content") || place.querySelector("textarea, button");
  if (field) field.focus({ preventScroll: true });
}

nextLink.addEventListener("click", goOn);
document.addEventListener("keydown", (event) => {
  if (event.key === "F8" && !event.ctrlKey && !event.altKey && !event.metaKey) goOn(event);
});
