// Sentences for the person. They are put into elements that screen readers watch.

/** Shows at most one sentence in an element of its own. */
export class NoticePlace {
  #element;
  #tone;

  /**
   * @param {HTMLElement} element with role "status" or "alert"
   * @param {"info"|"busy"|"danger"} tone
   */
  constructor(element, tone) {
    this.#element = element;
    this.#tone = tone;
  }

  /**
   * @param {string} text empty: nothing is shown
   * @param {{href: string, text: string}} [link] what leads on, after the sentence
   */
  show(text, link) {
    if (!text) {
      this.clear();
      return;
    }
    const notice = document.createElement("p");
    notice.className = "notice";
    notice.dataset.tone = this.#tone;
    notice.textContent = text;
    if (link) {
      const anchor = document.createElement("a");
      anchor.href = link.href;
      anchor.textContent = link.text;
      notice.append(" ", anchor);
    }
    this.#element.replaceChildren(notice);
  }

  clear() {
    this.#element.replaceChildren();
  }
}
