"""How much of our time and memory another host may take, and what is said when it wants more."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import httpcore2
import httpx2

from core.errors import AtriumError

MAX_HEADERS: Final = 200
MAX_HEADER_BYTES: Final = 64 * 1024


class PeerFailed(AtriumError):
    """The host that a tenant named does not answer as it should."""

    status = 502
    code = "peer_failed"


@dataclass(frozen=True, slots=True)
class Limits:
    """One exchange's: `deadline` is in the event loop's time, `seconds` what led to it.

    `max_bytes` is what a body may have, as it is received and as it is unpacked.
    """

    seconds: float
    deadline: float
    max_bytes: int


def check_headers(host: str, headers: httpx2.Headers) -> None:
    """Raises `PeerFailed`."""
    size = sum(len(name) + len(value) for name, value in headers.raw)
    if len(headers.raw) > MAX_HEADERS or size > MAX_HEADER_BYTES:
        raise PeerFailed(f"{host} sends more than {MAX_HEADERS} headers, or {MAX_HEADER_BYTES} bytes of them.")


@contextmanager
def translated(host: str, seconds: float) -> Iterator[None]:
    """Says what went wrong without the addresses and certificates that the causes quote."""
    try:
        yield
    except (TimeoutError, httpcore2.TimeoutException) as exc:
        raise PeerFailed(f"{host} did not answer within {seconds:g} seconds.") from exc
    except socket.gaierror as exc:
        raise PeerFailed(f"There is no host named {host}.") from exc
    except (OSError, httpcore2.NetworkError, httpcore2.ProtocolError) as exc:
        raise PeerFailed(f"{host} could not be reached, or broke the connection.") from exc
