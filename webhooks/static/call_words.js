// What both pages say of a call, in words and figures.

/** What people read for each state that the server tells of; the keys are values of data-state in style.css. */
export const STATES = Object.freeze({
  connecting: "Connecting",
  ready: "Ready",
  listening: "Listening",
  processing: "Processing",
  speaking: "Speaking",
  ended: "Ended",
  error: "Error",
});

/** @param {number} seconds @returns {string} 0:07, 12:34, 1:02:03 */
export function lengthOf(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const parts = [Math.floor(whole / 60) % 60, whole % 60];
  const hours = Math.floor(whole / 3600);
  if (hours > 0) parts.unshift(hours);
  return parts.map((part, place) => (place === 0 ? String(part) : String(part).padStart(2, "0"))).join(":");
}

/** @param {number} count @param {string} what one of them @returns {string} 1 mark, 2 marks */
export function counted(count, what) {
  return count === 1 ? `1 ${what}` : `${count} ${what}s`;
}
