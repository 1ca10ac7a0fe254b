"""Parses a document in a child process that can be starved, killed or crashed without harm to the caller."""

import asyncio
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ingest.blocks import Block, DocumentRejected, ParsedDocument
from ingest.limits import ParseLimits as ParseLimits
from ingest.parse_frames import LENGTH, frame

_log = logging.getLogger(__name__)

OnProgress = Callable[[int, int | None], Awaitable[None] | None]

_ROOT = Path(__file__).parent.parent
# No character takes more than six bytes in JSON; each block adds its kind, level and page.
_BYTES_PER_CHARACTER = 6
_BYTES_BESIDE_TEXT = 16 * 1024 * 1024
_START_SECONDS = 60
_INHERITED = ("PATH", "LD_LIBRARY_PATH", "TMPDIR", "VIRTUAL_ENV")
_CRASHED = "The file made its reader fail, so it is probably damaged; save it again and upload the new file."


async def parse(data: bytes, filename: str, limits: ParseLimits, on_progress: OnProgress) -> ParsedDocument:
    """The document's blocks.

    on_progress(done, total) hears of pages while they are read; it may be a coroutine function.
    Raises DocumentRejected when the document is at fault, ChildProcessError when no child could be started.
    """
    reader, writer = await asyncio.open_unix_connection(sock=_server.connect())
    child: int | None = None
    clock = asyncio.timeout(None)
    try:
        child = await _ready(reader)
        async with clock:
            clock.reschedule(asyncio.get_running_loop().time() + limits.seconds)
            request = {"filename": filename, "bytes": len(data), "limits": asdict(limits)}
            writer.write(frame(request))
            writer.write(data)
            return await _result(reader, limits, on_progress)
    except TimeoutError as exc:
        if not clock.expired():
            raise  # the listener's, not ours
        raise DocumentRejected(
            "parse_timeout",
            f"The file took longer than {limits.seconds:g} seconds to read; split it into parts.",
        ) from exc
    finally:
        if child is not None:
            _kill(child)
        writer.close()


def start_parse_server() -> None:
    """Starts loading the parsers (a few seconds), so that the first document need not wait for it."""
    _server.start()


async def _ready(reader: asyncio.StreamReader) -> int:
    """A pidfd of the child: unlike its pid it can never mean another process."""
    try:
        async with asyncio.timeout(_START_SECONDS):
            (length,) = LENGTH.unpack(await reader.readexactly(LENGTH.size))
            _, pid = json.loads(await reader.readexactly(length))
        return os.pidfd_open(pid)
    except (asyncio.IncompleteReadError, TimeoutError, OSError) as exc:
        raise ChildProcessError("the parse server ended before it took the document") from exc


async def _result(reader: asyncio.StreamReader, limits: ParseLimits, on_progress: OnProgress) -> ParsedDocument:
    blocks: list[Block] = []
    allowance = limits.text_characters * _BYTES_PER_CHARACTER + _BYTES_BESIDE_TEXT
    while True:
        message, size = await _message(reader, allowance)
        allowance -= size
        match message:
            case ["progress", done, total]:
                heard = on_progress(done, total)
                if heard is not None:
                    await heard
            case ["blocks", batch]:
                blocks.extend(Block(*fields) for fields in batch)
            case ["done", pages]:
                return ParsedDocument(tuple(blocks), pages)
            case ["rejected", code, detail, cause]:
                _log.info("document rejected: %s (%s)", code, cause)
                raise DocumentRejected(code, detail)


async def _message(reader: asyncio.StreamReader, allowance: int) -> tuple[Any, int]:
    try:
        (length,) = LENGTH.unpack(await reader.readexactly(LENGTH.size))
        if length > allowance:
            raise DocumentRejected("too_much_text", "The file holds too much text; split it into parts.")
        return json.loads(await reader.readexactly(length)), LENGTH.size + length
    except (asyncio.IncompleteReadError, ConnectionError) as exc:
        raise DocumentRejected("parser_crashed", _CRASHED) from exc


def _kill(pidfd: int) -> None:
    try:
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    except ProcessLookupError:
        pass
    finally:
        os.close(pidfd)


class _ParseServer:
    """ingest.parse_server as a process of ours, started when first needed and again when it has died."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def connect(self) -> socket.socket:
        """A stream to a fresh child."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                socket.send_fds(self.start(), [b"+"], [theirs.fileno()])
            except OSError as exc:
                ours.close()
                raise ChildProcessError("the parse server does not answer") from exc
        ours.setblocking(False)
        return ours

    def start(self) -> socket.socket:
        """The control socket of a running server."""
        with self._lock:
            if self._control is None or self._process is None or self._process.poll() is not None:
                self._start()
            assert self._control is not None
            return self._control

    def _start(self) -> None:
        if self._control is not None:
            self._control.close()
        self._control, theirs = socket.socketpair()
        with theirs:
            # Its own session: Ctrl-C is for the parent, whose end closes the socket and so ends the server.
            self._process = subprocess.Popen(
                [sys.executable, "-m", "ingest.parse_server", str(theirs.fileno())],
                cwd=_ROOT,
                env=_clean_environment(),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )


def _clean_environment() -> dict[str, str]:
    """No secrets, and one thread per library: threads do not survive a fork."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return inherited | {"LANG": "C.UTF-8", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


_server = _ParseServer()
