"""Holds the server against poplib, curl and a socket: clients.py PORT FOLDER

FOLDER has the letters, in files named by their numbers, as octets with CRLF at every line's end.
"""

import poplib
import socket
import subprocess
import sys
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PORT, FOLDER = int(sys.argv[1]), Path(sys.argv[2])
LETTERS = {int(file.name): file.read_bytes() for file in FOLDER.iterdir()}
PASSWORD = "a secret with spaces"

# poplib gives up a line of more octets than this; the eighth letter has one.
MOST_OF_POPLIB = poplib._MAXLINE


def stuffed(letter):
    lines = letter.split(b"\n")
    return b"\n".join(b"." + line if line.startswith(b".") else line for line in lines)


class Poplib(unittest.TestCase):
    def login(self, user, password=PASSWORD):
        client = poplib.POP3("127.0.0.1", PORT, timeout=60)
        self.addCleanup(client.close)
        client.user(user)
        client.pass_(password)
        return client

    def test_a_session(self):
        client = self.login("poplib")
        sizes = {number: len(letter) for number, letter in LETTERS.items()}
        self.assertEqual(client.stat(), (len(sizes), sum(sizes.values())))
        listed = [tuple(map(int, line.split())) for line in client.list()[1]]
        self.assertEqual(dict(listed), sizes)
        self.assertEqual(client.list(10), b"+OK 10 %d" % sizes[10])
        uids = [line.split()[1] for line in client.uidl()[1]]
        self.assertEqual(len(set(uids)), len(sizes))
        self.assertEqual(client.uidl(2), b"+OK 2 " + uids[1])
        for number, letter in LETTERS.items():
            if max(map(len, stuffed(letter).split(b"\n"))) < MOST_OF_POPLIB:
                _, lines, _ = client.retr(number)
                self.assertEqual(b"".join(line + b"\r\n" for line in lines), letter, number)
        self.assertEqual(client.top(2, 3)[1], [b"A: b", b"", b".", b"..", b"..."])
        self.assertEqual(client.top(2, 0)[1], [b"A: b", b""])
        for number in (0, 11, 4294967297):
            for command in (client.retr, client.dele, client.list, client.uidl):
                with self.assertRaises(poplib.error_proto):
                    command(number)
        client.quit()
        self.assertEqual([line.split()[1] for line in self.login("poplib").uidl()[1]], uids)

    def test_a_wrong_password(self):
        for user, password in [("poplib", "wrong"), ("nobody", PASSWORD), ("poplib", PASSWORD + " ")]:
            with self.assertRaisesRegex(poplib.error_proto, r"\[AUTH\]"):
                self.login(user, password)

    def test_deletion(self):
        client = self.login("deletion")
        client.dele(1)
        client.dele(10)
        with self.assertRaises(poplib.error_proto):
            client.retr(1)
        self.assertEqual(client.stat()[0], 8)
        client.rset()
        self.assertEqual(client.stat()[0], 10)
        client.dele(1)
        client.close()  # Without a QUIT nothing goes.
        client = self.again("deletion")
        self.assertEqual(client.stat()[0], 10)
        client.dele(2)
        client.dele(10)
        client.quit()
        self.assertEqual(self.login("deletion").stat()[0], 8)

    def again(self, user):
        """A login as soon as the server has seen that the last client is gone."""
        while True:
            try:
                return self.login(user)
            except poplib.error_proto as error:
                self.assertIn("[IN-USE]", str(error))

    def test_many_at_once(self):
        def session(number):
            client = self.login(f"many{number}", "secret")
            letter = client.retr(1)[1]
            client.quit()
            return letter

        with ThreadPoolExecutor(60) as pool:
            letters = list(pool.map(session, range(60)))
        self.assertEqual(letters, [[b"to %d" % number] for number in range(60)])


class Octets(unittest.TestCase):
    def test_every_octet_on_the_wire(self):
        with socket.create_connection(("127.0.0.1", PORT), timeout=60) as wire:
            commands = [b"USER every_octet", b"PASS " + PASSWORD.encode()]
            answers = rb"+OK Popcell on Node.js", b"+OK USER accepted, send PASS", b"+OK Authentication succeeded"
            expected = [answer + b"\r\n" for answer in answers]
            for number, letter in LETTERS.items():
                commands.append(b"RETR %d" % number)
                expected.append(b"+OK %d octets\r\n" % len(letter) + stuffed(letter) + b".\r\n")
            wire.sendall(b"\r\n".join([*commands, b"QUIT", b""]))
            got = b"".join(iter(lambda: wire.recv(1 << 16), b""))
        self.assertTrue(got.startswith(b"".join(expected)), "some octet is another")
        self.assertEqual(got[len(b"".join(expected)):], b"+OK \r\n")


class Curl(unittest.TestCase):
    def curl(self, path="", *options, password=PASSWORD):
        url = f"pop3://127.0.0.1:{PORT}/{path}"
        command = ["curl", "-sS", "--max-time", "60", "-u", f"curl:{password}", *options, url]
        return subprocess.run(command, capture_output=True)

    def test_every_letter(self):
        for number, letter in LETTERS.items():
            got = self.curl(str(number))
            self.assertEqual((got.returncode, got.stderr), (0, b""), number)
            # A letter without lines is an empty line to curl.
            self.assertEqual(got.stdout, letter or b"\r\n", number)

    def test_lists(self):
        expected = b"".join(b"%d %d\r\n" % (n, len(LETTERS[n])) for n in sorted(LETTERS))
        self.assertEqual(self.curl().stdout, expected)
        self.assertEqual(self.curl("", "-X", "UIDL").stdout.count(b"\r\n"), len(LETTERS))
        self.assertEqual(self.curl("", "-X", "TOP 1 0").stdout, b"From: a\r\nSubject: plain\r\n\r\n")

    def test_a_wrong_password(self):
        self.assertEqual(self.curl(password="wrong").returncode, 67)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
