// One call as it happens: its words, its events, and what an operator may do to it.

import { lengthOf } from "../call_words.js";
import { EventLog, entryOf } from "../event_log.js";
import { LiveFeed } from "../live_feed.js";
import { Transcript } from "../transcript.js";
import { callerOf, secondsOf, stateOf, troubleOf } from "./words.js";

const GONE = "This call is not known any more.";

/** Shows the call that was chosen. */
export class CallPanel {
  #root;
  #transcript;
  #log;
  #feed = null;
  #row = null;

  /** @param {HTMLElement} root the section with everything inside */
  constructor(root) {
    this.#root = root;
    this.#transcript = new Transcript(root.querySelector("#transcript"));
    this.#log = new EventLog(root.querySelector("#log"));
  }

  /** The call that is shown; "" for none. */
  get callId() {
    return this.#row?.call_id ?? "";
  }

  get row() {
    return this.#row;
  }

  /** Shows another call, from its beginning. */
  open(row) {
    this.close();
    this.#root.hidden = false;
    this.#transcript.clear();
    this.#log.clear();
    this.#note("");
    this.#row = row;
    this.update(row);
    this.#follow(row);
  }

  /** Shows none. */
  close() {
    this.#feed?.close();
    this.#feed = null;
    this.#row = null;
    this.#root.hidden = true;
  }

  /** Takes what the board says of the call. */
  update(row) {
    const another = row.began !== this.#row.began; // the same caller came back by a new stream
    this.#row = row;
    this.#write("call-title", callerOf(row));
    this.#write("call-called", row.called ? `to ${row.called}` : "");
    this.#write("call-state", stateOf(row));
    this.#part("call-state").dataset.state = row.over && row.state !== "error" ? "ended" : row.state;
    this.#write("call-answer", secondsOf(row.answer_seconds));
    this.#write("call-interruptions", String(row.interruptions));
    this.#write("call-missing", secondsOf(row.missing_seconds || null));
    this.#part("hang-up").disabled = row.over;
    // A browser's call has no telephone network behind it.
    this.#part("transfer").disabled = row.over || row.transferable === false;
    const trouble = troubleOf(row);
    if (trouble || row.over) this.#note(trouble, "danger"); // "Hanging up." has been true for long enough
    if (another) this.open(row);
  }

  /** @param {number} seconds since the call began */
  tick(seconds) {
    this.#write("call-length", lengthOf(seconds));
  }

  /** Says something of this call; "" takes it away. */
  say(text, tone = "info") {
    this.#note(text, tone);
  }

  /** Lets go of the connection while nobody sees the page. */
  rest() {
    this.#feed?.rest();
  }

  /** Goes on after `rest`. */
  resume() {
    this.#feed?.resume();
  }

  focus() {
    this.#part("call-title").focus();
  }

  #follow({ call_id: callId }) {
    const feed = new LiveFeed(`calls/${encodeURIComponent(callId)}/live`);
    this.#feed = feed;
    feed.addEventListener("report", ({ detail }) => {
      this.#transcript.take(detail);
      const entry = entryOf(detail);
      if (entry) this.#log.add({ at: detail.at, ...entry });
    });
    feed.addEventListener("gone", ({ detail }) => this.#note(detail.message || GONE, "busy"));
    feed.addEventListener("lost", ({ detail }) => detail.message && this.#note(detail.message, "busy"));
    feed.addEventListener("back", () => this.#note(""));
  }

  #note(text, tone = "info") {
    const notice = this.#part("call-notice");
    notice.hidden = text === "";
    notice.dataset.tone = tone;
    if (notice.textContent !== text) notice.textContent = text;
  }

  #write(id, text) {
    const part = this.#part(id);
    if (part.textContent !== text) part.textContent = text;
  }

  #part(id) {
    return this.#root.querySelector(`#${id}`);
  }
}
