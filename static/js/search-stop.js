// <search-stop>: its link ends what the search page waits for; what is shown stays. Without script it
// is a link like any other, and leaving the page ends it as well. A new search ends the one before.

const ASKING = "#search-form, #results [hx-get]";

/** End the requests for results, but for those of one element. @param {Element | null} own */
function endOthers(own) {
  for (const element of document.querySelectorAll(ASKING)) {
    if (element !== own) element.dispatchEvent(new CustomEvent("htmx:abort"));
  }
}

class SearchStop extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", this.#stop);
  }

  /** @param {MouseEvent} event */
  #stop = (event) => {
    const isPlain = !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
    if (!isPlain || !(/** @type {Element} */ (event.target).closest("a"))) return;
    event.preventDefault();
    endOthers(null);
  };
}

customElements.define("search-stop", SearchStop);

// The rows and totals of a list that is about to be replaced are asked for in vain.
document.addEventListener("htmx:before:request", (event) => {
  const { target, sourceElement } = /** @type {CustomEvent} */ (event).detail.ctx;
  if (target?.id === "results") endOthers(sourceElement);
});
