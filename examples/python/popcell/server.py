"""The server: sockets and lines on the one side, a cell for each connection on the other."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import secrets
import socket
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from .cell import Session
from .component import Component
from .contract import Breach, Connection, Users
from .framing import Input
from .mailboxes import Mail, mailboxes

log = logging.getLogger("popcell")

WINDOW = 16_384
"""Octets that a step is asked for: what is in memory for a client that does not read."""


@dataclasses.dataclass
class Server:
    """A server that listens."""

    component: Component
    users: Users
    connection: Connection = Connection()
    idle_seconds: float = 600
    """RFC 1939 asks for ten minutes at least."""
    host: str = ""
    port: int = 0
    failures: list[Exception] = dataclasses.field(default_factory=list)
    """Why sessions ended that did not end well: traps, breaches, faults of the store."""

    def __post_init__(self) -> None:
        self._sessions: set[asyncio.Task[None] | None] = set()
        self._listening: asyncio.Server | None = None

    async def listen(self, host: str, port: int) -> None:
        """Listens; port 0 takes a free one."""
        self._listening = await asyncio.start_server(self._connected, host, port)
        self.host, self.port = self._listening.sockets[0].getsockname()[:2]

    async def stop(self) -> None:
        """Stops listening, and ends the sessions; they delete nothing."""
        if self._listening is not None:
            self._listening.close()
        tasks = [task for task in self._sessions if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        self._sessions.add(task)
        # No octet waits in this process: `drain` returns when the kernel has all of them.
        writer.transport.set_write_buffer_limits(high=0)
        try:
            await self._serve(reader, writer)
        except (ConnectionError, TimeoutError) as error:
            log.debug("the client is gone: %s", error)
        except asyncio.CancelledError:
            # The end of the task: a callback of asyncio's own would report it as an error.
            log.debug("the server stops")
        except Exception as error:
            self.failures.append(error)
            log.warning("session ended: %s", error)
        finally:
            self._sessions.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = Session(self.component, self.users, self._greeting())
        input = Input()
        try:
            step = session.greet()
            while True:
                writer.write(step.output)
                async with asyncio.timeout(self.idle_seconds):
                    await writer.drain()
                input.consume(step.consumed)
                if step.next == "more":
                    step = session.more(WINDOW)
                elif step.next != "lines":
                    _must_end(step.next)
                    return
                elif lines := await self._lines(reader, input):
                    step = session.lines(lines, WINDOW)
                elif input.is_overlong:
                    step = session.overlong()
                else:
                    return
        finally:
            session.close()

    async def _lines(self, reader: asyncio.StreamReader, input: Input) -> bytes:
        """Complete lines, when there are some; none if there will be none."""
        while not (lines := input.lines()) and not input.is_overlong:
            async with asyncio.timeout(self.idle_seconds):
                octets = await reader.read(4096)
            if not octets:
                return b""
            input.push(octets)
        return lines

    def _greeting(self) -> Connection:
        if self.connection.challenge is not None:
            return self.connection
        challenge = f"<{secrets.token_hex(12)}@{socket.gethostname()[:64]}>"
        return dataclasses.replace(self.connection, challenge=challenge)


def _must_end(next: str) -> None:
    if next == "start-tls":
        raise Breach("session", "lines, more, close or abort where no TLS is offered", next)


@contextmanager
def serve(
    users: Mapping[str, tuple[str, Path | Iterable[Mail]]] | Users,
    component: Component | str | Path | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    connection: Connection = Connection(),
    idle_seconds: float = 600,
) -> Iterator[Server]:
    """A server in a thread of its own, for the time of the block.

    `users` are names with a secret and messages, or a Maildir; or a store of one's own. Without a
    `component` it is the one that POPCELL_COMPONENT names.
    """
    if component is None:
        component = Component.from_environment()
    if not isinstance(component, Component):
        component = Component(component)
    with tempfile.TemporaryDirectory(prefix="popcell-") as folder:
        if isinstance(users, Mapping):
            users = mailboxes(users, Path(folder))
        server = Server(component, users, connection, idle_seconds)
        with _thread(server, host, port):
            yield server


@contextmanager
def _thread(server: Server, host: str, port: int) -> Iterator[None]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="popcell", daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(server.listen(host, port), loop).result()
        try:
            yield
        finally:
            asyncio.run_coroutine_threadsafe(server.stop(), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
