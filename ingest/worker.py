"""`python -m ingest.worker`: takes documents off the queue until it is told to stop."""

import asyncio
import logging
import os
import sys

from core import jobs
from core.errors import OperatorError
from core.resources import open_resources
from core.settings import Settings, load_settings
from core.telemetry import configure_logging
from ingest import parsing
from ingest.jobs import QUEUE
from ingest.limits import ParseLimits
from ingest.pipeline import Pipeline
from ingest.tasks import build_app
from retrieval import chunks
from retrieval.embeddings import embeddings_from

log = logging.getLogger(__name__)


async def run(settings: Settings) -> None:
    """Until SIGINT or SIGTERM; unfinished documents go back to the queue."""
    parsing.start_parse_server()
    async with open_resources(settings) as resources:
        embeddings = embeddings_from(settings, threads=os.cpu_count() or 1)
        await chunks.check_dimensions(resources.database, embeddings.dimensions)
        pipeline = Pipeline(resources.database, resources.cache, embeddings, ParseLimits())
        app = build_app(jobs.connector(settings), pipeline)
        await jobs.work(app, resources.database, [QUEUE], concurrency=settings.worker_concurrency)


def main() -> int:
    try:
        settings = load_settings()
        configure_logging(settings.log_level)
        asyncio.run(run(settings))
    except OperatorError as error:
        log.error(error.detail)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
