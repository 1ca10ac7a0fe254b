"""The process that has all parsers loaded and forks a child for each document.

Started by ingest.parsing with a socket as its only argument; it ends when its parent does.
"""

import ctypes
import json
import os
import resource
import signal
import socket
import sys
import time
from typing import NoReturn

from ingest.blocks import DocumentRejected
from ingest.limits import ParseLimits
from ingest.loaders import load
from ingest.loaders.offline_unstructured import load_language_model
from ingest.parse_frames import LENGTH, block_frames, frame

_PR_SET_PDEATHSIG = 1
_PROGRESS_SECONDS = 0.2
# The parent keeps the clock; the child's own alarm is for a parent that no longer exists.
_ALARM_SECONDS_LATE = 5
_OUT_OF_MEMORY = "The file needs more memory to read than one document may use; split it into parts."


def main() -> None:
    load_language_model()
    control = socket.socket(fileno=int(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    own_pid = os.getpid()
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not message:
            return
        with socket.socket(fileno=descriptors[0]) as channel:
            if os.fork() == 0:
                control.close()
                _die_with(own_pid)
                _serve(channel)


def _die_with(parent_pid: int) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        os._exit(1)


def _serve(channel: socket.socket) -> NoReturn:
    """The life of a child: read one document, parse it, send what came out, end."""
    try:
        channel.sendall(frame(["ready", os.getpid()]))
        stream = channel.makefile("rb")
        (length,) = LENGTH.unpack(stream.read(LENGTH.size))
        request = json.loads(stream.read(length))
        limits = ParseLimits(**request["limits"])
        data = stream.read(request["bytes"])
        _limit_self(limits)
        try:
            _parse(data, request["filename"], limits, channel)
        except DocumentRejected as exc:
            cause = type(exc.__cause__).__name__ if exc.__cause__ else None
            channel.sendall(frame(["rejected", exc.code, exc.detail, cause]))
        except MemoryError:
            channel.sendall(frame(["rejected", "parse_memory", _OUT_OF_MEMORY, None]))
    finally:
        os._exit(0)


def _limit_self(limits: ParseLimits) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    signal.setitimer(signal.ITIMER_REAL, limits.seconds + _ALARM_SECONDS_LATE)


def _parse(data: bytes, filename: str, limits: ParseLimits, channel: socket.socket) -> None:
    reported = 0.0

    def progress(done: int, total: int | None) -> None:
        nonlocal reported
        now = time.monotonic()
        if done == total or now - reported >= _PROGRESS_SECONDS:
            reported = now
            channel.sendall(frame(["progress", done, total]))

    document = load(data, filename, limits, progress)
    for message in block_frames(document.blocks):
        channel.sendall(message)
    channel.sendall(frame(["done", document.pages]))


if __name__ == "__main__":
    main()
