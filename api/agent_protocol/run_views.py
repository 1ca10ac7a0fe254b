"""Runs as the clients of this protocol see them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from agents import runs
from agents.runs import MultitaskStrategy, Status


class Run(BaseModel):
    run_id: UUID
    thread_id: UUID
    assistant_id: UUID
    created_at: datetime
    updated_at: datetime
    status: Status
    metadata: dict[str, Any]
    kwargs: dict[str, Any]  # type: ignore[no-redef]  # the plugin takes it for its own __init__'s
    multitask_strategy: MultitaskStrategy

    @staticmethod
    def of(run: runs.Run) -> "Run":
        return Run(
            run_id=run.run_id,
            thread_id=run.thread_id,
            assistant_id=run.assistant_id,
            created_at=run.created_at,
            updated_at=run.updated_at,
            status=run.status,
            metadata=run.metadata,
            kwargs=run.request.model_dump(mode="json"),
            multitask_strategy=run.multitask_strategy,
        )
