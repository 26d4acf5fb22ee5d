// Files that are not the component: the error names what was expected and what was found.

import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { build } from "../build.js";
import { load } from "../component.js";
import { NotThisContract, checkNames, AUTH, MAIL, SESSION } from "../contract.js";

const COMPONENT = process.env.POPCELL_COMPONENT;
const withComponent = COMPONENT ? {} : { skip: "set POPCELL_COMPONENT to the component's file" };

async function refused(t, octets) {
  const folder = await mkdtemp(join(tmpdir(), "popcell-"));
  t.after(() => rm(folder, { recursive: true }));
  const file = join(folder, "some.wasm");
  if (octets !== undefined) await writeFile(file, octets);
  const error = await build(file, join(folder, "generated")).then(
    () => assert.fail("was taken"),
    (error) => error,
  );
  assert.ok(error instanceof NotThisContract, error.stack);
  assert.ok(error.message.startsWith(`${file}: expected a`), error.message);
  return error.message;
}

/** The component with names of the same length in it. */
async function renamed(from, to) {
  const text = (await readFile(COMPONENT)).toString("latin1");
  assert.ok(text.includes(from));
  return Buffer.from(text.replaceAll(from, to), "latin1");
}

test("no file", async (t) => {
  assert.match(await refused(t), /expected a component; found no such file/);
});

test("no WebAssembly", async (t) => {
  assert.match(await refused(t, "hello world"), /begins with 00 61 .*; found no WebAssembly but 68 65/);
  assert.match(await refused(t, ""), /found an empty file/);
});

test("a core module", async (t) => {
  const module = Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
  assert.match(await refused(t, module), /found a core module/);
});

test("a component of nothing", async (t) => {
  const empty = Buffer.from([0, 0x61, 0x73, 0x6d, 0xd, 0, 1, 0]);
  assert.match(await refused(t, empty), /exports popcell:pop3\/session@0\.1\.0; found no exports/);
});

test("half a component", withComponent, async (t) => {
  const half = (await readFile(COMPONENT)).subarray(0, 5_000);
  assert.match(await refused(t, half), /found one that can not be read: unexpected end-of-file/);
});

test("another version", withComponent, async (t) => {
  const octets = await renamed("@0.1.0", "@0.9.0");
  const expected = /exports popcell:pop3\/session@0\.1\.0; found another version, popcell:pop3\/session@0\.9\.0/;
  assert.match(await refused(t, octets), expected);
});

test("another world", withComponent, async (t) => {
  const octets = await renamed("popcell:pop3/", "popcell:smtp/");
  assert.match(await refused(t, octets), /found another world, with popcell:smtp\/session@0\.1\.0/);
});

test("imports of more than mail and logins", () => {
  const names = { imports: [MAIL, AUTH, "wasi:cli/environment@0.2.6"], exports: [SESSION] };
  assert.throws(() => checkNames(names, "f"), /alone; found wasi:cli\/environment@0\.2\.6 as well/);
  checkNames({ imports: [MAIL], exports: [SESSION] }, "f");
});

test("nothing was built", async () => {
  await assert.rejects(load("/nowhere"), /\/nowhere: expected a component as build.js writes it; found none/);
});
