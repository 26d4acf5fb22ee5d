// The server: sockets in, a cell and a connection for each.

import { createServer as createTcpServer, isIP } from "node:net";
import { Connection, End } from "./connection.js";
import { ComponentError } from "./component.js";

/** How long things may take, and how much of everything there may be. */
export const LIMITS = {
  connections: 1_000,
  /** Silence of a session that is logged in: RFC 1939, section 3, wants ten minutes at least. */
  idleMs: 600_000,
  /** From the connection to the login. */
  loginMs: 60_000,
  /** How long a client may take nothing of an answer. */
  writeMs: 60_000,
  /** How long the answer to a wrong password waits. */
  deniedMs: 2_000,
  /** How long what was sent last may take to arrive. */
  closeMs: 5_000,
};

/**
 * A server that has to be told to listen. `newCell` is what `load` gave. `onEnd` is told how each
 * connection ended: `reason`, and `error` if somebody is to blame.
 */
export function createServer({ newCell, store, limits = {}, onEnd = () => {} }) {
  const bounds = { ...LIMITS, ...limits };
  // Half open: what was sent before the client's end is answered by the session, not by node.
  const options = { allowHalfOpen: true, noDelay: true };
  const server = createTcpServer(options, (socket) => {
    void serve(socket, newCell, store, bounds).then(onEnd);
  });
  server.maxConnections = bounds.connections;
  return server;
}

async function serve(socket, newCell, store, limits) {
  let cell = null;
  let connection = null;
  let end;
  try {
    cell = newCell(store, greeting(socket));
    connection = new Connection(socket, cell, limits);
    end = { reason: (await connection.serve()) === "close" ? "quit" : "closed by the session" };
  } catch (error) {
    end = explain(error);
  }
  try {
    // The maildrop is free before the client sees the end: it may come back at once.
    cell?.end();
  } catch (error) {
    end = explain(error);
  }
  const { bytesRead: octetsIn, bytesWritten: octetsOut } = socket;
  if (connection) connection.close();
  else socket.destroy();
  return { ...end, octetsIn, octetsOut };
}

function explain(error) {
  if (error instanceof End) return { reason: error.message };
  if (error instanceof ComponentError) return { reason: "component", error };
  return { reason: "server", error };
}

/** What the session is told before its first line. */
function greeting(socket) {
  return {
    banner: "Popcell on Node.js",
    challenge: undefined,
    tls: false,
    mayStartTls: false,
    // Without TLS passwords are for the machine itself.
    mayLogin: isLoopback(socket.remoteAddress),
    mechanisms: [],
    announce: ["IMPLEMENTATION Popcell-Node", "EXPIRE NEVER"],
    maxBadCommands: 10,
    maxBadCommandsAfterLogin: 50,
  };
}

function isLoopback(address = "") {
  const plain = address.replace(/^::ffff:/, "");
  return plain === "::1" || (isIP(plain) === 4 && plain.startsWith("127."));
}
