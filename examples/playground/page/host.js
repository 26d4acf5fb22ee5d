// The host of one session: what a server does with a component, without a socket.
//
// One call at a time, and its output is shown, in order, before the next call.

import { Imports } from "./trace.js";

/** The smallest that the contract allows, so that a letter takes several steps. */
const STEP_OCTETS = 1_024;

const CONNECTION = {
  banner: "Popcell in your browser",
  challenge: undefined,
  tls: false,
  mayStartTls: false,
  mayLogin: true,
  mechanisms: [],
  announce: ["IMPLEMENTATION Popcell-Playground"],
  maxBadCommands: 20,
  maxBadCommandsAfterLogin: 50,
};

/** Nothing is deleted unless this is among the lines. */
const QUIT = /^quit *\r?$/im;

/** A session that is in a cell, parked or over. `tell(event, detail)` hears what happens. */
export class Host {
  #imports;
  #session = null;
  #tell;
  /** What was typed and not consumed. */
  #waiting = new Uint8Array();
  /** authorization, transaction or update; the last one stays when the session is over. */
  phase = "none";
  isOver = false;
  build = null;
  parked = null;
  next = null;
  /** Whether an answer that is not finished waits for `more()`. */
  isByHand = false;

  constructor(store, classes, tell) {
    this.#tell = tell;
    this.#imports = new Imports(store, classes, (call) => this.#called(call));
  }

  /** A new session in a new instance. */
  async open(build) {
    this.build = build;
    this.parked = null;
    this.#waiting = new Uint8Array();
    const Session = await build.instance(this.#imports.object());
    this.#tell("call", "[constructor]");
    this.#session = new Session(CONNECTION);
    this.phase = "authorization";
    this.isOver = false;
    this.#tell("phase");
    this.#step(this.#guarded("greet", (session) => session.greet()));
  }

  get isOpen() {
    return this.#session !== null;
  }

  /** Lines as they were typed, without their line ends. */
  lines(lines) {
    const octets = new TextEncoder().encode(lines.map((line) => `${line}\r\n`).join(""));
    this.#waiting = joined(this.#waiting, octets);
    this.#goOn();
  }

  /** The next octets of the answer that is being sent. */
  more() {
    if (this.#session && this.next === "more") {
      this.#step(this.#guarded("more", (session) => session.more(STEP_OCTETS)));
      this.#goOn();
    }
  }

  /** Takes the session out of its instance, and with it what it holds. */
  suspend() {
    const session = this.#session;
    const parked = this.#guarded("suspend", () => session.constructor.suspend(session));
    if (!parked) return;
    this.#session = null;
    this.parked = parked;
    this.#tell("parked");
  }

  /**
   * Puts the session into a new instance of a build, with these octets as its state. Gives the
   * refusal, or undefined. A session that is refused stays parked.
   */
  async resume(build, state) {
    const { maildrop, message, exchange } = this.parked;
    const capabilities = [maildrop, message, exchange].filter(Boolean);
    const refusal = await this.#imports.keeping(capabilities, async () => {
      const Session = await build.instance(this.#imports.object());
      this.#tell("call", "resume");
      try {
        this.#session = Session.resume({ ...this.parked, state }, CONNECTION);
      } catch (error) {
        // How jco hands over the error case depends on how it was told to transpile.
        const refusal = error.payload ?? error;
        return typeof refusal === "string" ? refusal : `trap (${error.message})`;
      }
    });
    if (refusal) {
      this.#tell("refused", { build, refusal });
      return refusal;
    }
    this.build = build;
    this.parked = null;
    this.#tell("resumed", { build });
    this.#goOn();
  }

  /** Cuts the connection: whatever is held is dropped, and nothing is removed. */
  abandon() {
    const [session, parked] = [this.#session, this.parked];
    this.#session = null;
    this.parked = null;
    this.phase = "none";
    this.isOver = true;
    this.next = null;
    if (session) session[Symbol.dispose]();
    parked?.message?.[Symbol.dispose]();
    parked?.maildrop?.[Symbol.dispose]();
    this.#imports.release();
  }

  /** Makes the component answer until it waits for lines, or for somebody who calls `more`. */
  #goOn() {
    for (;;) {
      if (!this.#session) return;
      if (this.next === "more") {
        if (this.isByHand) return;
        this.#step(this.#guarded("more", (session) => session.more(STEP_OCTETS)));
      } else if (this.next === "lines" && this.#waiting.length > 0) {
        const lines = this.#waiting;
        this.#imports.hasQuit = QUIT.test(new TextDecoder().decode(lines));
        const step = this.#guarded("lines", (session) => session.lines(lines, STEP_OCTETS));
        if (step) this.#waiting = lines.subarray(step.consumed);
        this.#step(step);
      } else {
        return;
      }
    }
  }

  #step(step) {
    if (!step) return;
    this.next = step.next;
    if (step.output.length > 0) this.#tell("output", step.output);
    if (step.next === "close" || step.next === "abort") this.#over(step.next);
    this.#tell("step");
  }

  #over(how) {
    const session = this.#session;
    this.#session = null;
    session?.[Symbol.dispose]();
    this.isOver = true;
    this.next = null;
    this.#tell("over", how);
  }

  /** A call into the component. One that traps is the end of its session, and of nothing else. */
  #guarded(name, call) {
    this.#tell("call", name);
    try {
      return call(this.#session);
    } catch (error) {
      this.#session = null;
      this.isOver = true;
      this.next = null;
      this.#tell("failed", error);
    }
  }

  #called(call) {
    if (call.name === "auth.password" && !call.isRefused) this.phase = "transaction";
    if (call.name === "maildrop.commit") this.phase = "update";
    this.#tell("import", call);
    this.#tell("phase");
  }
}

function joined(some, others) {
  const all = new Uint8Array(some.length + others.length);
  all.set(some);
  all.set(others, some.length);
  return all;
}
