"""Octets to lines, with a limit. Knows nothing of POP3."""

from __future__ import annotations

from .contract import MAX_LINE


class Input:
    """Octets that have arrived and are not consumed."""

    def __init__(self, limit: int = MAX_LINE) -> None:
        self._limit = limit
        self._octets = bytearray()
        self._complete = 0
        self.is_overlong = False
        """The line behind the complete ones is too long; nothing behind it is looked at."""

    def push(self, octets: bytes) -> None:
        """Adds what was read."""
        self._octets += octets
        while not self.is_overlong:
            end = self._octets.find(b"\n", self._complete)
            line = self._octets[self._complete : end if end >= 0 else None]
            self.is_overlong = len(line.removesuffix(b"\r")) > self._limit
            if self.is_overlong or end < 0:
                return
            self._complete = end + 1

    def lines(self, max: int = 65_536) -> bytes:
        """Complete lines that have arrived: one at least if there is one, and about `max` octets."""
        if self._complete <= max:
            return bytes(self._octets[: self._complete])
        end = self._octets.rfind(b"\n", 0, max)
        return bytes(self._octets[: end + 1])

    def consume(self, count: int) -> None:
        """Forgets the first `count` octets, which are whole lines."""
        del self._octets[:count]
        self._complete -= count
