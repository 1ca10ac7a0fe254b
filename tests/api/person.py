"""A person with a tenant of their own, as seen by the API: a thin client that raises nothing."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx

Event = tuple[str, dict[str, Any]]


class Person:
    """The owner of a new tenant, logged in. `http` sends their token with each request."""

    def __init__(self, url: str) -> None:
        self.email = f"{uuid4().hex}@example.com"
        self.password = uuid4().hex
        self.http = httpx.Client(base_url=url, timeout=30)
        registration = {"tenant_name": "Acme", "email": self.email, "password": self.password, "name": "Ann"}
        registered = self.http.post("/auth/register", json=registration)
        assert registered.status_code == 201, registered.text
        self.tokens: dict[str, Any] = registered.json()
        self.http.headers["Authorization"] = f"Bearer {self.tokens['access_token']}"

    def close(self) -> None:
        self.http.close()

    def knowledge_base(self, name: str = "Handbook") -> str:
        created = self.http.post("/v1/knowledge-bases", json={"name": name})
        assert created.status_code == 201, created.text
        knowledge_base_id: str = created.json()["knowledge_base_id"]
        return knowledge_base_id

    def upload(self, knowledge_base_id: str, **files: str | bytes) -> list[dict[str, Any]]:
        """`name_ext="content"` becomes the file `name.ext`."""
        parts = [("files", (name.replace("_", "."), content)) for name, content in files.items()]
        answer = self.http.post(f"/v1/knowledge-bases/{knowledge_base_id}/documents", files=parts)
        assert answer.status_code == 202, answer.text
        documents: list[dict[str, Any]] = answer.json()["documents"]
        return documents

    def follow(self, document: dict[str, Any]) -> list[Event]:
        """Every event until the document is ready or failed."""
        return list(self.events("GET", f"{path_of(document)}/events"))

    def ready(self, knowledge_base_id: str, **files: str | bytes) -> list[dict[str, Any]]:
        """Uploads, and waits until each document is ready."""
        documents = self.upload(knowledge_base_id, **files)
        for document in documents:
            last, step = self.follow(document)[-1]
            assert last == "ready", step
        return documents

    def chat(self, message: str, **body: Any) -> list[Event]:
        return list(self.events("POST", "/v1/chat", json={"message": message, **body}))

    def events(self, method: str, path: str, **request: Any) -> Iterator[Event]:
        with self.http.stream(method, path, **request) as response:
            if response.is_error:
                response.read()
            assert response.status_code == 200, response.text
            name = ""
            for line in response.iter_lines():
                field, _, value = line.partition(": ")
                if field == "event":
                    name = value
                elif field == "data":
                    yield name, json.loads(value)


def path_of(document: dict[str, Any]) -> str:
    return f"/v1/knowledge-bases/{document['knowledge_base_id']}/documents/{document['document_id']}"


def answer_of(events: list[Event]) -> str:
    return "".join(event["text"] for name, event in events if name == "token")
