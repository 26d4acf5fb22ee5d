// What a session costs in Node.js: node --expose-gc bench.js [FOLDER]
//
// Best of some rounds. Without a socket, so that it is the component and jco's glue that is measured,
// and then over loopback.

import { once } from "node:events";
import { readdir, stat } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { load } from "./component.js";
import { Store } from "./mailbox.js";
import { createServer } from "./server.js";

const MIB = 1 << 20;
const LINE = `${"x".repeat(70)}\r\n`;
const ROUNDS = 7;

const folder = process.argv[2] ?? fileURLToPath(new URL("generated/popcell", import.meta.url));
const newCell = await load(folder);
const store = new Store();
store.addUser("alice", "secret", [LINE.repeat(Math.ceil((8 * MIB) / LINE.length))]);

const CONNECTION = {
  banner: "bench",
  tls: false,
  mayStartTls: false,
  mayLogin: true,
  mechanisms: [],
  announce: [],
  maxBadCommands: 10,
  maxBadCommandsAfterLogin: 50,
};
const LOGIN = "USER alice\r\nPASS secret\r\n";

function loggedIn() {
  const cell = newCell(store, CONNECTION);
  cell.greet();
  let lines = Buffer.from(LOGIN);
  while (lines.length > 0) lines = lines.subarray(cell.lines(lines).consumed);
  return cell;
}

/** Milliseconds of the best round. */
function best(work) {
  return Math.min(
    ...Array.from({ length: ROUNDS }, () => {
      const start = performance.now();
      work();
      return performance.now() - start;
    }),
  );
}

function noop() {
  const cell = loggedIn();
  const line = Buffer.from("NOOP\r\n");
  const count = 20_000;
  const spent = best(() => {
    for (let n = 0; n < count; n += 1) cell.lines(line);
  });
  cell.end();
  return (spent * 1_000) / count;
}

function retr() {
  const cell = loggedIn();
  const spent = best(() => {
    let step = cell.lines(Buffer.from("RETR 1\r\n"));
    while (step.next === "more") step = cell.more();
  });
  cell.end();
  return spent / 8;
}

function session() {
  const count = 100;
  const spent = best(() => {
    for (let n = 0; n < count; n += 1) loggedIn().end();
  });
  return spent / count;
}

function memory() {
  const count = 200;
  const cells = [];
  globalThis.gc?.();
  const before = process.memoryUsage();
  for (let n = 0; n < count; n += 1) {
    const cell = newCell(store, CONNECTION);
    cell.greet();
    cells.push(cell);
  }
  globalThis.gc?.();
  const { rss, heapUsed } = process.memoryUsage();
  cells.forEach((cell) => cell.end());
  return { rss: (rss - before.rss) / count / 1024, heap: (heapUsed - before.heapUsed) / count / 1024 };
}

/** Octets until an answer has ended in `end`. */
async function answer(socket, end) {
  let octets = 0;
  let last = "";
  for (;;) {
    const [chunk] = await once(socket, "data");
    octets += chunk.length;
    last = (last + chunk.subarray(-8).toString("latin1")).slice(-8);
    if (last.endsWith(end)) return octets;
  }
}

async function overLoopback() {
  const server = createServer({ newCell, store }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const socket = connect(server.address().port, "127.0.0.1").setNoDelay();
  await answer(socket, "\r\n");
  for (const line of LOGIN.match(/.*\r\n/g)) {
    socket.write(line);
    await answer(socket, "\r\n");
  }
  const rounds = { noop: [], retr: [] };
  for (let round = 0; round < ROUNDS; round += 1) {
    let start = performance.now();
    for (let n = 0; n < 2_000; n += 1) {
      socket.write("NOOP\r\n");
      await answer(socket, "\r\n");
    }
    rounds.noop.push((performance.now() - start) / 2);
    start = performance.now();
    socket.write("RETR 1\r\n");
    await answer(socket, "\r\n.\r\n");
    rounds.retr.push((performance.now() - start) / 8);
  }
  socket.end("QUIT\r\n");
  socket.resume();
  await once(socket, "close");
  server.close();
  return { noop: Math.min(...rounds.noop), retr: Math.min(...rounds.retr) };
}

async function artefacts() {
  let octets = 0;
  for (const name of await readdir(folder)) {
    if (/\.(js|wasm)$/.test(name)) octets += (await stat(join(folder, name))).size;
  }
  return octets;
}

const row = (what, figure, unit) => console.log(`${what.padEnd(44)}${figure.padStart(9)} ${unit}`);
row("NOOP, the call alone", noop().toFixed(1), "µs");
row("1 MiB of RETR, the calls alone", retr().toFixed(2), "ms");
row("a cell, greeting, login, end", session().toFixed(2), "ms");
const { rss, heap } = memory();
row("memory of a cell that is idle, resident", rss.toFixed(0), "KiB");
row("memory of a cell that is idle, JavaScript", heap.toFixed(0), "KiB");
const socket = await overLoopback();
row("NOOP over loopback, client in this process", socket.noop.toFixed(0), "µs");
row("1 MiB of RETR over loopback", socket.retr.toFixed(2), "ms");
row("JavaScript and WebAssembly that jco wrote", (await artefacts()).toString(), "octets");
