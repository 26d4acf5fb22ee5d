"""What a command costs under each host: python3 bench.py FILE.wasm, where `wasmtime` is on the PATH

Over loopback, client and server in two processes; the median of some rounds. Beside them stands a server in
Python that answers each line with octets that it has: what the sockets and the client cost by themselves.

RETR is measured twice. Linux delays acknowledgements, and a server that can not switch Nagle's algorithm off,
as WASI 0.2 can not, waits for them; the second time the client acknowledges at once.
"""

import multiprocessing
import os
import poplib
import socket
import statistics
import sys
import time
from pathlib import Path

from hosts import Server, jco, wasmtime

MIB = 1 << 20
LINE = b"x" * 70 + b"\n"
MESSAGE = LINE * (MIB // (len(LINE) + 1))
NOOPS, ROUNDS = 500, 9

Figures = tuple[float, float, float]


def plain(listener: socket.socket, answers: dict[bytes, bytes]) -> None:
    client, _ = listener.accept()
    with client, client.makefile("rb") as lines:
        for line in lines:
            client.sendall(answers[line])


def ask(client: socket.socket, line: bytes, end: bytes, at_once: bool = False) -> None:
    client.sendall(line)
    last = b""
    while not last.endswith(end):
        if at_once:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        last = (last[-len(end) :] + client.recv(MIB))[-len(end) :]


def median(action) -> float:
    """Seconds that the median round takes."""
    rounds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        action()
        rounds.append(time.perf_counter() - start)
    return statistics.median(rounds)


def noops(client: socket.socket) -> None:
    for _ in range(NOOPS):
        ask(client, b"NOOP\r\n", b"\r\n")


def measure(client: socket.socket) -> Figures:
    """Microseconds of a NOOP, and milliseconds of RETR of 1 MiB, with and without delays."""
    noop = median(lambda: noops(client)) / NOOPS
    delayed, retr = (
        median(lambda: ask(client, b"RETR 1\r\n", b"\r\n.\r\n", at_once))
        for at_once in (False, True)
    )
    return noop * 1e6, delayed * 1e3, retr * 1e3


def measure_plain() -> Figures:
    text = MESSAGE.replace(b"\n", b"\r\n")
    answers = {b"NOOP\r\n": b"+OK\r\n", b"RETR 1\r\n": b"+OK\r\n" + text + b".\r\n"}
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = multiprocessing.Process(target=plain, args=(listener, answers))
        server.start()
        with socket.create_connection(listener.getsockname()) as client:
            found = measure(client)
        server.join()
    return found


def measure_host(host, component: str) -> Figures:
    server = Server(host, component)
    try:
        port = server.listening()
        (server.directory / "mail/alice/new/1.bench").write_bytes(MESSAGE)
        client = poplib.POP3("127.0.0.1", port, timeout=60)
        client.user("alice")
        client.pass_("secret")
        return measure(client.sock)
    finally:
        server.stop()


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("bench.py: expected the file of the server's component")
    component = str(Path(sys.argv[1]).resolve())
    rows = [("plain sockets in Python", measure_plain())]
    rows += [(host.__name__, measure_host(host, component)) for host in (wasmtime, jco)]
    print(f"{os.path.getsize(component):,} octets; load {os.getloadavg()[0]:.1f}")
    for name, (noop, delayed, retr) in rows:
        print(f"{name:24} NOOP {noop:4.0f} us, RETR of 1 MiB {delayed:6.2f} ms, {retr:6.2f} ms at once")


if __name__ == "__main__":
    main()
