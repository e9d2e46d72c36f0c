// <row-divider>: drag it, or press ← →, to give the tree or the bars more room. How wide somebody
// likes the tree is theirs, not the trace's: it is kept in the browser and no part of the address.

const KEY = "tracefall-tree-width";
const LEAST = 12;
const MOST = 75;
const STEP = 2;

class RowDivider extends HTMLElement {
  connectedCallback() {
    this.addEventListener("pointerdown", this.#onDown);
    this.addEventListener("keydown", this.#onKey);
    this.addEventListener("dblclick", () => this.#set(null));
    const kept = Number(localStorage.getItem(KEY));
    if (kept) this.#set(kept);
  }

  /** The page outlives the waterfall, which every step replaces. @returns {HTMLElement | null} */
  get #page() {
    return this.closest("trace-page");
  }

  /** @param {PointerEvent} event */
  #onDown = (event) => {
    if (event.button) return;
    event.preventDefault();
    this.setPointerCapture(event.pointerId);
    const head = /** @type {HTMLElement} */ (this.closest(".waterfall-head"));
    const name = /** @type {HTMLElement} */ (head.querySelector(".head-name"));
    const shift = event.clientX - name.getBoundingClientRect().right;
    /** @param {PointerEvent} moved */
    const move = (moved) => {
      const box = head.getBoundingClientRect();
      this.#set(((moved.clientX - shift - box.left) / box.width) * 100);
    };
    const done = () => this.removeEventListener("pointermove", move);
    this.addEventListener("pointermove", move);
    this.addEventListener("pointerup", done, { once: true });
    this.addEventListener("pointercancel", done, { once: true });
  };

  /** @param {KeyboardEvent} event */
  #onKey = (event) => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    event.preventDefault();
    event.stopPropagation();
    const head = /** @type {HTMLElement} */ (this.closest(".waterfall-head"));
    const name = /** @type {HTMLElement} */ (head.querySelector(".head-name"));
    const share = (name.getBoundingClientRect().width / head.getBoundingClientRect().width) * 100;
    this.#set(share + (event.key === "ArrowRight" ? STEP : -STEP));
  };

  /** @param {number | null} share of the waterfall's width, in percent; null = as it is by default */
  #set(share) {
    if (share == null) {
      this.#page?.style.removeProperty("--tree-width");
      localStorage.removeItem(KEY);
      return;
    }
    const kept = Math.min(Math.max(share, LEAST), MOST);
    this.#page?.style.setProperty("--tree-width", `${kept}%`);
    this.setAttribute("aria-valuenow", String(Math.round(kept)));
    localStorage.setItem(KEY, String(kept));
  }
}

customElements.define("row-divider", RowDivider);
