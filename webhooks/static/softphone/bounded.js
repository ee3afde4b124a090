import { CallProblem } from "./problem.js";

/**
 * Wait for something, but not for ever.
 *
 * @template T
 * @param {Promise<T>} promise
 * @param {object} bounds
 * @param {number} bounds.seconds how long at most
 * @param {string} bounds.words for the CallProblem after that
 * @param {AbortSignal} bounds.signal its reason is thrown where it ends the wait
 * @param {(value: T) => void} [bounds.late] gets what comes when nobody waits any more, to put it away
 * @returns {Promise<T>}
 */
export async function bounded(promise, { seconds, words, signal, late = () => {} }) {
  let over;
  let waiting = true;
  const end = new Promise((_, reject) => {
    over = () => reject(signal.reason);
    if (signal.aborted) over();
    signal.addEventListener("abort", over);
  });
  let timer;
  const limit = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new CallProblem(words)), seconds * 1000);
  });
  promise.then(
    (value) => {
      if (!waiting) late(value);
    },
    () => {}, // reported by the race, or nobody's business any more
  );
  try {
    const value = await Promise.race([end, promise, limit]);
    if (!signal.aborted) return value;
    late(value);
    throw signal.reason;
  } finally {
    waiting = false;
    clearTimeout(timer);
    signal.removeEventListener("abort", over);
  }
}
