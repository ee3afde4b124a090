// Hang up and transfer: asked for first, then done, and the refusal shown where there is one.

import { optionsOf, post } from "./server.js";
import { callerOf } from "./words.js";

/** A dialog that asks, acts, and stays open with the words of a refusal. */
class Question {
  #dialog;
  #notice;
  #act = null;

  constructor(dialog) {
    this.#dialog = dialog;
    this.#notice = dialog.querySelector(".notice");
    dialog.addEventListener("submit", (event) => {
      if (event.submitter?.value !== "yes") return; // the dialog closes by itself
      event.preventDefault();
      this.#do(event.submitter);
    });
  }

  /** @param {() => Promise<string>} act what to do at yes; "" or the words of a refusal */
  ask(row, act) {
    this.#act = act;
    this.#refuse("");
    for (const who of this.#dialog.querySelectorAll("[data-who]")) who.textContent = callerOf(row);
    this.#dialog.showModal();
  }

  close() {
    this.#dialog.close();
  }

  async #do(button) {
    button.disabled = true;
    this.#refuse("");
    const words = await this.#act();
    button.disabled = false;
    if (words) this.#refuse(words);
    else this.#dialog.close();
  }

  #refuse(words) {
    this.#notice.textContent = words;
    this.#notice.hidden = words === "";
  }
}

/** What an operator may do to a call. Event (CustomEvent): `done`, detail {callId, words}. */
export class Actions extends EventTarget {
  #hangUp;
  #transfer;
  #numbers;
  #transferDialog;
  #asked = ""; // the call that a dialog is about

  constructor(hangUpDialog, transferDialog) {
    super();
    this.#hangUp = new Question(hangUpDialog);
    this.#transfer = new Question(transferDialog);
    this.#transferDialog = transferDialog;
    this.#numbers = transferDialog.querySelector("#numbers");
  }

  hangUp(row) {
    this.#asked = row.call_id;
    this.#hangUp.ask(row, () => this.#send(row, "hang-up", undefined, "Hanging up."));
  }

  async transfer(row) {
    this.#asked = row.call_id;
    const options = await optionsOf();
    if (row.call_id !== this.#asked) return; // it is over, or another question was asked meanwhile
    this.#offer(options);
    this.#transfer.ask(row, async () => {
      const to = this.#numbers.querySelector("input:checked")?.value;
      if (!to) return "Choose a number first.";
      return this.#send(row, "transfer", { to }, `Transferring to ${to}.`);
    });
  }

  /** A call is over: nothing is left to ask about it. */
  over(callId) {
    if (callId !== this.#asked) return;
    this.#asked = "";
    this.#hangUp.close();
    this.#transfer.close();
  }

  #offer({ numbers, words }) {
    const none = numbers.length === 0;
    const help = this.#transferDialog.querySelector("#no-numbers");
    help.hidden = !none || words !== "";
    this.#transferDialog.querySelector("button[value='yes']").disabled = none;
    this.#numbers.replaceChildren(...numbers.map(choice));
    if (words) this.#numbers.append(words);
    const first = this.#numbers.querySelector("input");
    if (first && numbers.length === 1) first.checked = true;
  }

  async #send(row, action, body, words) {
    const refusal = await post(row.call_id, action, body);
    if (refusal === "") this.dispatchEvent(new CustomEvent("done", { detail: { callId: row.call_id, words } }));
    return refusal;
  }
}

function choice(number) {
  const label = document.createElement("label");
  label.className = "check";
  const input = Object.assign(document.createElement("input"), { type: "radio", name: "to", value: number });
  const words = document.createElement("span");
  words.className = "figures choice-words";
  words.textContent = number;
  label.append(input, words);
  return label;
}
