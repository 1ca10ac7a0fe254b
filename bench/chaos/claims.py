"""Which process had which run when: Postgres notes each claim, and how long a killed one's runs were nobody's."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString, NamedTuple

from psycopg import Connection

Owner = Connection[dict[str, Any]]

# `attempt` is null when the run left the queue.
_NOTE: LiteralString = """
CREATE TABLE noted_claims (run_id uuid, attempt int, process text, at timestamptz DEFAULT clock_timestamp());
CREATE INDEX ON noted_claims (run_id, at);
GRANT INSERT ON noted_claims TO atrium_app;
CREATE FUNCTION note_claim() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO noted_claims
    VALUES (coalesce(NEW.run_id, OLD.run_id), NEW.attempts, current_setting('application_name'));
    RETURN NULL;
END $$;
CREATE TRIGGER started AFTER INSERT ON run_queue FOR EACH ROW WHEN (NEW.executor IS NOT NULL)
    EXECUTE FUNCTION note_claim();
CREATE TRIGGER claimed AFTER UPDATE ON run_queue FOR EACH ROW WHEN (NEW.attempts > OLD.attempts)
    EXECUTE FUNCTION note_claim();
CREATE TRIGGER ended AFTER DELETE ON run_queue FOR EACH ROW EXECUTE FUNCTION note_claim();
"""

# A successor that did not live to its first event is no recovery: its own death counts.
_TAKEN_OVER: LiteralString = """
WITH kills AS (SELECT * FROM unnest(%(processes)s::text[], %(times)s::timestamptz[]) AS kill(process, at)),
spans AS (SELECT *, lead(at) OVER next AS until, lead(attempt) OVER next AS successor FROM noted_claims
          WINDOW next AS (PARTITION BY run_id ORDER BY at))
SELECT kills.at AS killed_at, min(batch.created_at) AS recovered_at
FROM kills JOIN spans held ON held.process = kills.process AND held.attempt IS NOT NULL
     AND held.at < kills.at AND held.until > kills.at AND held.successor IS NOT NULL
JOIN spans next ON next.run_id = held.run_id AND next.at = held.until
JOIN event_batches batch ON batch.run_id = held.run_id AND batch.created_at >= next.at
     AND batch.created_at <= coalesce(next.until, 'infinity')
GROUP BY held.run_id, held.attempt, kills.at
"""


class Blow(NamedTuple):
    """A process that was killed, or frozen, at a moment."""

    process: str
    at: datetime


class Outage(NamedTuple):
    began: datetime
    ended: datetime


def note(owner: Owner) -> None:
    """From now on; before any process starts."""
    owner.execute(_NOTE)


def recovery_seconds(owner: Owner, blows: Sequence[Blow], outages: Sequence[Outage]) -> list[float]:
    """Of each run that a blow hit, until its next attempt's first event; not of those that an outage held up."""
    rows = owner.execute(
        _TAKEN_OVER, {"processes": [blow.process for blow in blows], "times": [blow.at for blow in blows]}
    )
    return [
        (row["recovered_at"] - row["killed_at"]).total_seconds()
        for row in rows
        if not any(gone.began < row["recovered_at"] and row["killed_at"] < gone.ended for gone in outages)
    ]
