// Makes the page: node build.js FIRST SECOND
//
// Two components in, a folder `dist` out that any static file server can serve. Nothing in it is
// loaded from anywhere else.

import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { transpileBytes } from "@bytecodealliance/jco-transpile";
import { checkHead } from "../node/contract.js";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const DIST = here("dist");
const JCO = here("node_modules/@bytecodealliance");

async function build(component, folder) {
  const octets = await readFile(component);
  checkHead(octets, component);
  const { files } = await transpileBytes(octets, {
    name: "popcell",
    instantiation: "async",
    emitTypescriptDeclarations: false,
    minify: true,
  });
  for (const [name, content] of Object.entries(files)) {
    const file = join(DIST, "builds", folder, name);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
    console.log(`${String(content.length).padStart(9)}  builds/${folder}/${name}`);
  }
}

/** jco itself, for components that are brought along. It is a component, too, and wants WASI. */
async function jco() {
  const vendor = join(JCO, "jco-transpile/vendor");
  const name = "js-component-bindgen-component";
  const source = await readFile(join(vendor, `${name}.js`), "utf8");
  const shim = "@bytecodealliance/preview2-shim/";
  await mkdir(join(DIST, "jco"), { recursive: true });
  await writeFile(
    join(DIST, "jco/transpile.js"),
    source.replaceAll(new RegExp(`'${shim}(\\w+)'`, "g"), "'./wasi/$1.js'"),
  );
  for (const part of ["core.wasm", "core2.wasm"]) {
    await cp(join(vendor, `${name}.${part}`), join(DIST, `jco/${name}.${part}`));
  }
  const filter = (file) => !/\.(map|ts)$/.test(file);
  await cp(join(JCO, "preview2-shim/dist/browser"), join(DIST, "jco/wasi"), { recursive: true, filter });
}

const [first, second] = process.argv.slice(2);
if (!first || !second) {
  console.error("usage: node build.js FIRST SECOND");
  process.exit(2);
}
await rm(DIST, { recursive: true, force: true });
await cp(here("page"), DIST, { recursive: true });
for (const name of ["contract.js", "mailbox.js"]) await cp(here(`../node/${name}`), join(DIST, name));
await build(first, "first");
await build(second, "second");
await jco();
