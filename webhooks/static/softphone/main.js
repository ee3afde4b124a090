// The softphone's page: puts its parts together and lets a call speak to them.

import { EventLog, entryOf } from "../event_log.js";
import { Transcript } from "../transcript.js";
import { Announcer } from "./announcer.js";
import { CallMemory } from "./call_memory.js";
import { CallView } from "./call_view.js";
import { Follower } from "./follower.js";
import { SilenceHint } from "./hints.js";
import { Keypad } from "./keypad.js";
import { afterCall } from "./line_server.js";
import { Meter } from "./meters.js";
import { NoticePlace } from "./notices.js";
import { CallProblem } from "./problem.js";
import { CallState } from "./states.js";
import { CallTimer } from "./timer.js";
import { AnswerTimes } from "./turns.js";
import { Ways } from "./ways.js";

const SIGN_IN = { href: "sign-in", text: "Sign in" };
const EXPIRED = "Your sign-in has expired.";
const OTHER_TAB = "Another tab of this browser is in a call. Hang up there, then call again.";
const RELOADED = "The page was reloaded, so the call ended. Call again.";
const LEFT = "You left the page, so the call ended. Call again.";
const FEED_LOST = "The connection to the server is interrupted. Trying again…";
const FEED_GONE = "What is said cannot be shown here: the server does not tell it any more. The call itself goes on.";
const FAILED = "The call could not be made. Reload the page, then call again.";
const IN_PAGE = "Measured in this page, from your last sound to the first sound of the answer.";
const AT_SERVER = "Measured at the server, without the way through the telephone network.";

const AFTER = 3000; // ms that the server may take to end a call that was left
const LAST_WORDS = 5000; // ms after the end of the line in which the server may still tell of the call

const find = (id) => document.getElementById(id);

class Softphone {
  #ways = new Ways(find("options"));
  #view = new CallView(
    { badge: find("state"), call: find("call"), mute: find("mute"), hangUp: find("hang-up") },
    new Announcer(find("say-state")),
  );
  #timer = new CallTimer(find("timer"));
  #keypad = new Keypad(find("keypad"), find("digits"));
  #keys = new Announcer(find("say-keys"), (digits) => `Sent ${digits.map(spoken).join(" ")}`);
  #microphone = new Meter(find("level-microphone"));
  #speaker = new Meter(find("level-speaker"));
  #transcript = new Transcript(find("transcript"), { caller: "You", assistant: "Assistant" });
  #turns = new AnswerTimes(find("turns"));
  #log = new EventLog(find("log"));
  #problem = new NoticePlace(find("problem"), "danger");
  #notice = new NoticePlace(find("notice"), "info");
  #hint = new SilenceHint((sentence) => this.#notice.show(sentence));
  #memory = new CallMemory();

  #call = null; // the one that is being made or runs
  #state = new CallState();
  #follower = null;
  #began = 0; // ms, when the page dialled

  constructor() {
    this.#view.addEventListener("call", () => this.#dial());
    this.#view.addEventListener("hang-up", () => this.#hangUp());
    this.#view.addEventListener("mute", ({ detail }) => this.#mute(detail.on));
    this.#keypad.addEventListener("digit", ({ detail }) => this.#press(detail.digit));
    addEventListener("pagehide", () => this.#memory.leave());
    addEventListener("pageshow", ({ persisted }) => persisted && this.#tellOfCallLeft(LEFT));
  }

  /** Asks the server what it offers, and says so where a call was cut off by a reload. */
  async open() {
    const [entry] = performance.getEntriesByType("navigation");
    await this.#tellOfCallLeft(entry?.type === "reload" ? RELOADED : LEFT);
    const { signOut, status } = await this.#ways.load();
    find("sign-out").hidden = !signOut;
    if (status === 401) this.#problem.show(EXPIRED, SIGN_IN);
  }

  async #tellOfCallLeft(words) {
    const callId = await this.#memory.leftOver();
    if (callId === null || !this.#state.over) return;
    this.#notice.show(words);
    // Its socket went away with the page, which the server notices by itself; this makes it sure and quick.
    if (callId) await afterCall(callId, AbortSignal.timeout(AFTER));
  }

  // --- what the person does

  async #dial() {
    if (!this.#state.over) return;
    this.#reset();
    const state = this.#state; // another call has another one
    const free = await this.#memory.begin();
    if (state.over) {
      if (free) this.#memory.end();
      return;
    }
    if (!free) {
      this.#line("error", OTHER_TAB);
      return;
    }
    try {
      const call = await this.#ways.make();
      if (state.over) return;
      this.#call = call;
      this.#listen(call);
      await call.dial();
    } catch (error) {
      if (!state.over) this.#failed(error);
    }
  }

  #reset() {
    this.#follower?.close();
    this.#follower = null;
    this.#began = performance.now();
    this.#state = new CallState();
    for (const part of [this.#transcript, this.#turns, this.#log, this.#keypad]) part.clear();
    for (const place of [this.#problem, this.#notice]) place.clear();
    this.#turns.measured(this.#ways.throughTwilio ? AT_SERVER : IN_PAGE);
    this.#timer.reset();
    this.#hint.reset();
    this.#ways.enable(false);
    this.#view.busy(true);
    this.#state.line("asking");
    this.#show();
  }

  #hangUp() {
    this.#state.hungUp();
    this.#call?.hangUp();
    this.#line("ended"); // at once, whatever is still to be put away
  }

  #mute(on) {
    this.#call?.mute(on);
    this.#hint.muted(on);
  }

  #press(digit) {
    this.#call?.press(digit);
    this.#keys.say(digit);
  }

  // --- what the call does

  #listen(call) {
    const state = this.#state;
    const on = (kind, take) =>
      call.addEventListener(kind, ({ detail }) => {
        if (this.#state === state) take(detail);
      });
    on("line", ({ state, message }) => this.#line(state, message));
    on("levels", ({ microphone, speaker }) => {
      this.#microphone.set(microphone);
      this.#speaker.set(speaker);
    });
    on("note", ({ kind, text }) => this.#note(kind, text));
    on("turn", ({ seconds }) => {
      this.#turns.add(seconds);
      this.#note("answer", `answered after ${seconds.toFixed(2)} s, measured in this page`);
    });
    on("call", ({ callId }) => this.#follow(callId));
  }

  #line(line, message = "") {
    const state = this.#state;
    if (state.over) return;
    const wasOpen = state.open;
    state.line(line, message);
    // A direct call notes this itself.
    if (this.#ways.throughTwilio) this.#note("line", message ? `${line}: ${message}` : line);
    if (wasOpen && state.open) {
      this.#notice.show(message); // such as a connection that is being restored
    } else if (state.open) {
      this.#timer.start();
      this.#view.open(true);
      this.#keypad.enable(true);
    }
    if (state.over) this.#over();
    this.#show();
    if (line === "error" && !wasOpen) this.#askForSignIn(state);
  }

  #over() {
    this.#call = null;
    this.#memory.end();
    this.#timer.stop();
    this.#view.busy(false);
    this.#keypad.enable(false);
    this.#microphone.set(0);
    this.#speaker.set(0);
    this.#ways.enable(true);
    const follower = this.#follower;
    setTimeout(() => {
      follower?.close();
      if (this.#follower === follower) this.#transcript.settle();
    }, LAST_WORDS);
  }

  #failed(error) {
    if (error instanceof CallProblem) {
      this.#line(error.cancelled ? "ended" : "error", error.cancelled ? "" : error.message);
    } else {
      this.#note("trouble", String(error));
      this.#line("error", FAILED);
    }
  }

  /** A call that was not let in may be one whose sign-in has run out. */
  async #askForSignIn(state) {
    const { status } = await this.#ways.load();
    if (status === 401 && state === this.#state) this.#problem.show(EXPIRED, SIGN_IN);
  }

  // --- what the server tells

  #follow(callId) {
    if (!callId || this.#follower) return;
    this.#memory.known(callId);
    const running = (act) => () => {
      if (!this.#state.over) act();
    };
    this.#follower = new Follower(callId, () => this.#elapsed, {
      report: (report) => this.#report(report),
      lost: running(() => this.#notice.show(FEED_LOST)),
      back: running(() => this.#notice.clear()),
      gone: (status) => {
        if (status === 401) this.#problem.show(EXPIRED, SIGN_IN);
        else running(() => this.#notice.show(FEED_GONE))();
      },
    });
  }

  #report(report) {
    this.#transcript.take(report);
    const entry = entryOf(report);
    if (entry) this.#log.add({ at: report.at, ...entry });
    if (report.type === "StateChanged") {
      this.#state.report(report);
      this.#show();
    } else if (report.type === "Answered" && this.#ways.throughTwilio) {
      this.#turns.add(report.seconds);
    }
  }

  // --- what is shown

  #show() {
    const { state, message } = this.#state.shown;
    this.#view.state(state);
    if (state === "error") {
      this.#notice.clear();
      this.#problem.show(message || "The call has failed. Call again.");
    } else if (state === "asking" || this.#state.over) {
      this.#notice.show(message);
    } else if (state === "connecting") {
      this.#notice.clear();
    }
    this.#hint.state(state);
  }

  #note(kind, text) {
    this.#log.add({ at: this.#elapsed, kind, text });
  }

  get #elapsed() {
    return (performance.now() - this.#began) / 1000;
  }
}

function spoken(digit) {
  return { "*": "star", "#": "hash" }[digit] ?? digit;
}

await new Softphone().open();
