/**
 * What Twilio's Voice SDK reports, as sentences that say what to do. Pure.
 *
 * Codes: https://www.twilio.com/docs/api/errors and the package's errors/generated.js.
 */

import { REFUSED, UNUSABLE } from "./microphone.js";

const KEY =
  "Twilio does not accept this server's key. TWILIO_API_KEY_SID, TWILIO_API_KEY_SECRET and TWILIO_ACCOUNT_SID " +
  "must belong together, and the key must be a standard or main key that was not deleted.";
const CLOCK = "Twilio takes the server's token for expired. Set the clock of the server, then call again.";
const APPLICATION =
  "Twilio does not find the TwiML application. See that TWILIO_TWIML_APP_SID names one of the same account, and " +
  "that its voice URL is this bot's /voice.";
const DECLINED =
  "Twilio declined the call. The voice URL of the TwiML application must be this bot's /voice; " +
  "Twilio's error log says more.";
const UNREACHABLE =
  "Twilio cannot be reached. See that this device is online and that no firewall or extension keeps the browser " +
  "from voice-js.roaming.twilio.com, then call again.";
const MEDIA =
  "The sound did not reach Twilio. A firewall or VPN may keep UDP out. Try another network, then call again.";
const BROWSER =
  "This browser and Twilio found no common way to send sound. Reload the page, or use a current Chrome, Edge, " +
  "Firefox or Safari.";

const WORDS = new Map([
  [31000, "Something failed between this browser and Twilio. Call again; Twilio's error log says more."],
  [20101, KEY],
  [20104, CLOCK],
  [20151, KEY],
  [31001, APPLICATION],
  [31002, DECLINED],
  [31003, "Twilio did not answer in time. Call again; where it stays, see whether the bot answers at PUBLIC_URL."],
  [31005, UNREACHABLE],
  [31009, UNREACHABLE],
  [31100, "Twilio did not understand the call. Reload the page, then call again."],
  [31201, KEY],
  [31202, KEY],
  [31203, "Twilio knows no active account by TWILIO_ACCOUNT_SID. See that it is right and not suspended."],
  [31204, KEY],
  [31205, CLOCK],
  [31206, "Twilio was called too often in a short time. Wait a minute, then call again."],
  [31207, "Twilio takes the server's token for valid too long. Set the clock of the server, then call again."],
  [31208, REFUSED],
  [31400, "Twilio did not understand the call. Reload the page, then call again."],
  [31401, REFUSED],
  [31402, UNUSABLE],
  [31404, APPLICATION],
  [31480, "Who was called cannot be reached at the moment. Call again later."],
  [31486, "Who was called is busy. Call again later."],
  [31603, DECLINED],
  [53000, UNREACHABLE],
  [53001, UNREACHABLE],
  [53400, BROWSER],
  [53402, BROWSER],
  [53405, MEDIA],
]);

// The SDK tries these again by itself.
const PASSING = new Set([31000, 31005, 31009, 53000, 53001]);
const TOKEN = new Set([20101, 20104, 31204, 31205]);

/**
 * @typedef {object} SdkError
 * @property {number} [code] the SDK's; for what it does not know, 31005
 * @property {{code?: number}} [originalError] what Twilio sent
 */

/** @param {SdkError} error @returns {string} a sentence for the person */
export function words(error) {
  const code = codeOf(error);
  if (!code) return "Twilio's Voice SDK failed. Reload the page, then call again.";
  return (
    WORDS.get(code) ??
    `Twilio reports error ${code}. Call again; https://www.twilio.com/docs/api/errors/${code} says more.`
  );
}

/** @param {SdkError} error @returns {string} the same with its number, for the event log */
export function numbered(error) {
  const code = codeOf(error);
  return code ? `${words(error)} (${code})` : words(error);
}

/** @param {SdkError} error @returns {boolean} whether the SDK itself tries on */
export function passes(error) {
  return PASSING.has(codeOf(error));
}

/** @param {SdkError} error @returns {boolean} whether a new token may help */
export function wantsToken(error) {
  return TOKEN.has(codeOf(error));
}

function codeOf(error) {
  return [error?.originalError?.code, error?.code].find(Number.isInteger) ?? 0;
}

const WARNINGS = new Map([
  ["high-rtt", "The way to Twilio takes long (more than 400 ms): answers come late."],
  ["high-jitter", "The network delivers the sound unevenly."],
  ["high-packet-loss", "The network loses sound."],
  ["high-packets-lost-fraction", "The network loses sound."],
  ["low-mos", "The network makes the sound bad."],
  ["low-bytes-received", "No sound comes from Twilio."],
  ["low-bytes-sent", "No sound goes to Twilio."],
  ["constant-audio-input-level", "The microphone gives nothing but one level: is it switched off?"],
  ["ice-connectivity-lost", "The way of the sound to Twilio is interrupted."],
]);

/** @param {string} name of a warning of the SDK @returns {string} what it means */
export function warningWords(name) {
  return WARNINGS.get(name) ?? `Twilio's Voice SDK warns: ${name}.`;
}
