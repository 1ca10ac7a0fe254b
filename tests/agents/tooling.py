"""Tools of a tenant for tests: registered the way an admin does it, calling a peer that counts."""

from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request

from core.tenancy import TenantContext
from tools.admin import registering
from tools.definitions import SideEffect
from tools.registry import grants, policies
from tools.registry.policies import Policy
from tools.toolbox import Toolbox

ORDER = {
    "type": "object",
    "properties": {"item": {"type": "string"}, "count": {"type": "integer", "minimum": 1}},
    "required": ["item"],
}


@dataclass
class Shop:
    """A peer that takes orders. `orders` are those it got; `answer` is what it says."""

    orders: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    answer: str = "taken"
    url: str = ""

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.post("/orders")
        async def order(request: Request) -> dict[str, Any]:
            self.orders.append(await request.json())
            self.keys.append(request.headers.get("idempotency-key"))
            return {"said": self.answer}

        @app.get("/stock/{item}")
        async def stock(item: str) -> dict[str, Any]:
            return {"item": item, "said": self.answer}

        return app


async def register(
    toolbox: Toolbox,
    ctx: TenantContext,
    name: str,
    invocation: dict[str, Any],
    *,
    parameters: dict[str, Any] | None = None,
    side_effect: SideEffect = SideEffect.READ,
    policy: Policy | None = None,
    granted: bool = True,
) -> None:
    await registering.create(
        toolbox,
        ctx,
        name,
        kind="http",
        description=f"Does {name}.",
        parameters=parameters or ORDER,
        side_effect=side_effect,
        invocation=invocation,
    )
    async with toolbox.database.tenant_transaction(ctx) as connection:
        if granted:
            await grants.add(connection, ctx, name, effect="allow")
        if policy is not None:
            await policies.put(connection, ctx, name, policy)


async def grant(toolbox: Toolbox, ctx: TenantContext, name: str) -> None:
    async with toolbox.database.tenant_transaction(ctx) as connection:
        await grants.add(connection, ctx, name, effect="allow")


async def calls_of(toolbox: Toolbox, ctx: TenantContext) -> list[dict[str, Any]]:
    """The audit, oldest first."""
    async with toolbox.database.tenant_transaction(ctx) as connection:
        rows = await connection.execute("SELECT * FROM tool_calls ORDER BY started_at, call_id")
        return await rows.fetchall()
