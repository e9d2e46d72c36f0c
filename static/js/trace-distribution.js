// <trace-distribution>: drag over an area to search again within its times and durations.
// The scale stands in attributes: data-start, data-end in µs; data-low, data-high as log2 of ns.

const TOP = 6;
const BOTTOM = 74;
const MIN_DRAG_PX = 5;

class TraceDistribution extends HTMLElement {
  /** @type {{x: number, y: number} | null} */
  #from = null;
  #dragged = false;

  connectedCallback() {
    this.addEventListener("pointerdown", this.#begin);
    this.addEventListener("pointermove", this.#move);
    this.addEventListener("pointerup", this.#end);
    this.addEventListener("pointercancel", this.#cancel);
    // A drag that ends on a point must not open it.
    this.addEventListener("click", this.#click, true);
    this.addEventListener("dragstart", this.#noDrag);
  }

  get #plot() {
    return /** @type {SVGSVGElement} */ (this.querySelector(".distribution-plot"));
  }

  get #brush() {
    return /** @type {SVGRectElement} */ (this.querySelector(".distribution-brush"));
  }

  /** @param {PointerEvent} event */
  #place(event) {
    const box = this.#plot.getBoundingClientRect();
    return {
      x: Math.min(Math.max(event.clientX - box.left, 0), box.width),
      y: Math.min(Math.max(event.clientY - box.top, TOP), BOTTOM),
      width: box.width,
    };
  }

  /** @param {PointerEvent} event */
  #begin = (event) => {
    this.#dragged = false;
    if (event.button === 0) this.#from = this.#place(event);
  };

  /** @param {PointerEvent} event */
  #move = (event) => {
    if (!this.#from) return;
    const to = this.#place(event);
    const [width, height] = [Math.abs(to.x - this.#from.x), Math.abs(to.y - this.#from.y)];
    if (!this.#dragged && Math.max(width, height) < MIN_DRAG_PX) return;
    if (!this.#dragged) this.setPointerCapture(event.pointerId);
    this.#dragged = true;
    const brush = this.#brush;
    brush.removeAttribute("hidden");
    brush.setAttribute("x", String(Math.min(to.x, this.#from.x)));
    brush.setAttribute("y", String(Math.min(to.y, this.#from.y)));
    brush.setAttribute("width", String(width));
    brush.setAttribute("height", String(height));
  };

  /** @param {PointerEvent} event */
  #end = (event) => {
    const from = this.#from;
    this.#from = null;
    this.#brush.setAttribute("hidden", "");
    if (!from || !this.#dragged) return;
    const to = this.#place(event);
    location.assign(this.#address(from, to, to.width));
  };

  #cancel = () => {
    this.#from = null;
    this.#brush.setAttribute("hidden", "");
  };

  /** @param {MouseEvent} event */
  #click = (event) => {
    if (this.#dragged) event.preventDefault();
  };

  /** @param {DragEvent} event */
  #noDrag = (event) => event.preventDefault();

  /**
   * A drag along one axis only leaves the other as it is.
   * @param {{x: number, y: number}} a @param {{x: number, y: number}} b @param {number} width
   */
  #address(a, b, width) {
    const [start, end] = [Number(this.dataset.start), Number(this.dataset.end)];
    const [low, high] = [Number(this.dataset.low), Number(this.dataset.high)];
    const url = new URL(this.dataset.url ?? "/search", location.href);
    const time = (/** @type {number} */ x) => start + ((end - start) * x) / width;
    const log = (/** @type {number} */ y) => low + ((high - low) * (BOTTOM - y)) / (BOTTOM - TOP);
    if (Math.abs(a.x - b.x) >= MIN_DRAG_PX) {
      url.searchParams.set("start", String(Math.floor(time(Math.min(a.x, b.x)))));
      url.searchParams.set("end", String(Math.ceil(time(Math.max(a.x, b.x)))));
    }
    if (Math.abs(a.y - b.y) >= MIN_DRAG_PX) {
      url.searchParams.set("minDuration", duration(2 ** log(Math.max(a.y, b.y)), Math.floor));
      url.searchParams.set("maxDuration", duration(2 ** log(Math.min(a.y, b.y)), Math.ceil));
      url.searchParams.set("durationOf", "trace");
    }
    return url.href;
  }
}

/** Print nanoseconds as the search reads them, to three digits. @param {number} ns @param {(n: number) => number} round */
function duration(ns, round) {
  for (const [size, unit] of /** @type {[number, string][]} */ ([[1e9, "s"], [1e6, "ms"], [1e3, "us"]])) {
    if (ns >= size) {
      const digits = 10 ** Math.max(0, 2 - Math.floor(Math.log10(ns / size)));
      return `${round((ns / size) * digits) / digits}${unit}`;
    }
  }
  return `${Math.max(0, round(ns))}ns`;
}

customElements.define("trace-distribution", TraceDistribution);
