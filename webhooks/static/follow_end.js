// A list that grows at its end stays in view, unless somebody scrolled up to read.

const NEAR = 48; // px from the end that still count as being at it

/**
 * Makes a change inside a scrolling element; where its end was in view, its end is in view afterwards.
 * @param {HTMLElement} box the element that scrolls
 * @param {() => void} change
 */
export function followEnd(box, change) {
  const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR;
  change();
  if (atEnd) box.scrollTop = box.scrollHeight;
}
