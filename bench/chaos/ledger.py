"""What the clients were promised and what they saw, to be held against the database."""

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple


class Seen(NamedTuple):
    """An event as a client saw it; `digest` is of its data."""

    seq: int
    name: str
    digest: bytes


def digest(data: str) -> bytes:
    return hashlib.blake2b(data.encode(), digest_size=12).digest()


@dataclass(slots=True)
class Promise:
    """A run whose start was acknowledged. `key` is in its question; None when the answer says nothing of it.

    Somebody asked to interrupt it, or to roll it back, where it says so: that may have come too late.
    """

    thread_id: str
    key: str | None
    may_be_interrupted: bool = False
    may_be_rolled_back: bool = False


@dataclass(slots=True)
class Ledger:
    """Of all clients. `threads` has whose each is, `seen` the events of a run in the order of their arrival,
    `finished` the runs whose stream was read to the end, `lost` those that were not found any more."""

    threads: dict[str, str] = field(default_factory=dict)
    runs: dict[str, Promise] = field(default_factory=dict)
    documents: set[str] = field(default_factory=set)
    seen: dict[str, list[Seen]] = field(default_factory=dict)
    finished: set[str] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)
    unclean: Counter[str] = field(default_factory=Counter)
    hung_up: int = 0

    def promised(self, run_id: str, thread_id: str, key: str | None) -> None:
        self.runs.setdefault(run_id, Promise(thread_id, key))

    def saw(self, run_id: str, seq: int, name: str, data: str) -> None:
        self.seen.setdefault(run_id, []).append(Seen(seq, name, digest(data)))

    def may_be_interrupted(self, thread_id: str) -> None:
        for run in self._runs_of(thread_id):
            run.may_be_interrupted = True

    def may_be_rolled_back(self, thread_id: str) -> None:
        for run in self._runs_of(thread_id):
            run.may_be_rolled_back = True

    def _runs_of(self, thread_id: str) -> list[Promise]:
        return [run for run in self.runs.values() if run.thread_id == thread_id]
