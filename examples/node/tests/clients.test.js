// Real clients: Python's poplib, and curl. What they have to see is in clients.py.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Store } from "../mailbox.js";
import { start } from "./helpers.js";

const TESTS = ["poplib", "every_octet", "curl", "deletion", "many_at_once"];

/** Letters that have been trouble to somebody. */
function letters() {
  const every = Buffer.from(Array.from({ length: 256 }, (_, octet) => octet).filter((o) => o !== 10));
  const random = Buffer.alloc(6 << 20);
  // A linear congruence: the same letter in every run.
  for (let index = 0, seed = 1; index < random.length; index += 1) {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
    const octet = (seed >> 16) & 0x7f;
    random[index] = octet < 4 ? 0x2e : octet === 10 ? 0x0b : octet;
    if (index % 61 === 60 && index > 0) random.set([13, 10, 0x2e], index - 2);
  }
  return [
    "From: a\r\nSubject: plain\r\n\r\nHello.\r\n",
    "A: b\r\n\r\n.\r\n..\r\n...\r\n.x\r\nx.\r\n.\r\n",
    "",
    "\r\n",
    "x\r\n",
    "Header: without a body\r\n",
    Buffer.concat([Buffer.from("A: b\r\n\r\n"), every, Buffer.from("\r\n")]),
    `A: b\r\n\r\n${"y".repeat(100_000)}\r\n`,
    ".\r\n".repeat(100_000),
    Buffer.concat([random, Buffer.from("\r\n")]),
  ];
}

test("poplib and curl get what was stored", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "popcell-"));
  t.after(() => rm(folder, { recursive: true }));
  const all = letters();
  for (const [index, letter] of all.entries()) await writeFile(join(folder, `${index + 1}`), letter);
  const store = new Store();
  for (const name of TESTS) store.addUser(name, "a secret with spaces", all);
  for (let n = 0; n < 60; n += 1) store.addUser(`many${n}`, "secret", [`to ${n}\r\n`]);
  const { port } = await start(t, { store });
  const script = fileURLToPath(new URL("clients.py", import.meta.url));
  const python = spawn("python3", [script, String(port), folder], { stdio: "inherit" });
  const [code] = await once(python, "exit");
  assert.equal(code, 0, "clients.py failed; what it said is above");
  assert.deepEqual(
    store.letters("deletion").map(({ length }) => length),
    all.filter((_, index) => ![1, 9].includes(index)).map(({ length }) => length),
  );
  assert.equal(store.letters("poplib").length, all.length);
});
