"""What the agents' worker does with a job: deliver a webhook, fire a cron, sweep."""

from datetime import datetime
from uuid import UUID

from procrastinate import App, PsycopgConnector, RetryStrategy

from agents import sweeps
from agents.crons import firing as cron_firing
from agents.crons import jobs as cron_jobs
from agents.engine import Engine
from agents.webhooks import webhooks
from core.tenancy import Role, TenantContext
from tools.egress.client import Egress

QUEUES = (webhooks.QUEUE, cron_jobs.QUEUE, sweeps.QUEUE)

# What escapes a task has met the end of its worker, or a database that is away: it is done again, ever more slowly.
_AGAIN = RetryStrategy(wait=1, linear_wait=1)


def build_app(connector: PsycopgConnector, engine: Engine, egress: Egress, *, event_retention_seconds: float) -> App:
    app = App(connector=connector)

    @app.task(name=webhooks.DELIVER_WEBHOOK, queue=webhooks.QUEUE, retry=_AGAIN)
    async def deliver_webhook(*, tenant_id: str, user_id: str, run_id: str, failures: int) -> None:
        await webhooks.deliver(engine.database, egress, _context(tenant_id, user_id), UUID(run_id), failures=failures)

    @app.task(name=cron_jobs.FIRE_CRON, queue=cron_jobs.QUEUE, retry=_AGAIN)
    async def fire_cron(*, tenant_id: str, user_id: str, cron_id: str, due: str) -> None:
        await cron_firing.fire(engine, _context(tenant_id, user_id), UUID(cron_id), datetime.fromisoformat(due))

    @app.periodic(cron=sweeps.SCHEDULE)
    @app.task(name=sweeps.SWEEP, queue=sweeps.QUEUE, lock=sweeps.SWEEP)
    async def sweep(timestamp: int) -> None:
        await sweeps.sweep(engine.database, event_retention_seconds=event_retention_seconds)

    return app


def _context(tenant_id: str, user_id: str) -> TenantContext:
    """The least that a job needs: a cron finds its owner's role out itself."""
    return TenantContext(UUID(tenant_id), UUID(user_id), Role.VIEWER)
