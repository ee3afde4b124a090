// The bot as far as it is asked by HTTP. Addresses are relative to the page.

const AWAY = "The bot cannot be reached. See that this device is online, then try again.";
const LONGEST = 10_000; // ms for an answer

/**
 * What this operator may do.
 * @returns {Promise<{numbers: string[], signOut: boolean, words: string}>} numbers: to transfer to; signOut: whether
 * there is a sign-in to end; words: why nothing is known, where that is so
 */
export async function optionsOf() {
  try {
    const answer = await fetch("calls/options", { cache: "no-store", signal: AbortSignal.timeout(LONGEST) });
    if (!answer.ok) return { numbers: [], signOut: false, words: await refusalOf(answer) };
    const options = await answer.json();
    return { numbers: options.transfer_to ?? [], signOut: Boolean(options.sign_out), words: "" };
  } catch {
    return { numbers: [], signOut: false, words: AWAY };
  }
}

/**
 * Has something done to a call.
 * @param {string} callId
 * @param {"hang-up" | "transfer"} action
 * @param {object} [body]
 * @returns {Promise<string>} the words of a refusal; "" where it was done
 */
export async function post(callId, action, body) {
  const headers = body === undefined ? {} : { "Content-Type": "application/json" };
  const signal = AbortSignal.timeout(LONGEST);
  const address = `calls/${encodeURIComponent(callId)}/${action}`;
  try {
    const answer = await fetch(address, { method: "POST", headers, body: body && JSON.stringify(body), signal });
    return answer.ok ? "" : await refusalOf(answer);
  } catch {
    return AWAY;
  }
}

async function refusalOf(answer) {
  if (answer.status === 401) return "Your sign-in has ended. Reload the page to sign in again.";
  try {
    const { words } = await answer.json();
    if (words) return String(words);
  } catch {
    // no JSON: the number has to do
  }
  return `The bot refused (HTTP ${answer.status}).`;
}
