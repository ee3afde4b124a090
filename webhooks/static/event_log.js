// What happened in a call, line by line: the last 500 events, which can be filtered, copied and saved.

import { counted } from "./call_words.js";
import { followEnd } from "./follow_end.js";

const MOST = 500;
const SAID_FOR = 4000; // ms that "Copied 12 events" stays

/**
 * Fills `root` with a row of controls and a list.
 *
 * Entries: `at` seconds since the call began, `kind` one word to filter by, `text` one line.
 */
export class EventLog {
  #entries = []; // {at, kind, text, row}
  #kinds = new Set();
  #kind;
  #words;
  #list;
  #box;
  #empty;
  #said;
  #copy;
  #save;
  #quiet = 0; // timer

  /** @param {HTMLElement} root an empty element */
  constructor(root) {
    this.#kind = element("select", { ariaLabel: "Kind of event" }, new Option("All kinds", ""));
    this.#words = element("input", { type: "search", placeholder: "Filter", ariaLabel: "Filter events by words" });
    this.#words.autocomplete = "off";
    this.#copy = element("button", { type: "button", className: "button button-small" }, "Copy");
    this.#save = element("button", { type: "button", className: "button button-small" }, "Save");
    this.#said = element("p", { className: "log-said", role: "status" });
    const controls = element("div", { className: "log-controls" }, this.#kind, this.#words, this.#copy, this.#save);
    this.#list = element("ol", { className: "log-list mono" });
    this.#empty = element("p", { className: "empty" });
    this.#box = element("div", { className: "log-box", tabIndex: 0, role: "region", ariaLabel: "Events" });
    this.#box.append(this.#list, this.#empty);
    root.replaceChildren(controls, this.#said, this.#box);

    this.#kind.addEventListener("change", () => this.#filter());
    this.#words.addEventListener("input", () => this.#filter());
    this.#copy.addEventListener("click", () => this.#copyShown());
    this.#save.addEventListener("click", () => this.#saveShown());
    this.#count();
  }

  /** @param {{at: number, kind: string, text: string}} entry at: seconds since the call began */
  add({ at, kind, text }) {
    const entry = { at, kind, text, row: rowOf(at, kind, text) };
    entry.row.hidden = !this.#fits(entry);
    this.#entries.push(entry);
    this.#offer(kind);
    followEnd(this.#box, () => {
      this.#list.append(entry.row);
      if (this.#entries.length > MOST) this.#entries.shift().row.remove();
    });
    this.#count();
  }

  /** Forgets everything, for another call; the filter stays. */
  clear() {
    this.#entries = [];
    this.#list.replaceChildren();
    this.#count();
  }

  #offer(kind) {
    if (this.#kinds.has(kind)) return;
    this.#kinds.add(kind);
    this.#kind.add(new Option(kind, kind));
  }

  #fits({ kind, text }) {
    const wanted = this.#words.value.trim().toLowerCase();
    return (this.#kind.value === "" || this.#kind.value === kind) && `${kind} ${text}`.toLowerCase().includes(wanted);
  }

  #filter() {
    for (const entry of this.#entries) entry.row.hidden = !this.#fits(entry);
    this.#box.scrollTop = this.#box.scrollHeight;
    this.#count();
  }

  get #shown() {
    return this.#entries.filter((entry) => !entry.row.hidden);
  }

  #count() {
    const none = !this.#entries.some((entry) => !entry.row.hidden);
    this.#empty.hidden = !none;
    this.#empty.textContent = this.#entries.length === 0 ? "Nothing has happened yet." : "No event fits the filter.";
    this.#copy.disabled = this.#save.disabled = none;
  }

  get #text() {
    return this.#shown.map(({ at, kind, text }) => `${clock(at)}  ${kind.padEnd(8)}  ${text}\n`).join("");
  }

  async #copyShown() {
    try {
      await navigator.clipboard.writeText(this.#text);
      this.#say(`Copied ${counted(this.#shown.length, "event")}.`);
    } catch {
      this.#say("The browser does not let this page copy. Use Save.");
    }
  }

  #saveShown() {
    const url = URL.createObjectURL(new Blob([this.#text], { type: "text/plain" }));
    const now = new Date().toISOString().slice(0, 19).replaceAll(":", "-");
    element("a", { href: url, download: `call-events-${now}.txt` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
    this.#say(`Saved ${counted(this.#shown.length, "event")}.`);
  }

  #say(text) {
    this.#said.textContent = text;
    clearTimeout(this.#quiet);
    this.#quiet = setTimeout(() => this.#said.replaceChildren(), SAID_FOR);
  }
}

/**
 * What the log says about a report of the server; null for those that would only be noise in it.
 * @param {{type: string}} report
 * @returns {{kind: string, text: string} | null}
 */
export function entryOf(report) {
  switch (report.type) {
    case "StateChanged":
      return { kind: "state", text: report.message ? `${report.state}: ${report.message}` : report.state };
    case "CallerWords":
      return { kind: "words", text: `caller: ${report.text}` };
    case "AssistantWords":
      return { kind: "words", text: `assistant: ${assistantWords(report)}` };
    case "Interrupted":
      return { kind: "cut", text: `interrupted after ${inSeconds(report.heard_ms)} of ${inSeconds(report.sent_ms)}` };
    case "Answered":
      return { kind: "answer", text: `answered after ${report.seconds.toFixed(2)} s, measured at the server` };
    case "KeysPressed":
      return { kind: "digit", text: `the caller pressed ${report.shown}` };
    case "ToolUsed":
      return { kind: "tool", text: `${report.name}: ${report.outcome}` };
    case "AudioMissing":
      return { kind: "trouble", text: `${report.seconds.toFixed(2)} s of the caller's sound are missing` };
    case "Trouble":
      return { kind: "trouble", text: report.detail ? `${report.code}: ${report.detail}` : report.code };
    default:
      return null;
  }
}

function assistantWords({ heard, unheard }) {
  return unheard ? `${heard} [not heard: ${unheard}]`.trimStart() : heard;
}

function inSeconds(milliseconds) {
  return `${(milliseconds / 1000).toFixed(2)} s`;
}

function rowOf(at, kind, text) {
  const row = element("li", { className: "log-row" });
  row.dataset.kind = kind;
  row.append(
    element("span", { className: "log-at" }, clock(at)),
    " ",
    element("span", { className: "log-kind" }, kind),
    " ",
    element("span", { className: "log-text" }, text),
  );
  return row;
}

/** Seconds as 0:07.250. */
function clock(seconds) {
  const milliseconds = Math.max(0, Math.round(seconds * 1000));
  const minutes = Math.floor(milliseconds / 60_000);
  return `${minutes}:${((milliseconds % 60_000) / 1000).toFixed(3).padStart(6, "0")}`;
}

function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}
