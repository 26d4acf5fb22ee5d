"""Lists of octets across the border, a block at a time.

`wasmtime` converts a `list<u8>` value by value, which takes seconds for a MiB that goes in and comes
out again. Here the array of values is copied as a block of memory, and the octets are every n-th
of it. The layout is not assumed, it comes from wasmtime's own declaration of
`wasmtime_component_val_t`.
"""

from __future__ import annotations

import ctypes
from typing import Any

from wasmtime import _ffi as ffi
from wasmtime.component import _types

_VALUE = ffi.wasmtime_component_val_t
_STRIDE = ctypes.sizeof(_VALUE)
_KIND = _VALUE.kind.offset
_OCTET = _VALUE.of.offset
_U8 = ffi.WASMTIME_COMPONENT_U8.value

_to_c = _types.ListType.convert_to_c
_from_c = _types.ListType.convert_from_c


def install() -> None:
    """Makes wasmtime use the functions below. Twice does no harm."""
    _types.ListType.convert_to_c = _block_to_c  # type: ignore[method-assign]
    _types.ListType.convert_from_c = _block_from_c  # type: ignore[method-assign]


def _block_to_c(self: Any, store: Any, val: Any, ptr: Any) -> None:
    if not (isinstance(val, bytes) and self._is_bytes()):
        _to_c(self, store, val, ptr)
        return
    values = bytearray(_STRIDE * len(val))
    values[_KIND::_STRIDE] = bytes([_U8]) * len(val)
    values[_OCTET::_STRIDE] = val
    raw = ffi.wasmtime_component_vallist_t()
    ffi.wasmtime_component_vallist_new_uninit(raw, len(val))
    ctypes.memmove(raw.data, bytes(values), len(values))
    ptr.contents.kind = ffi.WASMTIME_COMPONENT_LIST
    ptr.contents.of.list = raw


def _block_from_c(self: Any, c: Any) -> Any:
    if not self._is_bytes():
        return _from_c(self, c)
    size = c.of.list.size
    values = ctypes.string_at(c.of.list.data, size * _STRIDE) if size else b""
    ffi.wasmtime_component_vallist_delete(ctypes.byref(c.of.list))
    return values[_OCTET::_STRIDE]


def uninstall() -> None:
    """Has wasmtime convert value by value again; `measure.py` compares the two."""
    _types.ListType.convert_to_c = _to_c  # type: ignore[method-assign]
    _types.ListType.convert_from_c = _from_c  # type: ignore[method-assign]
