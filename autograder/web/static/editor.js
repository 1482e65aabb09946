"use strict";

// Makes an editor of each cell of code, on top of its textarea, which holds the text all the while. Without CodeMirror,
// which is loaded before, the textareas stay and work.
const passing = new WeakSet(); // editors that Tab has led into, and in which nothing has been done: Tab leads on
let lastKey = "";
document.addEventListener("keydown", (event) => { if (event.key !== "Shift") lastKey = event.key; }, true);
document.addEventListener("pointerdown", () => { lastKey = ""; }, true);
window.addEventListener("blur", () => { lastKey = ""; });
const passes = {
  focus: (_, view) => { if (lastKey === "Tab") passing.add(view); },
  blur: (_, view) => { passing.delete(view); },
  pointerdown: (_, view) => { passing.delete(view); },
  keydown: (event, view) => { if (!["Tab", "Shift"].includes(event.key)) passing.delete(view); },
};

function tabKey(view) {
  const { state } = view;
  if (state.readOnly || passing.has(view)) return false;
  if (state.selection.ranges.some((range) => !range.empty)) return CodeMirror.indentMore(view);
  const { head } = state.selection.main;
  const column = head - state.doc.lineAt(head).from;
  view.dispatch(state.replaceSelection(" ".repeat(4 - (column % 4))), { scrollIntoView: true, userEvent: "input" });
  return true;
}

// Typed over what is selected. Left to itself, Chromium keeps the colour of what it removes by an inline style, which the
// page forbids and the console complains about.
function typeOver(event, view) {
  if (event.inputType !== "insertText" || !event.data || view.composing || view.state.selection.main.empty) return false;
  view.dispatch(view.state.replaceSelection(event.data), { scrollIntoView: true, userEvent: "input.type" });
  return true;
}

function edit(cell) {
  const { EditorState, EditorView, keymap, history, historyKeymap, search, searchKeymap, defaultKeymap } = CodeMirror;
  const keys = [
    { key: "Mod-Enter", run: () => true }, // checks; the page listens to it
    { key: "Tab", run: tabKey, shift: (view) => !passing.has(view) && CodeMirror.indentLess(view) }, // after Escape, Tab goes on
    ...searchKeymap, ...historyKeymap, ...defaultKeymap,
  ];
  const follow = EditorView.updateListener.of((update) => {
    if (!update.docChanged) return;
    cell.value = update.state.doc.toString();
    cell.dispatchEvent(new Event("input", { bubbles: true }));
  });
  const view = new EditorView({
    doc: cell.value,
    extensions: [
      EditorView.cspNonce.of(work.dataset.nonce),
      EditorView.contentAttributes.of({ "aria-label": cell.getAttribute("aria-label"), "aria-describedby": "keys" }),
      EditorState.phrases.of(JSON.parse(work.dataset.phrases)),
      EditorState.readOnly.of(cell.readOnly),
      EditorState.tabSize.of(4),
      CodeMirror.indentUnit.of("    "),
      EditorView.scrollMargins.of(() => ({ bottom: document.querySelector(".bottom").offsetHeight })),
      EditorView.domEventHandlers({ beforeinput: typeOver, ...passes }),
      keymap.of(keys),
      history(),
      search({ top: true }),
      CodeMirror.highlightSpecialChars(), CodeMirror.lineNumbers(), CodeMirror.indentOnInput(),
      CodeMirror.bracketMatching(), CodeMirror.highlightActiveLine(), CodeMirror.highlightActiveLineGutter(),
      CodeMirror.highlightSelectionMatches(),
      CodeMirror.pythonLanguage, CodeMirror.syntaxHighlighting(CodeMirror.classHighlighter),
      follow,
    ],
  });
  const begun = document.activeElement === cell && [cell.selectionStart, cell.selectionEnd];
  cell.before(view.dom);
  cell.hidden = true;
  editors.set(cell, (source) => replaceIn(view, source));
  if (!begun) return;
  view.dispatch({ selection: { anchor: begun[0], head: begun[1] } });
  view.focus();
}

// Changes as little as has to be, in one step that can be undone: cursor and place on the screen stay.
function replaceIn(view, source) {
  const old = view.state.doc.toString();
  const shorter = Math.min(old.length, source.length);
  let from = 0;
  while (from < shorter && old[from] === source[from]) from += 1;
  let same = 0;
  while (same < shorter - from && old[old.length - 1 - same] === source[source.length - 1 - same]) same += 1;
  view.dispatch({
    changes: { from, to: old.length - same, insert: source.slice(from, source.length - same) },
    annotations: CodeMirror.isolateHistory.of("full"),
  });
}

if (typeof CodeMirror !== "undefined") {
  for (const cell of work.querySelectorAll("textarea.python")) edit(cell);
  const keys = document.getElementById("keys"); // missing where nothing may be changed
  if (keys) keys.hidden = false;
}
