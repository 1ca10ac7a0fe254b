"""The ledger against the database, when everything has come to rest."""

from collections.abc import Iterator
from typing import Any

from bench.chaos.claims import Owner
from bench.chaos.ledger import Ledger, Promise, Seen, digest

Findings = list[str]
# What a run may end as that nobody disturbed; `executor_lost` after five attempts is a promise, too.
_GAVE_UP = "executor_lost"


def lost_writes(owner: Owner, ledger: Ledger) -> Findings:
    """Acknowledged, and not there: threads, runs, documents."""
    threads = _ids(owner, "SELECT thread_id::text AS id FROM threads")
    runs = _ids(owner, "SELECT run_id::text AS id FROM runs")
    documents = _ids(owner, "SELECT document_id::text AS id FROM documents")
    promised = {run_id for run_id, run in ledger.runs.items() if not run.may_be_rolled_back}
    return [
        *(f"thread {id_}" for id_ in ledger.threads.keys() - threads),
        *(f"run {id_}" for id_ in (promised - runs) | ledger.lost),
        *(f"document {id_}" for id_ in ledger.documents - documents),
    ]


def unready_documents(owner: Owner, ledger: Ledger) -> Findings:
    ready = _ids(owner, "SELECT document_id::text AS id FROM documents WHERE ready_version IS NOT NULL")
    return sorted(ledger.documents - ready)


def broken_numbers(owner: Owner) -> Findings:
    """Threads whose log has a gap, or a number twice."""
    rows = owner.execute(
        "SELECT thread_id, seq, "
        "coalesce(sum(cardinality(names)), 0) AS stored, coalesce(max(last_seq), 0) AS newest, "
        "count(*) FILTER (WHERE last_seq - cardinality(names) <> before) AS breaks "
        "FROM thread_heads LEFT JOIN (SELECT *, coalesce(lag(last_seq) OVER (PARTITION BY tenant_id, thread_id "
        "ORDER BY last_seq), 0) AS before FROM event_batches) AS batch USING (tenant_id, thread_id) "
        "GROUP BY thread_id, seq"
    )
    return [
        f"thread {row['thread_id']}: {row['stored']} events up to {row['newest']} of {row['seq']}"
        for row in rows
        if row["breaks"] or not row["stored"] == row["newest"] == row["seq"]
    ]


def changed_events(owner: Owner, ledger: Ledger) -> Findings:
    """Runs of which a client saw something else than the log says, or not all of it although it read to the end."""
    findings = []
    for run_id, seen in ledger.seen.items():
        stored = list(_log_of(owner, run_id))
        told = stored if run_id in ledger.finished else stored[: len(seen)]
        if seen != told:
            at = next((n for n, (ours, theirs) in enumerate(zip(seen, told, strict=False)) if ours != theirs), None)
            findings.append(f"run {run_id}: {len(seen)} seen, {len(told)} stored, first difference at {at}")
    return findings


def endless_runs(owner: Owner) -> Findings:
    """Not ended, still queued, or ended without a last event although an executor had it."""
    rows = owner.execute(
        "SELECT run_id, status FROM runs LEFT JOIN run_queue q USING (run_id) "
        "WHERE status IN ('pending', 'running') OR q.run_id IS NOT NULL "
        "UNION SELECT run_id, 'has no last event' FROM runs WHERE run_id IN (SELECT run_id FROM noted_claims "
        "WHERE attempt IS NOT NULL) AND NOT EXISTS (SELECT FROM event_batches batch WHERE batch.run_id = runs.run_id "
        "AND batch.names[cardinality(batch.names)] = 'end')"
    )
    return [f"run {row['run_id']}: {row['status']}" for row in rows]


def unasked_ends(owner: Owner, ledger: Ledger) -> Findings:
    """Runs that failed, or were interrupted although nobody asked for that."""
    rows = owner.execute("SELECT run_id::text, status, error_code FROM runs WHERE status <> 'success'")
    return [
        f"run {row['run_id']}: {row['status']} {row['error_code']}"
        for row in rows
        if (run := ledger.runs.get(row["run_id"])) is not None and not _was_asked(run, row)
    ]


def gave_up(owner: Owner) -> int:
    """Runs whose executors were killed as often as it is tried."""
    row = owner.execute("SELECT count(*) AS runs FROM runs WHERE error_code = %s", (_GAVE_UP,)).fetchone()
    return 0 if row is None else int(row["runs"])


def misremembered(owner: Owner, ledger: Ledger) -> Findings:
    """Questions that a thread does not remember exactly once with their answer, or should have forgotten."""
    succeeded = _ids(owner, "SELECT run_id::text AS id FROM runs WHERE status = 'success'")
    kept = _ids(owner, "SELECT run_id::text AS id FROM runs")
    states = {
        row["id"]: _said(row["values"])
        for row in owner.execute('SELECT thread_id::text AS id, "values" FROM threads')
    }
    findings = []
    for run_id, run in ledger.runs.items():
        if run.key is None or run_id in kept - succeeded:
            continue
        said = states[run.thread_id]
        found = [sum(text.startswith(f"{start}{run.key} ") for text in said) for start in ("", "story-")]
        if found != ([1, 1] if run_id in succeeded else [0, 0]):
            findings.append(f"run {run_id}: its question {found[0]} times, its answer {found[1]} times")
    return findings


def _was_asked(run: Promise, row: dict[str, Any]) -> bool:
    asked = run.may_be_interrupted or run.may_be_rolled_back
    return row["error_code"] == _GAVE_UP or (row["status"] == "interrupted" and asked)


def _log_of(owner: Owner, run_id: str) -> Iterator[Seen]:
    batches = owner.execute(
        "SELECT last_seq, names, data FROM event_batches WHERE run_id = %s ORDER BY last_seq", (run_id,)
    )
    for batch in batches:
        first = batch["last_seq"] - len(batch["names"]) + 1
        for seq, (name, data) in enumerate(zip(batch["names"], batch["data"], strict=True), first):
            # The doors translate a run's end.
            if name != "end":
                yield Seen(seq, name, digest(data))


def _said(values: dict[str, Any] | None) -> list[str]:
    return [str(message["content"]) for message in (values or {}).get("messages", [])]


def _ids(owner: Owner, query: Any) -> set[str]:
    return {row["id"] for row in owner.execute(query)}
