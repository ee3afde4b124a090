// One call at a time for the page, in whichever way, and a memory that outlives a reload.

const LOCK = "softphone-page-in-call";
const UNLOADING = 1000; // ms that a page which was reloaded may take to let go of the line
const MEMORY = "softphone-call"; // in sessionStorage: the id of the call, empty until it is known

export class CallMemory {
  #release = null;
  #leaving = false;

  /** Takes the line. @returns {Promise<boolean>} false: another tab has it */
  async begin() {
    if (!(await this.#take({ ifAvailable: true }))) return false;
    sessionStorage.setItem(MEMORY, "");
    return true;
  }

  /** @param {string} callId */
  known(callId) {
    sessionStorage.setItem(MEMORY, callId);
  }

  /** The call is over. */
  end() {
    if (!this.#leaving) sessionStorage.removeItem(MEMORY);
    this.#release?.();
    this.#release = null;
  }

  /** The page goes away: a call that ends by that is remembered. */
  leave() {
    this.#leaving = true;
  }

  /**
   * The call that this tab was in when its page went away.
   * @returns {Promise<string|null>} its id, empty where it was not known yet; null: there was none
   */
  async leftOver() {
    this.#leaving = false;
    const callId = sessionStorage.getItem(MEMORY);
    if (callId === null) return null;
    // A tab that was duplicated carries a copy of the memory, while the call goes on in the first.
    const ours = await this.#take({ signal: AbortSignal.timeout(UNLOADING) });
    this.end();
    return ours ? callId : null;
  }

  #take(options) {
    if (!navigator.locks) return Promise.resolve(true); // an insecure origin, which has no microphone either
    return new Promise((resolve) => {
      const held = (lock) => {
        if (lock === null) return resolve(false);
        return new Promise((release) => {
          this.#release = release;
          resolve(true);
        });
      };
      navigator.locks.request(LOCK, options, held).catch(() => resolve(false)); // nobody let go of it in time
    });
  }
}
