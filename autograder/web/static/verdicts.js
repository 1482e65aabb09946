"use strict";

// The verdicts of a check as they come: each line of the answer holds all that is to be shown by then.
const readers = new WeakMap(); // by place, what an earlier check is still read from

async function* linesOf(reader) {
  let rest = "";
  for (let { value, done } = await reader.read(); !done; { value, done } = await reader.read()) {
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    if (lines.length) yield JSON.parse(lines.at(-1)); // those before it hold less
  }
}

// Returns once everything is judged; what the code shows is added as soon as it is drawn.
async function showVerdicts(answer, place) {
  const before = place.innerHTML;
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  if (readers.has(place)) readers.get(place).cancel().catch(() => {});
  readers.set(place, reader);
  try {
    for await (const said of linesOf(reader)) {
      if (said.error) throw Object.assign(new Error(said.error), { refused: true });
      place.innerHTML = said.part;
      if (!said.is_judged) continue;
      if (!said.is_whole) addShown(place, reader);
      return;
    }
    throw new TypeError("the answer broke off");
  } catch (error) {
    place.innerHTML = before;
    throw error;
  }
}

// Adds to what is there, where a hint may have been opened meanwhile.
async function addShown(place, reader) {
  try {
    for await (const said of linesOf(reader)) {
      const part = document.createElement("template");
      part.innerHTML = said.part;
      if (readers.get(place) === reader) place.append(...part.content.querySelectorAll(".shown"));
    }
  } catch {
    // the verdicts are there; a picture is not worth a complaint
  }
}
