"""The contract `wit/pop3.wit` in words of Python: what a host gives, and what comes back.

Knows nothing of WebAssembly. A mail store implements `Users`, `Maildrop` and `Message`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol

VERSION = "0.1.0"
MAX_LINE = 16_384
"""Octets of a line, its line end not counted."""

Next = Literal["lines", "more", "start-tls", "close", "abort"]


class Fault(Exception):
    """Storage did not answer. Raised by a store; the client gets an -ERR or a closed connection."""

    def __init__(self, kind: Literal["gone", "temporary", "permanent"]) -> None:
        super().__init__(kind)
        self.kind = kind


class Refusal(Exception):
    """There is no maildrop for a claim. Raised by `Users`."""

    def __init__(
        self, kind: Literal["denied", "in-use", "login-delay", "temporary", "permanent"]
    ) -> None:
        super().__init__(kind)
        self.kind = kind


class Unfinished(Exception):
    """A commit removed some messages only. Raised by `Maildrop.commit`."""

    def __init__(self, removed: int, kept: int) -> None:
        super().__init__(f"{removed} messages removed, {kept} kept")
        self.removed = removed
        self.kept = kept


class Breach(Exception):
    """The component broke the contract. Its session is over, and nothing is deleted."""

    def __init__(self, where: str, expected: object, found: object) -> None:
        super().__init__(f"{where}: expected {expected}, found {found}")


class Ended(Exception):
    """The component trapped or ran out of its limits. Its session is over, nothing is deleted."""


class ResumeError(Exception):
    """A component does not take a session; the parked session is as it was."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class Message(Protocol):
    """One message, read from front to back."""

    def read(self, max: int) -> bytes:
        """The next octets: one to `max` of them, none at the end. Lines end in CRLF."""

    def close(self) -> None:
        """Called when nobody reads on. Twice does no harm."""


class Maildrop(Protocol):
    """A locked maildrop whose numbers, sizes and unique ids do not change."""

    @property
    def count(self) -> int:
        """How many messages there are. They are numbered from 1."""

    @property
    def octets(self) -> int:
        """The sum of all sizes."""

    def sizes(self, first: int, max: int) -> list[int]:
        """Octets, with CRLF line ends, of at most `max` messages from number `first` on."""

    def uids(self, first: int, max: int) -> list[str]:
        """Unique ids of the same window: 1 to 70 characters from `!` to `~` each."""

    def open(self, number: int) -> Message:
        """Message `number`, from 1 to `count`, at its start."""

    def commit(self, numbers: list[int]) -> None:
        """Removes these messages for good. Nothing else ever removes one."""

    def close(self) -> None:
        """Releases the lock and removes nothing. Twice does no harm."""


class Users(Protocol):
    """Who may log in."""

    def password(self, user: bytes, password: bytes) -> Maildrop:
        """The maildrop of this user, or a `Refusal`."""

    def apop(self, user: bytes, digest: bytes, challenge: str) -> Maildrop:
        """The same for the digest of `challenge` and the shared secret."""


@dataclass(frozen=True)
class Connection:
    """What a session knows before the first line. `challenge` there: APOP is offered."""

    banner: str = "ready"
    challenge: str | None = None
    tls: bool = False
    may_start_tls: bool = False
    may_login: bool = True
    mechanisms: list[str] = field(default_factory=list)
    announce: list[str] = field(default_factory=list)
    max_bad_commands: int = 3
    max_bad_commands_after_login: int = 20


@dataclass(frozen=True)
class Step:
    """What a call achieved: octets to send, and what to do when they are sent."""

    consumed: int
    output: bytes
    next: Next


@dataclass
class Parked:
    """A session outside of any component."""

    state: bytes
    maildrop: Maildrop | None = None
    message: Message | None = None

    def close(self) -> None:
        """Gives the session up: the lock is released and nothing is deleted."""
        for capability in (self.message, self.maildrop):
            if capability is not None:
                capability.close()
