"use strict";

// The result appears once it is there. After a lost connection the browser asks again by itself; where a proxy answers
// for a server that is just being started again, it would not.
const waiting = document.getElementById("waiting");

function listen(pause) {
  const events = new EventSource(waiting.dataset.events);
  events.addEventListener("graded", () => {
    events.close();
    location.reload();
  });
  events.addEventListener("error", () => {
    if (events.readyState === EventSource.CLOSED) setTimeout(listen, pause, Math.min(2 * pause, 60_000));
  });
}

listen(2_000);
