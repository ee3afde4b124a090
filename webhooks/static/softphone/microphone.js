/** The microphone, and in words why there is none. */

import { CallProblem } from "./problem.js";

export const REFUSED =
  "The microphone is not allowed on this page. Click the symbol left of the page's address, " +
  "allow the microphone, then call again.";
export const UNANSWERED =
  "The browser's question about the microphone was left unanswered. Call again and choose Allow.";
export const UNUSABLE =
  "The microphone cannot be used, most often because another program has it. Close that program, then call again.";

/** Throws CallProblem where no page opened like this one may have a microphone. */
export function checkMicrophone() {
  if (!window.isSecureContext || !navigator.mediaDevices?.getUserMedia) throw new CallProblem(insecure());
}

/**
 * Ask for the microphone. Rejects with CallProblem.
 *
 * @param {boolean} raw as it comes from the device: no echo cancellation, noise suppression or gain control
 * @returns {Promise<MediaStream>}
 */
export async function askForMicrophone(raw) {
  const audio = { echoCancellation: !raw, noiseSuppression: !raw, autoGainControl: !raw, channelCount: 1 };
  try {
    return await navigator.mediaDevices.getUserMedia({ audio, video: false });
  } catch (error) {
    throw new CallProblem(refusal(error));
  }
}

/** @param {MediaStream} stream is given back */
export function giveBack(stream) {
  for (const track of stream.getTracks()) track.stop();
}

function insecure() {
  if (window.isSecureContext) {
    return "This browser has no way to a microphone. Use a current Chrome, Edge, Firefox or Safari.";
  }
  return (
    "The browser gives the microphone only to pages opened by https:// or on this computer itself. " +
    `Open this page by https:// instead of ${location.protocol}//, or as http://localhost where the bot runs.`
  );
}

/** @param {DOMException} error what getUserMedia rejected with; names: https://www.w3.org/TR/mediacapture-streams/ */
function refusal({ name, message }) {
  switch (name) {
    case "NotAllowedError":
    case "SecurityError":
      if (/system/i.test(message)) {
        return (
          "The system does not give the browser the microphone. " +
          "Allow it in the system's privacy settings, then call again."
        );
      }
      if (/dismiss/i.test(message)) {
        return UNANSWERED;
      }
      return REFUSED;
    case "NotFoundError":
    case "OverconstrainedError":
      return "There is no microphone. Connect one, then call again.";
    case "NotReadableError":
    case "AbortError":
      return UNUSABLE;
    default:
      return `The microphone cannot be used (${name}). Reload the page, then call again.`;
  }
}
