// A server with three demo users: node main.js [--host ADDRESS] [--port PORT]

import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { load } from "./component.js";
import { NotThisContract } from "./contract.js";
import { createServer } from "./server.js";
import { demoStore } from "./demo.js";

const { values } = parseArgs({
  options: {
    host: { type: "string", default: "127.0.0.1" },
    port: { type: "string", default: "1110" },
    component: { type: "string", default: fileURLToPath(new URL("generated/popcell", import.meta.url)) },
  },
});

try {
  const newCell = await load(values.component);
  const server = createServer({ newCell, store: demoStore(), onEnd: log });
  server.on("error", (error) => fail(error.message));
  server.listen(Number(values.port), values.host, () => {
    const { address, port } = server.address();
    console.log(`listening on ${address}:${port}, as alice, bob or carol with the password secret`);
  });
} catch (error) {
  if (!(error instanceof NotThisContract)) throw error;
  fail(`${error.message}; run: npm run build -- COMPONENT`);
}

function log({ reason, error, octetsIn, octetsOut }) {
  const blame = error ? ` (${error.message})` : "";
  console.log(`end: ${reason}${blame}, ${octetsIn} octets in, ${octetsOut} out`);
}

function fail(message) {
  console.error(`main: ${message}`);
  process.exitCode = 1;
}
