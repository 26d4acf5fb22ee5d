// Mail and its users, in memory: what a component reaches through the interfaces `mail` and `auth`.
//
// Runs in a browser as well. A store of your own has the same three classes. Every method here is
// called in the middle of a call into the component and has to answer at once: no promises.

const CR = 0x0d;
const LF = 0x0a;
const WINDOW_MESSAGES = 4_096;
const READ_OCTETS = 1_048_576;

/** The error case of a `result`, which is an ordinary answer: 'denied', 'temporary' and so on. */
export class Refused extends Error {
  constructor(payload) {
    super(typeof payload === "string" ? payload : JSON.stringify(payload));
    this.payload = payload;
  }
}

/** The component did what the contract forbids. It is not an answer, and ends the session. */
export class Breach extends Error {}

/** Users, each with a password and a mailbox. */
export class Store {
  #boxes = new Map();

  /** `letters`: strings or octets. Lines that end in LF get their CR, the last one its line end. */
  addUser(name, password, letters) {
    const stored = letters.map((letter, index) => ({
      uid: `${name}.${index + 1}`,
      octets: canonical(letter),
    }));
    this.#boxes.set(name, { password: new TextEncoder().encode(password), letters: stored });
  }

  /** The letters that are stored for a user. */
  letters(name) {
    return this.#boxes.get(name)?.letters.map(({ octets }) => octets) ?? [];
  }

  /** A maildrop for a user name and a password, both as the client's octets. */
  login(user, password) {
    const box = this.#boxes.get(new TextDecoder().decode(user));
    // Somebody who does not exist takes as long as somebody who does.
    const isRight = equal(password, box?.password ?? new Uint8Array(password.length));
    if (!box || !isRight) throw new Refused("denied");
    if (box.holder) throw new Refused("in-use");
    return new Maildrop(box);
  }
}

/** What one session sees of a mailbox: locked, numbered from 1, fixed. */
export class Maildrop {
  #box;
  #letters;
  #open = null;
  /** Whether there is a QUIT among the lines that are being answered. */
  mayCommit = false;

  constructor(box) {
    this.#box = box;
    this.#letters = [...box.letters];
    box.holder = this;
  }

  get isReleased() {
    return this.#box.holder !== this;
  }

  summary() {
    const octets = this.#letters.reduce((sum, letter) => sum + letter.octets.length, 0);
    return { count: this.#letters.length, octets: BigInt(octets) };
  }

  sizes(first, max) {
    return BigUint64Array.from(this.#window(first, max), ({ octets }) => BigInt(octets.length));
  }

  uids(first, max) {
    const lines = this.#window(first, max).map(({ uid }) => `${uid}\n`);
    return new TextEncoder().encode(lines.join(""));
  }

  announce() {
    return [];
  }

  open(number) {
    if (this.#open) throw new Breach("a message is opened while another is open");
    const letter = this.#letters[number - 1];
    if (this.isReleased) throw new Refused("temporary");
    if (!letter) throw new Refused("gone");
    this.#open = new Message(letter.octets, this);
    return this.#open;
  }

  /** The open message has been dropped. */
  closed() {
    this.#open = null;
  }

  /** UPDATE. Takes the maildrop, whatever comes of it. */
  static commit(maildrop, marks) {
    maildrop.commit(marks);
  }

  commit(marks) {
    if (!this.mayCommit) throw new Breach("a commit without a QUIT");
    if (this.#open) throw new Breach("a commit while a message is open");
    const isMarked = (index) => (((marks[index >> 3] ?? 0) >> (index & 7)) & 1) === 1;
    if (countOnes(marks) !== this.#letters.filter((_, index) => isMarked(index)).length) {
      throw new Breach("a mark for a message that does not exist");
    }
    const marked = new Set(this.#letters.filter((_, index) => isMarked(index)));
    if (this.isReleased) throw new Refused({ removed: 0, kept: marked.size });
    this.#box.letters = this.#box.letters.filter((letter) => !marked.has(letter));
    this.release();
  }

  /** Ends the lock and removes nothing. What is asked of it from then on is a fault. */
  release() {
    if (!this.isReleased) this.#box.holder = null;
  }

  /** The component has dropped it. */
  [Symbol.dispose]() {
    this.release();
  }

  #window(first, max) {
    if (first < 1 || max > WINDOW_MESSAGES) throw new Breach(`a window of ${max} from ${first}`);
    if (this.isReleased) throw new Refused("temporary");
    return this.#letters.slice(first - 1, first - 1 + max);
  }
}

/** One message, read from front to back. */
export class Message {
  #octets;
  #position = 0;
  #maildrop;

  constructor(octets, maildrop) {
    this.#octets = octets;
    this.#maildrop = maildrop;
  }

  read(max) {
    if (max < 1 || max > READ_OCTETS) throw new Breach(`a read of ${max} octets`);
    if (this.#maildrop.isReleased) throw new Refused("temporary");
    const read = this.#octets.subarray(this.#position, this.#position + max);
    this.#position += read.length;
    return read;
  }

  [Symbol.dispose]() {
    this.#maildrop.closed();
  }
}

/** SASL, of which this store offers none. */
export class Exchange {
  static start() {
    return undefined;
  }

  begin() {
    return { tag: "refused", val: "denied" };
  }

  respond() {
    return { tag: "refused", val: "denied" };
  }
}

/** A letter as the contract has it: every LF behind a CR, and one at the end. */
export function canonical(letter) {
  const octets = typeof letter === "string" ? new TextEncoder().encode(letter) : letter;
  const lines = [];
  for (let index = 0; index < octets.length; index += 1) {
    if (octets[index] === LF && octets[index - 1] !== CR) lines.push(index);
  }
  const isEnded = octets.length === 0 || octets.at(-1) === LF;
  const whole = new Uint8Array(octets.length + lines.length + (isEnded ? 0 : 2));
  let from = 0;
  lines.forEach((end, before) => {
    whole.set(octets.subarray(from, end), from + before);
    whole[end + before] = CR;
    from = end;
  });
  whole.set(octets.subarray(from), from + lines.length);
  if (!isEnded) whole.set([CR, LF], whole.length - 2);
  return whole;
}

/** Compares without telling by the time it takes how much of it was right. */
function equal(some, others) {
  let difference = some.length ^ others.length;
  for (let index = 0; index < some.length; index += 1) {
    difference |= some[index] ^ (others[index % (others.length || 1)] ?? 0);
  }
  return difference === 0;
}

function countOnes(marks) {
  let count = 0;
  for (let octet of marks) for (; octet; octet &= octet - 1) count += 1;
  return count;
}
