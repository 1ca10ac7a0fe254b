"""`python -m agents.worker`: executes runs, delivers webhooks and fires crons until it is told to stop."""

import logging
import sys

import uvloop

from agents.engine import open_engine
from agents.tasks import QUEUES, build_app
from core import jobs
from core.errors import OperatorError
from core.garbage import collect_rarely
from core.resources import open_resources
from core.settings import Settings, load_settings
from core.telemetry import configure_logging
from retrieval import chunks
from retrieval.embeddings import embeddings_from
from tools.egress.client import Egress
from tools.egress.policy import policy_of

log = logging.getLogger(__name__)

# Jobs wait for other hosts, and for Postgres; none computes.
JOBS_AT_ONCE = 16


async def run(settings: Settings) -> None:
    """Until SIGINT or SIGTERM; runs and jobs that are unfinished then are taken up by others."""
    async with open_resources(settings) as resources, Egress(policy_of(settings)) as egress:
        embeddings = embeddings_from(settings)
        await chunks.check_dimensions(resources.database, embeddings.dimensions)
        async with open_engine(resources, embeddings) as engine:
            app = build_app(
                jobs.connector(settings),
                engine,
                egress,
                event_retention_seconds=settings.event_retention_hours * 3600,
            )
            await jobs.work(app, resources.database, QUEUES, concurrency=JOBS_AT_ONCE)


def main() -> int:
    try:
        settings = load_settings()
        configure_logging(settings.log_level)
        collect_rarely()
        uvloop.run(run(settings))
    except OperatorError as error:
        log.error(error.detail)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
