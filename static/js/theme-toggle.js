// <theme-toggle>: light or dark over what the system prefers. The choice is a cookie, which the
// server prints as data-theme, so that a page never flashes in the wrong theme.

const COOKIE = "tracefall_theme";
const YEAR_SECONDS = 31536000;

class ThemeToggle extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", this.#toggle);
  }

  disconnectedCallback() {
    this.removeEventListener("click", this.#toggle);
  }

  #toggle = () => {
    const root = document.documentElement;
    const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    const wanted = (root.dataset.theme ?? system) === "dark" ? "light" : "dark";
    // Back at what the system has, follow the system again.
    if (wanted === system) delete root.dataset.theme;
    else root.dataset.theme = wanted;
    const age = wanted === system ? 0 : YEAR_SECONDS;
    document.cookie = `${COOKIE}=${wanted}; path=/; max-age=${age}; samesite=lax`;
  };
}

customElements.define("theme-toggle", ThemeToggle);
