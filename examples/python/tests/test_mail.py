"""Mail over a socket with poplib: every octet is compared."""

import mailbox
import poplib
import random
import tempfile
import unittest
from contextlib import contextmanager
from pathlib import Path

import popcell
from popcell.maildir import on_the_wire as to_the_wire
from tests.store import COMPONENT

SMALL = b"Subject: hi\n\nHello\n.\n..x\n"


def on_the_wire(stored: bytes) -> bytes:
    """The independent word for what a client has to get."""
    lines = stored.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    return b"".join(line.removesuffix(b"\r") + b"\r\n" for line in lines)


def large(octets: int) -> bytes:
    """Lines of any length, many of which begin with dots; a bare CR here and there."""
    chance = random.Random(1939)
    lines = []
    while octets > 0:
        start = chance.choice([b"", b".", b"..", b".\r.", b"\r"])
        line = start + chance.randbytes(chance.randrange(200)).replace(b"\n", b"")
        lines.append(line.replace(b"\0", b"") + chance.choice([b"\n", b"\r\n"]))
        octets -= len(lines[-1])
    return b"".join(lines)


@contextmanager
def logged_in(server):
    client = poplib.POP3(server.host, server.port, timeout=60)
    client.user("alice")
    client.pass_("secret")
    yield client
    client.close()


class Retrieval(unittest.TestCase):
    def retrieved(self, stored: bytes) -> None:
        with popcell.serve({"alice": ("secret", [stored])}, COMPONENT) as server:
            with logged_in(server) as client:
                expected = on_the_wire(stored)
                self.assertEqual(client.stat(), (1, len(expected)))
                self.assertEqual(client.list()[1], [b"1 %d" % len(expected)])
                # poplib takes lines apart at LF and counts what came; octets without the rest.
                raw = raw_answer(client, b"RETR 1\r\n")
                self.assertEqual(unstuffed(raw), expected)
                client.quit()
            self.assertEqual(server.failures, [])

    def test_a_message_arrives_as_it_is_with_crlf(self):
        self.retrieved(SMALL)

    def test_a_message_without_a_last_line_end_gets_one(self):
        self.retrieved(b"Subject: x\n\nno end")

    def test_an_empty_message_has_no_lines(self):
        self.retrieved(b"")

    def test_line_ends_that_are_mixed_become_crlf(self):
        self.retrieved(b"a\r\nb\nc\r\r\nd\re\n\r\n\n")

    def test_lines_that_begin_with_a_dot_are_stuffed(self):
        self.retrieved(b".\n..\n.a\n...\n")

    def test_several_mib_arrive_octet_by_octet(self):
        self.retrieved(large(6 * 1024 * 1024))

    def test_line_ends_do_not_depend_on_how_a_file_is_read(self):
        stored = b"a\r\n\rb\n\r\r\n\r"
        for size in range(1, len(stored) + 1):
            chunks = (stored[start : start + size] for start in range(0, len(stored), size))
            self.assertEqual(b"".join(to_the_wire(chunks)), b"a\r\n\rb\r\n\r\r\n\r\r\n")

    def test_poplib_sees_the_same_lines(self):
        with popcell.serve({"alice": ("secret", [SMALL])}, COMPONENT) as server:
            with logged_in(server) as client:
                _, lines, octets = client.retr(1)
                self.assertEqual(lines, SMALL.splitlines())
                self.assertEqual(octets, len(on_the_wire(SMALL)))

    def test_top_has_the_header_and_so_many_lines(self):
        body = b"".join(b"%d\n" % n for n in range(10))
        with popcell.serve({"alice": ("secret", [b"A: 1\nB: 2\n\n" + body])}, COMPONENT) as server:
            with logged_in(server) as client:
                for lines in (0, 1, 9, 10, 100):
                    expected = [b"A: 1", b"B: 2", b"", *body.splitlines()[:lines]]
                    self.assertEqual(client.top(1, lines)[1], expected)

    def test_a_message_of_any_kind_that_python_has_is_served(self):
        email = mailbox.MaildirMessage(b"Subject: e\n\nemail\n")
        mails = [b"bytes\n", "text\n", email, Path(__file__)]
        with popcell.serve({"alice": ("secret", mails)}, COMPONENT) as server:
            with logged_in(server) as client:
                self.assertEqual(client.retr(1)[1], [b"bytes"])
                self.assertEqual(client.retr(2)[1], [b"text"])
                self.assertEqual(client.retr(3)[1][-1], b"email")
                self.assertEqual(client.retr(4)[1], Path(__file__).read_bytes().splitlines())


class Numbers(unittest.TestCase):
    def test_unique_ids_are_the_same_in_every_session(self):
        with tempfile.TemporaryDirectory() as folder:
            maildir = Path(folder) / "mail"
            popcell.fill(maildir, [b"%d\n" % n for n in range(20)])
            long = "1." + "x" * 80
            (maildir / "cur" / f"{long}:2,S").write_bytes(b"long\n")
            seen = []
            for _ in range(2):
                with popcell.serve({"alice": ("secret", maildir)}, COMPONENT) as server:
                    with logged_in(server) as client:
                        seen.append(client.uidl()[1])
            self.assertEqual(seen[0], seen[1])
            ids = [line.split()[1] for line in seen[0]]
            self.assertEqual(len(set(ids)), 21)
            self.assertLessEqual(max(map(len, ids)), 70)

    def test_a_maildrop_of_many_windows_is_listed(self):
        count = 9_000
        with popcell.serve({"alice": ("secret", [b"x\n"] * count)}, COMPONENT) as server:
            with logged_in(server) as client:
                self.assertEqual(client.stat(), (count, 3 * count))
                self.assertEqual(len(client.list()[1]), count)
                self.assertEqual(len(set(client.uidl()[1])), count)


def raw_answer(client: poplib.POP3, command: bytes) -> bytes:
    client.sock.sendall(command)
    status = client.file.readline()
    assert status.startswith(b"+OK"), status
    answer = bytearray()
    while (line := client.file.readline()) != b".\r\n":
        assert line, "the connection was closed in an answer"
        answer += line
    return bytes(answer)


def unstuffed(answer: bytes) -> bytes:
    lines = answer.split(b"\r\n")
    assert lines.pop() == b""
    # A line end of POP3 is CRLF: a dot behind a bare LF would not be one of ours.
    return b"".join(line.removeprefix(b".") + b"\r\n" for line in lines)
