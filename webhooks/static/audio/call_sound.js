/**
 * The sound of one call: the microphone's way out and the bot's way in, in one AudioContext with two worklets.
 */

import { CallProblem } from "../softphone/problem.js";

const OLD_BROWSER =
  "This browser cannot handle the sound of a call (no AudioWorklet). Use a current Chrome, Edge, Firefox or Safari.";

export class CallSound {
  #to;
  #context;
  #loaded;
  #track = null;
  #nodes = [];
  #playout = null;

  /**
   * Must be called by a person's click, before anything is awaited: browsers allow sound only then.
   * Throws CallProblem where the browser cannot.
   *
   * @param {object} to what is called as things happen
   * @param {(frame: Uint8Array, level: number, at: number) => void} to.frame what capture_worklet posts
   * @param {(message: object) => void} to.played what playout_worklet posts
   * @param {(words: string) => void} to.lost the microphone or the sound is gone; says what to do
   * @param {(words: string) => void} to.note something that is no more than strange
   */
  constructor(to) {
    if (typeof AudioContext === "undefined" || typeof AudioWorkletNode === "undefined") {
      throw new CallProblem(OLD_BROWSER);
    }
    this.#to = to;
    this.#context = new AudioContext({ latencyHint: "interactive" });
    this.#context.onstatechange = () => this.#stateChanged();
    this.#loaded = Promise.all(
      ["./capture_worklet.js", "./playout_worklet.js"].map((name) =>
        this.#context.audioWorklet.addModule(new URL(name, import.meta.url)),
      ),
    );
    this.#loaded.catch(() => {}); // it is awaited, and reported, in `start`
  }

  /** Samples a second of the context. */
  get rate() {
    return this.#context.sampleRate;
  }

  /** Seconds from the context to the ear, as far as the browser says. */
  get outputLatency() {
    return this.#context.outputLatency || 0;
  }

  /** Whether the browser lets sound run now. */
  get running() {
    return this.#context.state === "running";
  }

  /** Have the browser let sound run; may take for ever where it does not want to. */
  async resume() {
    if (!this.running) await this.#context.resume();
  }

  /**
   * Connect microphone and ear. Rejects with CallProblem where the worklets cannot be loaded.
   * @param {MediaStream} stream the microphone; it is this object's to stop from now on
   */
  async start(stream) {
    [this.#track] = stream.getAudioTracks();
    this.#track.onended = () =>
      this.#to.lost("The microphone was unplugged or switched off. Connect it again, then call again.");
    this.#track.onmute = () => this.#to.note("The system has muted the microphone.");
    this.#track.onunmute = () => this.#to.note("The system lets the microphone be heard again.");
    try {
      await this.#loaded;
    } catch {
      throw new CallProblem("The page could not load the parts that handle sound. Reload the page and call again.");
    }
    if (this.#context.state === "closed") return;
    const mono = { numberOfInputs: 1, numberOfOutputs: 1, channelCount: 1, channelCountMode: "explicit" };
    const capture = new AudioWorkletNode(this.#context, "capture", mono);
    capture.port.onmessage = ({ data }) => this.#to.frame(data.frame, data.level, data.at);
    const playout = new AudioWorkletNode(this.#context, "playout", { numberOfInputs: 0, outputChannelCount: [1] });
    playout.port.onmessage = ({ data }) => this.#to.played(data);
    for (const node of [capture, playout]) {
      node.onprocessorerror = () =>
        this.#to.lost("The browser's sound processing failed. Reload the page and call again.");
    }
    const source = new MediaStreamAudioSourceNode(this.#context, { mediaStream: stream });
    source.connect(capture);
    capture.connect(this.#context.destination); // silence; some browsers run only what leads to the ear
    playout.connect(this.#context.destination);
    this.#nodes = [source, capture, playout];
    this.#playout = playout.port;
  }

  /** @param {Uint8Array} bytes mu-law at 8000 Hz, played after all before it; the buffer is taken over */
  play(bytes) {
    this.#playout?.postMessage({ media: bytes }, [bytes.buffer]);
  }

  /** @param {string} name comes back by `played` when all before it has been played */
  mark(name) {
    this.#playout?.postMessage({ mark: name });
  }

  /** Throw away what has not been played. */
  clear() {
    this.#playout?.postMessage({ clear: true });
  }

  /** @param {boolean} on whether the microphone gives sound */
  listen(on) {
    if (this.#track) this.#track.enabled = on;
  }

  /** End everything and give the microphone back. Harmless twice. */
  async close() {
    this.#context.onstatechange = null;
    if (this.#track) {
      this.#track.onended = this.#track.onmute = this.#track.onunmute = null;
      this.#track.stop();
    }
    for (const node of this.#nodes) {
      node.disconnect();
      if (node.port) {
        node.port.onmessage = null;
        node.port.postMessage({ end: true });
        node.port.close();
      }
    }
    this.#nodes = [];
    this.#playout = null;
    if (this.#context.state !== "closed") await this.#context.close();
  }

  /** The system takes sound away, for a telephone call for instance: ask for it back. Watch sees where that fails. */
  #stateChanged() {
    if (this.running || this.#context.state === "closed") return;
    this.#to.note(`The browser has stopped the sound (${this.#context.state}); asking for it back.`);
    this.#context.resume().catch(() => {});
  }
}
