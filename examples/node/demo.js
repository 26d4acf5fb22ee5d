// Users and letters to try a server with. Nobody's real mail. Runs in a browser as well.

import { Store } from "./mailbox.js";

const WELCOME = `From: Popcell <popcell@example.org>
To: Alice <alice@example.org>
Subject: Welcome
Date: Mon, 2 Nov 2026 09:00:00 +0000

Every octet of this letter was handed to a WebAssembly component,
which can reach this mailbox and nothing else.
`;

const DOTS = `From: Bob <bob@example.org>
To: Alice <alice@example.org>
Subject: Lines that begin with dots
Date: Tue, 3 Nov 2026 10:30:00 +0000

.one
..two
.
A line with a single dot ends an answer, so this one travels as two.
`;

const PLANS = `From: Carol <carol@example.org>
To: Alice <alice@example.org>
Subject: Saturday
Date: Wed, 4 Nov 2026 18:12:00 +0000

Shall we meet at the harbour at nine? Bring the map.
`;

/** Three users: alice with three letters, bob with one, carol with none. Password: secret. */
export function demoStore(store = new Store()) {
  store.addUser("alice", "secret", [WELCOME, DOTS, PLANS]);
  store.addUser("bob", "secret", [WELCOME.replaceAll("Alice", "Bob").replaceAll("alice", "bob")]);
  store.addUser("carol", "secret", []);
  return store;
}
