"""Users with a secret and a Maildir each. A maildrop is held by one session at a time."""

from __future__ import annotations

import hashlib
import hmac
import mailbox
from collections.abc import Iterable, Mapping
from email.message import Message as Email
from pathlib import Path

from .contract import Fault, Maildrop, Refusal
from .maildir import MaildirDrop

Mail = bytes | str | Email | Path


class Mailboxes:
    """The users of one server, in memory; their mail in Maildirs."""

    def __init__(self) -> None:
        self._users: dict[bytes, tuple[bytes, Path]] = {}
        self._held: set[Path] = set()

    def add(self, user: str, secret: str, maildir: Path) -> None:
        """A user whose mail is in `maildir`, which is made if it is not there."""
        mailbox.Maildir(maildir, create=True)
        self._users[user.encode()] = (secret.encode(), maildir)

    def password(self, user: bytes, password: bytes) -> Maildrop:
        secret, maildir = self._users.get(user, (b"", None))
        is_right = hmac.compare_digest(password, secret)
        return self._lock(maildir if is_right else None)

    def apop(self, user: bytes, digest: bytes, challenge: str) -> Maildrop:
        secret, maildir = self._users.get(user, (b"", None))
        expected = hashlib.md5(challenge.encode() + secret).hexdigest()
        is_right = hmac.compare_digest(digest, expected.encode())
        return self._lock(maildir if is_right else None)

    def _lock(self, maildir: Path | None) -> Maildrop:
        if maildir is None:
            raise Refusal("denied")
        if maildir in self._held:
            raise Refusal("in-use")
        try:
            maildrop = MaildirDrop(maildir, lambda: self._held.discard(maildir))
        except mailbox.NoSuchMailboxError as error:
            raise Refusal("permanent") from error
        except (Fault, OSError) as error:
            raise Refusal("temporary") from error
        self._held.add(maildir)
        return maildrop


def fill(maildir: Path, messages: Iterable[Mail]) -> None:
    """Delivers messages, octet by octet as they are, numbered in the order given."""
    mailbox.Maildir(maildir, create=True)
    for number, message in enumerate(messages, 1):
        (maildir / "new" / f"{number:010}.popcell").write_bytes(_octets(message))


def mailboxes(
    users: Mapping[str, tuple[str, Path | Iterable[Mail]]], folder: Path
) -> Mailboxes:
    """Users by name: a secret, and a Maildir or messages, for which one is made in `folder`."""
    made = Mailboxes()
    for index, (user, (secret, mail)) in enumerate(users.items()):
        maildir = mail if isinstance(mail, Path) else folder / str(index)
        if not isinstance(mail, Path):
            fill(maildir, mail)
        made.add(user, secret, maildir)
    return made


def _octets(message: Mail) -> bytes:
    match message:
        case bytes():
            return message
        case str():
            return message.encode()
        case Path():
            return message.read_bytes()
        case Email():
            return message.as_bytes()
    raise TypeError(
        f"expected a message as bytes, str, Path or email.message.Message, found {type(message)}"
    )
