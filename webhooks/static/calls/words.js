// What the live view says of a call, in words and figures.

const STATES = {
  connecting: "Connecting",
  ready: "Ready",
  listening: "Listening",
  processing: "Thinking",
  speaking: "Speaking",
  ended: "Ended",
  error: "Error",
};

const OUTCOMES = {
  caller: "Caller left",
  hangup: "Hung up",
  transfer: "Transferred",
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

/** @returns {string} who calls; the number is masked already */
export function callerOf(row) {
  if (row.caller.startsWith("client:")) return "Browser";
  return row.caller === "" || row.caller === "***" ? "No number" : row.caller;
}

/** @param {number} seconds @returns {string} 0:07, 12:34, 1:02:03 */
export function lengthOf(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const parts = [Math.floor(whole / 60) % 60, whole % 60];
  const hours = Math.floor(whole / 3600);
  if (hours > 0) parts.unshift(hours);
  return parts.map((part, place) => (place === 0 ? String(part) : String(part).padStart(2, "0"))).join(":");
}

/** @param {number | null} seconds @returns {string} a time or a dash where there is none yet */
export function secondsOf(seconds) {
  return seconds === null ? "–" : `${seconds.toFixed(2)} s`;
}

/** @param {number} running @returns {string} how many calls there are */
export function countOf(running) {
  if (running === 0) return "No call";
  return running === 1 ? "1 call" : `${running} calls`;
}
