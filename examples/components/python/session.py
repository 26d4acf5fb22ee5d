"""A session of POP3 in Python, as a component: USER, PASS, CAPA, STAT, LIST, UIDL, RETR, DELE, RSET,
NOOP and QUIT.

One line a call, as the contract allows, and an answer of many lines in steps of `more`.
"""

from typing import Self

from componentize_py_types import Err
from wit_world.exports import session as wit
from wit_world.imports import auth, mail
from wit_world.imports.mail import Maildrop, Message

LINE = 50
"""A line of LIST or UIDL has up to 83 octets, and a step may have twice what it is asked for."""
READ = 16_384
FORMAT = b"python1"

REFUSALS = {
    auth.Refusal.DENIED: "[AUTH] wrong",
    auth.Refusal.IN_USE: "[IN-USE] you are here already",
    auth.Refusal.LOGIN_DELAY: "[LOGIN-DELAY] too early",
    auth.Refusal.TEMPORARY: "[SYS/TEMP] not now",
    auth.Refusal.PERMANENT: "[SYS/PERM] an operator has to look",
}
FAULTS = {
    mail.Fault.GONE: "[SYS/TEMP] another program has changed it",
    mail.Fault.TEMPORARY: "[SYS/TEMP] not now",
    mail.Fault.PERMANENT: "[SYS/PERM] an operator has to look",
}
BEFORE_LOGIN = ("CAPA", "QUIT", "USER", "PASS")
AFTER_LOGIN = ("CAPA", "QUIT", "STAT", "LIST", "UIDL", "RETR", "DELE", "RSET", "NOOP")


class Refused(Exception):
    """The command gets an -ERR with this text."""


class Session(wit.Session):
    def __init__(self, connection: wit.Connection) -> None:
        self.connection = connection
        self.user: bytes | None = None
        self.maildrop: Maildrop | None = None
        self.deleted: set[int] = set()
        self.message: Message | None = None
        self.at_line_start = True
        """Whether the next octet of the message begins a line; a line may go on from step to step."""
        self.scan: tuple[str, int] | None = None
        """LIST or UIDL, and the next number of its answer."""
        self.bad = 0
        """Bad commands: all before the login, those in a row after it."""

    def greet(self) -> wit.Step:
        return step(0, f"+OK {self.connection.banner} (in Python)")

    def lines(self, lines: bytes, max: int) -> wit.Step:
        end = lines.index(b"\n") + 1
        verb, _, argument = lines[:end].rstrip(b"\r\n").partition(b" ")
        name = verb.decode("ascii", "replace").upper()
        try:
            allowed = BEFORE_LOGIN if self.maildrop is None else AFTER_LOGIN
            if name not in allowed:
                raise Refused("not a command here")
            text = getattr(self, f"do_{name.lower()}")(argument)
        except Refused as refused:
            return self.refused(end, str(refused))
        except Err as fault:
            return step(end, "-ERR " + FAULTS[fault.value])
        if self.maildrop is not None:
            self.bad = 0
        if name == "QUIT":
            return step(end, text, wit.Next.CLOSE)
        is_long = self.message is not None or self.scan is not None
        return step(end, text, wit.Next.MORE if is_long else wit.Next.LINES)

    def more(self, max: int) -> wit.Step:
        try:
            output = self.body(max) if self.message is not None else self.window(max)
        except Err:
            # What was sent is a part: only the end of the connection says so.
            return wit.Step(0, b"", wit.Next.ABORT)
        is_long = self.message is not None or self.scan is not None
        return wit.Step(0, output, wit.Next.MORE if is_long else wit.Next.LINES)

    def overlong(self) -> wit.Step:
        return step(0, "-ERR the line is too long", wit.Next.ABORT)

    @classmethod
    def suspend(cls, this: Self) -> wit.Parked:
        scan = "{} {}".format(*this.scan) if this.scan else ""
        deleted = " ".join(map(str, sorted(this.deleted)))
        text = f"{this.bad} {this.at_line_start:d}\n{scan}\n{deleted}\n".encode()
        text += this.user or b""
        return wit.Parked(FORMAT + text, this.maildrop, this.message, None)

    @classmethod
    def resume(cls, parked: wit.Parked, connection: wit.Connection) -> Self:
        session = cls(connection)
        session.maildrop, session.message = parked.maildrop, parked.message
        if parked.state.startswith(FORMAT):
            bad, scan, deleted, user = parked.state[len(FORMAT) :].split(b"\n", 3)
            session.bad, session.at_line_start = map(int, bad.split())
            session.user = user
            session.deleted = set(map(int, deleted.split()))
            if scan:
                name, number = scan.decode().split()
                session.scan = (name, int(number))
        elif parked.maildrop is None or parked.message is not None:
            raise Err(wit.ResumeError.UNKNOWN_FORMAT)
        # Another component's, which has logged the user in: all there is to it is the maildrop.
        return session

    def refused(self, consumed: int, text: str) -> wit.Step:
        self.bad += 1
        most = self.connection.max_bad_commands
        if self.maildrop is not None:
            most = self.connection.max_bad_commands_after_login
        next = wit.Next.ABORT if self.bad >= most else wit.Next.LINES
        return step(consumed, f"-ERR {text}", next)

    def do_capa(self, _argument: bytes) -> str:
        lines = ["+OK", *self.connection.announce, "USER", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "."]
        return "\r\n".join(lines)

    def do_user(self, argument: bytes) -> str:
        if not self.connection.may_login:
            raise Refused("not on this channel")
        self.user = argument
        return "+OK and the password?"

    def do_pass(self, argument: bytes) -> str:
        if not self.user or not self.connection.may_login:
            raise Refused("USER comes first")
        user, self.user = self.user, None
        try:
            self.maildrop = auth.password(user, argument)
        except Err as refusal:
            raise Refused(REFUSALS[refusal.value]) from None
        return "+OK welcome"

    def do_stat(self, _argument: bytes) -> str:
        summary = self.maildrop.summary()
        octets = sum(self.maildrop.sizes(number, 1)[0] for number in self.deleted)
        return f"+OK {summary.count - len(self.deleted)} {summary.octets - octets}"

    def do_list(self, argument: bytes) -> str:
        return self.listing("LIST", argument)

    def do_uidl(self, argument: bytes) -> str:
        return self.listing("UIDL", argument)

    def do_retr(self, argument: bytes) -> str:
        number = self.number(argument)
        self.message = self.maildrop.open(number)
        self.at_line_start = True
        return f"+OK {self.maildrop.sizes(number, 1)[0]} octets"

    def do_dele(self, argument: bytes) -> str:
        self.deleted.add(self.number(argument))
        return "+OK it goes at QUIT"

    def do_rset(self, _argument: bytes) -> str:
        self.deleted.clear()
        return "+OK nothing is deleted"

    def do_noop(self, _argument: bytes) -> str:
        return "+OK"

    def do_quit(self, _argument: bytes) -> str:
        if self.maildrop is None:
            return "+OK"
        marks = bytearray(max(self.deleted, default=0) // 8 + 1)
        for number in self.deleted:
            marks[(number - 1) // 8] |= 1 << (number - 1) % 8
        maildrop, self.maildrop = self.maildrop, None
        try:
            Maildrop.commit(maildrop, bytes(marks))
        except Err as unfinished:
            return f"-ERR {unfinished.value.kept} messages are still there"
        return "+OK it is done"

    def listing(self, name: str, argument: bytes) -> str:
        if not argument:
            self.scan = (name, 1)
            return "+OK"
        number = self.number(argument)
        return f"+OK {number} {self.values(name, number, 1)[0]}"

    def number(self, argument: bytes) -> int:
        number = int(argument) if argument.isdigit() else 0
        if not 1 <= number <= self.maildrop.summary().count or number in self.deleted:
            raise Refused("no such message")
        return number

    def values(self, name: str, first: int, most: int) -> list[str]:
        if name == "LIST":
            return list(map(str, self.maildrop.sizes(first, most)))
        return self.maildrop.uids(first, most).decode("ascii").splitlines()

    def window(self, max: int) -> bytes:
        """The next lines of LIST or UIDL."""
        name, first = self.scan
        count, most = self.maildrop.summary().count, min(max // LINE, 4_096)
        values = self.values(name, first, most) if first <= count else []
        self.scan = (name, first + most) if first + most <= count else None
        numbered = enumerate(values, first)
        lines = [f"{number} {value}" for number, value in numbered if number not in self.deleted]
        return "".join(f"{line}\r\n" for line in lines + ["."] * (self.scan is None)).encode()

    def body(self, max: int) -> bytes:
        """The next octets of a message, with a dot in front of every line that begins with one."""
        octets = self.message.read(min(max, READ))
        if not octets:
            self.message.__exit__(None, None, None)
            self.message = None
            return b".\r\n"
        before = b"\n" if self.at_line_start else b" "
        self.at_line_start = octets.endswith(b"\n")
        return (before + octets).replace(b"\n.", b"\n..")[1:]


def step(consumed: int, text: str, next: wit.Next = wit.Next.LINES) -> wit.Step:
    return wit.Step(consumed, f"{text}\r\n".encode(), next)
