// One connection: octets in, steps out.
//
// One call at a time, and its output is sent, in order, before the next call. Owns the socket and
// every timer; what is said on it is the session's.

import { LINE_OCTETS } from "./contract.js";
import { Input } from "./framing.js";

/** Octets of lines that one call is given. */
const BATCH_OCTETS = 4_096;

/** Octets that may wait for their turn. Beyond them nothing is read from the socket. */
const WAITING_OCTETS = 65_536;

/** Why a connection is over. */
export class End extends Error {}

export class Connection {
  #socket;
  #cell;
  #limits;
  #input = new Input(LINE_OCTETS);
  #isPeerGone = false;
  #isStalled = false;
  #wake = () => {};
  #accepted = performance.now();
  #lastLine = performance.now();

  constructor(socket, cell, limits) {
    this.#socket = socket;
    this.#cell = cell;
    this.#limits = limits;
    socket.on("data", (chunk) => this.#arrived(chunk));
    socket.on("end", () => this.#peerIsGone());
    socket.on("close", () => this.#peerIsGone());
    socket.on("timeout", () => this.#stalled());
    socket.on("error", () => {}); // Whoever waits for the socket is told as well.
  }

  /** Serves the connection until it ends. Gives what the session said last: close or abort. */
  async serve() {
    let step = this.#cell.greet();
    for (;;) {
      if (this.#cell.deniedLogins > 0) await this.#answerLate();
      await this.#send(step.output);
      if (step.next === "more") step = this.#cell.more();
      else if (step.next === "lines") step = await this.#lines();
      else return step.next;
    }
  }

  /** Closes the connection, and lets what was sent arrive. */
  close() {
    const socket = this.#socket;
    if (socket.destroyed) return;
    // Octets that are left in the kernel would make it a reset, which overtakes the answer.
    socket.removeAllListeners("data").removeAllListeners("timeout").resume();
    socket.setTimeout(this.#limits.closeMs, () => socket.destroy());
    if (this.#isPeerGone) socket.destroySoon();
    else socket.end();
  }

  async #lines() {
    for (;;) {
      const lines = this.#input.lines(BATCH_OCTETS);
      if (lines.length > 0) {
        const step = this.#cell.lines(lines);
        this.#input.consume(step.consumed);
        this.#lastLine = performance.now();
        if (this.#input.length < WAITING_OCTETS) this.#socket.resume();
        return step;
      }
      if (this.#input.isOverlong) return this.#cell.overlong();
      if (this.#isPeerGone) throw new End("peer closed");
      await this.#wait();
    }
  }

  /** Waits for octets, the peer's end or the deadline. */
  async #wait() {
    const { promise, resolve } = deferred();
    this.#wake = resolve;
    // Octets that do not complete a line do not put it off.
    const [deadline, reason] = this.#cell.isLoggedIn
      ? [this.#lastLine + this.#limits.idleMs, "idle"]
      : [this.#accepted + this.#limits.loginMs, "no login"];
    const late = setTimeout(() => resolve(reason), Math.max(0, deadline - performance.now()));
    const reasonToEnd = await promise;
    clearTimeout(late);
    if (reasonToEnd) throw new End(reasonToEnd);
  }

  /** Sends an answer: done when the kernel has all of it, and nothing of it waits here. */
  async #send(output) {
    if (output.length === 0) return;
    const { promise, resolve } = deferred();
    // The time without progress in either direction, which node:net measures.
    this.#socket.setTimeout(this.#limits.writeMs);
    this.#socket.write(output, resolve);
    const error = await promise;
    this.#socket.setTimeout(0);
    if (error) throw new End(this.#isStalled ? "write stalled" : `write failed: ${error.message}`);
  }

  #stalled() {
    this.#isStalled = true;
    this.#socket.destroy();
  }

  /** Guessing passwords takes time. The component can not wait, so its answer does. */
  async #answerLate() {
    const { deniedLogins } = this.#cell;
    this.#cell.deniedLogins = 0;
    const { promise, resolve } = deferred();
    setTimeout(resolve, deniedLogins * this.#limits.deniedMs);
    await promise;
  }

  #arrived(chunk) {
    this.#input.push(chunk);
    if (this.#input.length >= WAITING_OCTETS) this.#socket.pause();
    this.#wake();
  }

  /** Who is gone has no more commands: what was pipelined behind a download deletes nothing. */
  #peerIsGone() {
    this.#isPeerGone = true;
    this.#input.discard();
    this.#wake();
  }
}

function deferred() {
  let resolve;
  const promise = new Promise((resolved) => {
    resolve = resolved;
  });
  return { promise, resolve };
}
