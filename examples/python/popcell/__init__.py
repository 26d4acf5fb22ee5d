"""POP3 for Python: a server whose sessions are cells of WebAssembly.

    with popcell.serve({"alice": ("secret", [b"Subject: hi\\n\\nHello\\n"])}) as server:
        client = poplib.POP3(server.host, server.port)

`serve` and `Server` are the server, `Session` is one session without a socket, `contract` is what a
mail store of one's own has to do.
"""

from .cell import Session
from .component import Component, NotASession
from .contract import (
    Breach,
    Connection,
    Ended,
    Fault,
    Maildrop,
    Message,
    Parked,
    Refusal,
    ResumeError,
    Step,
    Unfinished,
    Users,
)
from .mailboxes import Mailboxes, fill, mailboxes
from .server import Server, serve

__all__ = [
    "Breach", "Component", "Connection", "Ended", "Fault", "Mailboxes", "Maildrop", "Message",
    "NotASession", "Parked", "Refusal", "ResumeError", "Server", "Session", "Step", "Unfinished",
    "Users", "fill", "mailboxes", "serve",
]  # fmt: skip
