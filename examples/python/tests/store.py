"""A mail store in memory that does what a test wants of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import popcell

COMPONENT = popcell.Component.from_environment()


def nothing(*_arguments: Any) -> None:
    """Raises nothing."""


@dataclass
class Letter:
    """A message whose octets come on demand."""

    octets: bytes
    failing: Callable[[int], None] = nothing
    """Called before every read with what was read until then; may raise a `Fault`."""
    closed: int = 0
    at: int = 0

    def read(self, max: int) -> bytes:
        self.failing(self.at)
        read = self.octets[self.at : self.at + max]
        self.at += len(read)
        return read

    def close(self) -> None:
        self.closed += 1


@dataclass
class Store:
    """One user's mail, and that user's login. `fails` is called with each call's name."""

    letters: list[Letter] = field(default_factory=list)
    fails: Callable[[str], None] = nothing
    committed: list[int] | None = None
    released: threading.Event = field(default_factory=threading.Event)

    def password(self, user: bytes, password: bytes) -> popcell.Maildrop:
        self.fails("password")
        return self

    def apop(self, user: bytes, digest: bytes, challenge: str) -> popcell.Maildrop:
        self.fails("apop")
        return self

    @property
    def count(self) -> int:
        return len(self.letters)

    @property
    def octets(self) -> int:
        return sum(len(letter.octets) for letter in self.letters)

    def sizes(self, first: int, max: int) -> list[int]:
        self.fails("sizes")
        return [len(letter.octets) for letter in self.letters[first - 1 :][:max]]

    def uids(self, first: int, max: int) -> list[str]:
        self.fails("uids")
        return [f"uid{first + n}" for n in range(len(self.letters[first - 1 :][:max]))]

    def open(self, number: int) -> popcell.Message:
        self.fails("open")
        letter = self.letters[number - 1]
        letter.at = 0
        return letter

    def commit(self, numbers: list[int]) -> None:
        self.fails("commit")
        self.committed = numbers

    def close(self) -> None:
        self.released.set()


def session(store: popcell.Users, **connection: Any) -> popcell.Session:
    """A session that is logged in."""
    begun = popcell.Session(COMPONENT, store, popcell.Connection(**connection))
    begun.greet()
    answer = begun.lines(b"USER alice\r\nPASS secret\r\n").output
    assert answer.endswith(b"+OK Authentication succeeded\r\n"), answer
    return begun
