// A session of POP3 (RFC 1939) in JavaScript: the contract of wit/pop3.wit, in another language.
//
// Says what a client needs to fetch its mail, and no more: no TOP, no UIDL, no SASL.

import { password } from "popcell:pop3/auth@0.1.0";
import { Maildrop } from "popcell:pop3/mail@0.1.0";

const CR = 13;
const LF = 10;
const DOT = 46;
const TERMINATOR = [DOT, CR, LF];
const READ = 16_384;
const WINDOW = 4_096;

const latin1 = (octets) => octets.reduce((text, octet) => text + String.fromCharCode(octet), "");
const octetsOf = (text) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));

// What the host says no with; everything else that is thrown is a mistake, and ends the session.
const isAnswer = (error) => error?.payload !== undefined;

// An answer that is an -ERR.
class Refusal extends Error {}

// The message that is being sent.
class Download {
  constructor(message, atLineStart = true) {
    this.message = message;
    this.atLineStart = atLineStart;
  }

  // About `max` octets, dot-stuffed; with the terminator at the end.
  next(max) {
    // Every octet may be a dot that is stuffed.
    const output = new Uint8Array(max * 2);
    let length = 0;
    while (length < max - TERMINATOR.length) {
      const octets = this.message.read(Math.min(READ, max - length - TERMINATOR.length));
      if (octets.length === 0) {
        output.set(TERMINATOR, length);
        return { output: output.subarray(0, length + TERMINATOR.length), isOver: true };
      }
      for (const octet of octets) {
        if (this.atLineStart && octet === DOT) output[length++] = DOT;
        output[length++] = octet;
        this.atLineStart = octet === LF;
      }
    }
    return { output: output.subarray(0, length), isOver: false };
  }

  close() {
    this.message[Symbol.dispose]();
  }
}

class Session {
  constructor(connection) {
    this.connection = connection;
    this.badCommands = 0;
    this.user = null;
    this.maildrop = null;
    this.download = null;
    this.deleted = new Set();
  }

  greet() {
    return this.step([`+OK ${this.connection.banner}`]);
  }

  lines(lines, max) {
    const end = lines.indexOf(LF) + 1;
    const step = this.command(latin1(lines.subarray(0, end)).trimEnd(), max);
    return { ...step, consumed: end };
  }

  more(max) {
    let sent;
    try {
      sent = this.download.next(max);
    } catch (error) {
      if (!isAnswer(error)) throw error;
      // What was sent is less than the message, so that nothing may end it as if it were whole.
      return { consumed: 0, output: new Uint8Array(), next: "abort" };
    }
    if (sent.isOver) this.endDownload();
    const next = sent.isOver ? "lines" : "more";
    return { consumed: 0, output: sent.output, next };
  }

  overlong() {
    return this.step(["-ERR line too long"], "abort");
  }

  static suspend(session) {
    const { user, deleted, badCommands, download } = session;
    const atLineStart = download?.atLineStart;
    const state = { user, deleted: [...deleted], badCommands, atLineStart };
    return {
      state: octetsOf(JSON.stringify(state)),
      maildrop: session.maildrop ?? undefined,
      message: download?.message,
      exchange: undefined,
    };
  }

  static resume(parked, connection) {
    const session = new Session(connection);
    let state;
    try {
      state = JSON.parse(latin1(parked.state));
    } catch {
      throw "unknown-format";
    }
    if ((parked.message === undefined) !== (state.atLineStart === undefined)) {
      throw "capability-mismatch";
    }
    session.user = state.user;
    session.badCommands = state.badCommands;
    session.deleted = new Set(state.deleted);
    session.maildrop = parked.maildrop ?? null;
    if (parked.message) session.download = new Download(parked.message, state.atLineStart);
    return session;
  }

  command(line, max) {
    const [verb, ...rest] = line.split(" ");
    const handlers = this.maildrop ? TRANSACTION : AUTHORIZATION;
    const handler = handlers[verb.toUpperCase()];
    try {
      if (!handler) throw new Refusal("unknown command");
      return handler(this, rest.join(" "), max);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.badCommands += handler ? 0 : 1;
      const isOver = this.badCommands >= this.connection.maxBadCommands;
      return this.step([`-ERR ${error.message}`], isOver ? "abort" : "lines");
    }
  }

  step(lines, next = "lines") {
    const output = octetsOf(lines.map((line) => `${line}\r\n`).join(""));
    return { consumed: 0, output, next };
  }

  // The number in `text`, of a message that is there and not marked.
  number(text) {
    const number = /^[0-9]{1,9}$/.test(text) ? Number(text) : 0;
    if (number < 1 || number > this.maildrop.summary().count) throw new Refusal("no such message");
    if (this.deleted.has(number)) throw new Refusal("message deleted");
    return number;
  }

  // Every message that is not marked, with its size.
  *listing() {
    const { count } = this.maildrop.summary();
    for (let first = 1; first <= count; first += WINDOW) {
      const sizes = this.maildrop.sizes(first, WINDOW);
      for (let index = 0; index < sizes.length; index += 1) {
        if (!this.deleted.has(first + index)) yield [first + index, sizes[index]];
      }
    }
  }

  endDownload() {
    this.download.close();
    this.download = null;
  }
}

const AUTHORIZATION = {
  USER(session, name) {
    session.user = name;
    return session.step(["+OK send PASS"]);
  },
  PASS(session, secret) {
    if (session.user === null) throw new Refusal("USER first");
    try {
      session.maildrop = password(octetsOf(session.user), octetsOf(secret));
    } catch (error) {
      if (!isAnswer(error)) throw error;
      throw new Refusal("[AUTH] authentication failed");
    } finally {
      session.user = null;
    }
    return session.step(["+OK welcome"]);
  },
  CAPA: (session) => session.step(["+OK", "USER", "."]),
  QUIT: (session) => session.step(["+OK bye"], "close"),
};

const TRANSACTION = {
  NOOP: (session) => session.step(["+OK"]),
  CAPA: (session) => session.step(["+OK", "USER", "."]),
  STAT(session) {
    let [count, octets] = [0, 0n];
    for (const [, size] of session.listing()) [count, octets] = [count + 1, octets + size];
    return session.step([`+OK ${count} ${octets}`]);
  },
  // Whole, since the mailbox of a small session is: at most `max` octets go out in a step.
  LIST(session, argument, max) {
    if (argument) {
      const number = session.number(argument);
      return session.step([`+OK ${number} ${session.maildrop.sizes(number, 1)[0]}`]);
    }
    const lines = Array.from(session.listing(), ([number, size]) => `${number} ${size}`);
    const step = session.step(["+OK", ...lines, "."]);
    if (step.output.length > max) throw new Refusal("too many messages");
    return step;
  },
  RETR(session, argument) {
    const number = session.number(argument);
    try {
      session.download = new Download(session.maildrop.open(number));
    } catch (error) {
      if (!isAnswer(error)) throw error;
      throw new Refusal("[SYS/TEMP] the message can not be read");
    }
    return session.step(["+OK"], "more");
  },
  DELE(session, argument) {
    session.deleted.add(session.number(argument));
    return session.step(["+OK deleted"]);
  },
  RSET(session) {
    session.deleted.clear();
    return session.step(["+OK"]);
  },
  QUIT(session) {
    const marks = new Uint8Array(Math.ceil(session.maildrop.summary().count / 8));
    for (const number of session.deleted) marks[(number - 1) >> 3] |= 1 << ((number - 1) & 7);
    const { maildrop } = session;
    session.maildrop = null;
    try {
      Maildrop.commit(maildrop, marks);
    } catch (error) {
      if (!isAnswer(error)) throw error;
      return session.step(["-ERR some deleted messages not removed"], "close");
    }
    return session.step(["+OK bye"], "close");
  },
};

export const session = { Session };
