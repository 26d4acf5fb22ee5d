"""Drives the component with the host of examples/python, which checks the contract."""

import os
import poplib
import tempfile
import unittest
from pathlib import Path

import popcell
from popcell.contract import Parked

COMPONENT = popcell.Component(os.environ["SPAM_FILTER"], wasi=True)
PLAIN = popcell.Component.from_environment()
CONNECTION = popcell.Connection()
FLAG = b"X-Spam-Flag: YES\n"


def mail(count: int, spam: set[int]) -> list[bytes]:
    return [
        (FLAG if number in spam else b"") + b"Subject: %d\n\n%d\n" % (number, number)
        for number in range(1, count + 1)
    ]


class OverASocket(unittest.TestCase):
    def setUp(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        self.maildir = Path(folder) / "mail"
        popcell.fill(self.maildir, mail(12, {1, 4, 5, 12}))
        serving = popcell.serve({"alice": ("secret", self.maildir)}, COMPONENT)
        self.server = self.enterContext(serving)
        self.client = poplib.POP3(self.server.host, self.server.port, timeout=60)
        self.addCleanup(self.client.close)
        self.client.user("alice")
        self.client.pass_("secret")

    def tearDown(self):
        self.assertEqual(self.server.failures, [])

    def bodies(self) -> list[int]:
        count = self.client.stat()[0]
        return [int(self.client.retr(number)[1][-1]) for number in range(1, count + 1)]

    def test_spam_is_not_there(self):
        self.assertEqual(self.bodies(), [2, 3, 6, 7, 8, 9, 10, 11])
        sizes = [int(line.split()[1]) for line in self.client.list()[1]]
        self.assertEqual(self.client.stat(), (8, sum(sizes)))
        self.assertEqual(sizes[0], len(b"Subject: 2\r\n\r\n2\r\n"))
        names = [line.split()[1][:10] for line in self.client.uidl()[1]]
        self.assertEqual(names, [b"%010d" % n for n in (2, 3, 6, 7, 8, 9, 10, 11)])
        self.assertEqual(self.client.top(3, 0)[1], [b"Subject: 6", b""])
        with self.assertRaises(poplib.error_proto):
            self.client.retr(9)

    def test_quit_deletes_what_was_marked_and_no_spam(self):
        for number in (1, 3, 8):
            self.client.dele(number)
        self.client.quit()
        left = sorted(int(file.read_bytes().split()[-1]) for file in self.maildir.glob("new/*"))
        self.assertEqual(left, [1, 3, 4, 5, 7, 8, 9, 10, 12])


class Moves(unittest.TestCase):
    def setUp(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        self.maildir = Path(folder) / "0"
        mails = [FLAG + b"\nspam\n", b"A: b\n\n" + b".line\n" * 20_000, b"\nlast\n"]
        self.users = popcell.mailboxes({"alice": ("secret", mails)}, Path(folder))

    def logged_in(self, component: popcell.Component) -> popcell.Session:
        session = popcell.Session(component, self.users, CONNECTION)
        session.greet()
        session.lines(b"USER alice\r\nPASS secret\r\n")
        return session

    def moved(self, session: popcell.Session, component=COMPONENT) -> popcell.Session:
        return popcell.Session.resume(component, self.users, session.suspend(), CONNECTION)

    def test_a_session_moves_in_the_middle_of_a_message(self):
        session = self.moved(self.logged_in(COMPONENT))
        session.lines(b"DELE 2\r\n")
        step = session.lines(b"RETR 1\r\n", 4_096)
        output = step.output
        while step.next == "more":
            session = self.moved(session)
            step = session.more(4_096)
            output += step.output
        self.assertTrue(output.endswith(b"\r\n..line\r\n.\r\n"))
        self.assertEqual(output.count(b"..line"), 20_000)
        self.moved(session).lines(b"QUIT\r\n")
        self.assertEqual(len(list(self.maildir.glob("new/*"))), 2)
        self.assertFalse((self.maildir / "new/0000000003.popcell").exists())

    def test_a_session_that_has_logged_in_elsewhere_is_filtered_from_its_first_line(self):
        session = self.moved(self.logged_in(PLAIN))
        self.assertTrue(session.lines(b"STAT\r\n").output.startswith(b"+OK 2 "))
        session.close()

    def test_it_moves_on_before_its_first_line_too(self):
        session = self.moved(self.moved(self.logged_in(PLAIN)), PLAIN)
        self.assertTrue(session.lines(b"STAT\r\n").output.startswith(b"+OK 3 "))
        session.close()

    def test_a_user_name_moves(self):
        session = popcell.Session(PLAIN, self.users, CONNECTION)
        session.greet()
        session.lines(b"USER alice\r\n")
        answer = self.moved(session).lines(b"PASS secret\r\nSTAT\r\n").output
        self.assertIn(b"+OK 2 ", answer)

    def test_other_states_are_refused(self):
        marked = self.logged_in(PLAIN)
        marked.lines(b"DELE 1\r\n")
        with_marks = marked.suspend()
        with_marks.close()
        states = {
            "unknown-format": [with_marks.state, b"", b"\xff", b"\x01\x04"],
            "capability-mismatch": [b"S\x01\x09\x01", b"S\x01\x01\x00\x00", b"S\x01"],
        }
        for kind, refused in states.items():
            for state in refused:
                maildrop = self.users.password(b"alice", b"secret")
                with self.assertRaisesRegex(popcell.ResumeError, kind, msg=state):
                    parked = Parked(state, maildrop)
                    popcell.Session.resume(COMPONENT, self.users, parked, CONNECTION)
                maildrop.close()


if __name__ == "__main__":
    unittest.main()
