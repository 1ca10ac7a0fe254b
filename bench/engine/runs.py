"""Complete runs of a small graph, and the CPU time that each costs: beside `langgraph dev` and Aegra."""

import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager

from bench.engine import clients
from bench.engine.clients import Done
from bench.engine.contender import Contender
from bench.engine.servers import aegra, atrium, langgraph_dev
from bench.report import Measurement

LEVELS = (1, 16, 64)
# Of Aegra's CPU time for a run, its Postgres counted like ours.
TARGET_SHARE = 0.5
SECONDS, QUICK_SECONDS, WARM_SECONDS = 10.0, 3.0, 2.0

Levels = dict[int, Done]


def run(_: None, *, quick: bool) -> list[Measurement]:
    seconds = QUICK_SECONDS if quick else SECONDS
    ours = _levels(atrium, seconds)
    dev = _levels(langgraph_dev, seconds)
    try:
        peer, missing = _levels(aegra, seconds), ""
    except (subprocess.CalledProcessError, OSError, RuntimeError) as error:
        # It comes from PyPI, which may be away: what else was measured is not lost for that.
        peer, missing = {}, f"no Aegra: {str(error).strip().splitlines()[-1]}"
    return [item for level in LEVELS for item in _compared(level, ours[level], dev[level], peer.get(level), missing)]


def _levels(server: Callable[[], AbstractContextManager[Contender]], seconds: float) -> Levels:
    with server() as contender:
        clients.measure(contender, clients=8, seconds=WARM_SECONDS)
        return {level: clients.measure(contender, clients=level, seconds=seconds) for level in LEVELS}


def _compared(level: int, ours: Done, dev: Done, aegra: Done | None, missing: str) -> list[Measurement]:
    name = f"runs, {level} client{'s' if level > 1 else ''}"
    notes = [missing or "peer: Aegra", f"langgraph dev, in memory: {_per_second(dev):.1f}/s, {_cpu_ms(dev):.0f} ms"]
    notes += [f"not whole there: {done.failures}" for done in (aegra, dev) if done is not None and done.failures]
    rate, cpu_ms = (None, None) if aegra is None else (_per_second(aegra), _cpu_ms(aegra))
    target = None if cpu_ms is None else TARGET_SHARE * cpu_ms
    return [
        Measurement(f"{name}: a second", _per_second(ours), "", 1, at_least=True, peer=rate),
        Measurement(
            f"{name}: CPU time of all servers for each",
            _cpu_ms(ours),
            "ms",
            1,
            target,
            peer=cpu_ms,
            note="; ".join(notes),
        ),
        Measurement(f"{name}: not whole", sum(ours.failures.values()), "", 1, 0, note=str(ours.failures or "")),
    ]


def _per_second(done: Done) -> float:
    return done.runs / done.seconds


def _cpu_ms(done: Done) -> float:
    return 1000 * done.cpu_seconds / max(1, done.runs)
