// Both sides of a conversation as it grows: what was heard in plain, what was cut off struck through.

import { followEnd } from "./follow_end.js";

const MOST = 400; // turns that are kept in the page

/** Renders the reports of one call into an `ol`. The list's parent is taken to be what scrolls. */
export class Transcript {
  #list;
  #names;
  #items = new Map(); // item_id -> li
  #waiting = null; // li of a caller who speaks and whose words are not known yet

  /**
   * @param {HTMLOListElement} listElement
   * @param {{caller: string, assistant: string}} [names] how the sides are called on this page
   */
  constructor(listElement, names = { caller: "Caller", assistant: "Assistant" }) {
    this.#list = listElement;
    this.#names = names;
  }

  /**
   * Shows what a report says; reports that are no words are passed over.
   * @param {{type: string}} report as the server sends it
   */
  take(report) {
    followEnd(this.#list.parentElement ?? this.#list, () => this.#show(report));
  }

  /** The call is over: nobody is about to say anything more. */
  settle() {
    this.#waiting?.remove(); // it was a noise, or its words were lost
    this.#waiting = null;
  }

  /** Forgets everything, for another call. */
  clear() {
    this.#items.clear();
    this.#waiting = null;
    this.#list.replaceChildren();
  }

  #show(report) {
    switch (report.type) {
      case "StateChanged":
        return this.#state(report.state);
      case "CallerWords":
        return fill(this.#caller(report.item_id), [report.text]);
      case "AssistantDraft": {
        const item = this.#assistant(report.item_id);
        if (item.dataset.draft === undefined) return undefined; // its final words are here already
        return fill(item, [report.text]);
      }
      case "AssistantWords": {
        const item = this.#assistant(report.item_id);
        delete item.dataset.draft;
        return fill(item, wordsOf(report));
      }
      default:
        return undefined;
    }
  }

  // The words of a caller are known only after the speech, sometimes after the answer has begun: so a place is kept
  // for them from the moment they begin to speak.
  #state(state) {
    if (state === "listening") {
      if (this.#waiting === null) {
        this.#waiting = this.#add("caller");
        this.#waiting.dataset.pending = "";
        fill(this.#waiting, ["…"]);
      } else if (this.#waiting !== this.#list.lastElementChild) {
        this.#list.append(this.#waiting);
      }
    } else if (state === "ready" || state === "ended" || state === "error") {
      this.settle();
    }
  }

  #caller(itemId) {
    let item = this.#items.get(itemId);
    if (item === undefined) {
      item = this.#waiting ?? this.#add("caller");
      delete item.dataset.pending;
      this.#waiting = null;
      this.#items.set(itemId, item);
    }
    return item;
  }

  #assistant(itemId) {
    let item = this.#items.get(itemId);
    if (item === undefined) {
      item = this.#add("assistant");
      item.dataset.draft = "";
      this.#items.set(itemId, item);
    }
    return item;
  }

  #add(who) {
    const item = document.createElement("li");
    item.className = "turn";
    item.dataset.who = who;
    const name = document.createElement("span");
    name.className = "turn-who";
    name.textContent = this.#names[who];
    const words = document.createElement("p");
    words.className = "turn-words";
    item.append(name, words);
    this.#list.append(item);
    if (this.#list.childElementCount > MOST) this.#drop(this.#list.firstElementChild);
    return item;
  }

  #drop(item) {
    for (const [itemId, other] of this.#items) if (other === item) this.#items.delete(itemId);
    item.remove();
  }
}

/** Heard in plain, unheard struck through and said to be so to those who cannot see it. */
function wordsOf({ heard, unheard }) {
  if (!unheard) return [heard];
  const cut = document.createElement("s");
  const said = document.createElement("span");
  said.className = "visually-hidden";
  said.textContent = "not heard: ";
  cut.append(said, unheard);
  return heard ? [`${heard} `, cut] : [cut];
}

function fill(item, nodes) {
  item.lastElementChild.replaceChildren(...nodes);
}
