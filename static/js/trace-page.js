// <trace-page>: the steps from one view of a trace to the next. Every step is a plain link or form
// that works without this script; here its answer replaces the view instead of the page.
//
// The address is the state. Links carry all of it, but a span selected since they were drawn is only
// in the address, so it is taken from there; and `near` asks the server to draw the window around
// the row whose place on the screen is to be kept.

/** Where a row stood when a step was taken; span-tree.js puts it back there. @type {{span: string, y: number} | null} */
export let anchor = null;

/** @returns {HTMLElement | null} */
const tree = () => document.querySelector("span-tree");

class TracePage extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", this.#onClick);
    this.addEventListener("submit", this.#onSubmit);
    this.addEventListener("trace-go", this.#onGo);
    document.addEventListener("keydown", this.#onKey);
  }

  disconnectedCallback() {
    document.removeEventListener("keydown", this.#onKey);
  }

  /** @param {MouseEvent} event */
  #onClick = (event) => {
    if (event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const clicked = /** @type {Element} */ (event.target);
    const link = /** @type {HTMLAnchorElement | SVGAElement | null} */ (clicked.closest("a[href]"));
    const row = /** @type {HTMLElement | null} */ (clicked.closest("[data-span-row]"));
    if (!link && clicked.closest("td details")) return;
    // In a drawing, a link's href is an object of its own kind and no text.
    const url = new URL(link?.getAttribute("href") ?? "", location.href);
    const leaves = url.origin !== location.origin || url.pathname !== location.pathname;
    if (link && (leaves || link.hasAttribute("target") || link.hasAttribute("download"))) return;
    if (link?.matches(".twisty, .row-refold")) {
      event.preventDefault();
      // A member that is selected would keep its run unfolded.
      if (link.matches(".row-refold")) url.searchParams.set("folded", row?.dataset.spanRow ?? "");
      this.#go(url.href, row);
    } else if (row && (!link || link.classList.contains("row-op"))) {
      if (getSelection()?.toString()) return;
      event.preventDefault();
      this.select(row);
    } else if (link?.dataset.key === "close") {
      event.preventDefault();
      this.#showDetail(url.href, null);
    } else if (link) {
      event.preventDefault();
      this.#go(url.href, null, "selects" in link.dataset);
    }
  };

  /** @param {SubmitEvent} event */
  #onSubmit = (event) => {
    const form = /** @type {HTMLFormElement} */ (event.target);
    if (!form.matches(".find-bar, .only-form, .panel-form")) return;
    event.preventDefault();
    const url = new URL(location.href);
    if (form.matches(".panel-form")) {
      url.search = "";
      for (const [name, value] of new FormData(form)) if (value) url.searchParams.append(name, String(value));
      this.#go(url.href, null);
      return;
    }
    url.searchParams.delete("offset");
    url.searchParams.delete("page");
    if (form.matches(".only-form")) {
      const said = new FormData(form);
      url.searchParams.delete("only");
      for (const name of ["only", "min"]) {
        for (const value of said.getAll(name)) if (value) url.searchParams.append(name, String(value));
      }
      this.#go(url.href, null);
      return;
    }
    const term = String(new FormData(form).get("find") ?? "").trim();
    if (term) url.searchParams.set("find", term);
    else url.searchParams.delete("find");
    this.#go(url.href, null);
  };

  /** Other elements (the minimap) ask for a step by this event. @param {CustomEvent<Record<string, string>>} event */
  #onGo = (event) => {
    const url = new URL(location.href);
    for (const [name, value] of Object.entries(event.detail)) {
      if (value) url.searchParams.set(name, value);
      else url.searchParams.delete(name);
    }
    this.#go(url.href, null);
  };

  /**
   * Replace the view by what an address shows. The row given, else the first one in sight, stays
   * where it is, unless the step selects a span: then that one comes into sight.
   * @param {string} href @param {HTMLElement | null} row @param {boolean} [selects]
   */
  async #go(href, row, selects = false) {
    const url = new URL(href);
    const here = new URL(location.href);
    anchor = null;
    if (!selects) {
      const span = here.searchParams.get("span");
      if (span) url.searchParams.set("span", span);
      const kept = row ?? firstInSight();
      if (kept) {
        anchor = { span: kept.dataset.spanRow ?? "", y: kept.getBoundingClientRect().top };
        url.searchParams.set("near", anchor.span);
      }
    }
    const focused = /** @type {HTMLElement} */ (document.activeElement);
    const back = focused?.closest("[data-find]") ? "[data-find]" : focused?.closest("span-tree") ? "span-tree" : "";
    await fetchPart(url, "#trace-view");
    if (back) /** @type {HTMLElement | null} */ (document.querySelector(back))?.focus({ preventScroll: true });
  }

  /** Select a row's span: only the panel is fetched, the rows stay. @param {HTMLElement} row */
  select(row) {
    // A row of folded siblings is none of them: it unfolds.
    if ("fold" in row.dataset) return void (/** @type {HTMLElement | null} */ (row.querySelector("a.twisty"))?.click());
    const link = /** @type {HTMLAnchorElement | null} */ (row.querySelector(".row-op"));
    if (link) this.#showDetail(link.href, row);
  }

  /** @param {string} href @param {HTMLElement | null} row */
  async #showDetail(href, row) {
    for (const marked of this.querySelectorAll("[data-span-row].is-selected")) {
      marked.classList.remove("is-selected");
      marked.removeAttribute("aria-selected");
    }
    row?.classList.add("is-selected");
    row?.setAttribute("aria-selected", "true");
    const url = new URL(href);
    await fetchPart(url, "#span-detail");
    row?.scrollIntoView({ block: "nearest" });
  }

  /** @param {KeyboardEvent} event */
  #onKey = (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    // The browser closes a popover itself.
    if (event.key === "Escape" && document.querySelector(":popover-open")) return;
    const target = /** @type {HTMLElement} */ (event.target);
    if (target.closest?.("input, textarea, select")) {
      if (event.key === "Escape" && target.matches("[data-find]")) {
        target.blur();
        tree()?.focus({ preventScroll: true });
      }
      return;
    }
    const row = /** @type {HTMLElement | null} */ (target.closest?.("[data-span-row]"));
    if (this.#rowKey(event.key, row) || this.#pageKey(event.key)) event.preventDefault();
  };

  /** Keys that act on the row in focus. @param {string} key @param {HTMLElement | null} row */
  #rowKey(key, row) {
    if (key === "j" || key === "ArrowDown" || key === "k" || key === "ArrowUp") {
      const step = key === "j" || key === "ArrowDown" ? 1 : -1;
      const from = row ?? this.querySelector("[data-span-row].is-selected") ?? null;
      if (!tree()) return this.#listKey(from, step);
      // @ts-ignore a method of span-tree.js
      tree()?.focusRow(from ? Number(from.getAttribute("aria-rowindex")) - 1 + step : -1);
      return true;
    }
    if (!row) return false;
    // Another link within the row leads where it says.
    if (key === "Enter" && document.activeElement?.matches("td a:not(.row-op), summary")) return false;
    if (key === "Enter") {
      this.select(row);
      return true;
    }
    const expanded = row.getAttribute("aria-expanded");
    if (key === "z" && expanded && !("fold" in row.dataset)) {
      const url = new URL(location.href);
      for (const name of ["from", "to", "offset"]) url.searchParams.delete(name);
      url.searchParams.set("focus", row.dataset.spanRow ?? "");
      this.#go(url.href, row);
      return true;
    }
    if ((key === "ArrowLeft" && expanded === "true") || (key === "ArrowRight" && expanded === "false")) {
      /** @type {HTMLElement | null} */ (row.querySelector("a.twisty"))?.click();
      return true;
    }
    if (key === "ArrowLeft" && row.dataset.runRow) {
      // Of siblings that are unfolded the first one folds them again.
      const again = /** @type {HTMLElement | null} */ (row.querySelector("a.row-refold"));
      // @ts-ignore a method of span-tree.js
      again ? again.click() : tree()?.focusRow(Number(row.dataset.runRow) - 1);
      return true;
    }
    return key === "ArrowLeft" || key === "ArrowRight";
  }

  /** Step through the rows of a list; a view without rows scrolls. @param {Element | null} from @param {number} step */
  #listKey(from, step) {
    const links = /** @type {HTMLElement[]} */ ([...this.querySelectorAll("tr[data-span-row] .row-op")]);
    const at = links.findIndex((link) => from?.contains(link));
    links[from ? Math.min(Math.max(at + step, 0), links.length - 1) : 0]?.focus();
    return links.length > 0;
  }

  /** Keys that are a control of the page. @param {string} key */
  #pageKey(key) {
    if (key === "f") {
      const box = /** @type {HTMLInputElement | null} */ (this.querySelector("[data-find], .panel-form [type=search]"));
      box?.focus();
      box?.select();
      return box != null;
    }
    if (key === "+" || key === "-") {
      // @ts-ignore a method of trace-minimap.js
      document.querySelector("trace-minimap")?.zoomBy(key === "+" ? 0.5 : 2);
      return true;
    }
    const names = key === "Escape" ? ["close", "clear"] : ["n", "p", "e", "c", "r", "z", "Z", "0", "[", "]", "?"].includes(key) ? [key] : [];
    for (const name of names) {
      const control = /** @type {HTMLElement | null} */ (this.querySelector(`[data-key="${CSS.escape(name)}"]`));
      if (control) {
        control.click();
        return true;
      }
    }
    return false;
  }
}

/**
 * Replace a part of the page by what an address answers for it; the server pushes the address.
 * @param {URL} url @param {string} target
 */
function fetchPart(url, target) {
  // htmx tells the server the target of the element that acts; here the step has none of its own.
  const headers = { "HX-Target": target };
  // @ts-ignore htmx is a global of its own script
  return htmx.ajax("GET", url.pathname + url.search, { source: "trace-page", target, swap: "outerHTML", headers });
}

/** @returns {HTMLElement | null} */
function firstInSight() {
  const box = tree();
  if (!box) return null;
  const top = box.getBoundingClientRect().top + 30;
  for (const row of /** @type {NodeListOf<HTMLElement>} */ (box.querySelectorAll("[data-span-row]"))) {
    if (row.getBoundingClientRect().top >= top) return row;
  }
  return null;
}

customElements.define("trace-page", TracePage);
