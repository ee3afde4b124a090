// How the page stands to the server: live, reconnecting, or signed out.

const PATIENCE = 1500; // ms; a shorter break is nobody's business

/** Writes into an element with role="status". */
export class Link {
  #element;
  #timer = 0; // 0: none runs
  #words = "";

  constructor(element) {
    this.#element = element;
  }

  live() {
    this.#show("live", "Live");
  }

  /** @param {string} message why, where the server said so */
  lost(message) {
    const lost = this.#element.dataset.link === "lost";
    if (message || !(lost || this.#timer)) this.#words = message ? `Reconnecting… ${message}` : "Reconnecting…";
    if (lost) this.#show("lost", this.#words);
    else this.#timer ||= setTimeout(() => this.#show("lost", this.#words), PATIENCE); // each failed attempt comes here
  }

  /** @param {{status: number, message: string}} detail */
  gone({ status, message }) {
    if (status !== 401) return this.#show("gone", message || "The bot does not show its calls to this page.");
    const link = document.createElement("a");
    link.href = "sign-in";
    link.textContent = "Sign in again";
    return this.#show("gone", link);
  }

  #show(link, content) {
    clearTimeout(this.#timer);
    this.#timer = 0;
    if (this.#element.dataset.link === link && this.#element.textContent === content) return;
    this.#element.dataset.link = link;
    this.#element.replaceChildren(content);
  }
}
