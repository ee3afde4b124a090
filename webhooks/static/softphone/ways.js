// The ways to call that the server offers, and the person's choice among them.

import { DirectCall } from "./direct.js";

/** What the server answered is not what was hoped for. status: HTTP, 0 where it could not be asked. */
class NoAnswer extends Error {
  constructor(status) {
    super(`HTTP ${status}`);
    this.status = status;
  }
}

export class Ways {
  #offered = null; // the server's answer
  #box;
  #direct;
  #twilio;
  #help;
  #numberField;
  #number;
  #raw;

  /** @param {HTMLElement} box the card with the choices */
  constructor(box) {
    this.#box = box;
    this.#direct = box.querySelector("#way-direct");
    this.#twilio = box.querySelector("#way-twilio");
    this.#help = box.querySelector("#way-twilio-help");
    this.#numberField = box.querySelector("#number-field");
    this.#number = box.querySelector("#number");
    this.#raw = box.querySelector("#raw-microphone");
    for (const radio of [this.#direct, this.#twilio]) radio.addEventListener("change", () => this.#showNumber());
  }

  /**
   * Asks the server and shows its answer.
   * @returns {Promise<{signOut: boolean, status: number}>} signOut: whether there is a sign-in to end;
   *   status: 200, or why there is no answer (0: unreachable)
   */
  async load() {
    try {
      const answer = await fetch("softphone/ways", { cache: "no-store", headers: { Accept: "application/json" } });
      if (!answer.ok || answer.redirected) throw new NoAnswer(answer.redirected ? 401 : answer.status);
      this.#offered = await answer.json();
    } catch (error) {
      this.#help.textContent = "The server could not be asked whether this is set up.";
      return { signOut: false, status: error instanceof NoAnswer ? error.status : 0 };
    }
    const { ready, missing } = this.#offered.twilio;
    this.#twilio.disabled = !ready;
    if (!ready) this.#direct.checked = true;
    this.#help.textContent = ready ? "" : `Not set up on this server. Missing: ${missing.join(", ")}`;
    this.#showNumber();
    return { signOut: this.#offered.sign_out === true, status: 200 };
  }

  /** @param {boolean} on whether the choice can be made: not during a call */
  enable(on) {
    this.#box.hidden = !on;
  }

  /** Whether the call goes through Twilio. */
  get throughTwilio() {
    return this.#twilio.checked;
  }

  /** @returns {Promise<EventTarget>} a call in the chosen way, not yet dialled; see DirectCall */
  async make() {
    const rawMicrophone = this.#raw.checked;
    if (!this.throughTwilio) return new DirectCall({ rawMicrophone });
    const { TwilioCall } = await import("./twilio.js");
    const ways = this.#offered.twilio;
    return new TwilioCall({ rawMicrophone, ways, to: ways.dial ? this.#number.value.trim() : "" });
  }

  #showNumber() {
    this.#numberField.hidden = !(this.throughTwilio && this.#offered?.twilio.dial);
  }
}
