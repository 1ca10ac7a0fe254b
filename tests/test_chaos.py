"""Under load, with everything killed at random, nothing is lost that was acknowledged: `make chaos`, in short."""

import asyncio
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bench import report
from bench.chaos import audit, verdict
from bench.chaos.house import House, house
from bench.chaos.ledger import Promise
from bench.chaos.play import Play, perform

KILLS, SECONDS, SEED = 20, 25.0, 7


@pytest.fixture(scope="module")
def place() -> Iterator[House]:
    with tempfile.TemporaryDirectory(prefix="atrium-chaos-") as folder, house(Path(folder)) as opened:
        yield opened


@pytest.fixture(scope="module")
def play(place: House) -> Play:
    return asyncio.run(perform(place, kills=KILLS, seconds=SECONDS, seed=SEED, tell=lambda _: None))


@pytest.mark.timeout(240)
def test_after_twenty_kills_and_the_stores_outages_everything_acknowledged_is_there(play: Play, place: House) -> None:
    figures = verdict.of(play, place)
    assert [figure.name for figure in figures if figure.met is False] == [], report.table(figures)


def test_the_books_tell_of_writes_that_are_not_there(play: Play, place: House) -> None:
    ledger = replace(
        play.ledger,
        threads=play.ledger.threads | {"no-thread": "nobody"},
        runs=play.ledger.runs | {"no-run": Promise("no-thread", "no-key")},
        documents=play.ledger.documents | {"no-document"},
    )
    with place.owner() as owner:
        found = audit.lost_writes(owner, ledger)
    assert sorted(found) == ["document no-document", "run no-run", "thread no-thread"]


@pytest.mark.parametrize("change", ["doubled", "missing", "altered"])
def test_the_books_tell_of_a_stream_that_differs_from_the_log(play: Play, place: House, change: str) -> None:
    run_id = min(play.ledger.finished)
    first, *others = play.ledger.seen[run_id]
    seen = {
        "doubled": [first, first, *others],
        "missing": [*others],
        "altered": [first._replace(digest=b""), *others],
    }
    with place.owner() as owner:
        found = audit.changed_events(owner, replace(play.ledger, seen=play.ledger.seen | {run_id: seen[change]}))
    assert [run_id in finding for finding in found] == [True]


def test_the_books_tell_of_an_answer_that_nobody_gave(play: Play, place: House) -> None:
    with place.owner() as owner:
        rows = owner.execute("SELECT run_id::text FROM runs WHERE status = 'success'").fetchall()
        answered = {row["run_id"] for row in rows}
        asked = {id_: run for id_, run in play.ledger.runs.items() if run.key is not None and id_ in answered}
        assert audit.misremembered(owner, replace(play.ledger, runs=asked)) == []
        run_id, promise = asked.popitem()
        found = audit.misremembered(owner, replace(play.ledger, runs={run_id: replace(promise, key="another")}))
    assert [run_id in finding for finding in found] == [True]


def test_the_books_tell_of_a_gap_in_a_log_and_of_a_run_without_an_end(play: Play, place: House) -> None:
    with place.owner() as owner, owner.transaction(force_rollback=True):
        gone = owner.execute(
            "DELETE FROM event_batches WHERE (tenant_id, run_id, last_seq) = (SELECT tenant_id, run_id, last_seq "
            "FROM event_batches WHERE names[cardinality(names)] = 'end' LIMIT 1) RETURNING run_id, thread_id"
        ).fetchone()
        assert gone is not None
        assert [str(gone["thread_id"]) in finding for finding in audit.broken_numbers(owner)] == [True]
        assert [str(gone["run_id"]) in finding for finding in audit.endless_runs(owner)] == [True]
