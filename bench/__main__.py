"""`make bench`: everything, or the benches that are named; `--quick` for a look at small sizes."""

import argparse
import os
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from bench import (
    checkpoints,
    embedding,
    indexing,
    load,
    memory,
    overload,
    pdf,
    report,
    routes,
    search,
    streams,
    tokens,
    tools,
)
from bench.engine import runs, streaming
from bench.house import inhabited_house, tight_house
from bench.report import Measurement
from bench.stores import stores


@dataclass(frozen=True, slots=True)
class Group:
    """Benches that share a place, which is opened once and only if one of them is run; in this order."""

    place: Callable[[], AbstractContextManager[Any]]
    benches: dict[str, Callable[..., list[Measurement]]]


GROUPS = (
    Group(nullcontext, {"tokens": tokens.run, "embedding": embedding.run}),
    Group(
        stores, {"checkpoints": checkpoints.run, "tools": tools.run, "indexing": indexing.run, "search": search.run}
    ),
    Group(
        inhabited_house,
        # Memory is looked at when the house has done all the rest.
        {"pdf": pdf.run, "routes": routes.run, "streams": streams.run, "load": load.run, "memory": memory.run},
    ),
    Group(tight_house, {"overload": overload.run}),
    # Each opens one server after the other: what is idle would cost, too.
    Group(nullcontext, {"runs": runs.run, "streaming": streaming.run}),
)
NAMES = [name for group in GROUPS for name in group.benches]
# Load average above which latencies tell more about the neighbours.
QUIET = 0.5


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="bench", help=f"of: {', '.join(NAMES)}")
    parser.add_argument("--quick", action="store_true", help="small sizes, few rounds: for trying, not for quoting")
    options = parser.parse_args()
    if unknown := set(options.names) - set(NAMES):
        parser.error(f"no such bench: {', '.join(sorted(unknown))}")
    load_before = os.getloadavg()[0]
    measurements: list[Measurement] = []
    for group in GROUPS:
        measurements += _run(group, options.names or NAMES, quick=options.quick)
    held = [item for item in measurements if item.met is not None]
    print(report.table(measurements))
    print(f"\n{sum(item.met is True for item in held)} of {len(held)} targets met")
    if load_before > QUIET:
        print(f"The machine was busy with something else (load average {load_before:.1f}): do not quote these.")
    print(report.write(measurements, quick=options.quick, load_before=load_before))
    return 0


def _run(group: Group, names: list[str], *, quick: bool) -> list[Measurement]:
    chosen = [name for name in group.benches if name in names]
    if not chosen:
        return []
    measurements = []
    with group.place() as place:
        for name in chosen:
            started = time.perf_counter()
            measurements += group.benches[name](place, quick=quick)
            print(f"{name}: {time.perf_counter() - started:.0f} s", file=sys.stderr)
    return measurements


if __name__ == "__main__":
    sys.exit(main())
