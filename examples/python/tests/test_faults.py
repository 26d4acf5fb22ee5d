"""What goes wrong: faults of the store, peers that vanish, lines that are too long, limits."""

import asyncio
import poplib
import socket
import unittest
from unittest import mock

import popcell
from popcell.framing import Input
from tests.store import COMPONENT, Letter, Store, session
from tests.test_mail import logged_in


def failing(name: str, error: Exception):
    """Raises `error` in the call `name`."""

    def fails(call: str) -> None:
        if call == name:
            raise error

    return fails


class Faults(unittest.TestCase):
    def test_every_refusal_has_its_answer(self):
        codes = {
            "denied": b"-ERR [AUTH]",
            "in-use": b"-ERR [IN-USE]",
            "login-delay": b"-ERR [LOGIN-DELAY]",
            "temporary": b"-ERR [SYS/TEMP]",
            "permanent": b"-ERR [SYS/PERM]",
        }
        logins = {"password": b"USER a\r\nPASS b\r\n", "apop": b"APOP a %s\r\n" % (b"0" * 32)}
        for call, lines in logins.items():
            for kind, code in codes.items():
                store = Store(fails=failing(call, popcell.Refusal(kind)))
                connection = popcell.Connection(challenge="<1@here>")
                begun = popcell.Session(COMPONENT, store, connection)
                begun.greet()
                self.assertIn(code, begun.lines(lines).output)

    def test_every_fault_has_its_answer(self):
        codes = {"temporary": b"-ERR [SYS/TEMP]", "permanent": b"-ERR [SYS/PERM]"}
        calls = {"sizes": b"LIST 1\r\n", "uids": b"UIDL 1\r\n", "open": b"RETR 1\r\n"}
        for call, line in calls.items():
            for kind, code in codes.items():
                logged = session(Store([Letter(b"x\r\n")], failing(call, popcell.Fault(kind))))
                output = logged.lines(line).output
                self.assertTrue(output.startswith(code), output)

    def test_a_fault_before_the_first_octet_is_an_answer(self):
        def fails(at: int) -> None:
            raise popcell.Fault("temporary")

        output = session(Store([Letter(b"x\r\n", fails)])).lines(b"RETR 1\r\n").output
        self.assertTrue(output.startswith(b"-ERR [SYS/TEMP]"), output)

    def test_a_fault_in_the_middle_of_a_message_never_ends_it_as_if_it_were_whole(self):
        def fails(at: int) -> None:
            if at > 100_000:
                raise popcell.Fault("temporary")

        store = Store([Letter(b"line\r\n" * 50_000, fails)])
        logged = session(store)
        step = logged.lines(b"DELE 1\r\nRSET\r\nRETR 1\r\n")
        output = step.output
        while step.next == "more":
            step = logged.more()
            output += step.output
        self.assertEqual(step.next, "abort")
        self.assertFalse(output.endswith(b"\r\n.\r\n"))
        self.assertIsNone(store.committed)

    def test_a_defect_of_the_store_ends_the_session_and_is_told(self):
        store = Store([Letter(b"x\r\n")], failing("open", KeyError("a defect")))
        with popcell.serve(store, COMPONENT) as server, logged_in(server) as client:
            with self.assertRaises(poplib.error_proto):
                client.retr(1)
            self.assertTrue(store.released.wait(30))
        self.assertIsInstance(server.failures[0], KeyError)

    def test_capabilities_are_dropped_when_the_peer_vanishes_in_a_message(self):
        store = Store([Letter(b"line\r\n" * 2_000_000)])
        with popcell.serve(store, COMPONENT) as server, logged_in(server) as client:
            client.dele(1)
            client.rset()
            client.sock.sendall(b"RETR 1\r\n")
            client.sock.recv(100)
            client.sock.shutdown(socket.SHUT_RDWR)
            client.close()
            self.assertTrue(store.released.wait(30))
        self.assertGreaterEqual(store.letters[0].closed, 1)
        self.assertIsNone(store.committed)

    def test_what_a_component_drops_is_closed_at_once(self):
        store = Store([Letter(b"line\r\n")])
        logged = session(store)
        logged.lines(b"RETR 1\r\n")
        self.assertEqual(store.letters[0].closed, 1)
        self.assertFalse(store.released.is_set())
        logged.close()

    def test_what_a_component_holds_is_closed_with_its_cell(self):
        store = Store([Letter(b"line\r\n" * 100_000)])
        logged = session(store)
        self.assertEqual(logged.lines(b"RETR 1\r\n").next, "more")
        logged.close()
        self.assertEqual(store.letters[0].closed, 1)
        self.assertTrue(store.released.is_set())

    def test_a_component_that_computes_too_long_ends_and_deletes_nothing(self):
        store = Store([Letter(b"x\r\n")])
        logged = session(store)
        logged.lines(b"DELE 1\r\n")
        with mock.patch("popcell.component.FUEL", 100):
            with self.assertRaisesRegex(popcell.Ended, "fuel"):
                logged.lines(b"QUIT\r\n")
        logged.close()
        self.assertTrue(store.released.is_set())
        self.assertIsNone(store.committed)


class Lines(unittest.TestCase):
    def test_a_line_of_the_limit_is_answered_and_a_longer_one_ends_the_session(self):
        with popcell.serve({"alice": ("secret", [])}, COMPONENT) as server:
            with logged_in(server) as client:
                client.sock.sendall(b"x" * 16_384 + b"\r\nNOOP\r\n")
                self.assertTrue(client.file.readline().startswith(b"-ERR"))
                self.assertTrue(client.file.readline().startswith(b"+OK"))
                client.sock.sendall(b"NOOP\r\n" + b"x" * 16_385 + b"\r\nNOOP\r\n")
                self.assertTrue(client.file.readline().startswith(b"+OK"))
                self.assertTrue(client.file.readline().startswith(b"-ERR"))
                self.assertEqual(client.file.read(), b"")

    def test_lines_do_not_depend_on_how_they_arrive(self):
        octets = b"a\r\n\r\nbcd\nefg"
        for size in range(1, len(octets) + 1):
            input, lines = Input(4), b""
            for start in range(0, len(octets), size):
                input.push(octets[start : start + size])
                got = input.lines()
                lines += got
                input.consume(len(got))
            self.assertEqual((lines, input.is_overlong), (b"a\r\n\r\nbcd\n", False))

    def test_pipelined_commands_are_answered_in_order(self):
        with popcell.serve({"alice": ("secret", [b"x\n"])}, COMPONENT) as server:
            with logged_in(server) as client:
                client.sock.sendall(b"NOOP\r\nBAD\r\n" * 500 + b"RETR 1\r\nDELE 1\r\nQUIT\r\n")
                answers = client.file.read().split(b"\r\n")
                self.assertEqual([a[:3] for a in answers[:40]], [b"+OK", b"-ER"] * 20)


class Backpressure(unittest.IsolatedAsyncioTestCase):
    async def test_more_is_not_asked_for_before_the_client_has_taken_what_there_was(self):
        letter = Letter(b"line\r\n" * 100_000)
        server = popcell.Server(COMPONENT, Store([letter]))
        reader, writer = asyncio.StreamReader(), mock.Mock()
        taken = asyncio.Semaphore(0)
        drained = asyncio.Semaphore(0)

        async def drain() -> None:
            drained.release()
            await taken.acquire()

        writer.drain = drain
        reader.feed_data(b"USER a\r\nPASS b\r\nRETR 1\r\n")
        serving = asyncio.create_task(server._serve(reader, writer))
        await drained.acquire()
        taken.release()
        await drained.acquire()
        for _ in range(5):
            at = letter.at
            for _ in range(100):
                await asyncio.sleep(0)
            self.assertEqual(letter.at, at)
            taken.release()
            await drained.acquire()
            self.assertGreater(letter.at, at)
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)

    async def test_a_silent_client_is_closed(self):
        server = popcell.Server(COMPONENT, Store(), idle_seconds=0.01)
        reader, writer = asyncio.StreamReader(), mock.Mock()
        writer.drain = mock.AsyncMock()
        await asyncio.wait_for(server._connected(reader, writer), 30)
        writer.close.assert_called_once()
        self.assertEqual(server.failures, [])
