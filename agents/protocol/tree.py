"""A run and the subgraphs that began in it, each with how far it is."""

from typing import Any, Final, LiteralString
from uuid import UUID

import orjson

from agents.modes.protocol.envelope import PREFIX
from agents.runs import runs
from agents.runs.runs import Run
from agents.threads import threads
from core.db import Connection
from core.errors import NotFound
from core.tenancy import TenantContext

AgentTree = dict[str, Any]

_STATUS: Final = {
    "pending": "started",
    "running": "running",
    "success": "completed",
    "interrupted": "interrupted",
}

_LIFECYCLES: LiteralString = """
SELECT event.name, event.data FROM event_batches, unnest(names, data) WITH ORDINALITY AS event (name, data, place)
WHERE tenant_id = %s AND thread_id = %s AND run_id = %s AND (event.name = %s OR starts_with(event.name, %s))
ORDER BY last_seq, place
"""


async def of_run(
    connection: Connection, ctx: TenantContext, thread_id: UUID, run_id: UUID | None = None
) -> AgentTree:
    """{namespace, status, graph_name, children?} of a run, or of the thread's newest. Raises `NotFound`."""
    await threads.require(connection, ctx, thread_id, by_role=True)
    run = await _run(connection, ctx, thread_id, run_id)
    root = _node((), _STATUS.get(run.status, "failed"), run.graph_id)
    nodes: dict[tuple[str, ...], AgentTree] = {(): root}
    name = f"{PREFIX}lifecycle"
    rows = await connection.execute(_LIFECYCLES, (ctx.tenant_id, thread_id, run.run_id, name, f"{name}|"))
    for row in await rows.fetchall():
        namespace = tuple(row["name"].split("|")[1:])
        node = _placed(nodes, namespace)
        data = orjson.loads(row["data"])["data"]
        node |= {"status": data["event"], "graph_name": data["graph_name"]}
    return root


async def _run(connection: Connection, ctx: TenantContext, thread_id: UUID, run_id: UUID | None) -> Run:
    if run_id is not None:
        return await runs.get(connection, ctx, thread_id, run_id)
    newest = await runs.list_of_thread(connection, ctx, thread_id, limit=1)
    if not newest:
        raise NotFound("run")
    return newest[0]


def _placed(nodes: dict[tuple[str, ...], AgentTree], namespace: tuple[str, ...]) -> AgentTree:
    """The node there, made where it is missing; so are those it is in."""
    if namespace not in nodes:
        parent = _placed(nodes, namespace[:-1])
        nodes[namespace] = _node(namespace, "started", namespace[-1].partition(":")[0])
        parent.setdefault("children", []).append(nodes[namespace])
    return nodes[namespace]


def _node(namespace: tuple[str, ...], status: str, graph_name: str) -> AgentTree:
    return {"namespace": list(namespace), "status": status, "graph_name": graph_name}
