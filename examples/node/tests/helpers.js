// A server for one test, and a client that speaks in lines.

import { once } from "node:events";
import { existsSync } from "node:fs";
import { connect } from "node:net";
import { fileURLToPath } from "node:url";
import { load } from "../component.js";
import { Store } from "../mailbox.js";
import { createServer } from "../server.js";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));

/** Where `npm run build` writes. */
export const GENERATED = here("../generated/popcell");

/** The guest of the tests that breaks the contract on demand, if it was built (../test does it). */
export const HOSTILE = here("../generated/hostile");
export const withHostile = existsSync(HOSTILE) ? {} : { skip: "run examples/node/test" };

let popcell;
export const component = () => (popcell ??= load(GENERATED));

/** A store whose users are alice and bob, with the password secret. */
export function storeOf(...letters) {
  const store = new Store();
  store.addUser("alice", "secret", letters);
  store.addUser("bob", "secret", letters);
  return store;
}

/** Starts a server that is stopped behind the test `t`. `ended()` waits for the next end. */
export async function start(t, { store, limits, newCell } = {}) {
  const ends = [];
  let tell = () => {};
  const server = createServer({
    newCell: newCell ?? (await component()),
    store: store ?? storeOf("one\n"),
    limits: { deniedMs: 0, ...limits },
    onEnd: (end) => {
      ends.push(end);
      tell();
    },
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const clients = [];
  t.after(() => {
    for (const client of clients) client.socket.destroy();
    server.close();
  });
  return {
    port: server.address().port,
    async client() {
      const client = new Client(connect(server.address().port, "127.0.0.1"));
      clients.push(client);
      await once(client.socket, "connect");
      client.greeting = await client.line();
      return client;
    },
    async ended() {
      while (ends.length === 0) await new Promise((resolve) => (tell = resolve));
      return ends.shift();
    },
  };
}

export class Client {
  #octets = Buffer.alloc(0);
  #isOver = false;
  #wake = () => {};

  constructor(socket) {
    this.socket = socket.setNoDelay();
    socket.on("data", (chunk) => {
      this.#octets = Buffer.concat([this.#octets, chunk]);
      this.#wake();
    });
    const over = () => {
      this.#isOver = true;
      this.#wake();
    };
    socket.on("end", over).on("close", over).on("error", over);
  }

  write(octets) {
    this.socket.write(octets);
  }

  /** The answer's first line, or undefined if the connection ended before there was one. */
  async line() {
    return (await this.#until("\r\n"))?.toString().trimEnd();
  }

  async say(line) {
    this.write(`${line}\r\n`);
    return this.line();
  }

  /** What follows `+OK` up to the dot, undone of its stuffing; undefined if it was not finished. */
  async body() {
    const octets = await this.#until("\r\n.\r\n", ".\r\n");
    if (!octets) return undefined;
    const text = octets.toString("latin1").slice(0, -3);
    return Buffer.from(text.replaceAll(/^\./gm, ""), "latin1");
  }

  async login(user = "alice") {
    await this.say(`USER ${user}`);
    return this.say("PASS secret");
  }

  /** Everything until the connection ends. */
  async rest() {
    while (!this.#isOver) await new Promise((resolve) => (this.#wake = resolve));
    return this.#octets.toString("latin1");
  }

  async #until(end, whole = end) {
    for (;;) {
      const isWhole = this.#octets.subarray(0, whole.length).toString("latin1") === whole;
      const at = isWhole ? 0 : this.#octets.indexOf(end, 0, "latin1");
      if (at !== -1) {
        const length = at + (isWhole ? whole.length : end.length);
        const octets = this.#octets.subarray(0, length);
        this.#octets = this.#octets.subarray(length);
        return octets;
      }
      if (this.#isOver) return undefined;
      await new Promise((resolve) => (this.#wake = resolve));
    }
  }
}
