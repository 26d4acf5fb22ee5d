// The page in a real browser: what a visitor does, and what must be refused.

import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { server } from "../serve.js";

const FIRST = process.env.POPCELL_COMPONENT;
const HOSTILE = process.env.POPCELL_HOSTILE_GUEST;
const withHostile = HOSTILE ? {} : { skip: "POPCELL_HOSTILE_GUEST names no component" };
const SHOTS = fileURLToPath(new URL("../screenshots", import.meta.url));
const QUIET = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];

const served = server().listen(0, "127.0.0.1");
let browser;
let origin;

before(async () => {
  if (!served.listening) await once(served, "listening");
  origin = `http://127.0.0.1:${served.address().port}/`;
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  browser = await chromium.launch({ executablePath, args: QUIET });
  await mkdir(SHOTS, { recursive: true });
});

after(async () => {
  await browser?.close();
  served.close();
});

/** A page of its own, which must not complain and must not leave this machine. */
async function visit(t, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  const complaints = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.stack));
  page.on("request", (request) => {
    if (!/^(blob:)?http:\/\/127\.0\.0\.1:/.test(request.url())) complaints.push(request.url());
  });
  t.after(async () => {
    await context.close();
    assert.deepEqual(complaints, []);
  });
  await page.goto(origin);
  await page.locator("html[data-ready]").waitFor();
  return page;
}

/** Types commands. Calls into the component are synchronous: the answers are there behind it. */
async function say(page, ...lines) {
  for (const line of lines) {
    await page.getByLabel("POP3 command").fill(line);
    await page.keyboard.press("Enter");
  }
}

/** The lines that the server has sent since the last look. */
async function answers(page) {
  return page.locator("#log").evaluate((log) => {
    const fresh = [...log.querySelectorAll("p.server:not([data-seen])")];
    return fresh.map((line) => {
      line.dataset.seen = "";
      return line.textContent;
    });
  });
}

const phase = (page) => page.locator("#phases [aria-current]").textContent();
const calls = (page) => page.locator("#calls").innerText();
const button = (page, name) => page.getByRole("button", { name });
const octets = async (page) =>
  Buffer.from(
    await page.locator("#hex input").evaluateAll((fields) => fields.map(({ value }) => Number.parseInt(value, 16))),
  );

async function loggedIn(t, options) {
  const page = await visit(t, options);
  await say(page, "USER demo", "PASS demo");
  assert.equal((await answers(page)).at(-1), "+OK Authentication succeeded");
  return page;
}

test("a session from login to QUIT, and what the imports tell", async (t) => {
  const page = await visit(t);
  assert.deepEqual(await answers(page), ["+OK Popcell in your browser"]);
  assert.equal(await phase(page), "Authorization");
  await say(page, "USER demo", "PASS wrong");
  assert.equal((await answers(page))[1], "-ERR [AUTH] Authentication failed");
  assert.match(await calls(page), /auth\.password\(“demo”, “•••••”\) → ?\s*“denied”/);
  await say(page, "USER demo", "PASS demo");
  await answers(page);
  assert.equal(await phase(page), "Transaction");
  await say(page, "LIST");
  const list = await answers(page);
  assert.equal(list.length, 6);
  assert.match(list[4], /^4 \d{4}$/);
  await say(page, "RETR 2");
  const letter = await answers(page);
  assert.ok(letter.includes("..this line begins with a dot") && letter.includes("...this one with two"), letter.join("\n"));
  assert.equal(letter.at(-1), ".");
  assert.match(await calls(page), /maildrop\.open\(2\)/);
  assert.match(await calls(page), /message\.read\(/);
  await say(page, "DELE 1");
  assert.match((await answers(page))[0], /^\+OK/);
  assert.equal(await page.locator("#mail tr.gone").count(), 0, "the host does not know of the mark");
  await say(page, "QUIT");
  assert.match((await answers(page))[0], /^\+OK/);
  assert.match(await calls(page), /maildrop\.commit\(00000001\)/);
  assert.equal(await page.locator("#mail tr.gone").count(), 1);
  assert.equal(await phase(page), "Update");
  assert.match(await page.locator("#where").textContent(), /over/);
  await button(page, "New session").click();
  await say(page, "USER demo", "PASS demo", "STAT");
  assert.match((await answers(page)).at(-1), /^\+OK 3 /);
});

test("suspended in the middle of a letter, and resumed", async (t) => {
  const page = await loggedIn(t);
  await page.getByLabel("Step by hand").check();
  await say(page, "RETR 4");
  const start = await answers(page);
  assert.ok(!start.includes("."));
  await page.keyboard.press("Alt+s");
  assert.match(await page.locator("#held").textContent(), /^\d+ octets of state, and a maildrop and a message$/);
  const state = await octets(page);
  assert.equal(state[0], 1, "format 1");
  await say(page, "NOOP");
  assert.match(await page.locator("#log .aside").last().textContent(), /parked/);
  await button(page, /^Second build/).click();
  await page.locator("#resume").click();
  await page.getByText(/^Resumed in: Second build/).waitFor();
  await page.getByLabel("Step by hand").uncheck();
  const rest = await answers(page);
  assert.equal(rest.at(-1), ".");
  const whole = await page.locator("#log .server").evaluateAll((lines) => lines.map((line) => line.textContent));
  const text = whole.join("\n");
  for (let day = 1; day <= 64; day += 1) {
    assert.equal(text.split(`Day ${String(day).padStart(2)}: wind`).length, 2, `day ${day} arrives once`);
  }
});

test("swapped while it is open: forward it goes, back it is refused", async (t) => {
  const page = await loggedIn(t);
  await say(page, "DELE 2");
  await answers(page);
  await button(page, /^Second build/).click();
  await page.getByText(/^Swapped with the session open/).first().waitFor();
  await say(page, "NOOP", "STAT");
  const [noop, stat] = await answers(page);
  assert.equal(noop, "+OK from the second build");
  assert.match(stat, /^\+OK 3 /, "the mark came along");
  await button(page, /^First build/).click();
  await page.getByText(/First build refuses the state: unknown-format\. The session goes on in: Second/).first().waitFor();
  await say(page, "NOOP", "STAT", "QUIT");
  assert.equal((await answers(page))[0], "+OK from the second build");
  assert.match(await calls(page), /maildrop\.commit\(00000010\)/);
  assert.equal(await page.locator("#mail tr.gone").count(), 1);
});

test("a state that was tampered with is refused, and the session survives it", async (t) => {
  const page = await loggedIn(t);
  await say(page, "DELE 3");
  await answers(page);
  await button(page, /^Suspend/).click();
  const edits = [[0, "63", "unknown-format"], [1, "07", "capability-mismatch"], [3, "7f", "capability-mismatch"]];
  for (const [index, value, refusal] of edits) {
    await page.getByLabel(`Octet ${index}`, { exact: true }).fill(value);
    await page.locator("#resume").click();
    await page.getByText(`First build refuses the edited state: ${refusal}.`).waitFor();
    await button(page, "Undo edits").click();
  }
  await page.locator("#resume").click();
  await say(page, "STAT");
  assert.match((await answers(page))[0], /^\+OK 3 /);
});

test("a component is brought along, and files that are none are named", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "popcell-"));
  t.after(() => rm(folder, { recursive: true }));
  const octets = await readFile(FIRST);
  const files = {
    "text.wasm": ["hello world", /expected a component, which begins with .*; found no WebAssembly but 68/],
    "core.wasm": [Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]), /found a core module/],
    "half.wasm": [octets.subarray(0, 5_000), /found one that can not be read: unexpected end-of-file/],
    "next.wasm": [
      Buffer.from(octets.toString("latin1").replaceAll("@0.1.0", "@0.9.0"), "latin1"),
      /expected a component that exports .*@0\.1\.0; found another version, .*@0\.9\.0/,
    ],
    "mine.wasm": [octets, /mine\.wasm is here/],
  };
  const page = await loggedIn(t);
  for (const [name, [content, expected]] of Object.entries(files)) {
    await writeFile(join(folder, name), content);
    await page.getByLabel("Bring a component").setInputFiles(join(folder, name));
    await page.locator("#verdict").filter({ hasText: expected }).waitFor();
  }
  await button(page, /^mine\.wasm/).click();
  await page.getByText(/^Swapped with the session open.*mine\.wasm/).first().waitFor();
  await say(page, "NOOP", "RETR 1", "QUIT");
  const said = await answers(page);
  assert.deepEqual([said[0], said.at(-2)], ["+OK ", "."]);
});

test("a component that traps loses its session and deletes nothing", withHostile, async (t) => {
  const page = await loggedIn(t);
  await say(page, "DELE 1");
  await page.getByLabel("Bring a component").setInputFiles(HOSTILE);
  await button(page, /^popcell_hostile/).click();
  await page.getByText(/^Swapped with the session open.*hostile/).first().waitFor();
  await say(page, "TRAP");
  await page.getByText(/^The component failed: .*unreachable.* Nothing was deleted\.$/).waitFor();
  assert.equal(await page.locator("#mail tr.gone").count(), 0);
  await button(page, /^First build/).click();
  await button(page, "New session").click();
  await say(page, "USER demo", "PASS demo", "STAT");
  assert.match((await answers(page)).at(-1), /^\+OK 4 /);
});

test("pasted lines are pipelined, and the keyboard is enough", async (t) => {
  const page = await visit(t);
  await page.evaluate(() => {
    const data = new DataTransfer();
    data.setData("text", "USER demo\nPASS demo\nSTAT\nRETR 1\nDELE 4\nQUIT\n");
    const event = new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
    document.getElementById("command").dispatchEvent(event);
  });
  const said = await answers(page);
  assert.match(said.at(-1), /^\+OK/);
  assert.match(await calls(page), /maildrop\.commit\(00001000\)/);
  await page.locator("#log").focus();
  await page.keyboard.press("/");
  await page.keyboard.press("ArrowUp");
  assert.equal(await page.getByLabel("POP3 command").inputValue(), "QUIT");
});

for (const [name, options] of Object.entries({
  light: { colorScheme: "light" },
  dark: { colorScheme: "dark" },
  narrow: { colorScheme: "light", viewport: { width: 390, height: 844 }, hasTouch: true },
})) {
  test(`it is whole and readable: ${name}`, async (t) => {
    const page = await loggedIn(t, options);
    await page.getByLabel("Step by hand").check();
    await say(page, "DELE 1", "RETR 2", "RETR 4");
    await page.screenshot({ path: join(SHOTS, `${name}-open.png`), fullPage: true });
    await button(page, /^Suspend/).click();
    await page.getByLabel("Octet 0", { exact: true }).fill("63");
    await page.locator("#resume").click();
    await page.getByText(/refuses the edited state/).waitFor();
    await page.screenshot({ path: join(SHOTS, `${name}-parked.png`), fullPage: true });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(wide <= 0, `the page is ${wide} pixels too wide`);
    assert.deepEqual(await page.evaluate(unlabelled), []);
    assert.deepEqual(await page.evaluate(faint), []);
  });
}

/** Controls without a name. Runs in the page. */
function unlabelled() {
  const controls = [...document.querySelectorAll("button, input, [role=log], [role=region]")];
  return controls
    .filter((one) => !one.labels?.length && !one.getAttribute("aria-label") && !one.getAttribute("aria-labelledby"))
    .filter((one) => one.textContent.trim() === "")
    .map((one) => one.outerHTML);
}

/** Text with less contrast than 4.5 to 1 (WCAG 2, AA). Runs in the page. */
function faint() {
  const channels = (color) => color.match(/[\d.]+/g).map(Number);
  const light = (color) => {
    const [red, green, blue] = channels(color).map((one) => {
      const part = one / 255;
      return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const behind = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const color = getComputedStyle(one).backgroundColor;
      if (channels(color)[3] !== 0) return color;
    }
    return "rgb(255, 255, 255)";
  };
  const hasText = (one) => [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  return [...document.querySelectorAll("body *")]
    .filter((one) => hasText(one) && one.checkVisibility() && !one.disabled && !one.closest(":disabled"))
    .map((one) => {
      const [text, back] = [light(getComputedStyle(one).color), light(behind(one))];
      const contrast = (Math.max(text, back) + 0.05) / (Math.min(text, back) + 0.05);
      return { contrast, text: one.textContent.slice(0, 40), kind: one.className };
    })
    .filter(({ contrast }) => contrast < 4.5);
}
