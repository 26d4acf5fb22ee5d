// A component that traps, lies or takes too much: its own session ends, its mail stays, and the
// others do not notice.

import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "../component.js";
import { component, HOSTILE, start, storeOf, withHostile } from "./helpers.js";

/** Two components on one server: whoever comes first gets the hostile one. */
async function hostileFirst(t, store = storeOf("one\n", "two\n")) {
  const [hostile, sane] = [await load(HOSTILE), await component()];
  let isFirst = true;
  const newCell = (...parameters) => {
    const make = isFirst ? hostile : sane;
    isFirst = false;
    return make(...parameters);
  };
  const server = await start(t, { store, newCell });
  return { server, store };
}

const left = (store) => store.letters("alice").length;

const ENDS = {
  "TRAP": /lines trapped: .*unreachable/,
  "RECURSE": /lines (failed: Maximum call stack size exceeded|trapped: )/,
  "AT more TRAP": /more trapped: .*unreachable/,
  "CONSUME 0": /lines consumed a part of a line/,
  "CONSUME 3": /lines consumed a part of a line/,
  "CONSUME 4000": /lines consumed 4000 octets of/,
  "FLOOD 200000": /lines gave 200000 octets, not 131072/,
  "AT more MUTE": /more gave nothing/,
  "START-TLS": /start-tls where it is not offered/,
  "SIZES 0 1": /lines failed: a window of 1 from 0/,
  "UIDS 1 5000": /lines failed: a window of 5000 from 1/,
  "READ 0": /lines failed: a read of 0 octets/,
  "OPEN 2": /lines failed: a message is opened while another is open/,
  "UNASKED 1": /lines failed: a commit without a QUIT/,
  "LOGIN": /lines failed: a login behind a login/,
  "FORGED": /lines (failed|trapped): /,
};

for (const [order, expected] of Object.entries(ENDS)) {
  test(`a component that is ordered ${order}`, withHostile, async (t) => {
    const { server, store } = await hostileFirst(t);
    const hostile = await server.client();
    const other = await server.client();
    assert.match(await other.login("bob"), /^\+OK/);
    await hostile.say("LOGIN");
    await hostile.say("OPEN 1");
    hostile.write(`${order}\r\n`);
    await hostile.rest();
    const { reason, error } = await server.ended();
    assert.equal(reason, "component");
    assert.match(error.message, expected);
    assert.equal(left(store), 2);
    assert.equal(await other.say("STAT"), "+OK 2 10", "the other does not notice");
    assert.match(await (await server.client()).login(), /^\+OK/, "the maildrop is free again");
  });
}
