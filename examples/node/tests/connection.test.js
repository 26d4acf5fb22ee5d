// The socket's side: slow and silent clients, long lines, many connections, clients that vanish.

import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { start, storeOf } from "./helpers.js";

const MIB = 1 << 20;
const LINE = `.${"x".repeat(77)}\r\n`;
const big = (mib) => LINE.repeat(Math.ceil((mib * MIB) / LINE.length));

/** Counts the octets that are read of any message of a store. */
function counted(store) {
  const login = store.login.bind(store);
  const reads = { octets: 0 };
  store.login = (user, password) => {
    const maildrop = login(user, password);
    const open = maildrop.open.bind(maildrop);
    maildrop.open = (number) => {
      const message = open(number);
      const read = message.read.bind(message);
      message.read = (max) => {
        const octets = read(max);
        reads.octets += octets.length;
        return octets;
      };
      return message;
    };
    return maildrop;
  };
  return reads;
}

test("a client that takes nothing costs a step, not the message", async (t) => {
  const store = storeOf(big(48));
  const reads = counted(store);
  const server = await start(t, { store, limits: { writeMs: 500 } });
  const client = await server.client();
  await client.login();
  client.socket.pause();
  const before = process.memoryUsage().rss;
  client.write("RETR 1\r\nQUIT\r\n");
  const { reason, octetsOut } = await server.ended();
  assert.equal(reason, "write stalled");
  // What is read and was not sent is in the kernel's buffers, which are 10 MiB at most, or in one step.
  assert.ok(reads.octets < 16 * MIB, `${reads.octets} octets were read, ${octetsOut} sent`);
  const grown = process.memoryUsage().rss - before;
  assert.ok(grown < 48 * MIB, `the process grew by ${grown} octets`);
  assert.equal(store.letters("alice").length, 1);
});

test("a client that sends and takes nothing is not read any more", async (t) => {
  const server = await start(t, { store: storeOf(big(1)), limits: { writeMs: 500 } });
  const client = await server.client();
  await client.login();
  client.socket.pause();
  client.write("RETR 1\r\n".repeat(100));
  client.write("NOOP\r\n".repeat(4 * MIB));
  const { reason, octetsIn } = await server.ended();
  assert.equal(reason, "write stalled");
  assert.ok(octetsIn < 512 * 1024, `${octetsIn} octets were read`);
});

test("a client that takes an answer bit by bit gets all of it", async (t) => {
  const letter = big(12);
  const server = await start(t, { store: storeOf(letter) });
  const client = await server.client();
  await client.login();
  client.socket.removeAllListeners("data").pause();
  client.write("RETR 1\r\nQUIT\r\n");
  const stuffed = letter.replaceAll(/^\./gm, "..");
  const expected = Buffer.from(`+OK ${letter.length} octets\r\n${stuffed}.\r\n+OK \r\n`);
  const parts = [];
  for await (const part of client.socket) {
    parts.push(part);
    // Some turns of the loop between two reads.
    for (let n = 0; n < 5; n += 1) await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(Buffer.concat(parts).equals(expected));
});

test("pipelined commands are answered in order, whatever the cuts", async (t) => {
  const lines = "USER alice\r\nPASS secret\r\nSTAT\r\nRETR 1\r\nNOOP\nDELE 1\r\nRSET\r\nQUIT\r\n";
  const expected = [
    "+OK USER accepted, send PASS", "+OK Authentication succeeded", "+OK 1 5", "+OK 5 octets", "one",
    ".", "+OK ", "+OK message deleted", "+OK ", "+OK ", "",
  ];
  for (let cut = 1; cut < lines.length; cut += 3) {
    const server = await start(t);
    const client = await server.client();
    client.write(lines.slice(0, cut));
    await new Promise((resolve) => setImmediate(resolve));
    client.write(lines.slice(cut));
    const rest = (await client.rest()).split("\r\n");
    assert.deepEqual(rest, expected.map((line, index) => (index === 7 ? rest[7] : line)), `cut at ${cut}`);
    assert.match(rest[7], /^\+OK/);
  }
});

test("a line of 16,384 octets is a line, one more is not", async (t) => {
  const server = await start(t);
  const client = await server.client();
  assert.match(await client.say(`USER ${"x".repeat(16_384 - 5)}`), /^\+OK|^-ERR/);
  client.write(`NOOP\r\n${"x".repeat(16_385)}\r\nUSER alice\r\n`);
  const rest = (await client.rest()).split("\r\n");
  assert.equal(rest[1], "-ERR line too long");
  assert.equal(rest.length, 3, "nothing behind it is answered");
  assert.equal((await server.ended()).reason, "closed by the session");
  const flood = await server.client();
  flood.write("x".repeat(MIB));
  assert.match(await flood.rest(), /^-ERR line too long\r\n$/);
});

test("who is silent is closed, before the login and behind it", async (t) => {
  const server = await start(t, { limits: { loginMs: 50, idleMs: 100 } });
  const silent = await server.client();
  silent.write("USER ali"); // Half a line puts nothing off.
  assert.equal(await silent.rest(), "");
  assert.equal((await server.ended()).reason, "no login");
  const client = await server.client();
  await client.login();
  await client.say("DELE 1");
  assert.equal(await client.rest(), "");
  assert.equal((await server.ended()).reason, "idle");
  const again = await server.client();
  await again.login();
  assert.equal(await again.say("STAT"), "+OK 1 5", "nothing was deleted");
});

test("the answer to a wrong password is late, and too many bad commands end the session", async (t) => {
  const server = await start(t, { limits: { deniedMs: 100 } });
  const client = await server.client();
  await client.say("USER alice");
  const asked = performance.now();
  assert.equal(await client.say("PASS wrong"), "-ERR [AUTH] Authentication failed");
  assert.ok(performance.now() - asked >= 99);
  for (let n = 0; n < 10; n += 1) client.write("NONSENSE\r\n");
  assert.match(await client.rest(), /-ERR too many bad commands\r\n$/);
  assert.equal((await server.ended()).reason, "closed by the session");
});

test("a client that vanishes in a download deletes nothing", async (t) => {
  const store = storeOf(big(24), "two\n");
  const server = await start(t, { store });
  for (const vanish of ["destroy", "resetAndDestroy", "end"]) {
    const client = await server.client();
    await client.login();
    client.socket.removeAllListeners("data").pause();
    client.write("DELE 2\r\nRETR 1\r\nQUIT\r\n");
    await once(client.socket, "readable");
    client.socket[vanish]();
    if (vanish === "end") client.socket.resume();
    const { reason } = await server.ended();
    assert.match(reason, /^(peer closed|write failed)/, vanish);
    assert.equal(store.letters("alice").length, 2, vanish);
  }
});

test("many connections at once, each in its own mailbox", async (t) => {
  const store = storeOf();
  const letter = (n) => `letter of ${n}\r\n`.repeat(2_000);
  const count = 150;
  for (let n = 0; n < count; n += 1) store.addUser(`user${n}`, "secret", [letter(n)]);
  const server = await start(t, { store });
  const clients = await Promise.all(Array.from({ length: count }, () => server.client()));
  await Promise.all(
    clients.map(async (client, n) => {
      assert.match(await client.login(`user${n}`), /^\+OK/);
      assert.match(await client.say("RETR 1"), /^\+OK/);
      assert.equal((await client.body()).toString(), letter(n));
      await client.say("DELE 1");
      assert.match(await client.say("QUIT"), /^\+OK/);
    }),
  );
  for (let n = 0; n < count; n += 1) assert.equal(store.letters(`user${n}`).length, 0);
});

test("beyond the most connections nobody is served, and later again", async (t) => {
  const server = await start(t, { limits: { connections: 1 } });
  const first = await server.client();
  const second = await server.client();
  assert.equal(second.greeting, undefined);
  await first.say("QUIT");
  await first.rest();
  await server.ended();
  first.socket.destroy();
  await once(first.socket, "close");
  let third = await server.client();
  while (third.greeting === undefined) third = await server.client();
  assert.match(third.greeting, /^\+OK/);
});
