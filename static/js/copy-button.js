// <copy-button text="…">, <copy-button from="#id"> or <copy-button within=".row">: copies, and says
// that it did. text="location" copies the page's address; within copies the text of the element
// marked data-copied in the nearest element around the button that the selector fits; and-link adds
// the page's address to the text.

class CopyButton extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", this.#copy);
  }

  disconnectedCallback() {
    this.removeEventListener("click", this.#copy);
  }

  #copy = async () => {
    const button = this.querySelector("button");
    const title = button?.title ?? "";
    let said = "Copied";
    try {
      await copyText(this.#text());
    } catch {
      said = "Could not copy";
    }
    if (!button) return;
    button.title = said;
    button.dataset.said = said;
    setTimeout(() => {
      button.title = title;
      delete button.dataset.said;
    }, 1500);
  };

  #text() {
    const from = this.getAttribute("from");
    if (from) return document.querySelector(from)?.textContent ?? "";
    const within = this.getAttribute("within");
    if (within) return this.closest(within)?.querySelector("[data-copied]")?.textContent ?? "";
    const text = this.getAttribute("text") ?? "";
    if (this.hasAttribute("and-link")) return `${text}\n\n${location.href}\n`;
    return text === "location" ? location.href : text;
  }
}

/** The clipboard API exists on https and localhost only; elsewhere a selection does it. @param {string} text */
async function copyText(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "visually-hidden";
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("copying is not allowed");
}

customElements.define("copy-button", CopyButton);
