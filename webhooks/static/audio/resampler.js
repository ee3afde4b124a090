/**
 * From any sampling rate to any other, as a stream: the same to the last bit however the sound is cut into pieces.
 *
 * A low-pass filter, a Kaiser-windowed sinc, evaluated only where an output sample is due. Between two input samples
 * there are as many places for one as the reduced ratio of the rates has in its numerator (6 from 8000 to 48000 Hz,
 * 441 to 44100 Hz, 1 from 48000 down); each place has its own row of taps, a *phase*, computed once.
 *
 * With 8000 Hz on the lower side the filter passes up to 3.4 kHz and rejects by 70 dB from 4 kHz on, so that neither
 * aliases nor images are heard, and delays by 3.6 ms. Nothing else is held back. Other rates scale these figures.
 */

const REJECTION = 70; // dB
const PASSED = 0.425; // of the lower rate: 3.4 kHz of 8
const STOPPED = 0.5; // half the lower rate: what is beyond would be mirrored
const KAISER_BETA = 0.1102 * (REJECTION - 8.7); // Kaiser's formulas, this one and that of the length
const WIDTH_TIMES_LENGTH = (REJECTION - 8) / (2.285 * 2 * Math.PI);

export class Resampler {
  #up;
  #down;
  #taps;
  #phases;
  #line; // the last `taps` samples of before, then those at hand
  #next = 0; // where the next output is due: input samples from the first at hand, times `up`; not before -up

  /**
   * @param {number} from Hz, a whole number
   * @param {number} to Hz, a whole number
   * @param {number} longest the most input samples that one call of `process` brings
   */
  constructor(from, to, longest) {
    const common = greatestCommonDivisor(from, to);
    this.#up = to / common;
    this.#down = from / common;
    const lower = Math.min(from, to);
    this.#taps = Math.ceil((WIDTH_TIMES_LENGTH * from) / ((STOPPED - PASSED) * lower));
    this.#phases = phases(this.#up, this.#taps, ((PASSED + STOPPED) * lower) / from);
    this.#line = new Float32Array(this.#taps + longest);
  }

  /** By how many input samples the output lags behind. */
  get delay() {
    return this.#taps / 2;
  }

  /**
   * @param {number} outputs
   * @returns {number} how many input samples the next so many outputs need
   */
  needed(outputs) {
    return Math.max(0, Math.floor((this.#next + (outputs - 1) * this.#down) / this.#up) + 1);
  }

  /**
   * @param {Float32Array} input
   * @param {number} count how many of them to take
   * @param {Float32Array} output written from its beginning; either there is room for all that can be said, or `count`
   *   is what is `needed` to fill it, and what more the last sample would have made comes first next time
   * @returns {number} how many samples were written
   */
  process(input, count, output) {
    const line = this.#line;
    const taps = this.#taps;
    for (let i = 0; i < count; i += 1) line[taps + i] = input[i];
    const end = count * this.#up;
    let written = 0;
    for (; this.#next < end && written < output.length; this.#next += this.#down) {
      const start = Math.floor(this.#next / this.#up) + 1;
      const row = (this.#next - (start - 1) * this.#up) * taps;
      let sum = 0;
      for (let i = 0; i < taps; i += 1) sum += line[start + i] * this.#phases[row + i];
      output[written] = sum;
      written += 1;
    }
    this.#next -= end;
    line.copyWithin(0, count, count + taps);
    return written;
  }

  /** Forget the sound so far: what comes next begins from silence. Where the next output is due stays as it is. */
  reset() {
    this.#line.fill(0);
  }
}

/** Rows of taps, the oldest sample's first. `cutoff`: the middle of the slope as a share of half the input's rate. */
function phases(up, taps, cutoff) {
  const half = taps / 2;
  const table = new Float32Array(up * taps);
  for (let phase = 0; phase < up; phase += 1) {
    const row = Array.from({ length: taps }, (_, tap) => {
      const distance = tap + 1 - half - phase / up; // from the middle of the filter, in input samples
      return sinc(cutoff * distance) * kaiser(distance / half);
    });
    // Each to a sum of 1, or a steady level would come out with a tone of the phases' rhythm laid on it.
    const sum = row.reduce((total, value) => total + value, 0);
    row.forEach((value, tap) => {
      table[phase * taps + tap] = value / sum;
    });
  }
  return table;
}

function sinc(x) {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

function kaiser(x) {
  return x < -1 || x > 1 ? 0 : bessel(KAISER_BETA * Math.sqrt(1 - x * x)) / bessel(KAISER_BETA);
}

/** The modified Bessel function of the first kind and order zero, by its power series. */
function bessel(x) {
  let sum = 1;
  let term = 1;
  for (let k = 1; term > 1e-12 * sum; k += 1) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

function greatestCommonDivisor(a, b) {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
