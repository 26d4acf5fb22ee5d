// Builds of the component: the two that came with the page, and any that is brought along.

import { checkHead, checkNames, NotThisContract, SESSION } from "./contract.js";

/** A build, ready to be instantiated as often as wanted. */
class Build {
  #instantiate;
  #module;

  constructor(name, about, instantiate, module) {
    this.name = name;
    this.about = about;
    this.#instantiate = instantiate;
    this.#module = module;
  }

  /** A new instance. Gives its `Session`. */
  async instance(imports) {
    const exports = await this.#instantiate(this.#module, imports);
    return exports[SESSION].Session;
  }
}

/** One that build.js has transpiled, from a folder beside this file. */
export async function shipped(name, about, folder) {
  const { instantiate } = await import(`./builds/${folder}/popcell.js`);
  const module = cached(async (file) => {
    const response = await fetch(new URL(`./builds/${folder}/${file}`, import.meta.url));
    if (!response.ok) throw new Error(`${folder}/${file}: ${response.status}`);
    return WebAssembly.compile(await response.arrayBuffer());
  });
  return new Build(name, about, instantiate, module);
}

/** A component's file. jco runs in the tab, too: it is loaded the first time that it is wanted. */
export async function brought(name, octets) {
  checkHead(octets, name);
  const { $init, generate } = await import("./jco/transpile.js");
  await $init;
  const { files, imports, exports } = transpiled(generate, name, octets);
  checkNames({ imports: imports.map(versioned), exports: exports.map(([one]) => one) }, name);
  const file = new Map(files);
  const source = URL.createObjectURL(new Blob([file.get("popcell.js")], { type: "text/javascript" }));
  const { instantiate } = await import(source);
  URL.revokeObjectURL(source);
  const module = cached((one) => WebAssembly.compile(file.get(one)));
  return new Build(name, `brought along, ${octets.length.toLocaleString("en")} octets`, instantiate, module);
}

function transpiled(generate, name, octets) {
  try {
    return generate(octets, { name: "popcell", instantiation: { tag: "async" }, noTypescript: true });
  } catch (error) {
    const reason = String(error.payload ?? error.message).split("\n").pop().trim();
    throw new NotThisContract(
      `${name}: expected a component; found one that can not be read: ${reason}`,
    );
  }
}

/** jco tells imports without their version. The contract's own have but one. */
function versioned(name) {
  return name.startsWith("popcell:pop3/") ? `${name}@0.1.0` : name;
}

function cached(compile) {
  const modules = new Map();
  return (file) => {
    if (!modules.has(file)) modules.set(file, compile(file));
    return modules.get(file);
  };
}
