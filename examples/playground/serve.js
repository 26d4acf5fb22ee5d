// Serves dist: node serve.js [PORT]. Any other static file server does as well.

import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize, sep } from "node:path";
import { fileURLToPath } from "node:url";

const DIST = fileURLToPath(new URL("dist", import.meta.url));
const TYPES = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
};

/** A server that has to be told to listen. */
export function server() {
  return createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url, "http://localhost").pathname);
    const file = normalize(join(DIST, path.endsWith("/") ? `${path}index.html` : path));
    const isThere = file.startsWith(DIST + sep) && (await stat(file).catch(() => null))?.isFile();
    if (!isThere) {
      response.writeHead(404).end();
      return;
    }
    const type = TYPES[extname(file)] ?? "application/octet-stream";
    response.writeHead(200, { "content-type": type, "cache-control": "no-cache" });
    createReadStream(file).pipe(response);
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const running = server().listen(Number(process.argv[2] ?? 8080), "127.0.0.1", () => {
    console.log(`http://127.0.0.1:${running.address().port}/`);
  });
}
