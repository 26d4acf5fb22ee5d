// The mail of the one user of the page. Nobody's real mail.

import { Store } from "./mailbox.js";

export const USER = "demo";
export const PASSWORD = "demo";

const head = (from, subject, date) =>
  `From: ${from}\nTo: Demo <demo@example.org>\nSubject: ${subject}\nDate: ${date} +0000\n\n`;

const WELCOME = `${head("Popcell <popcell@example.org>", "Welcome", "Mon, 2 Nov 2026 09:00:00")}\
The server that sends you this letter runs in this tab. It is a
WebAssembly component with two interfaces to reach the world by:
one for mail and one for logins. Each call of them is shown.
`;

const DOTS = `${head("Bob <bob@example.org>", "Dots", "Tue, 3 Nov 2026 10:30:00")}\
.this line begins with a dot
..this one with two
.
The dot alone above would end an answer, so it travels as two.
`;

const PLANS = `${head("Carol <carol@example.org>", "Saturday", "Wed, 4 Nov 2026 18:12:00")}\
Shall we meet at the harbour at nine? Bring the map.
`;

const LOG = Array.from(
  { length: 64 },
  (_, day) => `Day ${String(day + 1).padStart(2)}: wind from the west, the sea calm, all hands well.`,
).join("\n");
const LONG = `${head("Dora <dora@example.org>", "The log, in full", "Thu, 5 Nov 2026 07:45:00")}\
Suspend the session while this is on its way.

${LOG}
`;

/** The letters, with the subjects that the page shows. */
export const SUBJECTS = ["Welcome", "Dots", "Saturday", "The log, in full"];

export function demoStore() {
  const store = new Store();
  store.addUser(USER, PASSWORD, [WELCOME, DOTS, PLANS, LONG]);
  return store;
}
