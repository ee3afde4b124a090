/**
 * The direct way to call: this page plays Twilio's part and speaks Media Streams to the bot, so that a call from here
 * takes the very path of a telephone call, with no account.
 */

import { meter } from "../audio/level.js";
import { CallSound } from "../audio/call_sound.js";
import { SILENCE } from "../audio/mulaw.js";
import { counted } from "../call_words.js";
import { bounded } from "./bounded.js";
import { afterCall, afterCallUnheard, reserveLine, socketAddress } from "./line_server.js";
import { DIGITS, Writer, read } from "./media_messages.js";
import { UNANSWERED, askForMicrophone, checkMicrophone, giveBack } from "./microphone.js";
import { CallProblem } from "./problem.js";
import { Tally } from "./tally.js";
import { TurnClock } from "./turn_clock.js";
import { PATIENCE, Watch } from "./watch.js";

/** How long each step may take, in seconds. `sleep`, `frames`, `answer` and `stuck`: see watch.js. */
export const LIMITS = Object.freeze({ permission: 60, sound: 5, line: 15, socket: 10, after: 3, ...PATIENCE });

const STUCK_BYTES = 16_384; // of messages that wait for the network: a second of frames
const NORMAL_CLOSE = 1000; // RFC 6455, section 7.4.1
const POLICY_VIOLATION = 1008;

const SILENT_PAGE =
  "The browser lets this page play no sound. Allow sound for it, or click into the page, then call again.";
const NO_LINE =
  "The bot did not answer in time. See that it is running and that this device is online, then call again.";
const NO_SOCKET =
  "The sound could not be connected. See that the bot is running and that no proxy stops WebSockets, then call again.";
const REFUSED = "The bot did not let this call in: its pass was not valid or was used before. Call again.";
const LOST = "The connection to the bot was lost, and the call is over. Check the network, then call again.";
const OUTCOMES = {
  hangup: "The assistant hung up.",
  failed: "The bot could not go on with the call. Call again; where it stays, look into the bot's log.",
  limit: "The call has reached its longest time.",
  closing: "The bot is being restarted. Call again in a minute.",
  transfer: "The assistant handed the call on. A call from the browser ends here.",
};

/**
 * One call; for the next one, make another. Events:
 * - `line` {state: 'asking'|'connecting'|'open'|'ended'|'error', message}
 * - `levels` {microphone, speaker}: 0 to 1 in even steps of dB, twenty times a second
 * - `note` {kind: 'line'|'media'|'mark'|'clear'|'digit'|'trouble', text}
 * - `turn` {seconds}: from the caller's last sound to the first sound of the answer, heard in this page
 * - `call` {callId}: once known
 */
export class DirectCall extends EventTarget {
  #raw;
  #limits;
  #state = "new";
  #givenUp = new AbortController();
  #line = null; // what the bot said of it
  #sound = null;
  #socket = null;
  #writer = null;
  #watch = null;
  #ticking;
  #muted = false;
  #turns = new TurnClock();
  #tally = new Tally();
  #loudest = 0; // of the microphone since the last `levels`
  #queued = 0; // seconds that wait to be played
  #over = null;
  #leave = () => this.#end("ended", "The page was left, and the call ended.", { leaving: true });

  /**
   * @param {object} [options]
   * @param {boolean} [options.rawMicrophone] no echo cancellation, noise suppression and gain control
   * @param {Partial<typeof LIMITS>} [options.limits] other limits than the usual ones
   */
  constructor({ rawMicrophone = false, limits = {} } = {}) {
    super();
    this.#raw = rawMicrophone;
    this.#limits = { ...LIMITS, ...limits };
  }

  /** The call's id; empty until it is known. */
  get callId() {
    return this.#line?.call_id ?? "";
  }

  /**
   * Call. To be called by a click, since browsers allow sound only then. Resolves when the line is open; rejects with
   * CallProblem, whose `cancelled` says that the person gave the call up.
   */
  async dial() {
    if (this.#state !== "new") throw new CallProblem("This call is over. Make a new one.");
    try {
      await this.#dial();
    } catch (error) {
      const problem = error instanceof CallProblem ? error : new CallProblem(`The page failed (${error}). Reload it.`);
      await this.#end("error", problem.message);
      throw problem;
    }
  }

  /** End the call. @returns {Promise<void>} when everything is put away and `ended` was said */
  hangUp() {
    return this.#end("ended", this.#state === "open" ? "You hung up." : "The call was given up.", { askServer: true });
  }

  /** @param {string} digit 0 to 9, *, # or A to D; what else, and what comes before the line is open, is ignored */
  press(digit) {
    if (this.#state !== "open" || digit.length !== 1 || !DIGITS.includes(digit)) return;
    this.#tell(this.#writer.dtmf(digit));
    this.#note("digit", "a digit was sent"); // which one is nobody's business who reads the log
  }

  /** @param {boolean} on while it is, the bot hears silence */
  mute(on) {
    this.#muted = on;
    this.#sound?.listen(!on);
    this.#note("line", on ? "microphone muted" : "microphone on");
  }

  // --- The way to an open line -----------------------------------------------------------------------------------

  async #dial() {
    this.#say("asking", "Allow the microphone, if the browser asks for it.");
    checkMicrophone();
    window.addEventListener("pagehide", this.#leave);
    // Before anything is awaited: the browser lets sound run because of the click. The worklets load meanwhile.
    this.#sound = new CallSound({
      frame: (frame, level, at) => this.#send(frame, level, at),
      played: (message) => this.#played(message),
      lost: (words) => this.#end("error", words),
      note: (words) => this.#note("trouble", words),
    });
    const { permission, sound, line, socket } = this.#limits;
    // The microphone first: no line is held while the person ponders over the question.
    const stream = await this.#wait(askForMicrophone(this.#raw), permission, UNANSWERED, giveBack);
    this.#say("connecting", "Connecting.");
    [this.#line] = await Promise.all([
      this.#wait(reserveLine(), line, NO_LINE, ({ call_id: callId }) => this.#after(callId)),
      this.#wait(Promise.all([this.#sound.start(stream), this.#sound.resume()]), sound, SILENT_PAGE),
    ]);
    this.#sound.listen(!this.#muted);
    this.#emit("call", { callId: this.callId });
    this.#note("line", `line ${this.callId}; microphone at ${this.#sound.rate} Hz`);
    await this.#wait(this.#connect(), socket, NO_SOCKET);
  }

  #wait(promise, seconds, words, late) {
    return bounded(promise, { seconds, words, late, signal: this.#givenUp.signal });
  }

  #connect() {
    this.#socket = new WebSocket(socketAddress(this.#line.socket || "media"));
    return new Promise((resolve, reject) => {
      // Begun right here: the bot may close in the moment after, and somebody has to hear that.
      this.#socket.onopen = () => {
        if (this.#state === "connecting") this.#begin();
        resolve();
      };
      this.#socket.onclose = () => reject(new CallProblem(NO_SOCKET));
    });
  }

  #begin() {
    this.#socket.onopen = null;
    this.#socket.onmessage = ({ data }) => this.#take(data);
    this.#socket.onclose = ({ code, reason }) => this.#closed(code, reason);
    this.#writer = new Writer(this.#line);
    this.#socket.send(this.#writer.connected());
    this.#socket.send(this.#writer.start(this.#line.token));
    this.#watch = new Watch(now(), this.#limits);
    this.#ticking = setInterval(() => this.#tick(), 1000);
    this.#say("open", "The line is open.");
  }

  // --- An open line ----------------------------------------------------------------------------------------------

  /** 20 ms of the microphone. They are sent without a pause, silence too: by that the bot finds the end of speech. */
  #send(frame, level, at) {
    if (this.#state !== "open") return;
    const wrong = this.#watch.frame(now());
    if (wrong) {
      this.#end("error", wrong);
      return;
    }
    if (this.#muted) frame.fill(SILENCE);
    const heard = this.#muted ? 0 : level;
    this.#turns.caller(heard, at);
    this.#loudest = Math.max(this.#loudest, heard);
    const stuck = this.#socket.bufferedAmount > STUCK_BYTES;
    this.#watch.network(stuck, now());
    if (stuck) {
      this.#writer.skip();
      this.#tally.leftOut();
    } else {
      this.#tell(this.#writer.media(frame));
    }
  }

  #tell(text) {
    // Between the bot's farewell and the end of the socket there are frames that nobody takes any more.
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(text);
  }

  /** A message of the bot. */
  #take(data) {
    const message = read(data, this.#line.stream_id);
    if (!message) {
      this.#tally.odd();
      return;
    }
    this.#watch.heard();
    if (message.media) {
      this.#tally.media(message.media.length);
      this.#sound.play(message.media);
    } else if (message.clear) {
      this.#sound.clear();
    } else {
      this.#sound.mark(message.mark);
    }
  }

  /** What the play-out worklet posts; see there. */
  #played({ marks, cleared, level, queued, sound, hole, target, full }) {
    if (this.#state !== "open") return;
    for (const name of marks ?? cleared ?? []) this.#tell(this.#writer.mark(name));
    if (marks) this.#tally.marks(marks);
    if (cleared) {
      this.#note("clear", `the bot cut off what was not played yet; ${counted(cleared.length, "mark")} given back`);
    }
    if (full) this.#tally.full();
    if (hole) {
      const [missed, ahead] = [hole, target].map((seconds) => Math.round(seconds * 1000));
      this.#note("trouble", `sound came ${missed} ms late, in mid-speech; from now on playing begins with ${ahead} ms`);
    }
    if (sound !== undefined) {
      const seconds = this.#turns.answer(sound + this.#sound.outputLatency);
      if (seconds !== null) this.#emit("turn", { seconds });
    }
    if (level !== undefined) {
      this.#queued = queued;
      this.#emit("levels", { microphone: meter(this.#loudest), speaker: meter(level) });
      this.#loudest = 0;
    }
  }

  #tick() {
    for (const { kind, text } of this.#tally.take(this.#queued)) this.#note(kind, text);
    const wrong = this.#watch.tick(now());
    if (wrong) this.#end("error", wrong);
  }

  #closed(code, reason) {
    this.#note("line", `the bot closed the socket: ${code} ${reason}`.trim());
    if (code === NORMAL_CLOSE) {
      const message = OUTCOMES[reason] ?? "The call has ended.";
      this.#end(reason === "failed" ? "error" : "ended", message, { askServer: true });
    } else {
      this.#end("error", code === POLICY_VIOLATION ? REFUSED : LOST);
    }
  }

  // --- The end ---------------------------------------------------------------------------------------------------

  #end(state, message, how = {}) {
    this.#over ??= this.#close(state, message, how);
    return this.#over;
  }

  /** askServer: the bot's own words go before `message`. leaving: the page goes away, so nothing may be awaited. */
  async #close(state, message, { askServer = false, leaving = false }) {
    this.#state = "closing";
    clearInterval(this.#ticking);
    window.removeEventListener("pagehide", this.#leave);
    this.#givenUp.abort(new CallProblem(message, { cancelled: state === "ended" }));
    this.#closeSocket();
    if (leaving && this.#line) afterCallUnheard(this.callId);
    this.#sound?.close();
    for (const { kind, text } of this.#tally.take(0)) this.#note(kind, text);
    this.#emit("levels", { microphone: 0, speaker: 0 });
    const { words } = this.#line && !leaving ? await this.#after(this.callId) : { words: "" };
    this.#say(state, (askServer && words) || message);
  }

  #closeSocket() {
    const socket = this.#socket;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    if (this.#writer && socket.readyState === WebSocket.OPEN) socket.send(this.#writer.stop());
    socket.close(NORMAL_CLOSE);
  }

  #after(callId) {
    return afterCall(callId, AbortSignal.timeout(this.#limits.after * 1000));
  }

  // --- What is told to the page ------------------------------------------------------------------------------------

  #say(state, message) {
    this.#state = state;
    this.#note(state === "error" ? "trouble" : "line", message);
    this.#emit("line", { state, message });
  }

  #note(kind, text) {
    this.#emit("note", { kind, text });
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** Seconds on a clock that goes on while the computer sleeps. */
function now() {
  return Date.now() / 1000;
}
