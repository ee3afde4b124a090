/** Why there is no call, in a sentence that says what to do. */
export class CallProblem extends Error {
  /**
   * @param {string} message for the person
   * @param {object} [more]
   * @param {boolean} [more.cancelled] the person gave the call up: nothing is wrong
   */
  constructor(message, { cancelled = false } = {}) {
    super(message);
    this.name = "CallProblem";
    this.cancelled = cancelled;
  }
}
