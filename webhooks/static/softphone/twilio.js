/** A call through Twilio's network: the way a caller's phone comes, with a browser in the phone's place. */

import { UNANSWERED, askForMicrophone, giveBack } from "./microphone.js";
import { CallProblem } from "./problem.js";
import { numbered, passes, wantsToken, warningWords, words } from "./twilio_errors.js";
import { fetchToken, loadSdk, missingWords } from "./twilio_sdk.js";

/** How long each may take before the call is given up, in seconds. */
export const PATIENCE = Object.freeze({ microphone: 120, answer: 15, ringing: 60, reconnecting: 40, token: 5 });

const TOKEN_EARLY = 30; // seconds before a token expires in which it is replaced
const TOKEN_TRIES = 5; // PATIENCE.token apart
const SIGNALLING_PATIENCE = 30; // seconds; the SDK takes no more

const NO_ANSWER =
  "Twilio did not answer. See that this device is online and that no firewall keeps the browser from twilio.com, " +
  "then call again.";
const NOBODY = "Nobody answered. Call again later.";
const INTERRUPTED = "The connection to Twilio is interrupted. Waiting for it to come back.";
const NOT_BACK =
  "The connection to Twilio did not come back, and the call was ended. Check the network, then call again.";
const LOST = "The connection to Twilio was lost, and the call was ended. Check the network, then call again.";
const NO_DIALLING =
  "This bot dials no number that a page asks for. Leave the number empty to talk to the assistant, " +
  "or set DIAL_ALLOWED on the server.";

export class TwilioCall extends EventTarget {
  #ways;
  #raw;
  #to;
  #patience;
  #begun = false;
  #open = false;
  #over = false;
  #giveUp = () => {}; // makes dial() reject
  #timer = 0;
  #reported = ""; // the SDK's last trouble while it tries on
  #tokenTries = 0;
  #muted = false;
  #asked = null; // the microphone, until the SDK takes it
  #microphones = []; // all that were given
  #audioContext = null; // the SDK's, one for all calls of the page
  #device = null;
  #call = null;
  #callId = "";

  /**
   * @param {object} options
   * @param {import("./twilio_sdk.js").Ways} options.ways
   * @param {boolean} [options.rawMicrophone] no echo cancellation, noise suppression or gain control
   * @param {string} [options.to] a number to ask for instead of the assistant; only where `ways.dial`
   * @param {typeof PATIENCE} [options.patience]
   */
  constructor({ ways, rawMicrophone = false, to = "", patience = PATIENCE }) {
    super();
    this.#ways = ways;
    this.#raw = rawMicrophone;
    this.#to = to;
    this.#patience = patience;
  }

  /** @returns {string} Twilio's name of the call, CA…; empty until known */
  get callId() {
    return this.#callId;
  }

  /** Resolves when the line is open. Rejects with CallProblem; 'line' has told of it then. An object dials once. */
  async dial() {
    if (this.#begun || this.#over) throw new CallProblem("This call is over. Call again.", { cancelled: true });
    this.#begun = true;
    const givenUp = new Promise((_, reject) => {
      this.#giveUp = reject;
    });
    try {
      await Promise.race([givenUp, this.#connect()]);
    } catch (error) {
      const problem = error instanceof CallProblem ? error : new CallProblem(words(error));
      this.#end("error", problem.message);
      throw problem;
    }
  }

  hangUp() {
    this.#end("ended", this.#open ? "You hung up." : "The call was given up.");
  }

  /** @param {string} digit 0 to 9, * or #; ignored before the line is open */
  press(digit) {
    if (this.#over || !this.#open || !/^[0-9*#]$/.test(digit)) return;
    this.#call.sendDigits(digit);
    this.#note("digit", "a digit was sent"); // which one is nobody's business who reads the log
  }

  /** @param {boolean} on whether the microphone is to be silent */
  mute(on) {
    this.#muted = on;
    if (this.#over) return;
    this.#call?.mute(on);
    this.#note("line", on ? "microphone muted" : "microphone on");
  }

  async #connect() {
    if (!this.#ways.ready) throw new CallProblem(missingWords(this.#ways.missing));
    if (this.#to && !this.#ways.dial) throw new CallProblem(NO_DIALLING);
    addEventListener("pagehide", this.#leave);
    this.#line("asking", "");
    this.#wait(this.#patience.microphone, UNANSWERED);
    const [, Device, token] = await Promise.all([this.#askForMicrophone(), loadSdk(this.#ways), fetchToken()]);
    if (this.#over) return;
    this.#device = this.#makeDevice(Device, token);
    const call = await this.#device.connect({ params: this.#to ? { To: this.#to } : {} });
    if (this.#over) return;
    this.#call = call;
    call.mute(this.#muted);
    await new Promise((resolve) => this.#follow(call, resolve));
  }

  async #askForMicrophone() {
    this.#asked = this.#keep(await askForMicrophone(this.#raw));
    if (this.#over) return;
    this.#line("connecting", "");
    this.#wait(this.#patience.answer, NO_ANSWER);
  }

  #makeDevice(Device, token) {
    const device = new Device(token, {
      appName: "voicelive-phone",
      closeProtection: true,
      codecPreferences: ["pcmu", "opus"], // as a phone sounds; between Twilio and the bot it is pcmu in any case
      enableImprovedSignalingErrorPrecision: true,
      getUserMedia: () => this.#microphoneForSdk(),
      logLevel: "silent", // what it reports is shown on the page
      maxCallSignalingTimeoutMs: SIGNALLING_PATIENCE * 1000,
      tokenRefreshMs: TOKEN_EARLY * 1000,
      Sound: Silence,
    });
    device.on("error", (error) => this.#deviceFailed(error));
    device.on("tokenWillExpire", () => this.#replaceToken());
    this.#audioContext = Device.audioContext;
    this.#audioContext?.resume();
    return device;
  }

  /** The SDK asks again when devices come and go, and stops what it had. */
  async #microphoneForSdk() {
    const first = this.#asked;
    this.#asked = null;
    return first ?? this.#keep(await askForMicrophone(this.#raw));
  }

  #keep(stream) {
    if (this.#over) giveBack(stream);
    else this.#microphones.push(stream);
    return stream;
  }

  #follow(call, opened) {
    const on = (event, handler) =>
      call.on(event, (...details) => {
        if (!this.#over) handler(...details);
      });
    let failure = "";
    // The SDK sets its state, and reports what was wrong, only after some of its events: look when it is through.
    const whenClosed = (state, message) =>
      queueMicrotask(() => {
        if (call.status() === "closed") this.#end(failure ? "error" : state, failure || message);
      });

    on("ringing", () => {
      this.#know(call);
      this.#line("connecting", "Ringing");
      this.#wait(this.#patience.ringing, NOBODY);
    });
    on("accept", () => {
      this.#know(call);
      this.#open = true;
      this.#wait(0);
      this.#line("open", "");
      opened();
    });
    on("volume", (microphone, speaker) => this.#tell("levels", { microphone, speaker })); // the SDK's scale is of dB
    on("error", (error) => {
      failure = words(error);
      this.#note("trouble", numbered(error));
      queueMicrotask(() => {
        if (!this.#open || call.status() === "closed") this.#end("error", failure);
        failure = "";
      });
    });
    on("disconnect", () => whenClosed("ended", "The other side hung up."));
    on("cancel", () => whenClosed("ended", "Twilio cancelled the call."));
    on("reject", () => whenClosed("error", "The call was refused."));
    on("transportClose", () => whenClosed("error", LOST));
    on("reconnecting", (error) => {
      this.#note("trouble", numbered(error));
      this.#line("open", INTERRUPTED);
      this.#wait(this.#patience.reconnecting, NOT_BACK);
    });
    on("reconnected", () => {
      this.#note("line", "The connection to Twilio is back.");
      this.#line("open", "");
      this.#wait(0);
    });
    on("warning", (name) => this.#note("trouble", warningWords(name)));
    on("warning-cleared", (name) => this.#note("line", `Over: ${warningWords(name)}`));
  }

  /** What is wrong between the SDK and Twilio, whether or not a call runs. */
  #deviceFailed(error) {
    if (this.#over) return;
    this.#note("trouble", numbered(error));
    if (this.#open && wantsToken(error)) {
      this.#replaceToken();
    } else if (this.#open || passes(error)) {
      this.#reported = words(error);
    } else {
      this.#end("error", words(error));
    }
  }

  /** A running call goes on without a token; to be connected again it needs one. */
  async #replaceToken() {
    const pause = this.#patience.token * 1000;
    while (!this.#over && this.#tokenTries < TOKEN_TRIES) {
      this.#tokenTries += 1;
      try {
        const token = await fetchToken();
        if (this.#over) return;
        this.#device.updateToken(token);
        this.#note("line", "Twilio got a new token.");
        setTimeout(() => (this.#tokenTries = 0), pause); // unless it is refused at once
        return;
      } catch (error) {
        if (!(error instanceof CallProblem)) throw error;
        this.#note("trouble", error.message);
      }
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }

  #know(call) {
    const callId = call.parameters.CallSid ?? "";
    if (this.#callId || !callId.startsWith("CA")) return; // before Twilio names it, the SDK does: TJ…
    this.#callId = callId;
    this.#tell("call", { callId });
  }

  /** Give up after so many seconds; 0: wait for nothing any more. */
  #wait(seconds, message = "") {
    clearTimeout(this.#timer);
    this.#reported = "";
    if (seconds > 0) this.#timer = setTimeout(() => this.#end("error", this.#reported || message), seconds * 1000);
  }

  #leave = () => this.hangUp();

  #end(state, message) {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    removeEventListener("pagehide", this.#leave);
    this.#device?.destroy(); // hangs up first
    this.#audioContext?.suspend();
    this.#microphones.forEach(giveBack);
    this.#line(state, message);
    this.#giveUp(new CallProblem(message, { cancelled: state === "ended" }));
  }

  #line(state, message) {
    this.#tell("line", { state, message });
  }

  #note(kind, text) {
    this.#tell("note", { kind, text });
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** Plays nothing in place of the SDK's sounds, which it fetches from Twilio: the assistant speaks at once. */
class Silence {
  play() {
    return Promise.resolve();
  }

  stop() {}

  setSinkIds() {}
}
