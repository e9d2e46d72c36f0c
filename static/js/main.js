// The one entry point: custom elements, one module each, and the keys that work on every page.
import "./theme-toggle.js";
import "./copy-button.js";
import "./drop-zone.js";
import "./local-time.js";
import "./row-divider.js";
import "./search-stop.js";
import "./span-tree.js";
import "./trace-minimap.js";
import "./trace-page.js";
import "./time-range.js";
import "./trace-distribution.js";

/** Say whether a key press belongs to what the person is typing in. @param {KeyboardEvent} event */
function isTyping(event) {
  const target = /** @type {HTMLElement} */ (event.target);
  return target.closest?.("input, textarea, select, [contenteditable]") != null;
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/" && !isTyping(event)) {
    const box = /** @type {HTMLInputElement | null} */ (document.querySelector("#lookup-q"));
    box?.focus();
    box?.select();
    event.preventDefault();
  } else if (event.key === "Escape" && /** @type {HTMLElement} */ (event.target).id === "lookup-q") {
    /** @type {HTMLElement} */ (event.target).blur();
  }
});

// What the server could not answer at all has no HTML to show; say it where errors are said.
document.addEventListener("htmx:error", () => {
  const notice = document.querySelector("#notice");
  if (notice) notice.textContent = "The server did not answer. Reload the page to try again.";
});
document.addEventListener("htmx:before:request", (event) => {
  const source = /** @type {CustomEvent} */ (event).detail.ctx.sourceEvent;
  // What refreshes by itself need not while nobody looks.
  if (source?.type === "every" && document.hidden) event.preventDefault();
  else document.querySelector("#notice")?.replaceChildren();
});
