"""A `mailbox.Maildir` of the standard library as a maildrop: fixed at login, exact to the octet."""

from __future__ import annotations

import hashlib
import mailbox
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from .contract import Fault, Unfinished

_CHUNK = 65_536
_LONGEST_UID = 70


def on_the_wire(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The same octets with CRLF at every line end, the last one too."""
    last = b"\n"
    for chunk in chunks:
        held = b"\r" if last == b"\r" else b""
        chunk = held + chunk
        last = chunk[-1:]
        whole = chunk.removesuffix(b"\r")
        yield whole.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    if last == b"\r":
        yield b"\r"
    if last != b"\n":
        yield b"\r\n"


class _File(Protocol):
    """What `mailbox` gives for a file."""

    def read(self, size: int = ...) -> bytes: ...
    def close(self) -> None: ...


@dataclass(frozen=True)
class _Entry:
    """What was known of a file at the login."""

    key: str
    octets: int


class MaildirDrop:
    """A snapshot of a Maildir, in the order of its keys. `release` is called when it is closed."""

    def __init__(self, folder: Path, release: Callable[[], None]) -> None:
        self._folder = folder
        self._maildir = maildir = mailbox.Maildir(folder, create=False)
        self._release: Callable[[], None] | None = release
        self._entries = list(_snapshot(maildir))
        self.count = len(self._entries)
        self.octets = sum(entry.octets for entry in self._entries)

    def sizes(self, first: int, max: int) -> list[int]:
        """Octets of a window of messages."""
        return [entry.octets for entry in self._entries[first - 1 :][:max]]

    def uids(self, first: int, max: int) -> list[str]:
        """Unique ids of a window of messages."""
        return [_uid(entry.key) for entry in self._entries[first - 1 :][:max]]

    def open(self, number: int) -> MaildirMessage:
        """Message `number`. `gone` if its file is not there any more."""
        entry = self._entries[number - 1]
        return MaildirMessage(_open(self._maildir, entry.key), entry.octets)

    def commit(self, numbers: list[int]) -> None:
        """Unlinks exactly these files, and has that on the disk before it returns."""
        kept = 0
        for number in numbers:
            try:
                self._maildir.discard(self._entries[number - 1].key)
            except OSError:
                kept += 1
        for folder in ("new", "cur"):
            _sync(self._folder / folder)
        if kept:
            raise Unfinished(len(numbers) - kept, kept)

    def close(self) -> None:
        """Releases the lock."""
        release, self._release = self._release, None
        if release is not None:
            release()


class MaildirMessage:
    """A message's file, being read."""

    def __init__(self, file: _File, octets: int) -> None:
        self._file = file
        self._wire = on_the_wire(_chunks(file))
        self._buffer = b""
        self._left = octets

    def read(self, max: int) -> bytes:
        """The next octets; a fault rather than another number of them than the login told."""
        while not self._buffer:
            try:
                self._buffer = next(self._wire)
            except StopIteration:
                break
            except OSError as error:
                raise Fault("temporary") from error
        octets, self._buffer = self._buffer[:max], self._buffer[max:]
        self._left -= len(octets)
        if self._left < 0 or (self._left > 0 and not octets):
            raise Fault("gone")
        return octets

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


def _snapshot(maildir: mailbox.Maildir) -> Iterator[_Entry]:
    for key in sorted(maildir.keys()):
        try:
            file = _open(maildir, key)
        except Fault as fault:
            if fault.kind == "gone":
                continue
            raise
        try:
            octets = sum(map(len, on_the_wire(_chunks(file))))
        finally:
            file.close()
        yield _Entry(key, octets)


def _open(maildir: mailbox.Maildir, key: str) -> _File:
    """The file as it is: `Maildir.get_bytes` would change its line ends."""
    try:
        return maildir.get_file(key)
    except (KeyError, FileNotFoundError) as error:
        raise Fault("gone") from error
    except OSError as error:
        raise Fault("temporary") from error


def _chunks(file: _File) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK):
        yield chunk


def _uid(key: str) -> str:
    """The unique part of the file's name; its digest if that is no unique id of RFC 1939."""
    if len(key) <= _LONGEST_UID and all("!" <= letter <= "~" for letter in key):
        return key
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
