// The server's account of one call, followed to its end.

import { LiveFeed } from "../live_feed.js";

const PAUSE = 700; // ms; a call through Twilio is known to the server only when its webhook has come
const ATTEMPTS = 30;

/**
 * @callback Took
 * @param {object} report as the server sends it, its `at` on the page's clock (seconds since it dialled)
 */

export class Follower {
  #callId;
  #to;
  #elapsed;
  #feed = null;
  #timer = 0;
  #attempts = 0;
  #offset = 0; // seconds between the server's clock of the call and ours

  /**
   * @param {string} callId
   * @param {() => number} elapsed seconds since the page dialled
   * @param {{report: Took, lost: (message: string) => void, back: () => void, gone: (status: number) => void}} to
   */
  constructor(callId, elapsed, to) {
    this.#callId = callId;
    this.#elapsed = elapsed;
    this.#to = to;
    this.#open();
  }

  close() {
    clearTimeout(this.#timer);
    this.#feed?.close();
    this.#feed = null;
  }

  #open() {
    const feed = new LiveFeed(`calls/${encodeURIComponent(this.#callId)}/live`);
    this.#feed = feed;
    feed.addEventListener("hello", ({ detail }) => {
      this.#offset = this.#elapsed() - detail.elapsed;
    });
    feed.addEventListener("report", ({ detail }) => this.#to.report({ ...detail, at: detail.at + this.#offset }));
    feed.addEventListener("lost", ({ detail }) => this.#to.lost(detail?.message ?? ""));
    feed.addEventListener("back", () => this.#to.back());
    feed.addEventListener("gone", ({ detail }) => this.#gone(detail?.status ?? 0));
  }

  #gone(status) {
    if (this.#feed === null) return;
    this.close();
    this.#attempts += 1;
    if (status === 404 && this.#attempts < ATTEMPTS) this.#timer = setTimeout(() => this.#open(), PAUSE);
    else this.#to.gone(status);
  }
}
