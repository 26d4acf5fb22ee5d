"""What a cell was lent: the handles that a component holds, and the objects behind them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from wasmtime._store import Storelike
from wasmtime.component import LinkerInstance, ResourceAny, ResourceHost, ResourceType

from .contract import Breach


class _Closes(Protocol):
    def close(self) -> None: ...


T = TypeVar("T", bound=_Closes)


@dataclass(frozen=True)
class Kind(Generic[T]):
    """A resource of the contract; `number` tells wasmtime the kinds apart."""

    name: str
    number: int


class Table:
    """The capabilities in a cell. A handle that the component drops closes its object."""

    def __init__(self) -> None:
        self._objects: dict[int, tuple[Kind[Any], Any]] = {}
        self._last = 0
        self._closes = True

    def __len__(self) -> int:
        return len(self._objects)

    def define(self, linker: LinkerInstance, kind: Kind[Any]) -> None:
        """Makes `kind` known to the linker, with what happens when the component drops one."""

        def dropped(_store: Storelike, rep: int) -> None:
            entry = self._objects.pop(rep, None)
            if entry is not None and self._closes:
                entry[1].close()

        linker.add_resource(kind.name, ResourceType.host(kind.number), dropped)

    def lend(self, kind: Kind[T], capability: T) -> ResourceHost:
        """An owned handle, to be given to the component."""
        self._last += 1
        self._objects[self._last] = (kind, capability)
        return ResourceHost.own(self._last, kind.number)

    def borrowed(self, store: Storelike, kind: Kind[T], handle: ResourceAny) -> T:
        """The object behind a borrowed handle.

        A loan has to end before its call does. Here `to_host` ends it; a handle that is not taken
        apart would need a `drop`, or wasmtime makes a trap of the call.
        """
        return self._get(kind, handle.to_host(store).rep)

    def take(self, store: Storelike, kind: Kind[T], handle: ResourceAny) -> T:
        """The object behind an owned handle, which the component has given back."""
        rep = handle.to_host(store).rep
        capability = self._get(kind, rep)
        del self._objects[rep]
        return capability

    def count(self, kind: Kind[Any]) -> int:
        """How many of a kind the component has."""
        return sum(1 for of, _ in self._objects.values() if of is kind)

    def close(self) -> None:
        """Closes what the component still has."""
        for _, capability in self._objects.values():
            capability.close()
        self.forget()

    @contextmanager
    def held(self) -> Iterator[None]:
        """In the block a dropped handle closes nothing: who lent the object has it still."""
        self._closes = False
        try:
            yield
        finally:
            self._closes = True

    def forget(self) -> None:
        """Forgets what the component still has, and closes nothing."""
        self._objects.clear()

    def _get(self, kind: Kind[T], rep: int) -> T:
        of, capability = self._objects.get(rep, (None, None))
        if of is not kind:
            raise Breach(kind.name, "a handle that was lent", f"number {rep}")
        return capability  # type: ignore[return-value]
