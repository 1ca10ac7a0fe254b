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
    path = route.path.removeprefix("/v1")
    match route.method, path:
        case "POST", "/api-keys":
            return {"json": {"name": marker, "role": "viewer"}}
        case (("POST" | "PATCH"), ("/knowledge-bases" | "/knowledge-bases/{knowledge_base_id}")):
            return {"json": {"name": marker, "description": marker}}
        case "POST", "/knowledge-bases/{knowledge_base_id}/documents":
            return {"files": [("files", (f"{marker}.md", f"# {marker}\n\nHere is {marker}.".encode()))]}
        case "POST", "/knowledge-bases/{knowledge_base_id}/query":
            return {"json": {"query": marker}}
        case "POST", "/chat":
            return {"json": {"message": f"What is {marker}?"}, "headers": {"Accept": "application/json"}}
        case "POST", "/embeddings":
            return {"json": {"input": marker}}
        case "PATCH", "/threads/{thread_id}":
            return {"json": {"title": marker}}
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
