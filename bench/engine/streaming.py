"""Events delivered for a second of CPU time: beside FastAPI with sse-starlette and `astream_events`."""

from bench.engine import clients
from bench.engine.servers import atrium, by_hand
from bench.report import Measurement

CLIENTS = 8
# Of one run: tabs, devices, colleagues. By hand each of them is a run of its own, and nothing is stored.
READERS = (1, 20)
TIMES_AS_MANY = 3
SECONDS, QUICK_SECONDS = 10.0, 3.0


def run(_: None, *, quick: bool) -> list[Measurement]:
    seconds = QUICK_SECONDS if quick else SECONDS
    with by_hand() as contender:
        clients.measure(contender, clients=CLIENTS, seconds=1, way="post")
        theirs = _rate(clients.measure(contender, clients=CLIENTS, seconds=seconds, way="post"))
    measurements = []
    with atrium() as contender:
        clients.measure(contender, clients=CLIENTS, seconds=1, way="join")
        for readers in READERS:
            at_once = max(1, CLIENTS // readers)
            ours = clients.measure(contender, clients=at_once, seconds=seconds, way="join", readers=readers)
            name = f"events for a CPU second, {readers} reader{'s' if readers > 1 else ''} of each run"
            target = TIMES_AS_MANY * theirs
            measurements += [
                Measurement(name, _rate(ours), "", 1, target, at_least=True, peer=theirs, note="Postgres included"),
                Measurement(f"{name}: not whole", sum(ours.failures.values()), "", 1, 0),
            ]
    return measurements


def _rate(done: clients.Done) -> float:
    return done.events / done.cpu_seconds
