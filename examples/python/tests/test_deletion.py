"""Only a QUIT deletes, and it deletes exactly what was marked."""

import hashlib
import os
import poplib
import tempfile
import unittest
from pathlib import Path

import popcell
from tests.store import COMPONENT, Letter, Store, session
from tests.test_mail import logged_in


class Deletion(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.maildir = Path(folder.name) / "mail"
        popcell.fill(self.maildir, [b"%d\n" % n for n in range(1, 12)])
        serving = popcell.serve({"alice": ("secret", self.maildir)}, COMPONENT)
        self.server = self.enterContext(serving)

    def left(self) -> list[int]:
        files = [*(self.maildir / "new").iterdir(), *(self.maildir / "cur").iterdir()]
        return sorted(int(file.read_bytes()) for file in files)

    def test_dele_and_quit_delete_exactly_those(self):
        with logged_in(self.server) as client:
            for number in (2, 9, 11):
                client.dele(number)
            client.quit()
        self.assertEqual(self.left(), [1, 3, 4, 5, 6, 7, 8, 10])

    def test_dele_without_quit_deletes_nothing(self):
        with logged_in(self.server) as client:
            client.dele(2)
        self.assertEqual(self.left(), list(range(1, 12)))

    def test_dele_and_rset_delete_nothing(self):
        with logged_in(self.server) as client:
            client.dele(2)
            client.rset()
            client.quit()
        self.assertEqual(self.left(), list(range(1, 12)))

    def test_a_file_that_another_program_has_renamed_is_deleted_all_the_same(self):
        with logged_in(self.server) as client:
            file = next(file for file in (self.maildir / "new").iterdir() if "003" in file.name)
            os.rename(file, self.maildir / "cur" / f"{file.name}:2,S")
            client.dele(3)
            client.quit()
        self.assertNotIn(3, self.left())

    def test_a_message_that_another_program_has_removed_is_an_error(self):
        with logged_in(self.server) as client:
            (self.maildir / "new" / "0000000003.popcell").unlink()
            with self.assertRaisesRegex(poplib.error_proto, "changed or removed"):
                client.retr(3)
            self.assertEqual(client.retr(4)[1], [b"4"])

    def test_a_message_that_has_changed_is_never_sent_as_if_it_were_whole(self):
        with logged_in(self.server) as client:
            (self.maildir / "new" / "0000000003.popcell").write_bytes(b"longer than it was\n")
            with self.assertRaises(poplib.error_proto):
                client.retr(3)

    def test_a_commit_that_fails_in_part_says_so(self):
        def fails(call: str) -> None:
            if call == "commit":
                raise popcell.Unfinished(1, 1)

        store = Store([Letter(b"a\r\n"), Letter(b"b\r\n")], fails)
        logged = session(store)
        logged.lines(b"DELE 1\r\nDELE 2\r\n")
        step = logged.lines(b"QUIT\r\n")
        self.assertTrue(step.output.startswith(b"-ERR"), step.output)
        self.assertEqual(step.next, "close")


class Login(unittest.TestCase):
    USERS = {"alice": ("secret", [b"x\n"])}

    def test_a_maildrop_is_one_sessions(self):
        with popcell.serve(self.USERS, COMPONENT) as server:
            with logged_in(server) as first:
                second = poplib.POP3(server.host, server.port)
                second.user("alice")
                with self.assertRaisesRegex(poplib.error_proto, r"\[IN-USE\]"):
                    second.pass_("secret")
                first.quit()
                second.user("alice")
                second.pass_("secret")
                second.close()

    def test_a_wrong_password_is_denied(self):
        with popcell.serve(self.USERS, COMPONENT) as server:
            for user, password in (("alice", "guess"), ("bob", "secret"), ("bob", "")):
                client = poplib.POP3(server.host, server.port)
                client.user(user)
                with self.assertRaisesRegex(poplib.error_proto, r"\[AUTH\]"):
                    client.pass_(password) if password else client._shortcmd("PASS x")
                client.close()

    def test_apop_takes_the_digest_of_the_challenge(self):
        with popcell.serve(self.USERS, COMPONENT) as server:
            client = poplib.POP3(server.host, server.port)
            client.apop("alice", "secret")
            self.assertEqual(client.stat()[0], 1)
            client.close()
            other = poplib.POP3(server.host, server.port)
            digest = hashlib.md5(b"<another@challenge>secret").hexdigest()
            with self.assertRaisesRegex(poplib.error_proto, r"\[AUTH\]"):
                other._shortcmd(f"APOP alice {digest}")
            other.close()
