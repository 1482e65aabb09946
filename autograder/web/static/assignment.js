"use strict";

// Checks come without loading the page again. drafts.js keeps what one writes.
const waitingWords = () => (say.warm ? say.checking : say.starting);

const isBusy = (button) => button.hasAttribute("aria-disabled");

async function check(button) {
  const verdicts = button.parentElement.querySelector(".verdicts");
  button.setAttribute("aria-disabled", "true"); // not disabled: that would take the focus from it
  verdicts.setAttribute("aria-busy", "true");
  show(waitingWords());
  try {
    const path = button.getAttribute("formaction").split("#")[0];
    const answer = await send(`${path}?as=stream`, cells(), { exercise: button.value });
    await showVerdicts(answer, verdicts);
    say.warm = "yes";
    show("");
    verdicts.dispatchEvent(new Event("checked", { bubbles: true }));
  } catch (error) {
    failed(error);
    saveSoon(pause);
  } finally {
    button.removeAttribute("aria-disabled");
    verdicts.removeAttribute("aria-busy");
  }
}

work.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (!button || button.name !== "exercise") return; // the form itself brings what was written
  event.preventDefault();
  if (!isBusy(button)) check(button);
});

work.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || !event.target.closest(".answer-cell")) return;
  event.preventDefault();
  const buttons = [...work.querySelectorAll("button[name=exercise]")];
  const next = buttons.find((b) => event.target.compareDocumentPosition(b) & Node.DOCUMENT_POSITION_FOLLOWING);
  if (next && !isBusy(next)) check(next);
});
