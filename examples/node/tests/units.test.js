// What needs no socket: lines, letters, passwords.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Input } from "../framing.js";
import { Breach, canonical, Maildrop, Refused } from "../mailbox.js";
import { storeOf } from "./helpers.js";

const octets = (text) => new TextEncoder().encode(text);
const text = (octets) => new TextDecoder().decode(octets);

function framed(chunks, max = 1_000) {
  const input = new Input(4);
  for (const chunk of chunks) input.push(Buffer.from(chunk));
  const lines = input.lines(max).toString();
  input.consume(lines.length);
  return [lines, input.isOverlong];
}

test("lines are handed over when they are complete, and cut anywhere", () => {
  const whole = "ab\r\nabcd\r\nabcd\n\nd";
  for (let cut = 0; cut <= whole.length; cut += 1) {
    const chunks = [whole.slice(0, cut), whole.slice(cut)];
    assert.deepEqual(framed(chunks), ["ab\r\nabcd\r\nabcd\n\n", false], `cut at ${cut}`);
  }
});

test("a line over the limit hides what is behind it and nothing before", () => {
  for (const chunks of [["a\nabcde\nb\n"], ["a\nabcde"], ["a\nab", "cde"], ["a\nabcd\rx"]]) {
    assert.deepEqual(framed(chunks), ["a\n", true], JSON.stringify(chunks));
  }
  assert.deepEqual(framed(["abcd\r"]), ["", false]);
});

test("a batch is whole lines, and at least one", () => {
  assert.equal(framed(["a\nb\nc\n"], 5)[0], "a\nb\n");
  assert.equal(framed(["abcd\r\nb\n"], 2)[0], "abcd\r\n");
});

test("letters get the line ends of the contract and keep all else", () => {
  const pairs = [
    ["", ""],
    ["a", "a\r\n"],
    ["a\nb", "a\r\nb\r\n"],
    ["\n\n", "\r\n\r\n"],
    ["a\r\nb\r\n", "a\r\nb\r\n"],
    ["a\rb\r", "a\rb\r\r\n"],
  ];
  for (const [letter, expected] of pairs) {
    assert.equal(text(canonical(letter)), expected, JSON.stringify(letter));
  }
});

test("who is wrong, or not there, is denied; who is there already is in use", () => {
  const store = storeOf();
  const login = (user, password) => () => store.login(octets(user), octets(password));
  for (const [user, password] of [["alice", "secre"], ["alice", "secrets"], ["alice", ""],
    ["eve", "secret"], ["", ""], ["eve", ""]]) {
    assert.throws(login(user, password), { payload: "denied" }, `${user} ${password}`);
  }
  const maildrop = login("alice", "secret")();
  assert.throws(login("alice", "secret"), { payload: "in-use" });
  maildrop.release();
  login("alice", "secret")();
});

test("a commit removes what is marked, once, and marks of nobody are a breach", () => {
  const store = storeOf("1\n", "2\n", "3\n");
  const login = () => Object.assign(store.login(octets("alice"), octets("secret")), { mayCommit: true });
  const left = () => store.letters("alice").map(text).join("");
  let maildrop = login();
  assert.throws(() => Maildrop.commit(maildrop, Uint8Array.of(0b1000)), Breach);
  assert.equal(left(), "1\r\n2\r\n3\r\n");
  Maildrop.commit(maildrop, Uint8Array.of(0b101));
  assert.equal(left(), "2\r\n");
  assert.throws(() => Maildrop.commit(maildrop, Uint8Array.of(0b010)), Refused);
  assert.equal(left(), "2\r\n");
  maildrop = login();
  Maildrop.commit(maildrop, new Uint8Array());
  assert.equal(left(), "2\r\n");
});
