// What the server has told of all calls, and which of them changed.

const ENDED_FOR = 60_000; // ms that a call which is over stays in the list

/**
 * Keeps the rows. `take` and `sweep` give back what is to be shown anew.
 */
export class Board {
  #rows = new Map(); // call_id -> row as the server sends it, and `ended`: ms on our clock
  #ahead = 0; // seconds by which the server's clock is ahead of ours

  get(callId) {
    return this.#rows.get(callId);
  }

  /** @returns {object[]} every row, the longest call first: rows keep their place while calls come and go */
  get rows() {
    return [...this.#rows.values()].sort((one, other) => one.began - other.began);
  }

  get running() {
    return [...this.#rows.values()].filter((row) => !row.over).length;
  }

  /**
   * @param {{now: number, reset: boolean, calls: object[]}} news as the server sends it
   * @param {number} at ms since 1970
   * @returns {{changed: object[], gone: string[]}}
   */
  take({ now, reset, calls }, at) {
    this.#ahead = now - at / 1000;
    const told = new Set(calls.map((row) => row.call_id));
    const gone = reset ? [...this.#rows.keys()].filter((callId) => !told.has(callId)) : [];
    for (const callId of gone) this.#rows.delete(callId);
    for (const row of calls) this.#enter(row, at);
    return { changed: calls, gone };
  }

  /**
   * Forgets calls that have been over for long enough.
   * @param {number} at ms since 1970
   * @param {(callId: string) => boolean} needed whether somebody still looks at it
   * @returns {string[]} which were forgotten
   */
  sweep(at, needed) {
    const isOld = (row) => row.over && at - row.ended > ENDED_FOR && !needed(row.call_id);
    const old = [...this.#rows.values()].filter(isOld);
    for (const row of old) this.#rows.delete(row.call_id);
    return old.map((row) => row.call_id);
  }

  /** @returns {number} seconds that a call has lasted so far, or lasted, as far as we know */
  length(row, at) {
    return (row.over ? row.ended : at) / 1000 + this.#ahead - row.began;
  }

  #enter(row, at) {
    const before = this.#rows.get(row.call_id);
    if (row.over) row.ended = before?.over ? before.ended : at;
    this.#rows.set(row.call_id, row);
  }
}
