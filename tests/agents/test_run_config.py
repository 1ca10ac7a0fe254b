"""What a graph is called with is the server's wherever it says who asks."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from agents.execution.config import config_of
from agents.modes.metadata import shown
from agents.runs.request import RunRequest
from agents.runs.runs import Run
from core.tenancy import Role, TenantContext

ANN = TenantContext(uuid4(), uuid4(), Role.MEMBER)
NAMES = ("tenant_id", "user_id", "thread_id", "run_id", "assistant_id", "graph_id")


def run_with(labels: dict[str, Any]) -> Run:
    now = datetime.now(UTC)
    return Run(
        run_id=uuid4(), thread_id=uuid4(), user_id=ANN.user_id, assistant_id=uuid4(), graph_id="agent",
        status="running", multitask_strategy="enqueue", request=RunRequest(config={"metadata": labels}),
        metadata=labels, events_after=0, error_code=None, error_detail=None, created_at=now, updated_at=now,
    )  # fmt: skip


def test_labels_of_a_client_do_not_say_who_it_is() -> None:
    forged: dict[str, Any] = dict.fromkeys(NAMES, "mine")
    run = run_with(forged | {"topic": "lamps"})
    metadata = config_of(ANN, run, [])["metadata"]
    assert metadata == {
        "topic": "lamps",
        "tenant_id": str(ANN.tenant_id),
        "user_id": str(ANN.user_id),
        "thread_id": str(run.thread_id),
        "run_id": str(run.run_id),
        "assistant_id": str(run.assistant_id),
        "graph_id": "agent",
    }
    assert "tenant_id" not in shown(metadata)


def test_a_graph_reads_plain_json_about_its_caller() -> None:
    configurable = config_of(ANN, run_with({}), [])["configurable"]
    assert configurable["user_id"] == str(ANN.user_id)
    assert type(configurable["langgraph_auth_user"]["permissions"][0]) is str
