"""A peer that takes everything and remembers it, and tools that lead to it: few that a member may call."""

import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

from starlette.types import Receive, Scope, Send

from agents.engine import Engine
from core.tenancy import Role, TenantContext
from tests.agents.hostile_calls import INJECTED, MARKER
from tests.agents.tooling import grant, register
from tools.admin import registering
from tools.definitions import SideEffect
from tools.registry import grants, tools
from tools.registry.policies import Approval, Policy

LOOK = {
    "type": "object",
    "properties": {name: {"type": "string"} for name in ("item", "note", "q")},
    "required": ["item"],
}
ITEM = {"type": "object", "properties": {"item": {"type": "string"}}, "required": ["item"]}


@dataclass(frozen=True, slots=True)
class Got:
    """A request as it came over the wire."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes

    @property
    def item(self) -> str:
        if self.method == "POST":
            return str(json.loads(self.body)["item"])
        found = re.fullmatch(r"/look/([^/?#]+)", self.path)
        assert found, self.path
        return unquote(found[1])

    @property
    def marker(self) -> str:
        found = MARKER.match(self.item)
        assert found, self.item
        return found[0]

    @property
    def arguments(self) -> dict[str, Any]:
        if self.method == "POST":
            found: dict[str, Any] = json.loads(self.body)
            return found
        note = {"note": self.headers["x-note"]} if "x-note" in self.headers else {}
        return {"item": self.item, **dict(parse_qsl(self.query, keep_blank_values=True)), **note}


@dataclass
class Recorder:
    """A peer that takes everything, remembers it, and answers that it is all approved."""

    got: list[Got] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        pairs = [(name.decode("latin-1"), value.decode()) for name, value in scope["headers"]]
        assert len(dict(pairs)) == len(pairs), "no header comes twice"
        path, query = scope["raw_path"].decode("latin-1"), scope["query_string"].decode("latin-1")
        self.got.append(Got(scope["method"], path, query, dict(pairs), body))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": INJECTED.encode()})


async def register_all(engine: Engine, ctx: TenantContext, url: str) -> None:
    """Three tools that a member may call, two of them only when asked, and one for each way not to be callable."""
    box, free = engine.toolbox, {"calls_per_minute": 100_000, "max_concurrent": 1_000}
    look = {"method": "GET", "url": f"{url}/look/{{item}}{{?q}}", "headers": {"X-Note": "{note}"}}
    write = {"method": "POST", "url": f"{url}/write"}
    await register(box, ctx, "look", look, parameters=LOOK, policy=Policy(**free))
    for name, approver in (("order", Role.MEMBER), ("buy", Role.ADMIN)):
        policy = Policy(approver_role=approver, **free)
        await register(box, ctx, name, write, parameters=ITEM, side_effect=SideEffect.WRITE, policy=policy)
    for name in ("pay", "wipe", "burn", "sold", "off", "gone"):
        policy = Policy(approval=Approval.DENY if name == "sold" else Approval.AUTO, **free)
        granted = name in ("burn", "sold", "off", "gone")
        await register(box, ctx, name, write, parameters=ITEM, granted=granted, policy=policy)
    async with engine.database.tenant_transaction(ctx) as connection:
        await grants.add(connection, ctx, "wipe", effect="allow", role=Role.ADMIN)
        await grants.add(connection, ctx, "burn", effect="deny", role=Role.MEMBER)
        await tools.set_enabled(connection, ctx, "off", enabled=False)
    await registering.delete(box, ctx, "gone")
    await grant(box, ctx, "calculate")


async def register_theirs(engine: Engine, ctx: TenantContext, url: str) -> None:
    for name in ("look", "their_look", "order", "pay"):
        invocation = {"method": "GET", "url": f"{url}/look/{{item}}"}
        await register(engine.toolbox, ctx, name, invocation, parameters=ITEM, policy=Policy(approval=Approval.AUTO))
