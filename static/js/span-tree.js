// <span-tree>: the waterfall's scrolling box. Rows come from the server in windows; only those near
// the view are in the document, and the empty space keeps the scroll bar true.
import { anchor } from "./trace-page.js";

const MOST_WINDOWS = 2;
const MOST_LAST = 4;

class SpanTree extends HTMLElement {
  /** Windows in the document or on their way, by number. @type {Map<number, HTMLElement | Promise<void>>} */
  #windows = new Map();
  #rowHeight = 24;
  #pending = false;
  /** The row that the way is told to. @type {Element | null} */
  #told = null;

  connectedCallback() {
    this.space = /** @type {HTMLElement} */ (this.querySelector(".rows-space"));
    this.total = Number(this.getAttribute("total"));
    this.windowRows = Number(this.getAttribute("window-rows"));
    for (const link of this.querySelectorAll(".more-rows")) link.remove();
    const first = /** @type {HTMLElement} */ (this.space.querySelector(".rows"));
    const row = first.querySelector("[data-span-row]");
    if (row) this.#rowHeight = row.getBoundingClientRect().height || this.#rowHeight;
    this.space.classList.add("is-windowed");
    this.space.style.height = `${this.total * this.#rowHeight}px`;
    this.#place(Number(first.dataset.offset) / this.windowRows, first);
    this.#restore();
    this.addEventListener("scroll", this.#onScroll, { passive: true });
    this.resizes = new ResizeObserver(this.#onScroll);
    this.resizes.observe(this);
    this.#fill();
    this.#tellWay();
  }

  disconnectedCallback() {
    this.resizes?.disconnect();
  }

  /** Bring a row into view and give it the focus; -1 = the first one in sight. @param {number} index */
  async focusRow(index) {
    const wanted = index < 0 ? this.#firstIndex() : Math.min(Math.max(index, 0), this.total - 1);
    const top = wanted * this.#rowHeight;
    const head = this.#headHeight();
    if (top < this.scrollTop) this.scrollTop = top;
    const below = top + this.#rowHeight + head - this.clientHeight;
    if (below > this.scrollTop) this.scrollTop = below;
    await this.#load(Math.floor(wanted / this.windowRows));
    const row = /** @type {HTMLElement | null} */ (this.querySelector(`[aria-rowindex="${wanted + 1}"]`));
    row?.focus({ preventScroll: true });
  }

  /** Put the kept row back where it was, or bring the selected one into sight. */
  #restore() {
    const index = Number(this.getAttribute("focus-row"));
    if (index < 0) return;
    const top = index * this.#rowHeight;
    const kept = anchor && this.querySelector(`[data-span-row="${CSS.escape(anchor.span)}"]`);
    if (anchor && kept) {
      this.scrollTop = top - (anchor.y - this.getBoundingClientRect().top - this.#headHeight());
    } else if (anchor || top + this.#rowHeight * 2 > this.clientHeight) {
      // Some rows above it, as far as there is room for them.
      const room = (this.clientHeight - this.#headHeight()) / this.#rowHeight;
      this.scrollTop = top - this.#rowHeight * Math.min(6, Math.max(Math.floor(room / 2), 0));
    }
  }

  #headHeight() {
    return this.querySelector(".waterfall-head")?.getBoundingClientRect().height ?? 0;
  }

  #firstIndex() {
    return Math.floor(this.scrollTop / this.#rowHeight);
  }

  #onScroll = () => {
    if (this.#pending) return;
    this.#pending = true;
    requestAnimationFrame(() => {
      this.#pending = false;
      this.#fill();
      this.#tellWay();
    });
  };

  /** In a deep trace: show the way to the first row in sight, which its window and the rows above tell. */
  #tellWay() {
    const bar = /** @type {HTMLElement | null} */ (this.querySelector(".trail"));
    const row = bar && this.querySelector(`[aria-rowindex="${this.#firstIndex() + 1}"]`);
    // Until its window has come, what was known last stays.
    if (!bar || !row || row === this.#told) return;
    this.#told = row;
    const steps = [];
    let level = Number(row.getAttribute("aria-level"));
    for (let above = row.previousElementSibling; above && level > 1; above = above.previousElementSibling) {
      const its = Number(above.getAttribute("aria-level"));
      if (its && its < level) {
        level = its;
        if (steps.length < MOST_LAST) steps.unshift(stepOf(above));
      }
    }
    const known = [...(row.parentElement?.querySelectorAll(".rows-above > li") ?? [])];
    const further = known.filter((step) => Number(/** @type {HTMLElement} */ (step).dataset.level) < level);
    const missing = MOST_LAST - steps.length;
    if (missing > 0) steps.unshift(...further.slice(-missing).map((step) => step.cloneNode(true)));
    const first = /** @type {HTMLElement | undefined} */ (further[0] ?? firstStep(row, level));
    const whole = Number(row.getAttribute("aria-level")) - 1;
    const begins = /** @type {HTMLElement | undefined} */ (steps[0]);
    if (first && begins && Number(begins.dataset.level) > 1) {
      const between = whole - steps.length - 1;
      if (between) steps.unshift(textStep(`${between.toLocaleString("en")} level${between > 1 ? "s" : ""}`));
      steps.unshift(first.cloneNode(true));
    }
    if (!whole) steps.push(textStep(bar.dataset.top ?? ""));
    bar.firstElementChild?.replaceChildren(...steps);
  }

  /** Have the windows in sight and the one that comes next; give back those far away. */
  #fill() {
    const first = this.#firstIndex();
    const last = Math.min(first + Math.ceil(this.clientHeight / this.#rowHeight), this.total - 1);
    const low = Math.floor(first / this.windowRows);
    const high = Math.floor(Math.max(last, 0) / this.windowRows);
    for (let number = low; number <= high; number++) this.#load(number);
    if (last % this.windowRows > this.windowRows * 0.6) this.#load(high + 1);
    else if (first % this.windowRows < this.windowRows * 0.4) this.#load(low - 1);
    const far = [...this.#windows.keys()].filter((number) => number < low || number > high);
    // Those farthest from the view go first.
    far.sort((one, other) => Math.abs(other - low) - Math.abs(one - low));
    for (const number of far) {
      if (this.#windows.size <= MOST_WINDOWS) break;
      const element = this.#windows.get(number);
      if (element instanceof HTMLElement) {
        element.remove();
        this.#windows.delete(number);
      }
    }
  }

  /** @param {number} number @returns {Promise<void>} */
  async #load(number) {
    if (number < 0 || number * this.windowRows >= this.total) return;
    const known = this.#windows.get(number);
    if (known) return known instanceof Promise ? known : undefined;
    const loading = this.#fetch(number);
    this.#windows.set(number, loading);
    return loading;
  }

  /** @param {number} number */
  async #fetch(number) {
    const url = new URL(this.getAttribute("rows-url") ?? "", location.href);
    const span = new URL(location.href).searchParams.get("span");
    if (span) url.searchParams.set("span", span);
    else url.searchParams.delete("span");
    url.searchParams.set("offset", String(number * this.windowRows));
    try {
      // While the view flies past, windows that it has left behind are not asked for.
      await new Promise((resolve) => setTimeout(resolve, 30));
      const first = this.#firstIndex();
      const rows = this.clientHeight / this.#rowHeight;
      const begin = number * this.windowRows;
      if (begin > first + rows + this.windowRows || begin + 2 * this.windowRows < first) {
        this.#windows.delete(number);
        return;
      }
      const answer = await fetch(url);
      if (!answer.ok) throw new Error(String(answer.status));
      const holder = document.createElement("template");
      holder.innerHTML = await answer.text();
      if (!this.isConnected) return;
      const element = /** @type {HTMLElement | null} */ (holder.content.querySelector(".rows"));
      // A sign-in page, say, in place of the rows.
      if (!element) throw new Error("no rows");
      this.space?.append(element);
      this.#place(number, element);
      this.#fill();
      this.#tellWay();
    } catch {
      this.#windows.delete(number);
      document.dispatchEvent(new CustomEvent("htmx:error"));
    }
  }

  /** @param {number} number @param {HTMLElement} element */
  #place(number, element) {
    element.style.top = `${number * this.windowRows * this.#rowHeight}px`;
    this.#windows.set(number, element);
  }
}

/** A row as a step of the way. @param {Element} row */
function stepOf(row) {
  const step = document.createElement("li");
  const name = /** @type {HTMLAnchorElement} */ (row.querySelector(".row-op"));
  const link = document.createElement("a");
  const level = row.getAttribute("aria-level") ?? "";
  link.href = name.href;
  link.title = `Level ${level}: ${name.textContent}`;
  link.dataset.selects = "";
  const hue = [...(row.querySelector(".row-service")?.classList ?? [])].filter((css) => css !== "row-service");
  link.className = ["service-name", ...hue].join(" ");
  const text = document.createElement("bdi");
  text.textContent = name.textContent;
  link.append(text);
  step.append(link);
  step.dataset.level = level;
  return step;
}

/** The top of the way, where it stands among the rows themselves. @param {Element} row @param {number} level */
function firstStep(row, level) {
  if (level > 1) return undefined;
  let above = row.previousElementSibling;
  while (above && above.getAttribute("aria-level") !== "1") above = above.previousElementSibling;
  return above ? stepOf(above) : undefined;
}

/** @param {string} text */
function textStep(text) {
  const step = document.createElement("li");
  step.className = "trail-between";
  step.textContent = text;
  return step;
}

customElements.define("span-tree", SpanTree);
