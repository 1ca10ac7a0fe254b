"""The application's own route table: tests that loop over it cannot forget a route."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts

from api.app import create_app
from api.dependencies import Allow, public
from core.settings import Settings
from tenants.permissions import Permission
from tests.api.registered import new_import, new_server, new_tool

# FastAPI's own pages, which describe the API and hold nothing of any tenant.
DOCUMENTATION = {"/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc"}


@dataclass(frozen=True, slots=True)
class Route:
    """`permission` is what it declares; a route that declares nothing has none and is not public."""

    method: str
    path: str
    permission: Permission | None
    public: bool

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def id_names(self) -> list[str]:
        return re.findall(r"{(\w+)}", self.path)

    def path_with(self, ids: Mapping[str, str]) -> str:
        return self.path.format_map(ids)


def routes_of(app: FastAPI) -> list[Route]:
    return [
        Route(method, str(found.path), *_declared(getattr(found, "dependant", None)))
        for found in iter_route_contexts(app.routes)
        for method in sorted((found.methods or set()) - {"HEAD"})
    ]


def request_of(route: Route, marker: str = "some words") -> dict[str, Any]:
    """A body that the route accepts, with `marker` wherever it takes words."""
    run = {"assistant_id": "agent", "input": {"messages": [{"role": "user", "content": f"What is {marker}?"}]}}
    match route.method, route.path:
        case "POST", "/v1/api-keys":
            return {"json": {"name": marker, "role": "viewer"}}
        case (("POST" | "PATCH"), ("/v1/knowledge-bases" | "/v1/knowledge-bases/{knowledge_base_id}")):
            return {"json": {"name": marker, "description": marker}}
        case "POST", "/v1/knowledge-bases/{knowledge_base_id}/documents":
            return {"files": [("files", (f"{marker}.md", f"# {marker}\n\nHere is {marker}.".encode()))]}
        case "POST", "/v1/knowledge-bases/{knowledge_base_id}/query":
            return {"json": {"query": marker}}
        case "POST", "/v1/chat":
            return {"json": {"message": f"What is {marker}?"}, "headers": {"Accept": "application/json"}}
        case "POST", "/v1/chat/completions":
            return {"json": {"model": "agent", "messages": run["input"]["messages"]}}  # type: ignore[index]
        case "POST", "/v1/embeddings":
            return {"json": {"input": marker}}
        case "PATCH", "/v1/threads/{thread_id}":
            return {"json": {"title": marker}}
        case "PATCH", "/threads/{thread_id}":
            return {"json": {"metadata": {"label": marker}}}
        case "POST", "/threads/{thread_id}/state":
            return {"json": {"values": {"question": marker}}}
        case "POST", "/threads/{thread_id}/state/checkpoint":
            return {"json": {"checkpoint": {"checkpoint_id": str(uuid4())}}}
        case "POST", "/threads/prune":
            return {"json": {"thread_ids": [str(uuid4())]}}
        case "POST", "/runs/cancel":
            return {"json": {"status": "all"}}
        case "POST", "/runs/batch":
            return {"json": [run]}
        case "POST", ("/runs/crons" | "/threads/{thread_id}/runs/crons"):
            return {"json": {**run, "schedule": "0 0 1 1 *"}}
        case "PATCH", "/runs/crons/{cron_id}":
            return {"json": {"metadata": {"label": marker}}}
        case "POST", ("/runs" | "/runs/wait" | "/runs/stream"):
            return {"json": run}
        case "POST", (
            "/threads/{thread_id}/runs" | "/threads/{thread_id}/runs/wait" | "/threads/{thread_id}/runs/stream"
        ):
            return {"json": run}
        case "POST", "/assistants":
            return {"json": {"graph_id": "agent", "name": marker}}
        case "PATCH", "/assistants/{assistant_id}":
            return {"json": {"name": marker}}
        case "POST", "/assistants/{assistant_id}/latest":
            return {"json": {"version": 1}}
        case "PUT", "/store/items":
            return {"json": {"namespace": ["notes"], "key": marker, "value": {"text": marker}}}
        case "DELETE", "/store/items":
            return {"json": {"namespace": ["notes"], "key": marker}}
        case "GET", "/store/items":
            return {"params": {"namespace": "notes", "key": marker}}
        case "POST", "/threads/{thread_id}/commands":
            return {"json": {"id": 1, "method": "agent.getTree", "params": {}}}
        case "POST", "/threads/{thread_id}/stream/events":
            return {"json": {"channels": ["values"]}}
        case _, path if path.startswith(("/v1/tool", "/v1/connections", "/v1/approvals")):
            return _of_tools(route, marker)
        case "POST", path if path.startswith(("/threads", "/assistants", "/runs", "/store")):
            return {"json": {}}
        case _:
            return {}


def _of_tools(route: Route, marker: str) -> dict[str, Any]:
    """Names are made of `marker` as well, in the letters that they take."""
    name = re.sub(r"[^a-zA-Z0-9_-]+", "_", marker)[:64]
    redirect_uri = "https://app.example.com/connected"
    match route.method, route.path.removeprefix("/v1"):
        case "POST", "/tools":
            return {"json": new_tool(name, description=marker)}
        case "POST", "/tools/{name}/versions":
            return {"json": {"description": marker}}
        case "PATCH", "/tools/{name}":
            return {"json": {"enabled": True}}
        case "POST", "/tools/{name}/test":
            return {"json": {"arguments": {"item": marker}}}
        case "PUT", "/tools/{name}/policy":
            return {"json": {"approval": "ask"}}
        case "POST", "/tools/{name}/grants":
            return {"json": {"role": "member"}}
        case "POST", ("/tools/import/openapi" | "/tools/import/openapi/preview"):
            return {"json": new_import(name)}
        case "POST", "/tool-servers":
            return {"json": new_server(name)}
        case "PATCH", "/tool-servers/{server}":
            return {"json": {"url": "https://mcp.example.com/mcp"}}
        case "POST", "/tool-servers/{server}/accept":
            return {"json": {}}
        case "POST", "/connections/finish":
            return {"json": {"state": marker, "code": marker, "redirect_uri": redirect_uri}}
        case "POST", "/approvals/{approval_id}":
            return {"json": {"type": "reject", "message": marker}}
        case "POST", path if path.endswith("/authorize"):
            return {"json": {"redirect_uri": redirect_uri}}
        case "PUT", path if path.endswith("/{scheme}"):
            return {"json": {"token": name} if "/connection/" in path else {"api_key": name}}
        case _:
            return {}


def unknown_ids() -> Mapping[str, str]:
    """Any id that is asked for, and that nobody has."""
    return defaultdict(lambda: str(uuid4()))


def _declared(dependant: Dependant | None) -> tuple[Permission | None, bool]:
    calls = list(_calls(dependant)) if dependant else []
    permissions = [call.permission for call in calls if isinstance(call, Allow)]
    return (permissions[0] if permissions else None), public in calls


def _calls(dependant: Dependant) -> Iterator[object]:
    for dependency in dependant.dependencies:
        yield dependency.call
        yield from _calls(dependency)


ROUTES = [route for route in routes_of(create_app(Settings())) if route.path not in DOCUMENTATION]
PROTECTED = [route for route in ROUTES if route.permission]

# An id that nobody has yet is a thread that begins: another tenant's is one of these.
LAZY = {"/threads/{thread_id}/commands", "/threads/{thread_id}/stream/events"}
# Names are whatever models and admins call them, also when they name nothing.
OF_A_NAME = {"name", "server", "imported", "scheme"}
# Models make up names: the audit of one that nobody has is empty.
OF_ANY_NAME = {"/v1/tools/{name}/calls"}
# They stay open for what a thread does next.
ENDLESS = {"/threads/{thread_id}/stream", "/threads/{thread_id}/stream/events"}
