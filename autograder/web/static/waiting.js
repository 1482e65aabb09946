"use strict";

// The result appears once it is there; after a lost connection the browser asks again by itself.
const waiting = document.getElementById("waiting");
const events = new EventSource(waiting.dataset.events);
events.addEventListener("graded", () => {
  events.close();
  location.reload();
});
