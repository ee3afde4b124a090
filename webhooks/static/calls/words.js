// What the live view says of a call, in words and figures.

import { STATES, counted } from "../call_words.js";

const OUTCOMES = {
  caller: "Caller left",
  hangup: "Hung up",
  transfer: "Transferred",
  digits: "Pressing keys",
  failed: "Failed",
  limit: "Too long",
  closing: "Bot closed",
  broken: "Line broke",
};

/** @returns {string} the state of a row, or how the call ended once it is over */
export function stateOf(row) {
  if (row.over) return OUTCOMES[row.outcome] ?? "Ended";
  return STATES[row.state] ?? row.state;
}

/** @returns {string} what is wrong with the call; "" where nothing is: also who hangs up leaves words behind */
export function troubleOf(row) {
  return row.state === "error" ? row.message : "";
}

/** @returns {string} who calls; the number is masked already */
export function callerOf(row) {
  if (row.caller.startsWith("client:")) return "Browser";
  return row.caller === "" || row.caller === "***" ? "No number" : row.caller;
}

/** @param {number | null} seconds @returns {string} a time or a dash where there is none yet */
export function secondsOf(seconds) {
  return seconds === null ? "–" : `${seconds.toFixed(2)} s`;
}

/** @param {number} running @returns {string} how many calls there are */
export function countOf(running) {
  return running === 0 ? "No call" : counted(running, "call");
}
