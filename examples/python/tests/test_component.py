"""Files that are no session, and sessions that move."""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from wasmtime import wat2wasm

import popcell
from tests.store import COMPONENT, Letter, Store, session

SESSION = '(instance $s) (export "popcell:pop3/session@{}" (instance $s))'


class Files(unittest.TestCase):
    def refused(self, octets: bytes, *words: str) -> None:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "x.wasm"
            file.write_bytes(octets)
            with self.assertRaises(popcell.NotASession) as raised:
                popcell.Component(file)
        for word in (str(file), "expected", "found", *words):
            self.assertIn(word, str(raised.exception))

    def test_something_else(self):
        self.refused(b"#!/bin/sh\n", "00 61 73 6d", "23 21 2f 62")

    def test_an_empty_file(self):
        self.refused(b"", "nothing")

    def test_a_core_module(self):
        self.refused(bytes(wat2wasm("(module)")), "core module")

    def test_a_damaged_component(self):
        self.refused(COMPONENT.file.read_bytes()[:-1], "valid")

    def test_another_world(self):
        wat = '(component (instance $i) (export "wasi:cli/run@0.2.0" (instance $i)))'
        self.refused(bytes(wat2wasm(wat)), "popcell:pop3/session@0.1.0", "wasi:cli/run@0.2.0")

    def test_another_version(self):
        wat = f"(component {SESSION.format('0.2.0')})"
        self.refused(bytes(wat2wasm(wat)), "session@0.1.0", "session@0.2.0")

    def test_an_import_that_nobody_gives(self):
        wat = f'(component (import "wasi:cli/exit@0.2.0" (instance)) {SESSION.format("0.1.0")})'
        self.refused(bytes(wat2wasm(wat)), "wasi:cli/exit@0.2.0", "popcell:pop3/mail@0.1.0")

    def test_an_interface_without_its_functions(self):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "x.wasm"
            file.write_bytes(bytes(wat2wasm(f"(component {SESSION.format('0.1.0')})")))
            with self.assertRaisesRegex(popcell.Breach, "expected the function .*found none"):
                popcell.Session(popcell.Component(file), Store(), popcell.Connection())

    def test_a_file_that_is_not_there(self):
        with self.assertRaisesRegex(popcell.NotASession, "/nowhere: expected .*No such file"):
            popcell.Component("/nowhere")

    def test_no_file_at_all(self):
        with mock.patch.dict(os.environ, clear=True):
            with self.assertRaisesRegex(popcell.NotASession, "expected .* POPCELL_COMPONENT"):
                with popcell.serve({}):
                    pass


class Moves(unittest.TestCase):
    CONNECTION = popcell.Connection()

    def moved(self, begun: popcell.Session, store: Store) -> popcell.Session:
        return popcell.Session.resume(COMPONENT, store, begun.suspend(), self.CONNECTION)

    def test_a_session_moves_between_any_two_calls_of_a_message(self):
        text = b".line\r\n" * 40_000
        store = Store([Letter(text), Letter(b"x\r\n")])
        logged = self.moved(session(store), store)
        logged.lines(b"DELE 2\r\n")
        logged = self.moved(logged, store)
        step = logged.lines(b"RETR 1\r\n", 4_096)
        output, moves = step.output, 0
        while step.next == "more":
            logged = self.moved(logged, store)
            step = logged.more(4_096)
            output, moves = output + step.output, moves + 1
        head = b"+OK %d octets\r\n" % len(text)
        self.assertEqual(output, head + b"." + text.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        self.assertGreater(moves, 20)
        self.assertFalse(store.released.is_set())
        self.moved(logged, store).lines(b"QUIT\r\n")
        self.assertEqual(store.committed, [2])
        self.assertTrue(store.released.is_set())

    def test_a_user_name_moves_too(self):
        store = Store()
        begun = popcell.Session(COMPONENT, store, self.CONNECTION)
        begun.greet()
        begun.lines(b"USER alice\r\n")
        answer = self.moved(begun, store).lines(b"PASS secret\r\n").output
        self.assertTrue(answer.startswith(b"+OK"), answer)

    def test_a_session_that_is_refused_is_as_it_was(self):
        store = Store([Letter(b"x\r\n")])
        parked = session(store).suspend()
        wrong = popcell.Parked(b"\xff", parked.maildrop)
        with self.assertRaisesRegex(popcell.ResumeError, "unknown-format"):
            popcell.Session.resume(COMPONENT, store, wrong, self.CONNECTION)
        missing = popcell.Parked(parked.state)
        with self.assertRaisesRegex(popcell.ResumeError, "capability-mismatch"):
            popcell.Session.resume(COMPONENT, store, missing, self.CONNECTION)
        self.assertFalse(store.released.is_set())
        again = popcell.Session.resume(COMPONENT, store, parked, self.CONNECTION)
        self.assertEqual(again.lines(b"STAT\r\n").output, b"+OK 1 3\r\n")

    def test_a_parked_session_that_is_given_up_releases_its_maildrop(self):
        store = Store()
        parked = session(store).suspend()
        parked.close()
        self.assertTrue(store.released.is_set())


class Page(unittest.TestCase):
    def test_what_the_page_shows_runs(self):
        page = (Path(__file__).parents[1] / "README.md").read_text()
        blocks = [block.split("```")[0] for block in page.split("```python\n")[1:]]
        self.assertGreaterEqual(len(blocks), 2)
        for block in blocks:
            environment = {**os.environ, "POPCELL_COMPONENT": str(COMPONENT.file)}
            subprocess.run([sys.executable, "-c", block], check=True, env=environment, timeout=60)
