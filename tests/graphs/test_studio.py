"""`langgraph dev`, and so LangGraph Studio, opens the same graph on the same stores."""

import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient

from api.launch import free_port
from core.db import Database
from core.embedded import EmbeddedServers
from core.tenancy import TenantContext
from retrieval.local_embeddings import LocalEmbeddings
from tests.agents.library import add_document
from tests.until import until

ROOT = Path(__file__).parents[2]
START_SECONDS = 60


@pytest.fixture
async def studio(database: Database, clone: EmbeddedServers, acme: TenantContext) -> AsyncIterator[LangGraphClient]:
    text = "Everyone at Acme gets 28 days of holiday a year."
    await add_document(database, acme, LocalEmbeddings(), "holidays.md", text)
    url = f"http://127.0.0.1:{free_port()}"
    with tempfile.TemporaryDirectory(prefix="atrium-studio-") as folder:
        # It keeps its own files where it is started.
        for name in ("langgraph.json", "graphs"):
            (Path(folder) / name).symlink_to(ROOT / name)
        server = _start(url, Path(folder), clone)
        try:
            await until(lambda: _answers(url, server), seconds=START_SECONDS, what="langgraph dev")
            async with get_client(url=url) as client:
                yield client
        finally:
            server.terminate()
            server.wait(15)


def _start(url: str, folder: Path, stores: EmbeddedServers) -> subprocess.Popen[bytes]:
    settings = {f"ATRIUM_{name.upper()}": store for name, store in stores.settings.items()}
    offline = {"LANGSMITH_TRACING": "false", "LANGGRAPH_CLI_NO_ANALYTICS": "1"}
    named = {"ATRIUM_JWT_KEYS_FILE": os.devnull, "ATRIUM_STUDIO_TENANT": "acme"}
    return subprocess.Popen(
        [
            str(Path(sys.executable).parent / "langgraph"),
            *("dev", "--no-browser", "--no-reload", "--port", url.rpartition(":")[2]),
        ],
        cwd=folder,
        env=os.environ | settings | offline | named,
    )


async def _answers(url: str, server: subprocess.Popen[bytes]) -> bool:
    assert server.poll() is None, "langgraph dev ended while starting"
    try:
        async with httpx.AsyncClient() as http:
            return (await http.get(f"{url}/ok")).is_success
    except httpx.TransportError:
        return False


async def test_studio_shows_the_graph_and_gets_a_cited_answer(studio: LangGraphClient) -> None:
    (assistant,) = await studio.assistants.search()
    graph = await studio.assistants.get_graph(assistant["assistant_id"])
    nodes = [node["id"] for node in graph["nodes"]]
    assert set(nodes) == {"__start__", "contextualize", "retrieve", "respond", "review", "act", "cite", "__end__"}

    question = {"role": "user", "content": "How many days of holiday do I get?"}
    # A client has no say in whose documents are read.
    asked: dict[str, Any] = {"input": {"messages": [question]}, "context": {"tenant": "globex"}}
    ended = await studio.runs.wait(None, "chat", **asked)
    assert isinstance(ended, dict)
    assert ended["messages"][-1]["content"] == "Everyone at Acme gets 28 days of holiday a year. [1]"
    (citation,) = ended["citations"]
    assert (citation["document_name"], citation["supported"]) == ("holidays.md", True)
