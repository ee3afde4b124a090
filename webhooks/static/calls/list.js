// The calls as rows of a table: only what changed is touched, so focus, selection and scrolling stay where they are.

import { lengthOf } from "../call_words.js";
import { callerOf, secondsOf, stateOf, troubleOf } from "./words.js";

/**
 * Shows rows in a `tbody`. Event (CustomEvent): `choose`, detail {callId, byKey}.
 */
export class CallList extends EventTarget {
  #body;
  #shown = new Map(); // call_id -> Line
  #chosen = "";

  /** @param {HTMLTableSectionElement} body */
  constructor(body) {
    super();
    this.#body = body;
    body.addEventListener("click", (event) => this.#click(event));
    body.addEventListener("keydown", (event) => this.#key(event));
    body.addEventListener("focusin", (event) => this.#reachableBy(event.target.closest("tr")));
  }

  get size() {
    return this.#shown.size;
  }

  /** @param {object[]} rows changed ones @param {object[]} all in the order of the list */
  update(rows, all) {
    const fresh = rows.filter((row) => !this.#shown.has(row.call_id));
    for (const row of fresh) this.#shown.set(row.call_id, new Line(row.call_id));
    for (const row of rows) this.#shown.get(row.call_id).show(row);
    if (fresh.length > 0) this.#place(all);
    if (!this.#body.querySelector("button[tabindex='0']")) this.#reachableBy(this.#body.firstElementChild);
  }

  /** @param {string[]} callIds */
  remove(callIds) {
    for (const callId of callIds) {
      const line = this.#shown.get(callId);
      if (line === undefined) continue;
      if (line.element.contains(document.activeElement)) {
        (line.element.nextElementSibling ?? line.element.previousElementSibling)?.querySelector("button").focus();
      }
      line.element.remove();
      this.#shown.delete(callId);
    }
    if (!this.#body.querySelector("button[tabindex='0']")) this.#reachableBy(this.#body.firstElementChild);
  }

  /** @param {(callId: string) => number} lengths seconds */
  tick(lengths) {
    for (const [callId, line] of this.#shown) line.tick(lengths(callId));
  }

  /** Marks one call as the one that is shown; "" for none. */
  choose(callId) {
    this.#shown.get(this.#chosen)?.mark(false);
    this.#chosen = callId;
    this.#shown.get(callId)?.mark(true);
    this.#shown.get(callId)?.element.scrollIntoView({ block: "nearest" }); // the list has just become narrower
  }

  /** Whether the person is at this call: its row should not go away under their hands. */
  isUsed(callId) {
    const element = this.#shown.get(callId)?.element;
    return callId === this.#chosen || Boolean(element?.matches(":hover, :focus-within"));
  }

  /** @param {string} callId */
  focus(callId) {
    this.#shown.get(callId)?.button.focus();
  }

  /** Puts new rows where they belong; rows that are there already are not moved, which would take the focus away. */
  #place(all) {
    let next = null;
    for (const row of all.toReversed()) {
      const { element } = this.#shown.get(row.call_id);
      if (element.parentElement === null) this.#body.insertBefore(element, next);
      next = element;
    }
  }

  #click(event) {
    const element = event.target.closest("tr");
    if (element === null || isMarkedIn(element)) return;
    const byKey = event.detail === 0;
    element.querySelector("button").focus({ preventScroll: true }); // so that the arrow keys go on from here
    this.dispatchEvent(new CustomEvent("choose", { detail: { callId: element.dataset.callId, byKey } }));
  }

  #key(event) {
    const here = event.target.closest("tr");
    const there = {
      ArrowDown: here?.nextElementSibling,
      ArrowUp: here?.previousElementSibling,
      Home: this.#body.firstElementChild,
      End: this.#body.lastElementChild,
    }[event.key];
    if (!there || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    there.querySelector("button").focus();
  }

  /** One stop of the Tab key for the whole list: a hundred calls must not stand before what follows. */
  #reachableBy(element) {
    for (const button of this.#body.querySelectorAll("button[tabindex='0']")) button.tabIndex = -1;
    const button = element?.querySelector("button");
    if (button) button.tabIndex = 0;
  }
}

/** Whether words of this element are being marked, to be copied. */
function isMarkedIn(element) {
  const selection = getSelection();
  return !selection.isCollapsed && selection.containsNode(element, true);
}

/** One row. */
class Line {
  constructor(callId) {
    this.button = make("button", "call-button");
    this.button.type = "button";
    this.button.tabIndex = -1;
    this.called = make("span", "call-to muted");
    this.state = make("span", "state");
    this.length = make("span", "figures");
    this.callerWords = make("p", "words");
    this.assistantWords = make("p", "words");
    this.message = make("p", "message");
    this.answer = make("span", "figures");
    this.interruptions = make("span", "figures");
    this.missing = make("span", "figures");
    this.element = make("tr", "call-row");
    this.element.dataset.callId = callId;
    this.element.setAttribute("role", "row");
    const words = make("div", "words-both");
    words.append(said("Caller", this.callerWords), said("Assistant", this.assistantWords), this.message);
    this.element.append(
      cell("who", "", this.button, this.called),
      cell("state-cell", "", this.state),
      cell("number length", "", this.length),
      cell("words-cell", "", words),
      cell("number", "Answer", this.answer),
      cell("number", "Cut in", this.interruptions),
      cell("number", "Missing", this.missing),
    );
    this.mark(false);
  }

  show(row) {
    write(this.button, callerOf(row));
    write(this.called, row.called ? `to ${row.called}` : "");
    write(this.state, stateOf(row));
    const state = row.over && row.state !== "error" ? "ended" : row.state;
    if (this.state.dataset.state !== state) this.state.dataset.state = state;
    write(this.message, troubleOf(row));
    this.message.hidden = this.message.textContent === "";
    write(this.callerWords, row.caller_words);
    write(this.assistantWords, row.assistant_words);
    write(this.answer, secondsOf(row.answer_seconds));
    write(this.interruptions, String(row.interruptions));
    write(this.missing, secondsOf(row.missing_seconds || null));
    this.missing.classList.toggle("is-bad", row.missing_seconds >= 0.1);
    this.element.classList.toggle("is-over", row.over);
  }

  tick(seconds) {
    write(this.length, lengthOf(seconds));
  }

  mark(chosen) {
    this.element.classList.toggle("is-chosen", chosen);
    this.button.setAttribute("aria-pressed", String(chosen));
  }
}

function make(name, className) {
  const element = document.createElement(name);
  element.className = className;
  return element;
}

/** label: shown on a phone, where there is no head of the column. */
function cell(className, label, ...content) {
  const element = make("td", className);
  element.setAttribute("role", "cell");
  if (label) {
    const shown = make("span", "cell-label");
    shown.setAttribute("aria-hidden", "true");
    shown.textContent = label;
    element.append(shown);
  }
  element.append(...content);
  return element;
}

function said(who, words) {
  const line = make("div", "said");
  line.dataset.who = who.toLowerCase();
  const name = make("span", "said-who");
  name.textContent = who;
  line.append(name, words);
  return line;
}

/** Writes only what is new: an equal text would still cost the browser a layout. */
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
