"""A component file: compiled once, checked against the contract, and made into cells."""

from __future__ import annotations

import os
import re
from pathlib import Path

from wasmtime import Config, Engine, Store, WasiConfig, WasmtimeError
from wasmtime import component as wasm

from . import octets
from .contract import VERSION

MEMORY = 64 * 1024 * 1024
"""Octets of memory that a cell may have. One of another language wants tens of MiB."""
FUEL = 2_000_000_000
"""What a cell may compute in one call, in fuel of wasmtime: about an instruction each."""

SESSION = f"popcell:pop3/session@{VERSION}"
IMPORTS = tuple(f"popcell:pop3/{name}@{VERSION}" for name in ("mail", "auth"))


class NotASession(Exception):
    """A file is no component of the world `pop3-session`; says what was expected and found."""


class Component:
    """A protocol component. `wasi` lets it import WASI, and gives it clocks and randomness."""

    def __init__(self, file: str | Path, *, wasi: bool = False) -> None:
        self.file = Path(file)
        self.wasi = wasi
        octets.install()
        config = Config()
        config.consume_fuel = True
        self._engine = Engine(config)
        self._component = self._compile(_read(self.file))
        self._check()

    @classmethod
    def from_environment(cls) -> Component:
        """The component that the environment variable POPCELL_COMPONENT names."""
        file = os.environ.get("POPCELL_COMPONENT")
        if not file:
            raise NotASession(
                "expected a component's file in the environment variable POPCELL_COMPONENT, found"
                " none; `popcell component export FILE` writes one"
            )
        return cls(file)

    def store(self) -> Store:
        """A store for one cell, with its limits."""
        store = Store(self._engine)
        store.set_limits(memory_size=MEMORY)
        self.refuel(store)
        if self.wasi:
            store.set_wasi(WasiConfig())
        return store

    def refuel(self, store: Store) -> None:
        """Allows `store` one more call."""
        store.set_fuel(FUEL)

    def linker(self) -> wasm.Linker:
        """A linker, with WASI in it if the component may have that."""
        linker = wasm.Linker(self._engine)
        if self.wasi:
            linker.add_wasip2()
        return linker

    def instantiate(self, linker: wasm.Linker, store: Store) -> wasm.Instance:
        """An instance, with what `linker` has for its imports."""
        try:
            return linker.instantiate(store, self._component)
        except WasmtimeError as error:
            raise NotASession(
                f"{self.file}: expected imports of world popcell:pop3/pop3-session@{VERSION},"
                f" found: {error}"
            ) from error

    def _compile(self, octets_: bytes) -> wasm.Component:
        if not octets_.startswith(b"\0asm"):
            found = octets_[:4].hex(" ") or "nothing"
            raise NotASession(
                f"{self.file}: expected a WebAssembly component (00 61 73 6d at its start),"
                f" found {found}"
            )
        if octets_[4:8] == b"\1\0\0\0":
            raise NotASession(
                f"{self.file}: expected a WebAssembly component, found a core module; a component"
                " comes of the target wasm32-wasip2"
            )
        try:
            return wasm.Component(self._engine, octets_)
        except WasmtimeError as error:
            raise NotASession(
                f"{self.file}: expected a valid WebAssembly component, found: {error}"
            ) from error

    def _check(self) -> None:
        exports = list(self._component.type.exports(self._engine))
        if not any(_fits(name, SESSION) for name in exports):
            raise NotASession(
                f"{self.file}: expected the export {SESSION}, found {_names(exports)}"
            )
        imports = list(self._component.type.imports(self._engine))
        others = [name for name in imports if not self._may_import(name)]
        if others:
            found = _names(others)
            hint = "; WASI is for `wasi=True`" if "wasi:" in found and not self.wasi else ""
            raise NotASession(
                f"{self.file}: expected no imports but {' and '.join(IMPORTS)}, found {found}{hint}"
            )

    def _may_import(self, name: str) -> bool:
        is_wasi = self.wasi and name.startswith("wasi:")
        return is_wasi or any(_fits(name, expected) for expected in IMPORTS)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise NotASession(
            f"{file}: expected a component's file, found: {error.strerror}"
        ) from error


def _fits(name: str, expected: str) -> bool:
    """Whether the names are equal but for the last number of their versions."""
    return re.sub(r"\.\d+$", "", name) == re.sub(r"\.\d+$", "", expected)


def _names(names: list[str]) -> str:
    return ", ".join(names) or "nothing"
