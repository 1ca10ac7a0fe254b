"""What the tests ask of the graphs in this folder, and what they read from the answers."""

from typing import Any
from uuid import uuid4

from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.schema import Run

from tests.sdk.graphs.gated import GATES
from tests.until import until


def said(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


def text_of(values: Any) -> str:
    """What the last message says."""
    text: str = values["messages"][-1]["content"]
    return text


async def new_thread(client: LangGraphClient) -> str:
    return (await client.threads.create())["thread_id"]


async def values_of(client: LangGraphClient, thread_id: str) -> Any:
    return (await client.threads.get_state(thread_id))["values"]


class Gate:
    """Holds runs of the graph `gated` until it is opened."""

    def __init__(self, client: LangGraphClient, name: str | None = None) -> None:
        self._client = client
        self.name = name or uuid4().hex
        self.input: dict[str, Any] = {"gate": self.name}
        self.passed = [f"{self.name} arrived", f"{self.name} passed"]

    async def open(self) -> None:
        await self._client.store.put_item(GATES, self.name, {})

    async def reached(self, thread_id: str) -> None:
        """Waits until a run of this gate stands before it."""

        async def waits() -> bool:
            state: Any = await self._client.threads.get_state(thread_id)
            return bool(state["next"] == ["wait"] and state["values"]["gate"] == self.name)

        await until(waits, what="a run before its gate")


async def ended(client: LangGraphClient, run: Run) -> Run:
    """The run, when it is no longer pending or running."""

    async def look() -> Run | None:
        found = await client.runs.get(run["thread_id"], run["run_id"])
        return None if found["status"] in ("pending", "running") else found

    settled = await until(look, what="the end of a run")
    assert settled is not None
    return settled
