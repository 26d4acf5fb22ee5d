// A mail store that fails, in every way and at every place: the client is told, the server lives,
// and nothing is deleted that should not be.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Refused, Store } from "../mailbox.js";
import { start, storeOf } from "./helpers.js";

const LETTER = `${"x".repeat(76)}\n`.repeat(5_000);

/** A store whose maildrops are changed before they are handed out. */
function changed(change, store = storeOf(LETTER, "two\n")) {
  const login = store.login.bind(store);
  store.login = (user, password) => {
    const maildrop = login(user, password);
    change(maildrop);
    return maildrop;
  };
  return store;
}

const throwing = (payload) => () => {
  throw payload instanceof Error ? payload : new Refused(payload);
};

const count = (store) => store.letters("alice").length;

test("every refusal of a login has its answer", async (t) => {
  const answers = {
    denied: "-ERR [AUTH] Authentication failed",
    "in-use": "-ERR [IN-USE] maildrop already locked",
    "login-delay": "-ERR [LOGIN-DELAY] wait before logging in again",
    temporary: "-ERR [SYS/TEMP] authentication is not available, try again later",
    permanent: "-ERR [SYS/PERM] this account needs an operator",
  };
  for (const [refusal, answer] of Object.entries(answers)) {
    const store = new Store();
    store.login = throwing(refusal);
    const client = await (await start(t, { store })).client();
    assert.equal(await client.login(), answer);
    assert.match(await client.say("QUIT"), /^\+OK/);
  }
});

test("a fault in sizes, uids and open is an answer, and the session goes on", async (t) => {
  const codes = { gone: "[SYS/TEMP]", temporary: "[SYS/TEMP]", permanent: "[SYS/PERM]" };
  const commands = { sizes: ["LIST 1", "RETR 1", "DELE 1"], uids: ["UIDL 1", "UIDL"], open: ["RETR 1", "TOP 1 0"] };
  for (const [method, lines] of Object.entries(commands)) {
    for (const [fault, code] of Object.entries(codes)) {
      const store = changed((maildrop) => (maildrop[method] = throwing(fault)));
      const client = await (await start(t, { store })).client();
      await client.login();
      for (const line of lines) {
        const answer = await client.say(line);
        assert.ok(answer.startsWith(`-ERR ${code}`), `${fault} in ${method}, ${line}: ${answer}`);
      }
      assert.equal(await client.say("NOOP"), "+OK");
      assert.match(await client.say("QUIT"), /^\+OK/);
      assert.equal(count(store), 2);
    }
  }
});

/** Reads succeed `successes` times, then they fail. */
function failingReads(maildrop, successes, failure) {
  const open = maildrop.open.bind(maildrop);
  maildrop.open = (number) => {
    const message = open(number);
    const read = message.read.bind(message);
    let left = successes;
    message.read = (max) => (left-- > 0 ? read(max) : throwing(failure)());
    return message;
  };
}

test("a fault in the first read is an answer", async (t) => {
  const store = changed((maildrop) => failingReads(maildrop, 0, "temporary"));
  const client = await (await start(t, { store })).client();
  await client.login();
  assert.match(await client.say("RETR 1"), /^-ERR \[SYS\/TEMP\]/);
  assert.equal(await client.say("NOOP"), "+OK");
});

test("a fault in a later read ends the connection, and the message does not look whole", async (t) => {
  const store = changed((maildrop) => failingReads(maildrop, 2, "permanent"));
  const server = await start(t, { store });
  const client = await server.client();
  await client.login();
  client.write("DELE 2\r\nRETR 1\r\nQUIT\r\n");
  const rest = await client.rest();
  assert.ok(rest.length > 10_000 && !rest.includes("\r\n.\r\n"), `${rest.length} octets`);
  assert.equal((await server.ended()).reason, "closed by the session");
  assert.equal(count(store), 2);
});

test("an unfinished commit is told", async (t) => {
  const store = changed((maildrop) => (maildrop.commit = throwing({ removed: 0, kept: 1 })));
  const server = await start(t, { store });
  const client = await server.client();
  await client.login();
  await client.say("DELE 1");
  assert.equal(await client.say("QUIT"), "-ERR some deleted messages not removed");
  assert.equal((await server.ended()).reason, "quit");
  assert.equal(count(store), 2);
  assert.match(await (await server.client()).login(), /^\+OK/, "the maildrop is free again");
});

test("an error that is no answer ends this session alone, in every import", async (t) => {
  const bug = new TypeError("a bug in the store");
  const places = {
    summary: ["STAT"], sizes: ["LIST 1"], uids: ["UIDL 1"], announce: ["CAPA"], open: ["RETR 1"],
    read: ["RETR 1"], commit: ["DELE 1", "QUIT"],
  };
  for (const [method, lines] of Object.entries(places)) {
    let isBroken = true;
    const store = changed((maildrop) => {
      if (!isBroken) return;
      if (method === "read") failingReads(maildrop, 0, bug);
      else maildrop[method] = throwing(bug);
    });
    const server = await start(t, { store });
    const client = await server.client();
    await client.say("USER alice");
    client.write(["PASS secret", ...lines, ""].join("\r\n"));
    await client.rest();
    const { reason, error } = await server.ended();
    assert.equal(reason, "component", method);
    assert.equal(error.cause, bug, method);
    assert.match(error.message, /(lines|more) failed: a bug in the store/);
    assert.equal(count(store), 2, method);
    isBroken = false;
    assert.match(await (await server.client()).login(), /^\+OK/, `${method}: free again`);
  }
});

test("a value that the contract does not have ends this session alone", async (t) => {
  const values = {
    "no maildrop": (store) => (store.login = () => ({ release() {} })),
    "no such refusal": (store) => (store.login = throwing("tired")),
    "no number": (store) => changed((maildrop) => (maildrop.summary = () => ({ count: 1, octets: "many" })), store),
  };
  for (const [name, change] of Object.entries(values)) {
    const store = storeOf("one\n");
    change(store);
    const server = await start(t, { store });
    const client = await server.client();
    await client.say("USER alice");
    client.write("PASS secret\r\nSTAT\r\n");
    await client.rest();
    const { reason, error } = await server.ended();
    assert.equal(reason, "component", `${name}: ${error?.message}`);
  }
});

test("a maildrop that is taken away early answers with faults and deletes nothing", async (t) => {
  let taken;
  const store = changed((maildrop) => (taken = maildrop));
  const server = await start(t, { store });
  const client = await server.client();
  await client.login();
  await client.say("DELE 1");
  taken.release();
  assert.match(await client.say("RETR 2"), /^-ERR \[SYS\/TEMP\]/);
  assert.match(await client.say("UIDL 2"), /^-ERR \[SYS\/TEMP\]/);
  const other = await server.client();
  assert.match(await other.login(), /^\+OK/);
  assert.equal(await client.say("QUIT"), "-ERR some deleted messages not removed");
  assert.equal(count(store), 2);
  assert.equal(await other.say("STAT"), `+OK 2 ${LETTER.length + 5_000 + 5}`, "the other has its lock");
  assert.match(await (await server.client()).login(), /IN-USE/);
});

test("what a session held is dropped, however it ends", async (t) => {
  const store = storeOf(LETTER);
  const server = await start(t, { store });
  for (const lines of ["QUIT\r\n", "RETR 1\r\nQUIT\r\n", "TOP 1 3\r\nDELE 1\r\n"]) {
    const client = await server.client();
    assert.match(await client.login(), /^\+OK/, lines);
    client.write(lines);
    if (lines.endsWith("QUIT\r\n")) await client.rest();
    else client.socket.destroy();
    await server.ended();
  }
  assert.equal(count(store), 1);
  const client = await server.client();
  await client.login();
  for (const line of ["RETR 1", "TOP 1 5", "RETR 1"]) {
    assert.match(await client.say(line), /^\+OK/);
    assert.ok(await client.body(), "a message is dropped before the next is opened");
  }
});
