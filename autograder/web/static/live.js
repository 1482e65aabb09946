"use strict";

// A page that follows what happens without being loaded again. What is marked data-live takes the new content where it
// stands; what is marked data-row is added to the end of the list it names. Nothing else is touched, so what is open
// stays open, and what one reads stays where it is.
const PAUSE_MS = 5000;
const LONGEST_PAUSE_MS = 60000;
let version = "";
let failures = 0;

const isInUse = (part) =>
  part.contains(document.activeElement) || (!getSelection().isCollapsed && getSelection().containsNode(part, true));

function follow(fresh) {
  let isWhole = true;
  for (const part of fresh.querySelectorAll("[data-row], [data-live]")) {
    const here = document.getElementById(part.id);
    const list = document.getElementById(part.dataset.row);
    if (!here && list) list.append(document.adoptNode(part));
    else if (here && "live" in part.dataset && here.innerHTML !== part.innerHTML) {
      if (isInUse(here)) isWhole = false; // somebody is about to press or copy something in it
      else here.innerHTML = part.innerHTML;
    }
  }
  return isWhole;
}

async function ask() {
  const headers = version ? { "If-None-Match": version } : {};
  const answer = await fetch(location.href, { headers, cache: "no-store", redirect: "error" });
  if (answer.status === 304) return;
  if (!answer.ok) throw new Error(answer.statusText);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  version = follow(fresh) ? answer.headers.get("ETag") : "";
}

async function askAgain() {
  if (!document.hidden) {
    try {
      await ask();
      failures = 0;
    } catch {
      failures += 1; // the server is away for a while, or one has signed out meanwhile
    }
  }
  setTimeout(askAgain, Math.min(PAUSE_MS * 2 ** failures, LONGEST_PAUSE_MS));
}
setTimeout(askAgain, PAUSE_MS);
