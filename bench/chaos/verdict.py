"""What a play is held to, and how it did."""

from collections.abc import Sequence

from bench.chaos import audit, claims
from bench.chaos.house import House
from bench.chaos.play import Play
from bench.report import Measurement, percentile

RECOVERY_SECONDS = 5.0
SHOWN = 5


def of(play: Play, place: House) -> list[Measurement]:
    ledger = play.ledger
    with place.owner() as owner:
        recovery = claims.recovery_seconds(owner, play.killer.blows, play.killer.outages)
        held = [
            _none("acknowledged writes lost", audit.lost_writes(owner, ledger)),
            _none("documents not ready", audit.unready_documents(owner, ledger)),
            _none("threads with a gap or a double number in their log", audit.broken_numbers(owner)),
            _none("streams that differ from the log", audit.changed_events(owner, ledger)),
            _none("questions or answers not remembered exactly once", audit.misremembered(owner, ledger)),
            _none("threads that answer no more", play.silent),
            _none("runs without an end", audit.endless_runs(owner)),
            _none("runs that ended as nobody asked", audit.unasked_ends(owner, ledger)),
            _none("clients that wait for ever", play.waiting),
            _none("answers that no client should get", [f"{what} × {n}" for what, n in ledger.unclean.items()]),
            _recovery(recovery),
        ]
        told = _told(play, audit.gave_up(owner), len(recovery))
    return [*told, *held]


def _told(play: Play, gave_up: int, recoveries: int) -> list[Measurement]:
    ledger, done = play.ledger, play.killer.done
    whole = len(ledger.finished)
    return [
        Measurement("kill -9 of a process", done.count("kill"), "", 1),
        Measurement("processes frozen past their lease", done.count("freeze"), "", 1),
        Measurement("Postgres restarted, or killed", sum("Postgres" in deed for deed in done), "", 1),
        Measurement("Valkey killed, and away for a while", done.count("stop Valkey"), "", 1),
        Measurement("runs acknowledged", len(ledger.runs), "", 1, 1, at_least=True),
        Measurement("runs taken over from a dead process", recoveries, "", 1, 1, at_least=True),
        Measurement("runs given up after five attempts", gave_up, "", 1),
        Measurement("documents acknowledged", len(ledger.documents), "", 1),
        Measurement("events seen by clients", sum(map(len, ledger.seen.values())), "", 1),
        Measurement("streams read to the end", whole, "", 1, note=f"after {ledger.hung_up} hang-ups of the clients"),
    ]


def _recovery(seconds: Sequence[float]) -> Measurement:
    note = f"median {percentile([seconds], 50):.1f} s, longest {max(seconds):.1f} s" if seconds else "none was needed"
    p95 = percentile([seconds], 95) if seconds else 0.0
    return Measurement(
        "recovery, from the kill to the next attempt's first event, p95", p95, "s", 1, RECOVERY_SECONDS, note=note
    )


def _none(name: str, findings: Sequence[str]) -> Measurement:
    return Measurement(name, len(findings), "", 1, 0, note="; ".join(findings[:SHOWN]))
