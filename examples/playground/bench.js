// What a session costs in the tab: node bench.js, behind ./test or `npm run build`
//
// Best of some rounds, in headless Chromium. The calls alone: the page has no socket.

import { once } from "node:events";
import { chromium } from "playwright-core";
import { server } from "./serve.js";

const ROUNDS = 7;

/** Runs in the page. */
async function measure(rounds) {
  const MIB = 1 << 20;
  const COMMANDS = 20_000;
  const STEP = 64 * 1_024;
  const here = (file) => new URL(file, location.href).href;
  const { shipped } = await import(here("builds.js"));
  const { Store, ...classes } = await import(here("mailbox.js"));
  const { Imports } = await import(here("trace.js"));
  const octets = (text) => new TextEncoder().encode(text);
  const store = new Store();
  const line = `${"x".repeat(70)}\r\n`;
  store.addUser("alice", "secret", [line.repeat(Math.ceil((8 * MIB) / line.length))]);
  const build = await shipped("first", "", "first");
  const Session = await build.instance(new Imports(store, classes, () => {}).object());
  const session = new Session({
    banner: "bench",
    challenge: undefined,
    tls: false,
    mayStartTls: false,
    mayLogin: true,
    mechanisms: [],
    announce: [],
    maxBadCommands: 10,
    maxBadCommandsAfterLogin: 50,
  });
  session.greet();
  for (let lines = octets("USER alice\r\nPASS secret\r\n"); lines.length > 0; ) {
    lines = lines.subarray(session.lines(lines, STEP).consumed);
  }
  const best = (work) =>
    Math.min(
      ...Array.from({ length: rounds }, () => {
        const start = performance.now();
        work();
        return performance.now() - start;
      }),
    );
  const command = octets("NOOP\r\n");
  const noop = best(() => {
    for (let n = 0; n < COMMANDS; n += 1) session.lines(command, STEP);
  });
  let sent = 0;
  const retr = best(() => {
    let step = session.lines(octets("RETR 1\r\n"), STEP);
    for (sent = step.output.length; step.next === "more"; sent += step.output.length) {
      step = session.more(STEP);
    }
  });
  if (sent < 8 * MIB) throw new Error(`RETR: ${sent} octets`);
  return { noop: (noop * 1_000) / COMMANDS, retr: retr / 8 };
}

const served = server().listen(0, "127.0.0.1");
if (!served.listening) await once(served, "listening");
const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
const args = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"];
const browser = await chromium.launch({ executablePath, args });
try {
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${served.address().port}/`);
  const { noop, retr } = await page.evaluate(measure, ROUNDS);
  console.log(`NOOP, the call alone             ${noop.toFixed(1).padStart(8)} µs`);
  console.log(`1 MiB of RETR, the calls alone   ${retr.toFixed(2).padStart(8)} ms`);
} finally {
  await browser.close();
  served.close();
}
