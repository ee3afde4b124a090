// A stream of server-sent events that outlives restarts of the server, lost networks and sleeping laptops.
//
// EventSource reconnects by itself while the network fails, but gives up for good at any answer that is no stream:
// a 503 of a server that restarts is the end for it. So this looks at why it gave up, and goes on where that helps.

const FIRST_PAUSE = 1000; // ms before the first attempt of ours; each further one doubles it
const LONGEST_PAUSE = 15_000; // ms
const LONGEST_SILENCE = 45_000; // ms; the server says something every 15 s
const KINDS = ["hello", "report", "board", "end"];

/**
 * Follows one address. Events (CustomEvent):
 * `hello`, `report`, `board`, `end`: detail is the JSON that the server sent; `end` is the last one;
 * `lost`: the stream broke and is being sought, detail {message} (may be empty); `back`: it is there again;
 * `gone`: it will not come back by itself, detail {message, status} (401: sign in again; 403, 404).
 * Nothing is lost in between: the server is told what came last.
 */
export class LiveFeed extends EventTarget {
  #url;
  #source = null;
  #last = ""; // the id of the last event
  #lost = false;
  #over = false; // close() was called, or the stream has ended, or it is gone
  #pause = FIRST_PAUSE;
  #again = 0; // timer of the next attempt
  #silence = 0; // timer that runs out when the server says nothing
  #probe = null; // AbortController of the question why the stream was refused
  #online = () => this.#atOnce();

  /** @param {string} url relative to the page */
  constructor(url) {
    super();
    this.#url = url;
    globalThis.addEventListener("online", this.#online);
    this.#open();
  }

  /** Stops following; no event comes after this. */
  close() {
    this.#over = true;
    this.#disconnect();
    globalThis.removeEventListener("online", this.#online);
  }

  /** Lets go of the connection for a while, as for a page that nobody sees. */
  rest() {
    if (!this.#over) this.#disconnect();
  }

  /** Goes on after `rest`, with everything that came meanwhile. */
  resume() {
    if (!this.#over && this.#source === null) this.#open();
  }

  #open() {
    this.#disconnect();
    const source = new EventSource(this.#address());
    this.#source = source;
    source.addEventListener("open", () => this.#stands());
    source.addEventListener("error", () => this.#breaks(source));
    source.addEventListener("beat", () => this.#listen());
    for (const kind of KINDS) source.addEventListener(kind, (event) => this.#take(kind, event));
    this.#listen();
  }

  #disconnect() {
    this.#source?.close();
    this.#source = null;
    this.#probe?.abort();
    clearTimeout(this.#again);
    clearTimeout(this.#silence);
  }

  #address() {
    // A new EventSource knows nothing of the old one's Last-Event-ID.
    if (this.#last === "") return this.#url;
    return `${this.#url}${this.#url.includes("?") ? "&" : "?"}after=${encodeURIComponent(this.#last)}`;
  }

  #take(kind, event) {
    if (event.lastEventId) this.#last = event.lastEventId;
    this.#listen();
    const detail = JSON.parse(event.data);
    if (kind === "end") this.close();
    this.dispatchEvent(new CustomEvent(kind, { detail }));
  }

  #listen() {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => {
      this.#loses("");
      this.#open();
    }, LONGEST_SILENCE);
  }

  #stands() {
    this.#pause = FIRST_PAUSE;
    if (this.#lost) {
      this.#lost = false;
      this.dispatchEvent(new CustomEvent("back"));
    }
  }

  #loses(message) {
    this.#lost = true;
    this.dispatchEvent(new CustomEvent("lost", { detail: { message } }));
  }

  #breaks(source) {
    if (source !== this.#source) return;
    this.#loses("");
    if (source.readyState === EventSource.CLOSED) this.#ask(source);
  }

  /** Finds out why the server refused the stream; EventSource does not say. */
  async #ask(source) {
    const probe = new AbortController();
    this.#probe = probe;
    const { signal } = probe;
    try {
      const headers = { Accept: "text/event-stream" };
      const answer = await fetch(this.#address(), { headers, cache: "no-store", redirect: "manual", signal });
      const { status, type } = answer;
      const words = answer.ok ? "" : await wordsOf(answer);
      if (source !== this.#source) return;
      if (type === "opaqueredirect" || status === 401) return this.#isGone(401, "Your sign-in has ended.");
      if (status === 403 || status === 404 || status === 410) return this.#isGone(status, words);
      if (words) this.#loses(words);
    } catch {
      if (source !== this.#source) return; // nobody wants to know any more
    } finally {
      probe.abort(); // where it is a stream, EventSource is to have it
    }
    this.#later();
  }

  #later() {
    const pause = this.#pause * (0.75 + Math.random() / 2); // so that a hundred pages do not come back in step
    this.#pause = Math.min(2 * this.#pause, LONGEST_PAUSE);
    this.#again = setTimeout(() => this.#open(), pause);
  }

  #atOnce() {
    if (this.#over || this.#source === null || !this.#lost) return;
    this.#pause = FIRST_PAUSE;
    this.#open();
  }

  #isGone(status, message) {
    this.close();
    this.dispatchEvent(new CustomEvent("gone", { detail: { status, message } }));
  }
}

/** The sentence for people in a refusal; empty where there is none. */
async function wordsOf(answer) {
  try {
    return String((await answer.json()).words ?? "");
  } catch {
    return "";
  }
}
