"""Atrium from outside: the HTTP calls that the demo makes, and nothing that a customer's program could not do."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx


class Client:
    """One person of one tenant. Raises `httpx.HTTPStatusError` for every answer that is an error."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=60, event_hooks={"response": [_raise_for_status]})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._http.close()

    def register(self, *, tenant_name: str, email: str, password: str, name: str) -> dict[str, Any]:
        body = {"tenant_name": tenant_name, "email": email, "password": password, "name": name}
        registered = self._http.post("/auth/register", json=body).json()
        self._http.headers["Authorization"] = f"Bearer {registered['access_token']}"
        me: dict[str, Any] = registered["me"]
        return me

    def register_or_login(self, *, tenant_name: str, email: str, password: str, name: str) -> None:
        try:
            self.register(tenant_name=tenant_name, email=email, password=password, name=name)
        except httpx.HTTPStatusError as error:
            if error.response.status_code != httpx.codes.CONFLICT:
                raise
            tokens = self._http.post("/auth/login", json={"email": email, "password": password}).json()
            self._http.headers["Authorization"] = f"Bearer {tokens['access_token']}"

    def create_api_key(self, name: str) -> str:
        secret: str = self._http.post("/v1/api-keys", json={"name": name}).json()["secret"]
        return secret

    def knowledge_base(self, name: str) -> str:
        """The one of that name, made if there is none."""
        for item in self._http.get("/v1/knowledge-bases").json()["items"]:
            if item["name"] == name:
                return str(item["knowledge_base_id"])
        return str(self._http.post("/v1/knowledge-bases", json={"name": name}).json()["knowledge_base_id"])

    def upload(self, knowledge_base_id: str, paths: list[Path]) -> list[dict[str, Any]]:
        files = [("files", (path.name, path.read_bytes())) for path in paths]
        uploaded = self._http.post(f"/v1/knowledge-bases/{knowledge_base_id}/documents", files=files)
        documents: list[dict[str, Any]] = uploaded.json()["documents"]
        return documents

    def follow(self, document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Stages of a document until it is ready or failed."""
        path = f"/v1/knowledge-bases/{document['knowledge_base_id']}/documents/{document['document_id']}/events"
        with self._http.stream("GET", path) as response:
            yield from _events(response)

    def chat(self, message: str, thread_id: str | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
        """Events of an answer as they arrive."""
        body = {"message": message, "thread_id": thread_id}
        with self._http.stream("POST", "/v1/chat", json=body) as response:
            yield from _events(response)


def _events(response: httpx.Response) -> Iterator[tuple[str, dict[str, Any]]]:
    """Server-sent events: a name, one line of data, an empty line. Comments keep the connection alive."""
    name = ""
    for line in response.iter_lines():
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            yield name, json.loads(value)


def _raise_for_status(response: httpx.Response) -> None:
    if response.is_error:
        response.read()
        raise httpx.HTTPStatusError(
            f"{response.request.method} {response.request.url.path}: {response.text}",
            request=response.request,
            response=response,
        )
