// Makes a component of session.js: node build.js WIT OUTPUT
//
// Console, clocks and randomness stay in, which import WASI; fetch does not, which nobody gives.

import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { componentize } from "@bytecodealliance/componentize-js";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));

const [wit, output] = process.argv.slice(2);
const { component } = await componentize({
  sourcePath: here("session.js"),
  witPath: wit,
  worldName: "pop3-session",
  disableFeatures: ["http", "fetch-event"],
});
await writeFile(output, component);
