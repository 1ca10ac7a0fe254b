"""The whole house on a temporary folder, with tenants in it who have the demo handbook."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch
from uuid import uuid4

import httpx

from api.launch import House, free_port, running_house
from core.settings import EMBEDDED, load_settings
from demo.handbook import DOCUMENTS

_NO_LIMITS = {"ATRIUM_REQUESTS_PER_MINUTE": "1000000", "ATRIUM_LOGINS_PER_MINUTE": "1000000"}
_TIGHT_LIMITS = _NO_LIMITS | {"ATRIUM_REQUESTS_PER_MINUTE": "300", "ATRIUM_MAX_CONCURRENT_RUNS": "20"}


READERS = 5


@dataclass(frozen=True, slots=True)
class Person:
    """The owner of a tenant of their own, with one knowledge base."""

    url: str
    token: str
    knowledge_base_id: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def upload(self, paths: Sequence[Path]) -> None:
        """Returns when every document is ready; raises `RuntimeError` if one fails."""
        documents = f"{self.url}/v1/knowledge-bases/{self.knowledge_base_id}/documents"
        files = [("files", (path.name, path.read_bytes())) for path in paths]
        with httpx.Client(headers=self.headers, timeout=120) as http:
            uploaded = http.post(documents, files=files).raise_for_status().json()["documents"]
            for document in uploaded:
                # The stream ends with the document's processing.
                stages = http.get(f"{documents}/{document['document_id']}/events").raise_for_status().text
                if "event: ready" not in stages:
                    raise RuntimeError(f"{document['name']} did not become ready: {stages[-500:]}")


def new_person(url: str) -> Person:
    registration = {"tenant_name": "Bench", "email": f"{uuid4().hex}@example.com", "name": "Ann"}
    with httpx.Client(base_url=url, timeout=30) as http:
        registered = http.post("/auth/register", json=registration | {"password": uuid4().hex}).raise_for_status()
        token = registered.json()["access_token"]
        created = http.post(
            "/v1/knowledge-bases", json={"name": "Handbook"}, headers={"Authorization": f"Bearer {token}"}
        ).raise_for_status()
    return Person(url, token, created.json()["knowledge_base_id"])


@dataclass(frozen=True, slots=True)
class InhabitedHouse:
    """readers: people of as many tenants, each with the demo handbook."""

    house: House
    readers: list[Person]


def inhabited_house() -> AbstractContextManager[InhabitedHouse]:
    """Its limits out of the way, so that the machine is what limits."""
    return _inhabited(_NO_LIMITS)


def tight_house() -> AbstractContextManager[InhabitedHouse]:
    """300 requests a minute for each tenant, 20 runs at once."""
    return _inhabited(_TIGHT_LIMITS)


@contextmanager
def _inhabited(limits: dict[str, str]) -> Iterator[InhabitedHouse]:
    with (
        patch.dict(os.environ, limits),
        tempfile.TemporaryDirectory(prefix="atrium-bench-") as folder,
        running_house(load_settings(**EMBEDDED, data_dir=Path(folder), port=free_port(), host="127.0.0.1")) as house,
    ):
        readers = [new_person(house.url) for _ in range(READERS)]
        for person in readers:
            person.upload(DOCUMENTS)
        yield InhabitedHouse(house, readers)
