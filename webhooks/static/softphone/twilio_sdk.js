/** What a call through Twilio needs of this server: the Voice SDK and tokens. Addresses are relative to the page. */

import { AWAY, SIGN_IN } from "./line_server.js";
import { CallProblem } from "./problem.js";

const NOT_INSTALLED = "Twilio's Voice SDK is not installed. Run make voice-sdk on the server, then reload the page.";
const NOT_AS_EXPECTED =
  "Twilio's Voice SDK is not the file that this version of the bot expects, and was not run. " +
  "Run make voice-sdk on the server, then reload the page.";

/**
 * @typedef {object} Ways what `GET softphone/ways` says of Twilio
 * @property {boolean} ready
 * @property {string[]} missing what has to be done first
 * @property {string} script address of the SDK
 * @property {string} integrity its hash
 * @property {boolean} dial whether the page may ask for a number
 */

/**
 * The SDK, loaded once. The browser refuses a file of another hash. Rejects with CallProblem.
 *
 * @param {Ways} ways
 * @returns {Promise<Function>} the class Twilio.Device
 */
export async function loadSdk({ script, integrity }) {
  if (!globalThis.Twilio?.Device) {
    const element = document.createElement("script");
    element.src = script;
    element.integrity = integrity;
    element.crossOrigin = "anonymous";
    const loaded = new Promise((resolve, reject) => {
      element.addEventListener("load", resolve);
      element.addEventListener("error", reject);
    });
    document.head.append(element);
    try {
      await loaded;
    } catch {
      throw new CallProblem(await whyNot(script));
    } finally {
      element.remove(); // what it defined stays
    }
  }
  if (!globalThis.Twilio?.Device) throw new CallProblem(NOT_AS_EXPECTED);
  return globalThis.Twilio.Device;
}

/** A script's error event does not say what was wrong. */
async function whyNot(script) {
  const answer = await fetch(script, { method: "HEAD", cache: "no-store" }).catch(() => null);
  if (answer === null) return AWAY;
  return answer.ok ? NOT_AS_EXPECTED : NOT_INSTALLED;
}

/**
 * A token to call with. Rejects with CallProblem.
 *
 * @returns {Promise<string>}
 */
export async function fetchToken() {
  const how = { method: "POST", credentials: "same-origin", cache: "no-store" };
  const answer = await fetch("softphone/twilio-token", how).catch(() => null);
  if (answer === null) throw new CallProblem(AWAY);
  const said = await answer.json().catch(() => ({}));
  if (answer.ok && typeof said.token === "string" && !answer.redirected) return said.token;
  if (answer.status === 409) throw new CallProblem(missingWords(said.missing));
  if (answer.status === 401 || answer.redirected) throw new CallProblem(SIGN_IN);
  throw new CallProblem(
    `The bot gave no token for Twilio (HTTP ${answer.status}). Call again; where it stays, look into the bot's log.`,
  );
}

/** @param {string[]} [missing] as `GET softphone/ways` lists it @returns {string} a sentence for the person */
export function missingWords(missing = []) {
  const list = missing.length > 0 ? missing.join(", ") : "its settings";
  return `Calls through Twilio are not set up on this server. Missing: ${list}.`;
}
