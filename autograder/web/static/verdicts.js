"use strict";

// The verdicts of a check as they come: each line of the answer holds all that is to be shown by then.
async function showVerdicts(answer, place) {
  const before = place.innerHTML;
  let isWhole = false;
  const show = (line) => {
    const said = JSON.parse(line);
    if (said.error) throw Object.assign(new Error(said.error), { refused: true });
    place.innerHTML = said.part;
    isWhole = said.is_judged;
  };
  try {
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (let { value, done } = await reader.read(); !done; { value, done } = await reader.read()) {
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      if (lines.length) show(lines.at(-1)); // the lines before it hold less
    }
    if (!isWhole) throw new TypeError("the answer broke off");
  } catch (error) {
    if (!isWhole) place.innerHTML = before;
    throw error;
  }
}
