/** How loud sound is. */

/** Where the meters begin: quieter than this is shown as nothing. dB below full scale. */
const LOWEST_DB = -60;

/**
 * @param {Float32Array} samples from -1 to 1
 * @param {number} [count] how many of them count
 * @returns {number} their root mean square, 0 to 1
 */
export function rms(samples, count = samples.length) {
  if (count === 0) return 0;
  let sum = 0;
  for (let i = 0; i < count; i += 1) sum += samples[i] * samples[i];
  return Math.sqrt(sum / count);
}

/**
 * @param {number} level a root mean square, 0 to 1
 * @returns {number} the same as an ear judges it: 0 at -60 dB and below, 1 at full scale, even steps of dB between
 */
export function meter(level) {
  if (level <= 0) return 0;
  return Math.max(0, Math.min(1, 1 - (20 * Math.log10(level)) / LOWEST_DB));
}
