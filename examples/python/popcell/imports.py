"""What a component may call: the interfaces `mail` and `auth`, in front of a mail store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from wasmtime._store import Storelike
from wasmtime.component import Linker, LinkerInstance, Record, ResourceAny

from .component import IMPORTS
from .contract import Breach, Fault, Maildrop, Message, Refusal, Unfinished, Users
from .resources import Kind, Table

MAILDROP: Kind[Maildrop] = Kind("maildrop", 1)
MESSAGE: Kind[Message] = Kind("message", 2)
EXCHANGE: Kind[Any] = Kind("exchange", 3)

MAX_READ = 1_048_576
MAX_WINDOW = 4_096


@dataclass
class Imports:
    """The imports of one cell, and what the contract says of when they may be called."""

    users: Users
    challenge: str | None
    table: Table = field(default_factory=Table)
    in_lines: bool = False
    """A call of `lines` is running."""
    in_answer: bool = False
    """A call of `lines` or `more` is running."""
    has_quit: bool = False
    """A QUIT is among the lines of the call."""
    logged_in: bool = False
    committed: bool = False
    """There was a commit: the step behind it has to end the session."""

    def define(self, linker: Linker) -> None:
        """Puts all of them into a linker."""
        with linker.root() as root:
            for name, add in zip(IMPORTS, (self._mail, self._auth)):
                with root.add_instance(name) as interface:
                    add(interface)

    def _mail(self, interface: LinkerInstance) -> None:
        self.table.define(interface, MESSAGE)
        self.table.define(interface, MAILDROP)
        add = interface.add_func
        add("[method]message.read", self._borrowing(MESSAGE, self._read))
        add("[method]maildrop.summary", self._borrowing(MAILDROP, _summary))
        add("[method]maildrop.sizes", self._borrowing(MAILDROP, _sizes))
        add("[method]maildrop.uids", self._borrowing(MAILDROP, _uids))
        add("[method]maildrop.announce", self._borrowing(MAILDROP, lambda _: []))
        add("[method]maildrop.open", self._borrowing(MAILDROP, self._open))
        add("[static]maildrop.commit", self._commit)

    def _auth(self, interface: LinkerInstance) -> None:
        self.table.define(interface, EXCHANGE)
        add = interface.add_func
        add("password", lambda _, user, password: self._login(self.users.password, user, password))
        add("apop", lambda _, user, digest: self._login(self._apop, user, digest))
        # No mechanism is offered, so no exchange ever starts.
        add("[static]exchange.start", lambda _, mechanism: None)
        add("[method]exchange.begin", _no_exchange)
        add("[method]exchange.respond", _no_exchange)

    def _borrowing(self, kind: Kind[Any], call: Callable[..., Any]) -> Callable[..., Any]:
        def method(store: Storelike, handle: ResourceAny, *arguments: Any) -> Any:
            capability = self.table.borrowed(store, kind, handle)
            try:
                return call(capability, *arguments)
            except Fault as fault:
                return fault.kind

        return method

    def _read(self, message: Message, max: int) -> bytes:
        _within("message.read: max", max, 1, MAX_READ)
        self._must(self.in_answer, "message.read", "a call of lines or more")
        octets = message.read(max)
        if len(octets) > max:
            raise ValueError(f"{message!r}.read({max}) gave {len(octets)} octets")
        return octets

    def _open(self, maildrop: Maildrop, number: int) -> Any:
        self._must(self.in_answer, "maildrop.open", "a call of lines or more")
        self._must(self.table.count(MESSAGE) == 0, "maildrop.open", "no message that is open")
        if not 1 <= number <= maildrop.count:
            return "gone"
        return self.table.lend(MESSAGE, maildrop.open(number))

    def _commit(self, store: Storelike, handle: ResourceAny, marks: bytes) -> Any:
        maildrop = self.table.take(store, MAILDROP, handle)
        try:
            self._must(self.in_lines and self.has_quit, "maildrop.commit", "a QUIT in the lines")
            self._must(self.table.count(MESSAGE) == 0, "maildrop.commit", "no message that is open")
            numbers = _marked(marks)
            if numbers and numbers[-1] > maildrop.count:
                raise Breach("maildrop.commit: marks", f"at most {maildrop.count}", numbers[-1])
            self.committed = True
            maildrop.commit(numbers)
        except Unfinished as unfinished:
            return _record(removed=unfinished.removed, kept=unfinished.kept)
        finally:
            maildrop.close()
        return None

    def _login(self, check: Callable[[bytes, bytes], Maildrop], user: bytes, secret: bytes) -> Any:
        self._must(self.in_lines, "auth", "a call of lines")
        if self.logged_in:
            return "denied"
        try:
            maildrop = check(user, secret)
        except Refusal as refusal:
            return refusal.kind
        self.logged_in = True
        return self.table.lend(MAILDROP, maildrop)

    def _apop(self, user: bytes, digest: bytes) -> Maildrop:
        if self.challenge is None:
            raise Refusal("denied")
        return self.users.apop(user, digest, self.challenge)

    def _must(self, holds: bool, where: str, expected: str) -> None:
        if not holds:
            raise Breach(where, expected, "a call without that")


def _summary(maildrop: Maildrop) -> Record:
    return _record(count=maildrop.count, octets=maildrop.octets)


def _sizes(maildrop: Maildrop, first: int, max: int) -> list[int]:
    _is_window("maildrop.sizes", first, max)
    return maildrop.sizes(first, max)


def _uids(maildrop: Maildrop, first: int, max: int) -> bytes:
    _is_window("maildrop.uids", first, max)
    return "".join(f"{uid}\n" for uid in maildrop.uids(first, max)).encode("ascii")


def _is_window(where: str, first: int, max: int) -> None:
    _within(f"{where}: first", first, 1, 2**32)
    _within(f"{where}: max", max, 0, MAX_WINDOW)


def _marked(marks: bytes) -> list[int]:
    return [
        8 * index + bit + 1
        for index, octet in enumerate(marks)
        for bit in range(8)
        if octet >> bit & 1
    ]


def _within(where: str, number: int, least: int, most: int) -> None:
    if not least <= number <= most:
        raise Breach(where, f"{least} to {most}", number)


def _no_exchange(*_arguments: Any) -> None:
    raise Breach("auth.exchange", "no exchange, none was started", "a call of one")


def _record(**fields: int) -> Record:
    record = Record()
    record.__dict__.update(fields)
    return record
