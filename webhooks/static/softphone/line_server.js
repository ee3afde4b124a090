/** The bot's side of a call as far as it is asked by HTTP. Addresses are relative to the page. */

import { CallProblem } from "./problem.js";

export const AWAY =
  "The bot cannot be reached. See that it is running and that this device is online, then call again.";
export const SIGN_IN = "You are not signed in any more. Reload the page, sign in, then call again.";

/**
 * Have a line made ready: the bot begins to connect. Rejects with CallProblem.
 * @returns {Promise<{call_id: string, stream_id: string, account: string, token: string, socket: string}>}
 */
export async function reserveLine() {
  const response = await post("softphone/calls").catch(() => {
    throw new CallProblem(AWAY);
  });
  const said = await response.json().catch(() => ({}));
  if (response.status === 201 && said.call_id && said.stream_id && said.token) return said;
  throw new CallProblem(refusal(response, said));
}

function refusal(response, said) {
  if (response.status === 401 || response.redirected) return SIGN_IN;
  if (response.status === 503 || response.status === 429) return said.words || "The bot takes no call at the moment. Call again in a minute.";
  if (response.status === 403) {
    return "The bot does not take calls from this page. Open the page by the bot's own address, then call again.";
  }
  if (response.status === 404) {
    return "The bot offers no calls to this page. Reload it; where that does not help, ask who runs the bot.";
  }
  return (
    `The bot could not make a line ready (HTTP ${response.status}). ` +
    "Call again; where it stays, look into the bot's log."
  );
}

/**
 * Say that the call is over, have it ended if it is not, and hear how it ended.
 * @param {string} callId
 * @param {AbortSignal} signal ends the wait
 * @returns {Promise<{outcome: string, words: string}>} both empty where the bot cannot be asked
 */
export async function afterCall(callId, signal) {
  try {
    const response = await post(afterAddress(callId), { signal, keepalive: true });
    const { outcome = "", words = "" } = response.ok ? await response.json() : {};
    return { outcome: String(outcome), words: String(words) };
  } catch {
    return { outcome: "", words: "" }; // the call is over for the person in any case
  }
}

/** The same for a page that is going away: nothing comes back. */
export function afterCallUnheard(callId) {
  navigator.sendBeacon(afterAddress(callId));
}

/** @returns {string} the address for a WebSocket, of one relative to the page */
export function socketAddress(relative) {
  const address = new URL(relative, document.baseURI);
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  return address.href;
}

function afterAddress(callId) {
  return `softphone/calls/${encodeURIComponent(callId)}/after`;
}

function post(address, more = {}) {
  return fetch(address, { method: "POST", credentials: "same-origin", cache: "no-store", ...more });
}
