// <time-range>: the search form's own times. The server prints UTC and exact microseconds (data-us);
// the fields show the reader's zone, and what is sent is microseconds, as in Jaeger's links.

class TimeRange extends HTMLElement {
  /** @type {Map<HTMLInputElement, string>} */
  #shown = new Map();
  /** @type {HTMLFormElement | null} */
  #form = null;

  connectedCallback() {
    const utc = "utc" in document.documentElement.dataset;
    for (const input of this.querySelectorAll("input")) {
      const us = Number(input.dataset.us);
      if (us && !utc) {
        const date = new Date(us / 1000);
        input.value = new Date(us / 1000 - date.getTimezoneOffset() * 60000).toISOString().slice(0, 23);
      }
      this.#shown.set(input, input.value);
    }
    this.#form = this.closest("form");
    this.#form?.addEventListener("formdata", this.#send);
  }

  disconnectedCallback() {
    this.#form?.removeEventListener("formdata", this.#send);
  }

  /** @param {FormDataEvent} event */
  #send = (event) => {
    const utc = "utc" in document.documentElement.dataset;
    const custom = event.formData.get("lookback") === "custom";
    if (custom) event.formData.delete("lookback");
    for (const [input, shown] of this.#shown) {
      event.formData.delete(input.name);
      if (!custom || !input.value) continue;
      // Untouched, the field stands for the exact time that it cannot show.
      const date = new Date(utc ? `${input.value}Z` : input.value);
      const us = input.value === shown && input.dataset.us ? input.dataset.us : String(date.getTime() * 1000);
      event.formData.set(input.dataset.parameter ?? "", us);
    }
  };
}

customElements.define("time-range", TimeRange);

// A plain link for a plain search: what is empty is not worth saying.
document.addEventListener("formdata", (event) => {
  if (/** @type {HTMLElement} */ (event.target).id !== "search-form") return;
  for (const [name, value] of [...event.formData]) if (value === "") event.formData.delete(name);
});
