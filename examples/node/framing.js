// Octets to lines, with a limit. Knows line ends and nothing of POP3.

const LF = 0x0a;
const CR = 0x0d;
const NOTHING = Buffer.alloc(0);

/** Octets that have arrived and were not consumed. */
export class Input {
  #octets = NOTHING;
  /** Where the last complete line ends that may be handed over. */
  #complete = 0;
  #limit;
  #isOverlong = false;

  /** `limit`: octets of a line without its line end, at most. */
  constructor(limit) {
    this.#limit = limit;
  }

  push(chunk) {
    if (this.#isOverlong) return;
    let from = this.#octets.length;
    this.#octets = from === 0 ? chunk : Buffer.concat([this.#octets, chunk]);
    for (;;) {
      const end = this.#octets.indexOf(LF, from);
      const isWhole = end !== -1;
      if (!this.#fits(isWhole ? end : this.#octets.length)) {
        this.#isOverlong = true;
        return;
      }
      if (!isWhole) return;
      this.#complete = end + 1;
      from = end + 1;
    }
  }

  /** Whether the line that begins behind the complete ones and goes to `end` is within the limit. */
  #fits(end) {
    const last = end > this.#complete && this.#octets[end - 1] === CR ? end - 1 : end;
    return last - this.#complete <= this.#limit;
  }

  /** Complete lines: as many as fit into `max` octets, but at least one if there is one. */
  lines(max) {
    if (this.#complete <= max) return this.#octets.subarray(0, this.#complete);
    const last = this.#octets.lastIndexOf(LF, max - 1);
    const end = last === -1 ? this.#octets.indexOf(LF) : last;
    return this.#octets.subarray(0, end + 1);
  }

  /** Whether the line behind the complete ones is longer than the limit. */
  get isOverlong() {
    return this.#isOverlong && this.#complete === 0;
  }

  get length() {
    return this.#octets.length;
  }

  consume(count) {
    this.#complete -= count;
    this.#octets = count === this.#octets.length ? NOTHING : this.#octets.subarray(count);
  }

  /** Forgets everything, as when the peer is gone. */
  discard() {
    this.#octets = NOTHING;
    this.#complete = 0;
    this.#isOverlong = false;
  }
}
