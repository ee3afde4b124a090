/**
 * Media Streams messages as Twilio sends and takes them, read and written by this page in Twilio's place. Pure.
 *
 * Source: https://www.twilio.com/docs/voice/media-streams/websocket-messages. All numbers but those of the media format
 * are strings there.
 */

const FRAME_MS = 20;

/** What can be pressed. */
export const DIGITS = "0123456789*#ABCD";

/** Writes one stream's messages, and counts them. Each method returns the text to send. */
export class Writer {
  #streamSid;
  #callSid;
  #accountSid;
  #sequence = 0;
  #chunk = 0;
  #frames = 0;

  /** @param {{stream_id: string, call_id: string, account: string}} line as `POST softphone/calls` gave it */
  constructor({ stream_id: streamSid, call_id: callSid, account: accountSid }) {
    this.#streamSid = streamSid;
    this.#callSid = callSid;
    this.#accountSid = accountSid;
  }

  /** The first message. */
  connected() {
    return JSON.stringify({ event: "connected", protocol: "Call", version: "1.0.0" });
  }

  /** @param {string} token proves that this stream may begin */
  start(token) {
    return this.#message("start", {
      start: {
        accountSid: this.#accountSid,
        streamSid: this.#streamSid,
        callSid: this.#callSid,
        tracks: ["inbound"],
        mediaFormat: { encoding: "audio/x-mulaw", sampleRate: 8000, channels: 1 },
        customParameters: { token },
      },
    });
  }

  /** @param {Uint8Array} frame 160 bytes of mu-law: 20 ms */
  media(frame) {
    const timestamp = String(this.#frames * FRAME_MS);
    this.#frames += 1;
    this.#chunk += 1;
    const payload = btoa(String.fromCharCode(...frame));
    return this.#message("media", { media: { track: "inbound", chunk: String(this.#chunk), timestamp, payload } });
  }

  /** Leave a frame out: time goes on, and the bot sees by the next timestamp that something is missing. */
  skip() {
    this.#frames += 1;
  }

  /** @param {string} digit one of DIGITS */
  dtmf(digit) {
    return this.#message("dtmf", { dtmf: { track: "inbound_track", digit } });
  }

  /** @param {string} name of a mark before which everything was played, or cleared */
  mark(name) {
    return this.#message("mark", { mark: { name } });
  }

  /** The last message. */
  stop() {
    return this.#message("stop", { stop: { accountSid: this.#accountSid, callSid: this.#callSid } });
  }

  #message(event, body) {
    this.#sequence += 1;
    return JSON.stringify({ event, sequenceNumber: String(this.#sequence), ...body, streamSid: this.#streamSid });
  }
}

/**
 * @param {unknown} data of a WebSocket message
 * @param {string} streamSid of the stream it must belong to
 * @returns {{media: Uint8Array} | {mark: string} | {clear: true} | null} null: nothing that Twilio would understand
 *   (its warnings 31950 and 31951)
 */
export function read(data, streamSid) {
  if (typeof data !== "string") return null;
  try {
    const message = JSON.parse(data);
    if (message.streamSid !== streamSid) return null;
    if (message.event === "media") return { media: bytes(message.media.payload) };
    if (message.event === "mark" && typeof message.mark.name === "string") return { mark: message.mark.name };
    return message.event === "clear" ? { clear: true } : null;
  } catch (error) {
    // What the three lines above throw at odd JSON, odd shapes and odd base64.
    if (error instanceof SyntaxError || error instanceof TypeError || error instanceof DOMException) return null;
    throw error;
  }
}

function bytes(base64) {
  if (typeof base64 !== "string") throw new TypeError("a payload is text");
  const text = atob(base64);
  const result = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i += 1) result[i] = text.charCodeAt(i);
  return result;
}
