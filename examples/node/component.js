// The component as a factory of cells: an instance for each connection, with one session in it.
//
// The one file that knows what jco made of wit/pop3.wit.

import { readFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import { join } from "node:path";
import { NotThisContract, SESSION } from "./contract.js";
import { Exchange, Maildrop, Message, Refused } from "./mailbox.js";

/** About so many octets of output are asked for in one call; a step has at most twice as many. */
export const STEP_OCTETS = 65_536;

/** Octets of a step of a function that is not told how many. */
const SHORT_STEP_OCTETS = 1_024;

/** All that this host knows of POP3: nothing is deleted unless the client has said so. */
const QUIT = /^quit *\r?$/im;

/** The component's fault: a trap, or a breach of the contract. Its session is over. */
export class ComponentError extends Error {}

/** Loads what build.js wrote. Gives a function that makes a cell. */
export async function load(folder) {
  const { instantiate } = await import(pathToFileURL(join(folder, "popcell.js"))).catch((error) => {
    const found = error.code === "ERR_MODULE_NOT_FOUND" ? "none" : error.message;
    throw new NotThisContract(`${folder}: expected a component as build.js writes it; found ${found}`);
  });
  const modules = new Map();
  for (const name of ["popcell.core.wasm", "popcell.core2.wasm", "popcell.core3.wasm"]) {
    modules.set(name, await WebAssembly.compile(await readFile(join(folder, name))));
  }
  const module = (name) => modules.get(name);
  return (store, connection) =>
    new Cell((imports) => instantiate(module, imports)[SESSION], store, connection);
}

/** One instance of the component with one session in it. */
export class Cell {
  #session;
  #maildrop = null;
  #isBroken = false;
  #hasQuit = false;
  /** Logins that were refused because of the client. */
  deniedLogins = 0;

  constructor(instantiate, store, connection) {
    const { Session } = instantiate({
      "popcell:pop3/mail": { Maildrop, Message },
      "popcell:pop3/auth": {
        Exchange,
        password: (user, password) => this.#login(() => store.login(user, password)),
        // No challenge was made, so there is no right answer to one.
        apop: () => this.#login(() => denied()),
      },
    });
    this.#session = new Session(connection);
  }

  get isLoggedIn() {
    return this.#maildrop !== null;
  }

  greet() {
    return this.#call("greet", 0, SHORT_STEP_OCTETS);
  }

  /** `lines`: a Buffer of whole lines, each of them with its line end. */
  lines(lines) {
    this.#hasQuit = QUIT.test(lines.toString("latin1"));
    if (this.#maildrop) this.#maildrop.mayCommit = this.#hasQuit;
    const step = this.#call("lines", lines.length, 2 * STEP_OCTETS, lines, STEP_OCTETS);
    if (lines[step.consumed - 1] !== 0x0a) this.#breach("lines consumed a part of a line");
    return step;
  }

  more() {
    const step = this.#call("more", 0, 2 * STEP_OCTETS, STEP_OCTETS);
    if (step.next === "more" && step.output.length === 0) this.#breach("more gave nothing");
    return step;
  }

  overlong() {
    return this.#call("overlong", 0, SHORT_STEP_OCTETS);
  }

  /** Drops the session and what it holds. After a trap the instance is not called again. */
  end() {
    if (!this.#isBroken) this.#guarded("drop", () => this.#session[Symbol.dispose]());
    this.#maildrop?.release();
  }

  #login(claim) {
    if (this.#maildrop) throw new ComponentError("a login behind a login");
    try {
      this.#maildrop = claim();
      this.#maildrop.mayCommit = this.#hasQuit;
    } catch (error) {
      if (error.payload === "denied") this.deniedLogins += 1;
      throw error;
    }
    return this.#maildrop;
  }

  #call(name, given, most, ...parameters) {
    const step = this.#guarded(name, () => this.#session[name](...parameters));
    const { consumed, output, next } = step;
    if (consumed > given) this.#breach(`${name} consumed ${consumed} octets of ${given}`);
    if (output.length > most) this.#breach(`${name} gave ${output.length} octets, not ${most}`);
    if (next === "start-tls") this.#breach("start-tls where it is not offered");
    return step;
  }

  #guarded(name, call) {
    try {
      return call();
    } catch (error) {
      this.#isBroken = true;
      const what = error instanceof WebAssembly.RuntimeError ? "trapped" : "failed";
      throw new ComponentError(`${name} ${what}: ${error.message}`, { cause: error });
    }
  }

  #breach(what) {
    this.#isBroken = true;
    throw new ComponentError(`breach of the contract: ${what}`);
  }
}

function denied() {
  throw new Refused("denied");
}
