// <trace-minimap>: drag over it to zoom, drag an edge of the zoom to adjust it, double-click to see
// the whole trace again. Asks <trace-page> for the step; the address says the range.

const EDGE_PX = 6;

class TraceMinimap extends HTMLElement {
  connectedCallback() {
    this.bars = /** @type {SVGElement} */ (this.querySelector(".minimap-bars"));
    this.brush = document.createElement("div");
    this.brush.className = "minimap-brush";
    this.brush.hidden = true;
    this.append(this.brush);
    this.bars.addEventListener("pointerdown", this.#onDown);
    this.bars.addEventListener("pointermove", this.#onHover);
    this.bars.addEventListener("dblclick", () => this.#go(0, this.#duration()));
  }

  /** Zoom around the middle of what is shown. @param {number} factor below 1 = closer */
  zoomBy(factor) {
    const from = Number(this.getAttribute("from"));
    const to = Number(this.getAttribute("to"));
    const middle = (from + to) / 2;
    const half = Math.max(((to - from) / 2) * factor, 1);
    this.#go(Math.max(middle - half, 0), Math.min(middle + half, this.#duration()));
  }

  #duration() {
    return Number(this.getAttribute("duration"));
  }

  /** @param {PointerEvent} event */
  #share(event) {
    const box = this.bars.getBoundingClientRect();
    return Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
  }

  /** The zoom's edge under the pointer, as a share of the width. @param {PointerEvent} event */
  #edge(event) {
    const width = this.bars.getBoundingClientRect().width;
    const at = this.#share(event);
    const edges = ["from", "to"].map((name) => Number(this.getAttribute(name)) / this.#duration());
    if (edges[0] <= 0 && edges[1] >= 1) return null;
    const near = edges.findIndex((edge) => Math.abs(edge - at) * width <= EDGE_PX);
    return near < 0 ? null : { moved: edges[near], fixed: edges[1 - near] };
  }

  /** @param {PointerEvent} event */
  #onHover = (event) => {
    this.classList.toggle("is-on-edge", this.#edge(event) != null);
  };

  /** @param {PointerEvent} event */
  #onDown = (event) => {
    if (event.button) return;
    const begin = this.#edge(event)?.fixed ?? this.#share(event);
    this.bars.setPointerCapture(event.pointerId);
    /** @param {PointerEvent} moved */
    const move = (moved) => {
      const end = this.#share(moved);
      this.brush.hidden = false;
      this.brush.style.left = `${Math.min(begin, end) * 100}%`;
      this.brush.style.width = `${Math.abs(end - begin) * 100}%`;
    };
    const over = new AbortController();
    /** @param {PointerEvent} up */
    const done = (up) => {
      over.abort();
      this.brush.hidden = true;
      // Cancelled: the browser took the gesture for scrolling.
      if (up.type === "pointercancel") return;
      const end = this.#share(up);
      const width = this.bars.getBoundingClientRect().width;
      if (Math.abs(end - begin) * width < 3) return;
      this.#go(Math.min(begin, end) * this.#duration(), Math.max(begin, end) * this.#duration());
    };
    const { signal } = over;
    this.bars.addEventListener("pointermove", move, { signal });
    this.bars.addEventListener("pointerup", done, { signal });
    this.bars.addEventListener("pointercancel", done, { signal });
  };

  /** @param {number} from @param {number} to nanoseconds from the trace's start */
  #go(from, to) {
    const low = Math.floor(from);
    const high = Math.ceil(to);
    const whole = low <= 0 && high >= this.#duration();
    const detail = { from: whole ? "" : String(low), to: whole ? "" : String(high), offset: "" };
    this.dispatchEvent(new CustomEvent("trace-go", { bubbles: true, detail }));
  }
}

customElements.define("trace-minimap", TraceMinimap);
