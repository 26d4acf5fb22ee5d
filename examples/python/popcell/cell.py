"""A cell: one instance of a component with one session in it.

All handles are dealt with here and in `resources.py`: who calls gets octets and objects.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from wasmtime import WasmtimeError
from wasmtime.component import Func, Record, ResourceAny, ResourceHost

from .component import SESSION, Component
from .contract import Breach, Connection, Ended, Parked, ResumeError, Step, Users
from .imports import EXCHANGE, MAILDROP, MESSAGE, Imports
from .resources import Kind

MAX_STATE = 32_768


class Session:
    """A session in a cell of its own: one call at a time, and its output sent before the next."""

    def __init__(self, component: Component, users: Users, connection: Connection) -> None:
        self._begin(component, users, connection)
        self._session: ResourceAny = self._call("[constructor]session", _wit(connection))

    @classmethod
    def resume(
        cls, component: Component, users: Users, parked: Parked, connection: Connection
    ) -> Session:
        """Puts a parked session into a cell. On a `ResumeError` it is as it was."""
        session = cls.__new__(cls)
        session._begin(component, users, connection)
        session._resume(parked, connection)
        return session

    def greet(self) -> Step:
        """The greeting, once and first."""
        return self._step("greet", b"", 512)

    def lines(self, lines: bytes, max: int = 16_384) -> Step:
        """Answers complete lines, each with its LF."""
        imports = self._imports
        imports.in_lines, imports.has_quit = True, _has_quit(lines)
        return self._step("lines", lines, max, lines, max)

    def more(self, max: int = 16_384) -> Step:
        """Goes on with an answer."""
        return self._step("more", b"", max, max)

    def overlong(self) -> Step:
        """The peer has sent a line that is too long."""
        return self._step("overlong", b"", 512)

    def suspend(self) -> Parked:
        """Takes the session out of its cell, between any two calls."""
        record = self._call("[static]session.suspend", self._session)
        parked = Parked(
            record.state,
            self._take(MAILDROP, record.maildrop),
            self._take(MESSAGE, record.message),
        )
        self._take(EXCHANGE, record.exchange)
        self.close()
        marks = parked.maildrop.count // 8 + 1 if parked.maildrop else 0
        if len(parked.state) > MAX_STATE + marks:
            parked.close()
            raise Breach("session.suspend: state", MAX_STATE + marks, len(parked.state))
        return parked

    def close(self) -> None:
        """Throws the cell away: its maildrop is released, nothing is deleted. Twice is as once."""
        self._imports.table.close()
        self._store.close()

    def _begin(self, component: Component, users: Users, connection: Connection) -> None:
        self._component = component
        self._imports = Imports(users, connection.challenge)
        self._store = component.store()
        linker = component.linker()
        self._imports.define(linker)
        self._instance = component.instantiate(linker, self._store)
        self._functions: dict[str, Func] = {}

    def _resume(self, parked: Parked, connection: Connection) -> None:
        self._imports.logged_in = parked.maildrop is not None
        record = _record(
            state=parked.state,
            maildrop=self._lend(MAILDROP, parked.maildrop),
            message=self._lend(MESSAGE, parked.message),
            exchange=None,
        )
        with self._imports.table.held():
            result = self._call("[static]session.resume", record, _wit(connection))
        if isinstance(result, str):
            self._imports.table.forget()
            self.close()
            raise ResumeError(result)
        self._session = result

    def _step(self, name: str, lines: bytes, max: int, *arguments: Any) -> Step:
        imports = self._imports
        imports.in_answer = name in ("lines", "more")
        try:
            record = self._call(f"[method]session.{name}", self._session, *arguments)
        finally:
            imports.in_lines = imports.in_answer = imports.has_quit = False
        step = Step(record.consumed, record.output, record.next)
        _check(name, step, lines, 2 * max)
        if imports.committed and step.next not in ("close", "abort"):
            raise Breach(f"session.{name}", "close or abort behind a commit", step.next)
        return step

    def _call(self, name: str, *arguments: Any) -> Any:
        self._component.refuel(self._store)
        try:
            return self._function(name)(self._store, *arguments)
        except WasmtimeError as error:
            raise Ended(f"{name}: {_trap(error)}") from error

    def _function(self, name: str) -> Func:
        if name not in self._functions:
            interface = self._instance.get_export_index(self._store, SESSION)
            index = self._instance.get_export_index(self._store, name, interface)
            function = index and self._instance.get_func(self._store, index)
            if not function:
                raise Breach(SESSION, f"the function {name}", "none")
            self._functions[name] = function
        return self._functions[name]

    def _lend(self, kind: Kind[Any], capability: Any) -> ResourceHost | None:
        return None if capability is None else self._imports.table.lend(kind, capability)

    def _take(self, kind: Kind[Any], handle: ResourceAny | None) -> Any:
        return None if handle is None else self._imports.table.take(self._store, kind, handle)


def _check(name: str, step: Step, lines: bytes, most: int) -> None:
    where = f"session.{name}"
    if len(step.output) > most:
        raise Breach(f"{where}: output", f"at most {most} octets", len(step.output))
    whole = lines[: step.consumed].endswith(b"\n") and step.consumed <= len(lines)
    if lines and not whole:
        raise Breach(f"{where}: consumed", f"whole lines of {len(lines)} octets", step.consumed)
    if not lines and step.consumed:
        raise Breach(f"{where}: consumed", 0, step.consumed)
    if name == "more" and step.next == "more" and not step.output:
        raise Breach(where, "output or an end", "neither")


def _has_quit(lines: bytes) -> bool:
    return any(line.strip().upper() == b"QUIT" for line in lines.split(b"\n"))


def _trap(error: WasmtimeError) -> str:
    """The cause, which wasmtime tells last."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else "a trap"


def _wit(connection: Connection) -> Record:
    fields = dataclasses.asdict(connection)
    return _record(**{name.replace("_", "-"): value for name, value in fields.items()})


def _record(**fields: Any) -> Record:
    record = Record()
    record.__dict__.update(fields)
    return record
