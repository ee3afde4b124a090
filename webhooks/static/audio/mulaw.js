/**
 * G.711 mu-law: 8-bit codes for 14-bit samples, as the telephone network carries them. The codes are those of ITU-T
 * G.191 and of Python's audioop, for every 16-bit sample.
 */

/** The code of zero. */
export const SILENCE = 0xff;

const BIAS = 33; // of 14-bit samples; it makes every segment begin at a power of two
const HIGHEST = 8159;

/**
 * @param {number} sample 16-bit sample, a whole number from -32768 to 32767
 * @returns {number} its code, 0 to 255
 */
export function encode(sample) {
  const linear = sample >> 2;
  const magnitude = Math.min(linear < 0 ? -linear : linear, HIGHEST) + BIAS;
  const sign = linear < 0 ? 0x7f : 0xff;
  const segment = Math.max(0, 26 - Math.clz32(magnitude)); // of 64 to 127 it is 1, and one more with each bit
  if (segment > 7) return 0x7f ^ sign;
  return ((segment << 4) | ((magnitude >> (segment + 1)) & 0x0f)) ^ sign;
}

/**
 * @param {number} code 0 to 255
 * @returns {number} a 16-bit sample
 */
export function decode(code) {
  const bits = ~code & 0xff;
  const magnitude = ((((bits & 0x0f) << 3) + 4 * BIAS) << ((bits & 0x70) >> 4)) - 4 * BIAS;
  return bits & 0x80 ? -magnitude : magnitude;
}

/**
 * @param {number} sample from -1 to 1; what is beyond is clipped
 * @returns {number} its code
 */
export function encodeFloat(sample) {
  return encode(Math.max(-32768, Math.min(32767, Math.round(sample * 32768))));
}

/** The sample, from -1 to 1, of every code. */
export const FLOATS = Float32Array.from({ length: 256 }, (_, code) => decode(code) / 32768);
