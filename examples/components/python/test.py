"""Drives the component with the host of examples/python, which checks the contract."""

import os
import poplib
import tempfile
import unittest
from pathlib import Path

import popcell

COMPONENT = popcell.Component(os.environ["PYTHON_SESSION"], wasi=True)
PLAIN = popcell.Component.from_environment()
CONNECTION = popcell.Connection()


class OverASocket(unittest.TestCase):
    def setUp(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        self.maildir = Path(folder) / "mail"
        self.mails = [b"A: b\n\n.dot\n..\nend", b"", b"x\n" * 50_000]
        popcell.fill(self.maildir, self.mails)
        serving = popcell.serve({"alice": ("secret", self.maildir)}, COMPONENT)
        self.server = self.enterContext(serving)
        self.client = self.connect()

    def tearDown(self):
        self.assertEqual(self.server.failures, [])

    def connect(self) -> poplib.POP3:
        client = poplib.POP3(self.server.host, self.server.port, timeout=60)
        self.addCleanup(client.close)
        return client

    def login(self) -> None:
        self.client.user("alice")
        self.client.pass_("secret")

    def test_mail_arrives_as_it_is(self):
        self.login()
        for number, stored in enumerate(self.mails, 1):
            _, lines, octets = self.client.retr(number)
            self.assertEqual(lines, stored.splitlines())
            self.assertEqual(self.client.list(number), b"+OK %d %d" % (number, octets))
        self.assertEqual(len(self.client.list()[1]), 3)
        self.assertEqual(self.client.uidl()[1][1], b"2 0000000002.popcell")
        self.assertIn("UIDL", self.client.capa())

    def test_quit_deletes_what_was_marked(self):
        self.login()
        self.client.dele(2)
        self.assertEqual(self.client.stat()[0], 2)
        self.assertEqual([line[:1] for line in self.client.list()[1]], [b"1", b"3"])
        with self.assertRaises(poplib.error_proto):
            self.client.retr(2)
        self.client.quit()
        left = sorted(file.name for file in self.maildir.glob("new/*"))
        self.assertEqual(left, ["0000000001.popcell", "0000000003.popcell"])

    def test_a_wrong_password_and_a_maildrop_in_use_are_told_apart(self):
        self.login()
        for user, password, code in (("alice", "x", "AUTH"), ("alice", "secret", "IN-USE")):
            client = self.connect()
            client.user(user)
            with self.assertRaisesRegex(poplib.error_proto, rf"\[{code}\]"):
                client.pass_(password)

    def test_bad_commands_end_the_session_and_hurt_nobody(self):
        self.client.sock.sendall(b"RETR 1\r\n\xff\xfe\r\n__init__ x\r\nNOOP\r\n")
        answers = self.client.file.read().splitlines()
        self.assertEqual(answers, [b"-ERR not a command here"] * 3)

    def test_a_line_that_is_too_long_ends_the_session(self):
        self.client.sock.sendall(b"x" * 20_000)
        self.assertIn(b"too long", self.client.file.read())


class Windows(unittest.TestCase):
    def test_a_maildrop_of_many_windows_is_listed(self):
        for count in (0, 326, 327, 328, 2_500):
            with popcell.serve({"alice": ("secret", [b"x\n"] * count)}, COMPONENT) as server:
                client = poplib.POP3(server.host, server.port, timeout=60)
                client.user("alice")
                client.pass_("secret")
                self.assertEqual(len(client.list()[1]), count)
                self.assertEqual(len(client.uidl()[1]), count)
                client.quit()
                self.assertEqual(server.failures, [])


class Moves(unittest.TestCase):
    def setUp(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        mails = [b".line\n" * 20_000, b"x\n"]
        self.users = popcell.mailboxes({"alice": ("secret", mails)}, Path(folder))
        self.mail = Path(folder) / "0" / "new"

    def logged_in(self, component: popcell.Component) -> popcell.Session:
        session = popcell.Session(component, self.users, CONNECTION)
        session.greet()
        session.lines(b"USER alice\r\n")
        session.lines(b"PASS secret\r\n")
        return session

    def moved(self, session: popcell.Session, component=COMPONENT) -> popcell.Session:
        return popcell.Session.resume(component, self.users, session.suspend(), CONNECTION)

    def test_a_session_moves_in_the_middle_of_a_message(self):
        session = self.moved(self.logged_in(COMPONENT))
        session.lines(b"DELE 2\r\n")
        step = session.lines(b"RETR 1\r\n")
        output = step.output
        while step.next == "more":
            session = self.moved(session)
            step = session.more()
            output += step.output
        self.assertEqual(output, b"+OK 140000 octets\r\n" + b"..line\r\n" * 20_000 + b".\r\n")
        self.moved(session).lines(b"QUIT\r\n")
        self.assertEqual([file.name for file in self.mail.iterdir()], ["0000000001.popcell"])

    def test_a_session_that_has_logged_in_elsewhere_is_taken(self):
        session = popcell.Session(PLAIN, self.users, CONNECTION)
        session.greet()
        session.lines(b"USER alice\r\nPASS secret\r\n")
        answer = self.moved(session).lines(b"STAT\r\n").output
        self.assertEqual(answer, b"+OK 2 140003\r\n")

    def test_a_session_in_the_middle_of_a_message_of_another_is_refused(self):
        session = popcell.Session(PLAIN, self.users, CONNECTION)
        session.greet()
        session.lines(b"USER alice\r\nPASS secret\r\nRETR 1\r\n")
        while (parked := session.suspend()).message is None:
            session = popcell.Session.resume(PLAIN, self.users, parked, CONNECTION)
            session.lines(b"RETR 1\r\n")
        with self.assertRaisesRegex(popcell.ResumeError, "unknown-format"):
            popcell.Session.resume(COMPONENT, self.users, parked, CONNECTION)
        parked.close()


if __name__ == "__main__":
    unittest.main()
