// Shows every import as it is called, and keeps a capability while it is between two builds.

const METHODS = ["summary", "sizes", "uids", "announce", "open", "commit"];

/** The imports of one instance. `watch(call)` is told of each call when it has returned. */
export class Imports {
  #store;
  #watch;
  #classes;
  /** Capabilities that are on their way into an instance: it may drop them and not take them. */
  #inTransit = new Set();
  #last = null;
  /** Whether there is a QUIT among the lines that are being answered. */
  hasQuit = false;

  constructor(store, classes, watch) {
    this.#store = store;
    this.#classes = classes;
    this.#watch = watch;
  }

  /** What `instantiate` wants, for each new instance. */
  object() {
    const { Maildrop, Message, Exchange, Refused } = this.#classes;
    return {
      "popcell:pop3/mail": { Maildrop, Message },
      "popcell:pop3/auth": {
        Exchange,
        password: (user, password) =>
          this.#call("auth.password", [text(user), "•".repeat(password.length)], () =>
            this.#maildrop(this.#store.login(user, password)),
          ),
        apop: (user) =>
          this.#call("auth.apop", [text(user), "…"], () => {
            throw new Refused("denied");
          }),
      },
    };
  }

  /** While `work` runs, a drop of one of these is noted and not done. */
  async keeping(capabilities, work) {
    this.#inTransit = new Set(capabilities);
    try {
      return await work();
    } finally {
      this.#inTransit.clear();
    }
  }

  /** Whatever became of the last maildrop in the component, its lock ends here. */
  release() {
    this.#last?.release();
    this.#last = null;
  }

  #maildrop(maildrop) {
    this.#last = maildrop;
    for (const method of METHODS) this.#trace(maildrop, "maildrop", method);
    const open = maildrop.open;
    maildrop.open = (number) => {
      const message = open(number);
      this.#trace(message, "message", "read");
      this.#traceDrop(message, "message");
      return message;
    };
    this.#traceDrop(maildrop, "maildrop");
    Object.defineProperty(maildrop, "mayCommit", { get: () => this.hasQuit });
    return maildrop;
  }

  #trace(object, resource, method) {
    const original = object[method].bind(object);
    object[method] = (...given) =>
      this.#call(`${resource}.${method}`, given, () => original(...given));
  }

  #traceDrop(object, resource) {
    const original = object[Symbol.dispose].bind(object);
    object[Symbol.dispose] = () => {
      const isKept = this.#inTransit.has(object);
      this.#watch({ name: `drop ${resource}`, given: "", result: isKept ? "taken back" : "" });
      if (!isKept) original();
    };
  }

  #call(name, given, work) {
    const call = { name, given: given.map(shown).join(", "), raw: given };
    try {
      const value = work();
      this.#watch({ ...call, value, result: shown(value) });
      return value;
    } catch (error) {
      const refused = error.payload;
      const result = refused === undefined ? error.message : shown(refused);
      this.#watch({ ...call, isRefused: true, result });
      throw error;
    }
  }
}

function text(octets) {
  return new TextDecoder().decode(octets);
}

/** A value in few words. */
function shown(value) {
  if (value === undefined) return "ok";
  if (value instanceof BigUint64Array) return `[${list(Array.from(value, String))}]`;
  if (value instanceof Uint8Array) return octets(value);
  if (Array.isArray(value)) return `[${list(value.map(shown))}]`;
  if (typeof value === "string") return `“${value}”`;
  if (typeof value !== "object") return String(value);
  if ("count" in value && "octets" in value) return `${value.count} messages, ${value.octets} octets`;
  if ("kept" in value) return `${value.removed} removed, ${value.kept} kept`;
  return `a ${value.constructor.name.toLowerCase()}`;
}

function list(parts) {
  return parts.length > 6 ? `${parts.slice(0, 6).join(", ")}, … ${parts.length}` : parts.join(", ");
}

function octets(value) {
  if (value.length === 0) return "no octets";
  if (value.length <= 4) return Array.from(value, (one) => one.toString(2).padStart(8, "0")).join(" ");
  const start = text(value.subarray(0, 24)).replaceAll(/\s+/g, " ").trim();
  return `${value.length.toLocaleString("en")} octets “${start}${value.length > 24 ? "…" : ""}”`;
}
