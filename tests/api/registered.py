"""Tools, servers and imports of a person's, registered over HTTP; and an approval that waits, put there behind it."""

import json
from typing import Any
from uuid import UUID, uuid4

from api.launch import House
from tests.api.callers import behind_the_api, context_of
from tests.api.person import Person

SHARED = "key"
OWN = "mine"
SECURITY = [
    {"type": "api_key", "id": SHARED, "location": "header", "name": "X-Key"},
    {"type": "bearer", "id": OWN, "per_user": True},
]
ORDER = {
    "type": "object",
    "properties": {"item": {"type": "string"}, "count": {"type": "integer", "minimum": 1}},
    "required": ["item"],
}


def new_tool(name: str, url: str = "https://shop.example.com/orders", **changed: Any) -> dict[str, Any]:
    invocation = {"method": "POST", "url": url, "security": changed.pop("security", SECURITY)}
    return {"name": name, "description": "Orders.", "parameters": ORDER, "invocation": invocation} | changed


def new_server(name: str, url: str = "https://mcp.example.com/mcp", **changed: Any) -> dict[str, Any]:
    return {"name": name, "url": url, "security": SECURITY} | changed


def new_import(name: str, **changed: Any) -> dict[str, Any]:
    document = {
        "openapi": "3.1.0",
        "info": {"title": "Pets", "version": "1"},
        "servers": [{"url": "https://pets.example.com"}],
        "paths": {"/pets": {"get": {"operationId": "list_pets", "responses": {}}}},
    }
    return {"name": name, "document": document, "prefix": name[:30]} | changed


def tool(person: Person, name: str, **changed: Any) -> dict[str, Any]:
    """As it is answered."""
    created = person.http.post("/v1/tools", json=new_tool(name, **changed))
    assert created.status_code == 201, created.text
    answer: dict[str, Any] = created.json()
    return answer


def one_of_each(house: House, person: Person, thread_id: str, run_id: str) -> dict[str, str]:
    """The ids of a tool, a grant of it, a server, an import and an approval."""
    tool(person, "order")
    server = person.http.post("/v1/tool-servers", json=new_server("desk"))
    assert server.status_code == 201, server.text
    imported = person.http.post("/v1/tools/import/openapi", json=new_import("pets"))
    assert imported.status_code == 200, imported.text
    grant = person.http.post("/v1/tools/order/grants", json={})
    assert grant.status_code == 201, grant.text
    return {
        "name": "order",
        "grant_id": grant.json()["grant_id"],
        "server": "desk",
        "imported": "pets",
        "scheme": SHARED,
        "approval_id": str(waiting_approval(house, person, thread_id, run_id)),
    }


def waiting_approval(house: House, person: Person, thread_id: str, run_id: str) -> UUID:
    """As a run leaves it that a model has made call a tool."""
    ctx = context_of(person)
    approval_id = uuid4()
    with behind_the_api(house) as connection:
        connection.execute(
            "INSERT INTO tool_approvals (tenant_id, approval_id, thread_id, run_id, call_id, user_id, role, name, "
            "version, arguments, arguments_digest, approver_role, expires_at) VALUES (%s, %s, %s, %s, %s, %s, %s, "
            "'order', 1, %s, '\\x00', 'member', now() + interval '1 day')",
            (
                ctx.tenant_id,
                approval_id,
                thread_id,
                run_id,
                str(approval_id),
                ctx.user_id,
                ctx.role,
                json.dumps({"item": "lamp"}),
            ),
        )
    return approval_id
