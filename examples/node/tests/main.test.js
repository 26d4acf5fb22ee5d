// The program, as README.md says that it is used.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const MAIN = fileURLToPath(new URL("../main.js", import.meta.url));
const BUILD = fileURLToPath(new URL("../build.js", import.meta.url));

/** What a program that has to fail says. */
async function complaint(...command) {
  const error = await run(process.execPath, command).then(
    () => assert.fail("it did not fail"),
    (error) => error,
  );
  assert.equal(error.code, 1, error.stderr);
  return error.stderr;
}

test("the server of README.md", async (t) => {
  const server = spawn(process.execPath, [MAIN, "--port", "0"], {
    stdio: ["ignore", "pipe", "inherit"],
    timeout: 60_000,
  });
  t.after(() => server.kill());
  // Lines wait for the one who asks, so that none is missed.
  const lines = createInterface(server.stdout)[Symbol.asyncIterator]();
  const said = (await lines.next()).value;
  const expected = /^listening on 127\.0\.0\.1:(\d+), as alice, bob or carol with the password secret$/;
  assert.match(said, expected);
  const [, port] = expected.exec(said);
  const { stdout } = await run("curl", ["-s", `pop3://127.0.0.1:${port}`, "-u", "alice:secret"]);
  assert.equal(stdout, "1 241\r\n2 223\r\n3 177\r\n");
  assert.match((await lines.next()).value, /^end: quit, \d+ octets in, \d+ out$/);
});

test("what can not be done is said in a line", async (t) => {
  const nothing = await complaint(MAIN, "--component", "/nowhere");
  assert.match(nothing, /^main: \/nowhere: expected a component as build\.js writes it; found none; run: .*\n$/);
  const taken = createServer().listen(0, "127.0.0.1");
  t.after(() => taken.close());
  await once(taken, "listening");
  const inUse = await complaint(MAIN, "--port", String(taken.address().port));
  assert.match(inUse, /^main: listen EADDRINUSE: .*\n$/);
  assert.match(await complaint(BUILD, "/nowhere.wasm"), /^build: \/nowhere\.wasm: expected a component; found no such file\n$/);
  assert.match(await complaint(BUILD, MAIN), /^build: .*main\.js: expected a component, which begins .*; found no WebAssembly/);
});
