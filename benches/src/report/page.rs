//! The page BENCHMARKS.md: what was measured, on what, and how to do it again.

use super::{Results, scale, table};
use crate::scale::Scale;

const HEAD: &str = "\
# Benchmarks

What Popcell costs, beside other servers and beside a floor. Written by the command at the end of this page.

**CPU** is user and system time of the server's whole process tree for each operation, the steadiest
figure that a machine has that does other things as well. Ratios are what to compare: absolute figures
differ between machines, and rates and latencies show what else the machine was doing.
**The floor** is the least that a server on tokio can do: it answers `+OK` or sends what was prepared, and
knows no protocol, no user and no file. *to floor* says how many times its CPU a server needs, *goal* how
many Popcell is to need at most. **memory** is the proportional set size (PSS) of the process tree for each
connection, from a quarter of them to all: what a server needs once is not in it.

**What the sandbox costs** is the difference to *native*: the same host with the same session, compiled into it and
called straight (`engine = \"native\"` of the feature `native-session`, which no product has). The goal is 10 % or less
of a session's CPU.

Every octet of every message was compared with its file. A run with an error is no figure.

";

const TAIL: &str = "
* All servers have the same Maildirs and the same users with passwords in the clear, a fresh process for each
  turn, and a log in a file. They take turns (A B C, A B C); figures are medians.
* *dovecot* is what an installation does that sets nothing but users, mail and certificates: a process for
  each session. *dovecot-tuned* uses processes again, has many clients in each, remembers passwords, and
  does not synchronise what it writes (`mail_fsync = never`); Popcell always does.
* *native* has no instance, no store, no fiber and no copies into a guest's memory. It checks what the session asks
  for as it checks a guest, and waits on its thread where a guest would be laid aside (a first login, a commit that
  removes something). The session in it is compiled as the host is, the component as `[profile.component]` says.
* Who writes to a client that sleeps wakes it up, and that is the server's time here. With clients that never sleep
  (tried once, the machine in a slower hour) a session was 42 µs of the floor, 85 of native and 133 of popcell, where
  it was 53, 114 and 149 with these: the servers are cheaper then, and what the sandbox costs is not.
* *floor-unbatched* is the floor with a write for every message, where the floor sends 16 with one.
* *popcell* and *native* serve from one thread (`connection_threads = 1`), as the floor does. With a second one, and the
  client on the same two processors, threads fall asleep and are woken up more often: a NOOP costs about 1.3 times as
  much, a session 1.4 times. What a second processor is good for is in the last table.
* Idle connections of Dovecot (64 and 256) and of Courier (64) are fewer, since there is a process for each, or a limit.
* *courier* is what Debian's packages do that are told of users, mail, certificates and room for 100 clients: a
  process for each connection. Passwords are digests (MD5), since it has no scheme for one in the clear.
* In *tls-resumed*, *does not resume* is a server that gave a ticket and did not take it.
* All load comes from one thread of another process. Where CPU times rate is far below one processor, the
  rate and the latencies are the client's, not the server's; with TLS more than anywhere.
* The mailbox of *drain* is as delivered, and seen by the server for the first time; a new session
  and a look into the folders show afterwards that nothing is left.
";

const SCALE: &str = "
## How it grows

Popcell alone. **wall** is what the client waits (for a login: from PASS to its answer; the median), **CPU** the
server's (for a login: that of its whole session), **memory** what the server has more than before the maildrop
was opened. *a message* is CPU or memory divided by the messages of the maildrop; *to linear* compares that
with the smallest maildrop: 1.00 grows with the messages, 0.10 costs ten times as many messages the same.

* *first login*: nothing is remembered, so every message is read and counted. What was written lately is in
  memory: a cold disk takes longer.
* *second login*: the same process, and no folder has changed; what it found it keeps in memory, but for no
  maildrop of more than 125,000 messages. *login, new process*: `popcell-sizes` is there, the process knows nothing. *login, one more message*: something was delivered since the last login.
* *UIDL*: all lines are counted. *RETR of the last*: every octet is compared.
* *memory*: with the first session open; at its highest until then; with a later session open; with none
  left. What an allocator keeps is part of it.
* The session of the second table is `session` of the page's first one. Its client is one thread: where it shares
  the processors of the server, what it takes the server has not.

";

const AGAIN: &str = "
## Do it again

```console
$ cargo run --release -p popcell-bench -- run --json docs/benchmarks.json \\
    --svg docs/benchmarks.svg --markdown BENCHMARKS.md
$ cargo run --release -p popcell-bench -- scale --json docs/benchmarks.json \\
    --markdown BENCHMARKS.md
```

Dovecot is compared if it is installed (Debian: `apt-get install dovecot-pop3d`) and root runs this; with
`--peer twisted` a server of Twisted is, too, and with `--peer courier` Courier (`apt-get install courier-base
courier-authlib-userdb`; the package with its POP3, which Debian has not beside Dovecot's, is fetched). *native*
is if `POPCELL_NATIVE_BIN` names a copy of what `cargo build --release --package popcell --features
native-session` makes, or it is `popcell-native` beside popcell-bench. `popcell-bench noop` is one row alone,
`--help` has the sizes.
";

pub(super) fn page(results: &Results) -> String {
    let mut text = HEAD.to_owned();
    if !results.remark.is_empty() {
        text += &format!("{}\n\n", results.remark);
    }
    text += &table(results);
    text += "\n![CPU as a multiple of the floor](docs/benchmarks.svg)\n\n## What was measured\n\n";
    text += &format!(
        "* {}.\n* {}.\n",
        results.machine.describe(),
        results.settings
    );
    for column in &results.servers {
        text += &format!("* {}: {}.\n", column.server, column.version);
    }
    for (row, _) in results.rows() {
        text += &format!("* `{}`: {}, for each {}.\n", row.name, row.title, row.unit);
    }
    text += TAIL;
    if let Some(measured) = &results.scale {
        text += &section(measured);
    }
    text + AGAIN
}

fn section(measured: &Scale) -> String {
    format!(
        "{SCALE}{}\n* {}.\n* {}.\n* {}.\n",
        scale(measured),
        measured.machine.describe(),
        measured.version,
        measured.settings,
    )
}
