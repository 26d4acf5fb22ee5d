// Makes JavaScript of a component: node build.js [COMPONENT [FOLDER]]
//
// Run once, when the component changes. What it writes is loaded by component.js, and no part of
// jco is needed then.

import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { transpileBytes } from "@bytecodealliance/jco-transpile";
import { componentWit } from "@bytecodealliance/jco-transpile/wasm-tools";
import { checkHead, checkNames, NotThisContract } from "./contract.js";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));

/** Checks a component and transpiles it into a folder. Gives the sizes of what was written. */
export async function build(component, folder) {
  const octets = await read(component);
  checkHead(octets, component);
  checkNames(await names(octets, component), component);
  const { files } = await transpileBytes(octets, {
    name: "popcell",
    // One instance for each connection, with imports of its own: `instantiate` is exported instead
    // of one instance that is made on import.
    instantiation: "sync",
    minify: true,
  });
  await rm(folder, { recursive: true, force: true });
  for (const [name, content] of Object.entries(files)) {
    const file = join(folder, name);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
  }
  return Object.fromEntries(Object.entries(files).map(([name, { length }]) => [name, length]));
}

async function read(component) {
  try {
    return await readFile(component);
  } catch (error) {
    const found = error.code === "ENOENT" ? "no such file" : error.message;
    throw new NotThisContract(`${component}: expected a component; found ${found}`);
  }
}

/** The interfaces that a component imports and exports, from the contract that it carries. */
async function names(octets, component) {
  let wit;
  try {
    wit = await componentWit(octets);
  } catch (error) {
    const reason = String(error.payload ?? error.message).split("\n").pop();
    throw new NotThisContract(
      `${component}: expected a component; found one that can not be read: ${reason}`,
    );
  }
  const world = wit.slice(wit.indexOf("world root {"), wit.indexOf("\n}"));
  const all = (word) =>
    [...world.matchAll(new RegExp(`^ *${word} ([^;{]+?)[;{]?$`, "gm"))].map(([, name]) => name);
  return { imports: all("import"), exports: all("export") };
}

async function main() {
  const { positionals } = parseArgs({ allowPositionals: true });
  const [component = here("popcell.wasm"), folder = here("generated/popcell")] = positionals;
  try {
    const sizes = await build(component, folder);
    for (const [name, octets] of Object.entries(sizes)) {
      console.log(`${String(octets).padStart(8)}  ${join(folder, name)}`);
    }
  } catch (error) {
    if (!(error instanceof NotThisContract)) throw error;
    console.error(`build: ${error.message}`);
    process.exitCode = 1;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
