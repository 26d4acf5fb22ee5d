// Makes the second build: node second.js OUTPUT
//
// What a next version of the component would be: the same source with two changes. It answers in
// other words, and it writes its state in a format 2, while it goes on reading format 1. So it takes
// the sessions of the first build, and the first build refuses those of the second.

import { execFileSync } from "node:child_process";
import { copyFileSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const TARGET = "wasm32-wasip2";

/** In this file of the component, this text stands once and becomes that. */
const CHANGES = [
  ["parked.rs", "const FORMAT: u8 = 1;", "const FORMAT: u8 = 2;"],
  [
    "parked.rs",
    "if fields.octet()? != FORMAT {",
    "if !matches!(fields.octet()?, 1 | FORMAT) {",
  ],
  [
    "reply.rs",
    `self.octets.extend_from_slice(b"+OK ");
        self.line(text);
    }

    /// \`+OK\` and two`,
    `self.octets.extend_from_slice(b"+OK ");
        self.part(text);
        self.line(if text.is_empty() { "from the second build" } else { ", from the second build" });
    }

    /// \`+OK\` and two`,
  ],
];

/** Builds it from the component's source, with its lock file and profile. The flags are those of the
 * repository that the copy is in. */
export function buildSecond(output) {
  const work = fileURLToPath(new URL("target/second", import.meta.url));
  const crate = join(work, "component");
  rmSync(crate, { recursive: true, force: true });
  for (const folder of ["wit", "component"]) {
    cpSync(join(ROOT, folder), join(work, folder), { recursive: true });
  }
  copyFileSync(join(ROOT, "Cargo.lock"), join(work, "Cargo.lock"));
  writeFileSync(join(work, "Cargo.toml"), workspace());
  for (const change of CHANGES) apply(join(crate, "src"), ...change);
  const command = ["build", "--quiet", "--lib", "--profile", "component", "--target", TARGET];
  execFileSync("cargo", [...command, "--target-dir", join(work, "target")], {
    cwd: crate,
    stdio: ["ignore", "inherit", "inherit"],
  });
  mkdirSync(dirname(resolve(output)), { recursive: true });
  copyFileSync(join(work, "target", TARGET, "component/popcell_component.wasm"), output);
}

/** The workspace's manifest with the component as its only member. */
function workspace() {
  const manifest = readFileSync(join(ROOT, "Cargo.toml"), "utf8");
  return once(manifest, /^members = .*$/m, 'members = ["component"]', "Cargo.toml").replaceAll(
    /^popcell = .*$\n/gm,
    "",
  );
}

function apply(folder, name, from, to) {
  const file = join(folder, name);
  writeFileSync(file, once(readFileSync(file, "utf8"), from, to, file));
}

function once(text, from, to, name) {
  const parts = text.split(from);
  if (parts.length === 2) return parts.join(to);
  throw new Error(`${name}: expected this once, found it ${parts.length - 1} times: ${from}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (!process.argv[2]) throw new Error("usage: node second.js OUTPUT");
  buildSecond(process.argv[2]);
}
