"""A moto backend's state as bytes: what pickle cannot carry is named, made anew or left out."""

from __future__ import annotations

import io
import threading
import weakref
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import cloudpickle  # type: ignore[import-untyped]
from cryptography.hazmat.primitives import serialization
from moto.backends import get_backend
from moto.core.base_backend import BaseBackend

_LOCK, _RLOCK = type(threading.Lock()), type(threading.RLock())


def dumps(state: Any, *, names: Mapping[BaseBackend, tuple[str, str]]) -> bytes:
    """Pickle a backend's state.

    Args:
        names: Service and "account/region" of each backend that the state may refer to.
    """
    file = io.BytesIO()
    _Pickler(file, names).dump(state)
    return file.getvalue()


def find_backend(service: str, name: str) -> BaseBackend:
    """A backend by its service and "account/region"."""
    account, region = name.split("/")
    found: BaseBackend = get_backend(service)[account][region]  # type: ignore[call-overload]
    return found


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    """Pickles one backend: other backends by name, locks made anew, threads forgotten."""

    def __init__(self, file: io.BytesIO, names: Mapping[BaseBackend, tuple[str, str]]) -> None:
        super().__init__(file)
        self._names = names

    def reducer_override(self, found: Any) -> Any:
        """How to rebuild what pickle cannot carry."""
        if isinstance(found, BaseBackend):  # not by persistent_id, which every string goes through
            return find_backend, self._names[found]
        if isinstance(found, _LOCK):
            return threading.Lock, ()
        if isinstance(found, _RLOCK):
            return threading.RLock, ()
        if isinstance(found, threading.Thread):
            return _nothing, ()
        if isinstance(found, weakref.WeakValueDictionary):
            return weakref.WeakValueDictionary, (dict(found),)
        if isinstance(found, defaultdict) and type(found) is not defaultdict:
            made = type(found), found.default_factory
            return _new_defaultdict, made, found.__dict__, None, iter(found.items())
        if hasattr(found, "private_bytes"):
            return _load_private_key, (_private_bytes(found),)
        return super().reducer_override(found)


def _private_bytes(key: Any) -> bytes:
    encoded: bytes = key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return encoded


def _load_private_key(encoded: bytes) -> Any:
    return serialization.load_der_private_key(encoded, None)


def _nothing() -> None:
    """What a thread is after a restart."""


def _new_defaultdict(kind: type[defaultdict[Any, Any]], factory: Any) -> defaultdict[Any, Any]:
    """A subclass without its own constructor, whose arguments nobody kept."""
    made = kind.__new__(kind)
    defaultdict.__init__(made, factory)
    return made
