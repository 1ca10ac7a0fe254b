"""What this process connects to, seen by an audit hook below every library; nothing leaves this machine."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any

Connection = tuple[str, int]

_watchers: list[list[Connection]] = []


@contextmanager
def watched() -> Iterator[list[Connection]]:
    """Each (address, port) that a socket is connected to meanwhile."""
    seen: list[Connection] = []
    _watchers.append(seen)
    try:
        yield seen
    finally:
        _watchers.remove(seen)


def _look(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "socket.connect" or not _watchers or not isinstance(arguments[1], tuple):
        return
    host, port = arguments[1][:2]
    for seen in _watchers:
        seen.append((host, port))
    if not ip_address(host).is_loopback:
        raise ConnectionRefusedError(f"A test may not connect to {host}.")


# It cannot be taken away again: it is there once, and does nothing while nobody watches.
sys.addaudithook(_look)
