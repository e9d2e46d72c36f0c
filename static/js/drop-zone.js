// <drop-zone>: files dropped anywhere on the page go into the form inside, which is then sent.

class DropZone extends HTMLElement {
  connectedCallback() {
    addEventListener("dragover", this.#over);
    addEventListener("dragleave", this.#leave);
    addEventListener("drop", this.#drop);
  }

  disconnectedCallback() {
    removeEventListener("dragover", this.#over);
    removeEventListener("dragleave", this.#leave);
    removeEventListener("drop", this.#drop);
  }

  /** @param {DragEvent} event */
  #over = (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    this.classList.add("is-over");
  };

  /** @param {DragEvent} event */
  #leave = (event) => {
    if (!event.relatedTarget) this.classList.remove("is-over");
  };

  /** @param {DragEvent} event */
  #drop = (event) => {
    this.classList.remove("is-over");
    const files = event.dataTransfer?.files;
    const input = this.querySelector("input");
    if (!files?.length || !input) return;
    event.preventDefault();
    input.files = files;
    input.form?.requestSubmit();
  };
}

customElements.define("drop-zone", DropZone);
