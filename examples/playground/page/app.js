// Puts the page together: what is done with the keyboard goes to the host, what the host tells is shown.

import { brought, shipped } from "./builds.js";
import { Hex } from "./hex.js";
import { Host } from "./host.js";
import { demoStore, SUBJECTS, USER } from "./mail.js";
import * as classes from "./mailbox.js";
import { Terminal } from "./terminal.js";
import { Calls, Mailbox, showBuilds, showPhase } from "./views.js";

const element = (id) => document.getElementById(id);

const builds = [
  await shipped("First build", "Popcell as it is; writes state format 1", "first"),
  await shipped("Second build", "other words; writes format 2, reads 1 and 2", "second"),
];
const store = demoStore();
const mailbox = new Mailbox(store.letters(USER), SUBJECTS);
const calls = new Calls();
const hex = new Hex(element("hex"));
const host = new Host(store, classes, (event, detail) => hear[event]?.(detail));
const terminal = new Terminal(send);

/** The build that `Resume` goes to. */
let target = builds[0];
/** The letters of this session by number, and the one that is open. */
let letters = [];
let opened = { number: 0, read: 0 };

const hear = {
  output: (octets) => terminal.server(octets),
  call: (name) => calls.exported(name),
  import(call) {
    calls.imported(call);
    follow(call);
  },
  over: (how) => terminal.aside(how === "close" ? "The session is over: QUIT." : "The session gave up."),
  failed(error) {
    terminal.aside(`The component failed: ${error.message}. Nothing was deleted.`, true);
    host.abandon();
  },
};

function follow({ name, raw, value, isRefused }) {
  if (name === "auth.password" && !isRefused) letters = store.letters(USER);
  if (name === "maildrop.open" && !isRefused) {
    opened = { number: raw[0], read: 0 };
    mailbox.opened(opened.number, letters);
  }
  if (name === "message.read" && !isRefused) {
    opened.read += value.length;
    mailbox.read(opened.read, opened.number, letters);
  }
  if (name === "maildrop.commit") mailbox.reset(store.letters(USER));
}

function send(lines) {
  if (host.parked) {
    terminal.aside("The session is parked. Resume it, and it will answer.");
    return;
  }
  if (!host.isOpen) {
    terminal.aside("There is no session. Open a new one.");
    return;
  }
  for (const line of lines) terminal.client(line);
  host.lines(lines);
  show();
}

async function open() {
  if (host.isOpen || host.parked) {
    host.abandon();
    terminal.aside("The connection was cut. What was marked stays.");
  }
  const build = host.build ?? builds[0];
  terminal.aside(`A new session in: ${build.name}`);
  await host.open(build);
  show();
  terminal.focus();
}

function suspend() {
  if (!host.isOpen) return;
  host.suspend();
  if (!host.parked) return;
  target = host.build;
  hex.show(host.parked.state);
  verdict("");
  show();
  element("resume").focus();
}

async function resume() {
  const edits = hex.edits;
  const refusal = await host.resume(target, hex.octets.slice());
  if (refusal) verdict(refusedText(target, refusal, edits), true);
  else verdict(`Resumed in: ${target.name}${edits ? `, from a state with ${edits} octets edited` : ""}.`);
  show();
  if (!refusal) terminal.focus();
}

/** Swaps another build in while the session is open. One that refuses leaves it where it was. */
async function swap(build) {
  const before = host.build;
  if (!host.isOpen || build === before) return;
  host.suspend();
  if (!host.parked) return;
  const { state } = host.parked;
  const refusal = await host.resume(build, state);
  if (refusal) {
    await host.resume(before, state);
    verdict(`${refusedText(build, refusal, 0)} The session goes on in: ${before.name}.`, true);
  } else {
    verdict(`Swapped with the session open: ${state.length} octets went from ${before.name} to ${build.name}.`);
  }
  terminal.aside(element("verdict").textContent, refusal !== undefined);
  show();
}

function refusedText(build, refusal, edits) {
  const state = edits ? "the edited state" : "the state";
  return `${build.name} refuses ${state}: ${refusal}.`;
}

async function bring(file) {
  verdict(`${file.name} is being transpiled, in this tab …`);
  try {
    builds.push(await brought(file.name, new Uint8Array(await file.arrayBuffer())));
    verdict(`${file.name} is here.`);
  } catch (error) {
    verdict(error.message, true);
  }
  show();
}

function choose(build) {
  if (host.parked) {
    target = build;
    show();
  } else if (host.isOpen) {
    void swap(build);
  } else {
    host.build = build;
    show();
  }
}

function verdict(text, isBad = false) {
  element("verdict").textContent = text;
  element("verdict").classList.toggle("bad", isBad);
}

function show() {
  showPhase(host);
  showBuilds(builds, host, target, choose);
  const { parked } = host;
  element("parked").hidden = !parked;
  element("suspend").hidden = parked !== null;
  element("suspend").disabled = !host.isOpen;
  element("more").disabled = !(host.isOpen && host.isByHand && host.next === "more");
  element("value-text").textContent = parked
    ? "These octets and the capabilities are the whole session. Edit an octet and see what a build says to it."
    : "Between any two calls a session can be taken out of its component, and put into another.";
  if (!parked) return;
  const held = ["maildrop", "message", "exchange"].filter((name) => parked[name]);
  element("held").textContent =
    `${parked.state.length} octets of state` + (held.length ? `, and a ${held.join(" and a ")}` : ", no capability");
}

element("open").addEventListener("click", open);
element("suspend").addEventListener("click", suspend);
element("resume").addEventListener("click", resume);
element("restore").addEventListener("click", () => hex.restore());
element("clear").addEventListener("click", () => calls.clear());
element("more").addEventListener("click", more);
element("by-hand").addEventListener("change", ({ target: box }) => {
  host.isByHand = box.checked;
  if (!box.checked) more();
  show();
});
element("file").addEventListener("change", ({ target: input }) => {
  if (input.files[0]) void bring(input.files[0]).then(() => (input.value = ""));
});
element("theme").addEventListener("click", () => paint(isDark() ? "light" : "dark"));

function more() {
  host.more();
  show();
}

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function paint(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  element("theme").textContent = isDark() ? "Light" : "Dark";
}

document.addEventListener("keydown", (event) => {
  const isTyping = event.target instanceof HTMLInputElement && event.target.type !== "checkbox";
  if (event.key === "/" && !isTyping) {
    event.preventDefault();
    terminal.focus();
  }
  // By the place of the key: with Alt, some layouts make another letter of it.
  const actions = { KeyS: host.parked ? resume : suspend, KeyM: more, KeyB: other };
  const action = event.altKey && actions[event.code];
  if (!action) return;
  event.preventDefault();
  void action();
});

/** The build behind the one that the session is in. */
function other() {
  const at = builds.indexOf(host.parked ? target : host.build);
  choose(builds[(at + 1) % builds.length]);
}

paint();
await open();
document.documentElement.dataset.ready = "";
