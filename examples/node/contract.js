// What a component has to be: the world `pop3-session` of wit/pop3.wit, in this version.
//
// Looks at names, not at types: who changes a type under an old version breaks the contract.

export const MAIL = "popcell:pop3/mail@0.1.0";
export const AUTH = "popcell:pop3/auth@0.1.0";
export const SESSION = "popcell:pop3/session@0.1.0";

/** Octets of a line without its line end, at most. */
export const LINE_OCTETS = 16_384;

const MAGIC = "00 61 73 6d";
const COMPONENT = `${MAGIC} 0d 00 01 00`;

/** A file that is not what was expected. Its message says what was found. */
export class NotThisContract extends Error {}

/** Whether these are the octets of a component at all, by how they begin. */
export function checkHead(octets, name) {
  const head = hex(octets.subarray(0, 8));
  if (head === COMPONENT) return;
  const expected = `expected a component, which begins with ${COMPONENT}`;
  throw new NotThisContract(`${name}: ${expected}; found ${kind(head)}`);
}

function kind(head) {
  if (head === "") return "an empty file";
  if (head === `${MAGIC} 01 00 00 00`) return "a core module: it has to be made a component first";
  if (head.startsWith(MAGIC)) return `WebAssembly of another layer or version, ${head}`;
  return `no WebAssembly but ${head}`;
}

/** Whether a component that imports and exports these interfaces is of this world. */
export function checkNames({ imports, exports }, name) {
  if (!exports.includes(SESSION)) {
    throw new NotThisContract(
      `${name}: expected a component that exports ${SESSION}; found ${found(exports)}`,
    );
  }
  const foreign = imports.filter((one) => one !== MAIL && one !== AUTH);
  if (foreign.length > 0) {
    throw new NotThisContract(
      `${name}: expected imports of ${MAIL} and ${AUTH} alone; found ${list(foreign)} as well`,
    );
  }
}

function found(exports) {
  const version = exports.find((one) => one.startsWith("popcell:pop3/session@"));
  if (version) return `another version, ${version}`;
  return exports.length === 0 ? "no exports" : `another world, with ${list(exports)}`;
}

function list(names) {
  const shown = names.slice(0, 4).join(", ");
  return names.length > 4 ? `${shown} and ${names.length - 4} more` : shown;
}

function hex(octets) {
  return Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join(" ");
}
