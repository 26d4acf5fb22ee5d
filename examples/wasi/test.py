"""Drives pop3-server.wasm with poplib: python3 test.py FILE.wasm

The hosts are jco under Node, and the `wasmtime` that is on the PATH.
"""

import poplib
import random
import sys
import unittest
from pathlib import Path

from hosts import Server, jco, wasmtime

COMPONENT = ""


def on_the_wire(stored: bytes) -> bytes:
    lines = stored.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    return b"".join(line.removesuffix(b"\r") + b"\r\n" for line in lines)


def large(octets: int) -> bytes:
    chance = random.Random(1939)
    lines = []
    while octets > 0:
        start = chance.choice([b"", b".", b"..", b"\r"])
        line = start + chance.randbytes(chance.randrange(200)).replace(b"\n", b"")
        lines.append(line + chance.choice([b"\n", b"\r\n"]))
        octets -= len(lines[-1])
    return b"".join(lines)


class Tests:
    host = None

    @classmethod
    def setUpClass(cls):
        cls.server = Server(cls.host, COMPONENT)
        cls.port = cls.server.listening()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def setUp(self):
        for file in self.files():
            file.unlink()

    def files(self) -> list[Path]:
        mail = self.server.directory / "mail"
        return sorted(file for file in mail.rglob("*") if file.is_file())

    def deliver(self, *messages: bytes) -> None:
        for number, message in enumerate(messages, 1):
            (self.server.directory / "mail/alice/new" / f"{number:04}.host").write_bytes(message)

    def connect(self) -> poplib.POP3:
        client = poplib.POP3("127.0.0.1", self.port, timeout=60)
        self.addCleanup(client.close)
        return client

    def login(self) -> poplib.POP3:
        client = self.connect()
        client.user("alice")
        client.pass_("secret")
        return client

    def test_every_octet_arrives(self):
        messages = [b"", b"x", b"a\r\nb\n\n", b".\n..\n.a", large(3 * 1024 * 1024)]
        self.deliver(*messages)
        client = self.login()
        sizes = [len(on_the_wire(message)) for message in messages]
        self.assertEqual(client.stat(), (5, sum(sizes)))
        for number, message in enumerate(messages, 1):
            self.assertEqual(client.list(number), b"+OK %d %d" % (number, sizes[number - 1]))
            client.sock.sendall(b"RETR %d\r\n" % number)
            self.assertTrue(client.file.readline().startswith(b"+OK"))
            answer = bytearray()
            while (line := client.file.readline()) != b".\r\n":
                self.assertTrue(line)
                answer += line
            lines = bytes(answer).split(b"\r\n")[:-1]
            unstuffed = b"".join(line.removeprefix(b".") + b"\r\n" for line in lines)
            self.assertEqual(unstuffed, on_the_wire(message))
        client.quit()

    def test_top_and_unique_ids(self):
        self.deliver(b"A: 1\n\none\ntwo\n", b"x")
        first, second = self.login(), None
        self.assertEqual(first.top(1, 1)[1], [b"A: 1", b"", b"one"])
        uids = first.uidl()[1]
        self.assertEqual(uids, [b"1 0001.host", b"2 0002.host"])
        first.quit()
        second = self.login()
        self.assertEqual(second.uidl()[1], uids)

    def test_quit_deletes_what_was_marked(self):
        self.deliver(*(b"%d" % n for n in range(1, 11)))
        client = self.login()
        for number in (1, 8, 9):
            client.dele(number)
        moved = self.server.directory / "mail/alice/cur/0009.host:2,S"
        (self.server.directory / "mail/alice/new/0009.host").rename(moved)
        client.quit()
        self.assertEqual([int(file.read_bytes()) for file in self.files()], [2, 3, 4, 5, 6, 7, 10])

    def test_nothing_else_deletes(self):
        self.deliver(b"1", b"2")
        client = self.login()
        client.dele(1)
        client.close()
        client = self.login_when_free()
        client.dele(1)
        client.rset()
        client.quit()
        self.assertEqual(len(self.files()), 2)

    def login_when_free(self) -> poplib.POP3:
        """The server learns that a client is gone when it next looks at it."""
        for _ in range(1000):
            client = self.connect()
            client.user("alice")
            try:
                client.pass_("secret")
                return client
            except poplib.error_proto as error:
                self.assertIn("[IN-USE]", str(error))
                client.close()
        raise AssertionError("expected the maildrop to become free, found it in use")

    def test_a_maildrop_is_one_sessions_and_others_are_served_beside_it(self):
        first, second = self.login(), self.connect()
        second.user("alice")
        with self.assertRaisesRegex(poplib.error_proto, r"\[IN-USE\]"):
            second.pass_("secret")
        second.user("bob")
        second.encoding = "utf-8"
        second.pass_("sécret")
        self.assertEqual(second.stat(), (0, 0))
        first.quit()

    def test_wrong_passwords_are_denied(self):
        for user, password in (("alice", "guess"), ("alice", ""), ("carol", "x"), ("../alice", "x")):
            client = self.connect()
            client.user(user)
            with self.assertRaisesRegex(poplib.error_proto, r"-ERR"):
                client.pass_(password)

    def test_a_user_without_a_maildir_needs_an_operator(self):
        client = self.connect()
        client.user("nobody")
        with self.assertRaisesRegex(poplib.error_proto, r"\[SYS/PERM\]"):
            client.pass_("x")

    def test_a_message_that_is_gone_or_has_changed_is_an_error(self):
        self.deliver(b"1", b"2", b"3")
        client = self.login()
        (self.server.directory / "mail/alice/new/0001.host").unlink()
        (self.server.directory / "mail/alice/new/0002.host").write_bytes(b"longer")
        for number in (1, 2):
            with self.assertRaises(poplib.error_proto):
                client.retr(number)

    def test_commands_that_each_arrive_while_one_is_answered(self):
        """So many turns that the driver stops among them with some of them left."""
        self.deliver(b"x" * 70 + b"\n")
        client = self.login()
        for command in (b"NOOP", b"STAT", b"UIDL 1", b"LIST 1"):
            for _ in range(500):
                client.sock.sendall(command + b"\r\n")
                self.assertEqual(client.file.readline()[:3], b"+OK")

    def test_pipelined_commands_and_the_longest_line(self):
        client = self.login()
        client.sock.sendall(b"NOOP\r\n" * 3000 + b"x" * 16384 + b"\r\nNOOP\r\n")
        answers = [client.file.readline()[:3] for _ in range(3002)]
        self.assertEqual(answers, [b"+OK"] * 3000 + [b"-ER", b"+OK"])
        client.sock.sendall(b"x" * 16385 + b"\r\nNOOP\r\n")
        self.assertTrue(client.file.readline().startswith(b"-ERR"))
        self.assertEqual(client.file.read(), b"")


class Arguments:
    host = None

    def said(self, *arguments: str) -> tuple[int, str]:
        server = Server(self.host, COMPONENT, arguments)
        code = server.process.wait(120)
        return code, server.stop()

    def test_too_few_are_refused(self):
        code, said = self.said("127.0.0.1:0")
        self.assertNotEqual(code, 0)
        self.assertIn('expected ADDRESS USERS MAIL, found ["127.0.0.1:0"]', said)

    def test_an_address_that_is_none_is_refused(self):
        code, said = self.said("localhost", "/srv/users", "/srv/mail")
        self.assertNotEqual(code, 0)
        self.assertIn("localhost: expected an IP address and a port", said)


class UnderJco(Tests, unittest.TestCase):
    host = staticmethod(jco)


class ArgumentsUnderJco(Arguments, unittest.TestCase):
    host = staticmethod(jco)


class UnderWasmtime(Tests, unittest.TestCase):
    host = staticmethod(wasmtime)


class ArgumentsUnderWasmtime(Arguments, unittest.TestCase):
    host = staticmethod(wasmtime)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("test.py: expected the file of the server's component, found no argument")
    COMPONENT = str(Path(sys.argv.pop(1)).resolve())
    unittest.main()
